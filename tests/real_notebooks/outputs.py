"""Plots, other than a Matplotlib figure shown by `plt.show()`."""

from __future__ import annotations

from .handed_in import Case, HandedIn

PAIRS = """
valid = int(example["attention_mask"][0].sum())
tokens = tokenizer.convert_ids_to_tokens(example["input_ids"][0])[:valid]
pairs = merge_subtokens(tokens, attributions_[0, :valid].tolist())
"""
BARS = "plt.bar(range(len(pairs)), [score for _, score in pairs])\n"
WORDS = """
from IPython.display import HTML, display
top = max(abs(score) for _, score in pairs)
style = "background: rgba(0, 128, 0, {:.2f})"
display(HTML(" ".join(f"<span style='{style.format(abs(score) / top)}'>{word}</span>" for word, score in pairs)))
"""
CAPTUM = """
from captum.attr import visualization as viz
scores = torch.tensor([score for _, score in pairs])
record = viz.VisualizationDataRecord(scores, 0.9, "a", "a", "a", 1.0, [word for word, _ in pairs], 0.0)
_ = viz.visualize_text([record])
"""


def plot(source: str):
    def change(nb: HandedIn) -> None:
        nb.put("plot-attributions", PAIRS + source)

    return change


REPORTED = (
    Case(
        name="coloured words",
        does="shows coloured words as HTML",
        happens="shown in the feedback",
        change=plot(WORDS),
    ),
)

INVENTED = (
    Case(
        name="figure as the last value",
        does="ends the plot cell with the figure instead of `plt.show()`",
        happens="shown in the feedback",
        change=plot(
            "fig, ax = plt.subplots()\nax.bar(*zip(*enumerate(s for _, s in pairs)))\nplt.close(fig)\nfig"
        ),
        pictures=1,
    ),
    Case(
        name="saved and shown",
        does="saves the figure to a file and shows the file with `Image`",
        happens="shown in the feedback",
        change=plot(
            f"from IPython.display import Image, display\n{BARS}plt.savefig('/tmp/plot.png')\nplt.close()\n"
            "display(Image(filename='/tmp/plot.png'))"
        ),
        pictures=1,
    ),
    Case(
        name="figures as SVG",
        does="asks for SVG figures with `%config`",
        happens="shown in the feedback",
        change=lambda nb: (
            plot(f"{BARS}plt.show()")(nb),
            nb.first("%config InlineBackend.figure_formats = ['svg']\n%matplotlib inline"),
        )[-1],
    ),
    Case(
        name="many figures",
        does="draws 40 figures in a loop without closing them",
        happens="the first twelve are shown",
        change=plot(f"for number in range(40):\n    plt.figure()\n    {BARS}plt.show()"),
        pictures=12,
        is_slow=True,
    ),
    Case(
        name="plot in a cell of their own",
        does="leaves the plot cell as it was and draws in a new cell below it",
        happens="shown in the feedback",
        change=lambda nb: (
            nb.put("plot-attributions", "# YOUR CODE HERE\nraise NotImplementedError()"),
            nb.after("plot-attributions", f"{PAIRS}{BARS}plt.show()"),
        )[-1],
        pictures=1,
    ),
    Case(
        name="plotly",
        does="shows a plotly figure",
        happens="shown in the feedback",
        change=plot(
            "import plotly.graph_objects as go\n"
            "go.Figure(go.Bar(x=[word for word, _ in pairs], y=[score for _, score in pairs])).show()"
        ),
    ),
    Case(
        name="picture by Captum",
        does="shows Captum's `visualize_text`",
        happens="shown in the feedback",
        change=plot(CAPTUM),
    ),
)
