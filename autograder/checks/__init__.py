"""What an assignment's `checks.py` and `misconceptions.py` import.

A check is a pytest function; its docstring is the title that the student reads:

    @grades("integrated_gradients")
    @points(4)
    @visibility("hidden")
    @requires("test_shape")
    @hint("Where does the path of the integral begin?")
    def test_on_unseen_prompts(submission, reference, models, rng):
        \"\"\"Attributions match the reference on unseen prompts.\"\"\"
        for loaded in models:
            prompt = rng.choice(PROMPTS)
            actual = submission.call("integrated_gradients", loaded.model, loaded.tokenizer, prompt)
            expected = reference.integrated_gradients(loaded.model, loaded.tokenizer, prompt)
            assert_close(actual, expected, name="attributions", axes=("token",))

Fixtures: `submission` (`call`, `recall`, `own`, `plots`), `reference` (the module; answers kept by
content), `models` (the shipped one first, then the hidden one; each with `model` and `tokenizer`), `model` and
`tokenizer` (the shipped one's), `rng` (random.Random, seeded by course key, student, assignment and check),
`shared_rng` (the same in all checks), `record` (`remark`, `measured`, `metric`, `fraction`, `strip`), `assignment`. A
Figure that a function returns arrives as a description; `figure_of` makes the same of a Figure of this process.

A call that leaves its arguments changed costs the function one point, once; no check needs to look for it.

Whatever goes wrong while these assertions look at an answer costs the student the check. A check that reads something
out of an answer by itself does it by `read_answer(function, answer)`: what the function raises is the student's, too.
An exception anywhere else in a check, in the reference or in `alternatives` is a fault of ours: needs review.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from autograder.checks.comparing import (
    Alternatives,
    Mismatch,
    Part,
    assert_structure_close,
    assert_tensor_close,
    nearest_distance,
)
from autograder.checks.decorators import grades, hint, points, requires, visibility
from autograder.checks.figures import assert_figure_shown, figure_of
from autograder.checks.tolerance_context import first_within, noted_by, tolerance_for, within
from autograder.comparison.blame import read_answer
from autograder.comparison.structures import compare_structures
from autograder.comparison.tensors import compare, is_degenerate
from autograder.diagnosis import (
    Feedback,
    accepted_variant,
    equivalent,
    memoised,
    misconception,
    misconceptions,
    misconceptions_around,
)
from autograder.records import Tolerance

__all__ = [
    "Feedback",
    "Mismatch",
    "Part",
    "accepted_variant",
    "assert_close",
    "assert_figure_shown",
    "assert_integers_equal",
    "assert_matches",
    "equivalent",
    "figure_of",
    "first_within",
    "grades",
    "hint",
    "is_degenerate",
    "memoised",
    "misconception",
    "misconceptions",
    "misconceptions_around",
    "points",
    "read_answer",
    "requires",
    "visibility",
    "within",
]

_EXACT = Tolerance(metric="exact", tau=0.0, origin="integers and strings are equal or not")


def _whole(result: Any) -> Any:
    return result


def assert_close(
    actual: Any,
    expected: Tensor,
    *,
    name: str,
    axes: Sequence[str],
    items: str | None = None,
    tolerance: str | Tolerance,
    select: Callable[[Any], Any] = _whole,
    alternatives: Alternatives | None = None,
    part: Part | None = None,
    exact: Callable[[], Tensor] | None = None,
) -> str:
    """Assert that a tensor is the expected one, within a measured tolerance.

    Args:
        actual: What came back; any floating-point dtype.
        expected: The reference's, any shape.
        name: What the tensor is: "attributions".
        axes: Names of its axes, for the message.
        items: The axis whose slices are compared one by one, each within the bound; None: the whole tensor.
        tolerance: A key of the assignment's calibration.json, or a bound of its own.
        select: How this tensor is picked out of the function's whole result; diagnosis needs it to pick the
            same out of a misconception's.
        alternatives: Other accepted tensors of any shape, or functions that make them, by the remark that the student
            reads.
        part: A part of the question that diagnosis tries before the whole, where misconceptions cost much.
        exact: Makes the expected tensor in float64 (`exact_answer`), on models so large that round-off may pass the
            tolerance; asked only for an answer that is outside. The bound then is ten times the expected tensor's own
            distance, if that is more.

    Returns:
        The remark of the alternative that matched, or what is said of an inexact input; "" if the expected tensor
        did.

    Raises:
        Mismatch: With type, dtype, shape, number of wrong values, the worst place, fitted scale and sign.
    """
    bound = tolerance_for(tolerance)
    note = noted_by()
    if note is not None and isinstance(tolerance, str):
        between = partial(compare, tolerance=bound, axes=axes, items=items)
        note({tolerance: nearest_distance(actual, expected, alternatives, between)})
        return ""
    return assert_tensor_close(
        actual,
        expected,
        bound,
        name=name,
        axes=axes,
        items=items,
        select=select,
        alternatives=alternatives,
        part=part,
        exact=exact,
    )


def assert_integers_equal(
    actual: Any,
    expected: Tensor,
    *,
    name: str,
    axes: Sequence[str],
    select: Callable[[Any], Any] = _whole,
    alternatives: Alternatives | None = None,
) -> str:
    """Assert that a tensor of integers (any integer dtype) equals the expected one; as `assert_close`."""
    if expected.dtype.is_floating_point or expected.dtype is torch.bool:
        raise TypeError(f"{name}: assert_integers_equal was given expected values of {expected.dtype}")
    return assert_tensor_close(
        actual, expected, _EXACT, name=name, axes=axes, select=select, alternatives=alternatives
    )


def assert_matches(
    actual: Any,
    expected: Any,
    *,
    name: str,
    tolerance: str | Tolerance = _EXACT,
    select: Callable[[Any], Any] = _whole,
    alternatives: Alternatives | None = None,
) -> str:
    """Assert that a nest of lists, tuples, dicts, strings and numbers is the expected one.

    A list may be a tuple, a number a 0-d tensor; numbers are compared within the tolerance, all else exactly.
    Arguments, return value and errors as of `assert_close`.
    """
    bound = tolerance_for(tolerance)
    note = noted_by()
    if note is not None and isinstance(tolerance, str):
        between = partial(compare_structures, tolerance=bound)
        note({tolerance: nearest_distance(actual, expected, alternatives, between)})
        return ""
    return assert_structure_close(
        actual, expected, bound, name=name, select=select, alternatives=alternatives
    )
