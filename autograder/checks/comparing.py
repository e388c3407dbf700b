"""`assert_close` and `assert_matches`: assertions that know how an answer differs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from autograder.records import Comparison, Tolerance
from autograder.tensors import as_tensor, compare, compare_structures, distance, structure_distance

Alternatives = Mapping[str, Any]


class Mismatch(AssertionError):
    """An answer outside its tolerance.

    Attributes:
        comparison: How it differs.
        nearness: From a whole result of the asked function to its distance from the student's answer.
        tau: The bound of the check.
    """

    def __init__(self, comparison: Comparison, nearness: Callable[[Any], float], tau: float) -> None:
        super().__init__(comparison.message)
        self.comparison = comparison
        self.nearness = nearness
        self.tau = tau


def _whole(result: Any) -> Any:
    return result


def assert_tensor_close(
    actual: Any,
    expected: Tensor,
    tolerance: Tolerance,
    *,
    name: str,
    axes: Sequence[str],
    items: str | None = None,
    select: Callable[[Any], Any] = _whole,
    alternatives: Alternatives | None = None,
) -> str:
    """Compare an answer with what was expected; see `autograder.checks.assert_close`."""
    first = compare(actual, expected, tolerance, name=name, axes=axes, items=items)
    if first.close:
        return ""
    for remark, alternative in (alternatives or {}).items():
        if first.problem != "values":
            break
        other = alternative() if callable(alternative) else alternative
        if compare(actual, other, tolerance, name=name, axes=axes, items=items).close:
            return remark
    got = as_tensor(actual)
    axis = list(axes).index(items) if items is not None else None
    bound = 0.0 if tolerance.metric == "exact" else tolerance.tau

    def nearness(result: Any) -> float:
        other = as_tensor(select(result))
        if got is None or other is None or (axis is not None and other.dim() <= axis):
            return math.inf
        # Floats where integers are asked for are a mistake of their own, whatever their values.
        if got.is_floating_point() != other.is_floating_point():
            return math.inf
        return distance(got, other, tolerance.metric, axis)

    raise Mismatch(first, nearness, bound)


def assert_structure_close(
    actual: Any,
    expected: Any,
    tolerance: Tolerance,
    *,
    name: str,
    select: Callable[[Any], Any] = _whole,
    alternatives: Alternatives | None = None,
) -> str:
    """Compare lists, tuples, strings and numbers; see `autograder.checks.assert_matches`."""
    first = compare_structures(actual, expected, tolerance, name=name)
    if first.close:
        return ""
    for remark, alternative in (alternatives or {}).items():
        other = alternative() if callable(alternative) else alternative
        if compare_structures(actual, other, tolerance, name=name).close:
            return remark

    def nearness(result: Any) -> float:
        return structure_distance(actual, select(result), tolerance.metric)

    raise Mismatch(first, nearness, 0.0 if tolerance.metric == "exact" else tolerance.tau)
