"""Inputs on which single precision is not enough for a model."""

from types import SimpleNamespace

import pytest
import torch

from autograder.checks import Mismatch, assert_close
from autograder.checks.answer_cache import MemoisedReference
from autograder.checks.float64_reference import exact_answer
from autograder.comparison.tensors import distance
from autograder.records import Tolerance

BOUND = Tolerance(metric="relative_l2", tau=1e-3)
EXPECTED = torch.tensor([3.0, 4.0])


def off_by(share):
    """Return a tensor that lies this far from the expected one."""
    return EXPECTED + torch.tensor([5.0 * share, 0.0])


def compared(actual, exact):
    return assert_close(actual, EXPECTED, name="scores", axes=("token",), tolerance=BOUND, exact=exact)


def test_an_answer_may_lie_as_far_off_as_the_reference_does_and_somewhat_farther():
    remark = compared(off_by(-0.02), lambda: off_by(0.01).double())
    assert "even the reference is off the exact values there" in remark


def test_what_lies_farther_off_is_wrong_by_the_bound_that_was_measured():
    with pytest.raises(Mismatch, match=r"allowed 0\.001") as caught:
        compared(off_by(-0.2), lambda: off_by(0.01).double())
    assert caught.value.tau == BOUND.tau


def test_where_the_reference_is_exact_the_bound_stays():
    with pytest.raises(Mismatch):
        compared(off_by(0.002), EXPECTED.double)


def test_the_exact_values_are_asked_only_for_what_is_outside():
    assert compared(off_by(0.0005), lambda: pytest.fail("asked")) == ""
    with pytest.raises(Mismatch, match="shape"):
        compared(EXPECTED[None], lambda: pytest.fail("asked"))


def test_the_exact_answer_is_the_references_in_float64_and_computed_once():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Softmax(dim=-1))
    calls = []

    def scores(model, inputs):
        calls.append(inputs.dtype)
        return model(inputs)

    reference = MemoisedReference(SimpleNamespace(scores=scores))
    inputs = torch.randn(3, 64)
    first, second = (exact_answer(reference, "scores", model, inputs) for _ in range(2))
    assert calls == [torch.float64]
    assert first.dtype is torch.float64
    assert torch.equal(first, second)
    assert 0 < distance(reference.scores(model, inputs), first, "relative_l2") < 1e-6
    assert next(model.parameters()).dtype is torch.float32
