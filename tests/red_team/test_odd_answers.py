"""Answers that aim at the grader's comparison: each costs its author the check, and nobody a review."""

from __future__ import annotations

import json

import pytest
import torch

from autograder.execution.session import KernelSession
from autograder.execution.zygote_client import Zygote

from .attacks import notebook
from .grading import Grader
from .test_forging import lost_everything

pytestmark = pytest.mark.sandbox

ANSWERS = (
    "2**2000",
    "[[2**2000, -2**2000]]",
    "[float('nan')] * 3",
    "torch.zeros(0, 3, 0)",
    "torch.ones((1,) * 16)",
    "torch.ones(2**22, dtype=torch.uint8)",
    "{1: {'a': [torch.tensor(True)]}}",
    "[[[]], [[]]]",
    "'x' * 10**6",
)

NAMED_TWICE = """
import torch
from autograder.execution.kernel import probe
probe._encode_answer = lambda value, limit: (
    {"status": "ok", "value": {"l": [{"T": "0"}] * 200_000}}, {"0": torch.ones(2**20)}
)
"""
SURROGATES = """
from autograder.execution.kernel import probe
text = {"d": [[{"s": "\\ud800"}, {"s": "\\udfff"}]]}
probe._encode_answer = lambda value, limit: ({"status": "ok", "value": text}, {})
"""


def answering(value: str) -> dict[str, str | None]:
    """Return cells whose functions answer with the value of an expression."""
    return {name: f"def {name}(values):\n    return {value}" for name in ("centre", "standardise")}


@pytest.mark.attack(
    "80", "answers that a comparison trips over", layer="errors of the answer", control="float() raises"
)
@pytest.mark.parametrize("value", ANSWERS)
def test_an_odd_answer_is_a_wrong_one(grader: Grader, value: str) -> None:
    with pytest.raises(OverflowError):
        float(2**2000)

    lost_everything(grader.grade(answering(value)))


@pytest.mark.attack(
    "81", "few bytes that stand for terabytes", layer="tensors named once", control="they do stand for them"
)
def test_a_tensor_stands_in_an_answer_once(grader: Grader) -> None:
    answer = [torch.ones(2**20)] * 200_000
    assert sum(tensor.numel() * 8 for tensor in answer) > 2**40

    lost_everything(grader.grade(extra=(NAMED_TWICE,)))


@pytest.mark.attack(
    "82", "text that no file can hold", layer="replaced at the wire", control="to encode it raises"
)
def test_lone_surrogates_are_replaced(grader: Grader) -> None:
    with pytest.raises(UnicodeEncodeError):
        json.dumps("\ud800", ensure_ascii=False).encode()

    graded = grader.grade(extra=(SURROGATES,))
    lost_everything(graded)
    assert (grader.pages(graded) / "report.json").stat().st_size > 0


WITHHELD = """
from autograder.execution.kernel import probe
probe._returned_arguments = lambda given, reply: {}
"""
WRITES = "def answer(values):\n    values[0] = 5\n    return values"
COPIES = "def answer(values):\n    values = values.clone()\n    values[0] = 5\n    return values"


@pytest.mark.attack(
    "83",
    "withhold the argument that a function wrote into",
    layer="compared here",
    control="copies cost nothing",
)
@pytest.mark.parametrize(
    ("cells", "changes"),
    [((WRITES,), True), ((COPIES,), False), ((WITHHELD, WRITES), True)],
    ids=["writes", "copies", "withholds"],
)
def test_whether_arguments_are_changed_is_no_claim_of_the_kernel(
    zygote: Zygote, cells: tuple[str, ...], changes: bool
) -> None:
    given = torch.tensor([1.0, float("nan")])
    with KernelSession(zygote, notebook(*cells), seed=1) as session:
        session.run()
        session.call("answer", (given,), seed=1)
        assert session.changing == (["answer"] if changes else [])
    assert given[0] == 1


BLANK = """
import matplotlib.pyplot as plt
from matplotlib.colors import ListedColormap
def answer(alpha, colours):
    fig, ax = plt.subplots()
    ax.imshow([[0.1, 0.9], [0.5, 0.3]], cmap=ListedColormap(colours))
    for row in range(2):
        for column in range(2):
            ax.text(column, row, "word", alpha=alpha)
    ax.set_xticks([0, 1], ["The", " fox"], alpha=alpha)
    return fig
"""


@pytest.mark.attack(
    "86",
    "words and colours that nobody can see",
    layer="described by pixels",
    control="black on colours is seen",
)
def test_a_white_picture_is_described_as_one(zygote: Zygote) -> None:
    with KernelSession(zygote, notebook(BLANK), seed=1) as session:
        session.run()
        shown = session.call("answer", (1.0, ["#ffffff", "#ffa0a0"]), seed=1).axes[0]
        blank = session.call("answer", (0.0, ["#ffffff", "#fffffe"]), seed=1).axes[0]

    assert all(text.visible for text in (*shown.texts, *shown.x_ticks)) and not shown.grids[0].one_colour
    assert not any(text.visible for text in (*blank.texts, *blank.x_ticks)) and blank.grids[0].one_colour
