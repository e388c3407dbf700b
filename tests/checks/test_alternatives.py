"""Other answers that a check accepts, with what the student reads of them."""

import pytest
import torch

from autograder.checks import Mismatch, assert_close
from autograder.records import Tolerance

EXPECTED = torch.tensor([4.0, 1.0, 2.0])
BOUND = Tolerance(metric="relative_l2", tau=1e-3)


def checked(actual, **alternatives):
    return assert_close(
        actual, EXPECTED, name="scores", axes=("token",), tolerance=BOUND, alternatives=alternatives
    )


def test_an_alternative_may_have_another_shape():
    assert checked(EXPECTED[1:], shorter=EXPECTED[1:], longer=lambda: EXPECTED.repeat(2)) == "shorter"
    assert checked(EXPECTED.repeat(2), shorter=EXPECTED[1:], longer=lambda: EXPECTED.repeat(2)) == "longer"
    assert checked(EXPECTED, shorter=EXPECTED[1:]) == ""


def test_the_shape_of_an_alternative_is_not_enough():
    with pytest.raises(Mismatch, match=r"expected shape \(3,\) \(token\), found \(2,\)"):
        checked(EXPECTED[:2], shorter=EXPECTED[1:])


def test_alternatives_are_not_computed_for_what_is_no_tensor_of_scores():
    def never():
        raise RuntimeError("computed in vain")

    with pytest.raises(Mismatch, match="expected floating-point scores"):
        checked(EXPECTED.long(), other=never)
