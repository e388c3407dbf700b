"""Nests of lists, dicts, numbers and tensors."""

import math

import pytest
import torch

from autograder.comparison.structures import compare_structures, structure_distance
from autograder.records import Tolerance

BOUND = Tolerance(metric="max_abs", tau=0.1)
NEST = {"scores": torch.tensor([[1.0, 2.0]]), "sum": 3.0, "rows": [torch.tensor(4), 5, torch.tensor([6.0])]}


def with_last(value):
    return {**NEST, "rows": [torch.tensor(4), 5, torch.tensor([value])]}


@pytest.mark.parametrize(("last", "distance"), [(6.0, 0.0), (6.05, 0.05), (8.0, 2.0)])
def test_tensors_and_numbers_are_measured_together(last, distance):
    assert structure_distance(with_last(last), NEST, "max_abs") == pytest.approx(distance, abs=1e-6)
    assert compare_structures(with_last(last), NEST, BOUND).close == (distance <= BOUND.tau)


@pytest.mark.parametrize(
    "odd", [{**NEST, "sum": "3"}, {**NEST, "scores": torch.ones(2)}, [NEST], with_last(1j)]
)
def test_another_form_is_infinitely_far(odd):
    assert structure_distance(odd, NEST, "max_abs") == math.inf


def test_a_nest_without_numbers_is_compared_by_its_texts():
    assert compare_structures(["a", None], ["a", None], BOUND).close
    assert not compare_structures(["a", None], ["b", None], BOUND).close
