"""The order in which models are asked."""

from types import SimpleNamespace

import torch

from autograder.checks.input_selection import SMALL, smallest_first


def test_small_models_are_asked_first_and_among_themselves_as_they_come():
    def loaded(weights):
        return SimpleNamespace(model=torch.nn.Linear(weights, 1, bias=False, device="meta"))

    large, small, smaller = loaded(2 * SMALL), loaded(500), loaded(100)
    assert smallest_first([large, small, smaller]) == [small, smaller, large]
    assert smallest_first([small, smaller]) == [small, smaller]
