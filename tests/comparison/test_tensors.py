import math

import numpy as np
import pytest
import torch

from autograder.comparison.structures import compare_structures, structure_distance
from autograder.comparison.tensors import compare, fitted_scale, relative_l2
from autograder.records import Tolerance

TOLERANCE = Tolerance(metric="relative_l2", tau=1e-3)
EXACT = Tolerance(metric="exact", tau=0.0)
EXPECTED = torch.tensor([[1.0, -2.0, 3.0], [0.5, 0.25, -0.125]])


def judged(actual, expected=EXPECTED, tolerance=TOLERANCE, **how):
    return compare(actual, expected, tolerance, name="attributions", axes=("sentence", "token"), **how)


@pytest.mark.parametrize(
    "actual",
    [
        EXPECTED.double(),
        EXPECTED.half(),
        EXPECTED.clone().requires_grad_(),
        EXPECTED.T.contiguous().T,
        EXPECTED.numpy(),
        EXPECTED.tolist(),
        torch.stack([EXPECTED, EXPECTED], dim=-1)[..., 0],
    ],
    ids=["float64", "float16", "requires grad", "non-contiguous", "numpy", "list", "strided view"],
)
def test_a_right_answer_is_close_in_any_form(actual):
    assert judged(actual).close


def test_values_within_the_tolerance_are_close_and_beyond_are_not():
    noise = torch.ones_like(EXPECTED) * EXPECTED.norm() / math.sqrt(EXPECTED.numel())
    assert judged(EXPECTED + 0.9e-3 * noise).close
    assert not judged(EXPECTED + 1.1e-3 * noise).close


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_never_passes_even_where_the_reference_has_it(bad):
    actual = EXPECTED.clone()
    actual[1, 2] = bad
    comparison = judged(actual)
    assert not comparison.close
    assert comparison.problem == "nonfinite"
    assert "first at sentence 1, token 2" in comparison.message
    assert not judged(actual, actual.clone()).close


def test_the_message_names_count_worst_place_and_values():
    actual = EXPECTED.clone()
    actual[0, 1] = 2.5
    message = judged(actual).message
    assert message.splitlines()[0] == "attributions: 1 of 6 values differ."
    assert "Worst at sentence 0, token 1: found 2.5, expected -2." in message


@pytest.mark.parametrize(
    ("factor", "text"), [(-1.0, "the opposite sign and about 1 times"), (0.25, "about 0.25 times")]
)
def test_a_fitted_scale_and_sign_are_told(factor, text):
    comparison = judged(EXPECTED * factor)
    assert comparison.scale == pytest.approx(factor)
    assert text in comparison.message


def test_no_scale_is_told_where_none_explains_the_difference():
    assert fitted_scale(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])) is None


@pytest.mark.parametrize(
    ("actual", "problem", "message"),
    [
        (None, "type", "attributions: expected a tensor, found NoneType."),
        ("abc", "type", "attributions: expected a tensor, found str."),
        (EXPECTED.long(), "dtype", "attributions: expected floating-point scores, found int64."),
        (EXPECTED > 0, "dtype", "attributions: expected floating-point scores, found bool."),
        (EXPECTED + 0j, "dtype", "attributions: expected real numbers, found complex64."),
        (EXPECTED.T, "shape", "attributions: expected shape (2, 3) (sentence, token), found (3, 2)."),
        (EXPECTED[0], "shape", "attributions: expected shape (2, 3) (sentence, token), found (3,)."),
    ],
)
def test_a_wrong_form_is_named(actual, problem, message):
    comparison = judged(actual)
    assert (comparison.close, comparison.problem, comparison.message) == (False, problem, message)


@pytest.mark.parametrize("dtype", [torch.int16, torch.int32, torch.int64, torch.uint8])
def test_any_integer_type_will_do_for_integers(dtype):
    expected = torch.tensor([0, 3, 2])
    assert compare(expected.to(dtype), expected, EXACT, axes=("token",)).close


def test_floats_lose_where_integers_are_asked():
    expected = torch.tensor([0, 3, 2])
    assert compare(expected.float(), expected, EXACT, axes=("token",)).problem == "dtype"


def test_one_bad_item_is_not_hidden_among_large_ones():
    expected = torch.tensor([[1000.0, 1000.0], [0.1, 0.1]])
    actual = expected.clone()
    actual[1, 0] = 0.2
    assert judged(actual, expected).close
    assert not judged(actual, expected, items="sentence").close


def test_distance_to_an_expected_zero_is_the_answers_own_size():
    assert relative_l2(torch.tensor([3.0, 4.0]), torch.zeros(2)) == 5.0


def test_an_empty_answer_for_an_empty_question_is_close():
    assert compare(torch.zeros(0), torch.zeros(0), TOLERANCE, axes=("token",)).close


def test_an_object_that_claims_to_be_equal_is_no_tensor():
    class Agreeable:
        def __eq__(self, other):
            return True

        __hash__ = None

    assert judged(Agreeable()).problem == "type"


def test_nests_are_equal_whatever_their_sequence_type():
    assert (
        structure_distance(
            [["a", np.float64(0.5).item()], ("b", torch.tensor(2.0))], [("a", 0.5), ("b", 2.0)], "max_abs"
        )
        == 0
    )


@pytest.mark.parametrize(
    ("actual", "message"),
    [
        ([("a", 1.0)], "words: expected 2 items, found 1."),
        ([("a", 1.0), ("c", 2.0)], "words: expected 'b' at [1][0], found 'c'."),
        ([("a", 1.0), ("b", 0.1 + 0.2)], "words: expected 2.0 at [1][1], found 0.3."),
        ([("a", 1.0), ("b", 3.0)], "words: expected 2.0 at [1][1], found 3.0."),
        ({"a": 1.0}, "words: expected a list or tuple, found dict."),
        ([("a", 1.0), "b"], "words: expected a list or tuple at [1], found str."),
    ],
)
def test_the_first_difference_of_two_nests_is_named(actual, message):
    comparison = compare_structures(actual, [("a", 1.0), ("b", 2.0)], TOLERANCE, name="words")
    assert not comparison.close
    assert comparison.message == message


def test_true_is_not_the_number_one():
    assert structure_distance([True], [1], "max_abs") == math.inf


HUGE = 10**400


@pytest.mark.parametrize("actual", [HUGE, [HUGE], [1.5, HUGE], [("a", -HUGE), ("b", 2.0)]])
def test_an_integer_too_large_for_a_float_is_a_wrong_answer_and_no_error(actual):
    assert judged(actual).problem in ("type", "dtype", "shape")
    assert not compare_structures(actual, [("a", 1.0), ("b", 2.0)], TOLERANCE).close
    assert structure_distance(HUGE, 1.0, "max_abs") == math.inf


def test_keys_of_another_type_are_a_wrong_answer_and_no_error():
    assert not compare_structures({"1": 2.0}, {1: 1.0}, TOLERANCE).close
