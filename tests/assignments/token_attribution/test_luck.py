"""Which sentences are drawn for a student decides nothing, save for a method that knows the others."""

import pytest

from autograder.authoring.verify.false_verdicts import measure_false_verdicts
from autograder.course.assignment import load_assignment

from ..setting import ROOT


@pytest.mark.long
def test_the_draw_of_sentences_decides_no_grading():
    found = list(measure_false_verdicts(load_assignment(ROOT, "token_attribution"), 20_000, seed=1))
    assert [one.name for one in found if one.simulation.right] == [
        "gradient x input",
        "occlusion",
        "integrated gradients",
        "numbers at random",
    ]
    assert [one.reason for one in found if not one.good] == []
