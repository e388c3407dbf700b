import math

import pytest
import torch

from autograder.comparison.tensors import relative_l2
from autograder.diagnosis.factors import known_factor
from autograder.diagnosis.transforms import transforms_to

TAU = 1e-4
E = torch.randn((3, 5), generator=torch.Generator().manual_seed(1))
AXES = ("layer", "token")
SIZES = {"number of layers": 3, "number of tokens": 5, "hidden size": 48}


def transform(actual, expected=E, axes=AXES, tau=TAU):
    return transforms_to(actual, expected, relative_l2, tau, axes=axes, sizes=SIZES)


@pytest.mark.parametrize(
    ("actual", "named"),
    [
        (-E, "opposite_sign_of_all"),
        (E / 48, "one_factor_for_all"),
        (E.abs(), "absolute_values"),
        (E.clamp_min(0), "negative_values_cut"),
        (E.softmax(dim=1), "softmax_along_token"),
        (E.softmax(dim=0), "softmax_along_layer"),
        (E / E.norm(dim=1, keepdim=True), "divided_by_L2_norm_along_token"),
        (E / E.norm(), "one_factor_for_all"),
        (E.T, "swapped_layer_and_token"),
        (E.flip(0), "reversed_along_layer"),
        (E.sum(dim=0), "summed_over_layer"),
        (E[:, 1:], "without_the_first_token"),
        (E[:-1], "without_the_last_layer"),
        (E[None], "extra_axis_before_layer"),
        (E.roll(1, dims=1), "one_place_later_along_token"),
        (torch.cat([E[:, 1:], torch.zeros(3, 1)], dim=1), "one_place_earlier_along_token"),
        (torch.cat([torch.ones(1, 5), E]), "one_place_later_along_layer"),
        (
            E.flatten()[torch.randperm(15, generator=torch.Generator().manual_seed(2))].reshape(3, 5),
            "another_order",
        ),
        (E * torch.tensor([[1.0], [3.0], [0.2]]), "own_factor_for_each_layer"),
        (E.round(decimals=2), "no_more_digits_than_2_decimals"),
        (E.round(decimals=1), "no_more_digits_than_1_decimals"),
        (E.bfloat16(), "no_more_digits_than_bfloat16"),
        (E.half(), "no_more_digits_than_float16"),
        (E.argsort(dim=1, descending=True), "order_along_token"),
        (E.argsort(dim=1).argsort(dim=1), "ranks_along_token"),
    ],
)
def test_a_right_answer_with_one_step_more_is_told_the_step(actual, named):
    found = transform(actual)
    assert found is not None
    assert found.id == named


def test_the_factor_is_given_with_where_it_comes_from():
    found = transform(E / 48)
    assert found.detail == "All values are 0.02083 times what they should be (1 / (hidden size))."
    assert found.hint.startswith("All values are 1 / (hidden size) times what they should be")


def test_a_factor_that_no_known_number_explains_is_told_without_its_value():
    # The value of a free factor could carry what a hidden input holds back to the student.
    found = transform(E * 0.7331)
    assert found.hint.startswith("All values are off by one and the same factor:")
    assert "0.7331" in found.detail


@pytest.mark.parametrize("tau", [1e-6, 1e-3, 1e-2])
def test_a_right_answer_has_no_transform(tau):
    noise = torch.randn(E.shape, generator=torch.Generator().manual_seed(3))
    right = E + noise * tau * 0.3 * E.norm() / noise.norm()
    found = transform(right, tau=tau)
    assert found is None


@pytest.mark.parametrize("seed", range(40))
def test_nothing_is_said_of_unrelated_values(seed):
    other = torch.randn(E.shape, generator=torch.Generator().manual_seed(100 + seed))
    assert transform(other) is None


@pytest.mark.parametrize("seed", range(10))
def test_a_transform_with_a_little_more_wrong_is_not_named(seed):
    wrong = -E.clone()
    wrong[seed % 3, seed % 5] += 0.01
    assert transform(wrong) is None


def test_few_values_agree_by_chance_and_are_not_explained():
    assert transform(torch.tensor([3.0, 1.0]), torch.tensor([1.0, 3.0]), axes=("token",)) is None


def test_a_shift_by_one_is_told_of_a_row():
    row = torch.arange(1.0, 9.0).square()
    found = transform(row.roll(-1), row, axes=("token",))
    assert found.id == "one_place_earlier_along_token"


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (0.5, "1/2"),
        (-2.0, "-2"),
        (math.log(2), "ln 2"),
        (1 / 48, "1 / (hidden size)"),
        (math.sqrt(48), "sqrt(hidden size)"),
        (0.8, "((number of tokens) - 1) / (number of tokens)"),
        (0.777, ""),
    ],
)
def test_known_numbers_are_found_behind_a_factor(factor, words):
    assert known_factor(factor, SIZES, 1e-4) == words
