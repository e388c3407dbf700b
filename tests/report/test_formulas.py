import subprocess
import sys

import pytest

from autograder.report.formulas import FORMULA_LIMIT, mathml
from autograder.report.markdown import PageMarkdown, answer_html


def rendered(source: str) -> str:
    html = PageMarkdown().html(source)
    assert html is not None
    return html


@pytest.mark.parametrize(
    "source",
    [
        "the sum $x_i$ of",
        r"the sum \(x_i\) of",
        "the sum $ x_i $ of",
        "**bold $x_i$**",
        "| a |\n|---|\n| $x_i$ |",
    ],
)
def test_a_formula_in_a_line_becomes_mathml(source: str) -> None:
    for html in (rendered(source), answer_html(source)):
        assert "<math><msub><mi>x</mi><mi>i</mi></msub></math>" in html
        assert "$" not in html


@pytest.mark.parametrize(
    "source",
    [
        "$$x_i$$",
        "$$\nx_i\n$$",
        "\\[\nx_i\n\\]",
        "text before\n$$\nx_i\n$$\nand behind",
        "in a line $$x_i$$ of text",
        "> $$\n> x_i\n> $$",
        "- an item\n\n  $$\n  x_i\n  $$",
    ],
)
def test_a_displayed_formula_becomes_mathml(source: str) -> None:
    for html in (rendered(source), answer_html(source)):
        assert '<math display="block"><msub><mi>x</mi><mi>i</mi></msub></math>' in html
        assert "$" not in html


@pytest.mark.parametrize(
    "environment",
    ["align", "align*", "equation", "gather", "multline", "aligned", "split", "pmatrix", "cases"],
)
def test_an_environment_needs_no_dollars(environment: str) -> None:
    source = f"\\begin{{{environment}}}\na = b \\\\\n- c\n\\end{{{environment}}}"
    for text in (source, f"$$\n{source}\n$$"):
        html = rendered(text)
        assert html.count("<math") == 1 and "<mtable" in html and "<li>" not in html
        assert "(1)" not in html  # a notebook does not number formulas


def test_a_line_of_a_formula_is_no_list_or_heading() -> None:
    html = rendered("$$\na\n+ b\n= c\n- d\n> f\n$$")
    assert (
        html.count("<math") == 1 and "<li>" not in html and "<h1>" not in html and "<blockquote>" not in html
    )


@pytest.mark.parametrize(
    "source",
    [
        "It costs $5 and $6.",
        "It costs 5$ or 6$.",
        "Once $5, then $ again.",
        r"It costs \$5 and \$6.",
        "`$x$`",
        "```\n$x$\n```",
        "    $$x$$",
        "one $ alone",
        "$$\n\nx\n\n$$",
        "$$$$",
        r"\begin{align} without an end",
        r"\( without an end",
    ],
)
def test_what_is_no_formula_stays_text(source: str) -> None:
    assert "<math" not in rendered(source) and "<math" not in answer_html(source)


def test_a_formula_that_is_not_understood_is_shown_as_typed() -> None:
    assert rendered(r"see $\nosuchthing{x}$") == "<p>see <code>$\\nosuchthing{x}$</code></p>\n"
    assert rendered("$$\nx^\n$$") == "<pre><code>$$\nx^\n$$</code></pre>\n"


def test_the_indicator_of_other_packages_is_understood() -> None:
    assert "𝟙" in rendered(r"$\mathbbm{1}$") and "𝟙" in rendered(r"$\mathds 1$")


def test_macros_are_refused() -> None:
    # Each doubles the last: 30 lines would be a thousand million characters.
    assert mathml(r"\newcommand{\a}{x}\a", displayed=False) is None
    assert mathml(r"\def\a{\a\a}\a", displayed=False) is None


def test_a_long_formula_is_not_converted() -> None:
    assert mathml("x" * FORMULA_LIMIT, displayed=True) is not None
    assert mathml("x" * (FORMULA_LIMIT + 1), displayed=True) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{", "}"),
        (r"\sqrt{", "}"),
        ("x^{", "}"),
        (r"\hat", ""),
        (r"\frac{", "}x"),
        (r"\left(", r"\right)"),
        (r"\mathbf{", "}"),
        (r"\color{red}", ""),
        ("{", ""),
        (r"\not", ""),
    ],
)
def test_the_deepest_formula_leaves_room_on_a_quarter_of_the_stack(before: str, after: str) -> None:
    count = FORMULA_LIMIT // (len(before) + len(after)) - 1
    code = (
        "import resource, sys\n"
        "from autograder.report.formulas import mathml\n"
        "print('converted', mathml(sys.argv[1], displayed=True) is not None)\n"
    )
    formula = before * count + "x" + after * count
    command = f'ulimit -s 2048; exec {sys.executable} -c "$0" "$1"'
    done = subprocess.run(["bash", "-c", command, code, formula], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout[:9]) == (0, "converted"), done.stderr


@pytest.mark.parametrize(
    "formula",
    [
        r"\href{javascript:alert(1)}{x}",
        r"\text{<script>alert(1)</script>}",
        r"<img src=x onerror=alert(1)>",
        r"\style{position:fixed}{x}",
        r"\class{callout}{x}",
        r"\raisebox{-99em}{x}",
        r"\hspace{-99em}x",
    ],
)
def test_a_formula_runs_loads_and_covers_nothing(formula: str) -> None:
    for html in (rendered(f"${formula}$"), answer_html(f"${formula}$")):
        for part in ("<script", "<img", "href", "position", 'callout"', "voffset", "margin"):
            assert part not in html or "<code>" in html
