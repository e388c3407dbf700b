"""Later cells that change what earlier answers rest on, and answers that rest on the notebook's own state."""

from __future__ import annotations

from .handed_in import Case, HandedIn


def shadows_a_builtin(nb: HandedIn) -> None:
    nb.edit("merge_subtokens", ("in zip(tokens, scores):", "in list(zip(tokens, scores)):"))
    nb.put(
        "plot-attributions", nb.source("plot-attributions") + "\nlist = [word for word, _ in pairs]\nsum = 0"
    )


def helper_again(nb: HandedIn) -> None:
    for name, ending in (("compute_feature_attribution_scores", ""), ("my_attribution", ".softmax(-1)")):
        source = nb.source(name)
        if "def logits_of" in source:
            start, end = source.index("    def logits_of"), source.index("    with torch.no_grad")
            source = source[:start] + source[end:]
        source = source.replace(
            'model({"input_ids": ids, "attention_mask": mask})', "logits_of(ids, mask)"
        ).replace(
            'model({"input_ids": fewer_ids, "attention_mask": fewer_mask})',
            "logits_of(fewer_ids, fewer_mask)",
        )
        source = source.replace(
            "    device = model.device", "    global CURRENT\n    CURRENT = model\n    device = model.device"
        )
        nb.put(
            name,
            "def logits_of(some_ids, some_mask):\n"
            f'    return CURRENT({{"input_ids": some_ids, "attention_mask": some_mask}}){ending}\n\n'
            + source,
        )


def config_of_the_notebooks_model(nb: HandedIn) -> None:
    nb.before("layer_probabilities", "model.config.output_hidden_states = True")
    nb.edit("layer_probabilities", ("input_ids, output_hidden_states=True", "input_ids"))


REPORTED = (
    Case(
        name="builtin shadowed later",
        does="calls a variable `list` in a later cell",
        happens="costs nothing",
        change=shadows_a_builtin,
    ),
    Case(
        name="helper again",
        does="gives a helper in a later answer the name of an earlier one",
        happens="costs nothing",
        change=helper_again,
        is_slow=True,
    ),
    Case(
        name="config of the model",
        does="sets an option on the notebook's own model that a function needs",
        happens="points are lost; the student is told that the function needs the notebook's model",
        change=config_of_the_notebooks_model,
        slug="logit_lens",
        score=28,
        told=("without what your notebook changed on its own model",),
    ),
)

INVENTED = (
    Case(
        name="gradients off later",
        does="switches gradients off for the last experiments",
        happens="costs nothing",
        change=lambda nb: nb.last("torch.set_grad_enabled(False)"),
    ),
    Case(
        name="dtype changed later",
        does="sets float64 as the default in a last experiment",
        happens="costs nothing",
        change=lambda nb: nb.last("torch.set_default_dtype(torch.float64)"),
    ),
    Case(
        name="function's name taken later",
        does="keeps a result under the function's own name",
        happens="costs nothing",
        change=lambda nb: nb.last("merge_subtokens = merge_subtokens(['a'], [1.0])"),
    ),
    Case(
        name="cleans up",
        does="deletes functions and clears names at the end",
        happens="costs nothing",
        change=lambda nb: nb.last("del token_importance, build_baseline\nimport gc\ngc.collect()"),
    ),
    Case(
        name="torch renamed later",
        does="uses `torch`'s and the tokenizer's names for something else at the end",
        happens="costs nothing",
        change=lambda nb: nb.last("F = tokenizer\ntokenizer = None\nmodel = None\nexample = []"),
    ),
    Case(
        name="draft and final",
        does="keeps a draft of a function in a cell above the answer",
        happens="the answer counts",
        change=lambda nb: nb.before("merge_subtokens", "def merge_subtokens(tokens, scores):\n    return []"),
    ),
    Case(
        name="keeps a log",
        does="appends to a global list with each call",
        happens="costs nothing",
        change=lambda nb: (
            nb.before("merge_subtokens", "CALLS = []\nCACHE = {}"),
            nb.edit("merge_subtokens", ("    words = []", "    CALLS.append(len(tokens))\n    words = []")),
        )[-1],
    ),
    Case(
        name="print replaced",
        does="silences `print` and warnings, and changes the style of plots",
        happens="costs nothing",
        change=lambda nb: nb.first(
            "import warnings\nwarnings.filterwarnings('ignore')\nimport builtins\n"
            "import matplotlib.pyplot as plt\nplt.style.use('dark_background')\n"
            "print = lambda *what, **how: None"
        ),
    ),
)
