"""The order of models, and pairs of inputs of equal and of unequal sizes."""

import random
from types import SimpleNamespace

import pytest
import torch

from autograder.checks.input_selection import SMALL, pair_of, smallest_first

WORDS = ["a", "b", "cc", "dd", "eee"]


def pairs(first, second, *, alike):
    return {pair_of(first, second, size=len, alike=alike, rng=random.Random(seed)) for seed in range(200)}


def test_every_pair_of_equal_size_comes_up_and_no_other():
    assert pairs(WORDS, WORDS, alike=True) == {("a", "b"), ("b", "a"), ("cc", "dd"), ("dd", "cc")}


def test_every_pair_of_unequal_sizes_comes_up_and_no_other():
    found = pairs(WORDS, WORDS, alike=False)
    assert found == {(one, other) for one in WORDS for other in WORDS if len(one) != len(other)}


def test_each_comes_from_its_own_list():
    assert pairs(["a", "cc"], ["b", "dd", "eee"], alike=True) == {("a", "b"), ("cc", "dd")}


def test_the_same_seed_chooses_the_same():
    one, other = (pair_of(WORDS, WORDS, size=len, alike=True, rng=random.Random(3)) for _ in range(2))
    assert one == other


def test_without_a_pair_of_equal_size_the_nearest_are_taken():
    assert pairs(["a", "eee"], ["cccc", "ffffffff"], alike=True) == {("eee", "cccc")}


def test_without_unequal_sizes_any_two_are_taken():
    assert pairs(["a", "b"], ["a", "b"], alike=False) == {("a", "b"), ("b", "a")}


def test_two_inputs_are_never_the_same_one():
    with pytest.raises(ValueError, match="no two different inputs"):
        pair_of(["a"], ["a"], size=len, alike=True, rng=random.Random(0))


def test_small_models_are_asked_first_and_among_themselves_as_they_come():
    def loaded(weights):
        return SimpleNamespace(model=torch.nn.Linear(weights, 1, bias=False, device="meta"))

    large, small, smaller = loaded(2 * SMALL), loaded(500), loaded(100)
    assert smallest_first([large, small, smaller]) == [small, smaller, large]
    assert smallest_first([small, smaller]) == [small, smaller]
