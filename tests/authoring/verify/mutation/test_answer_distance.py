"""The distance between two answers."""

import math

import pytest
from matplotlib.figure import Figure

from autograder.authoring.verify.mutation.answer_distance import answer_distance


def drawn(values, word="Paris"):
    figure = Figure()
    axes = figure.add_subplot()
    axes.imshow(values)
    axes.text(0, 0, word)
    return figure


def test_figures_are_compared_by_what_stands_in_them():
    right = drawn([[0.1, 0.9]])
    assert answer_distance(drawn([[0.1, 0.9]]), right) == answer_distance(right, right) == 0
    assert 0.1 < answer_distance(drawn([[0.2, 0.9]]), right) < 0.2
    assert answer_distance(drawn([[0.1, 0.9]], word="Rome"), right) == math.inf
    assert answer_distance(drawn([[0.1, 0.9, 0.3]]), right) == math.inf


@pytest.mark.parametrize("other", [[1.0, 2.0], None, "Paris"])
def test_a_figure_is_no_other_answer(other):
    assert answer_distance(other, drawn([[0.1]])) == math.inf
