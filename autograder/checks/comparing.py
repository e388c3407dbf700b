"""`assert_close` and `assert_matches`: assertions that know how an answer differs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from autograder.checks.outcomes import CheckFailure
from autograder.comparison.blame import judged
from autograder.comparison.structures import compare_structures, structure_distance
from autograder.comparison.tensors import as_tensor, compare, distance
from autograder.diagnosis import Subject
from autograder.records import Comparison, Tolerance

Alternatives = Mapping[str, Any]

SPREAD = 10.0
"""How many times as far from the exact answer as the reference's a right answer may lie, in the same precision."""

LEAST_NOISE = 1e-5
"""How far right answers in single precision may lie apart where nothing was measured."""

INEXACT = (
    "On one of the inputs single precision is not enough: even the reference is off the exact values there. "
    "Yours were compared as loosely."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a question that shows most mistakes as well as the whole, for less computation."""

    args: tuple[Any, ...]
    """The asked function's arguments for the part."""

    of: Callable[[Any], Any]
    """Picks the part out of the whole answer's tensor."""


class Mismatch(CheckFailure):
    """An answer outside its tolerance.

    Attributes:
        comparison: How it differs.
        nearness: From a whole result of the asked function to its distance from the student's answer.
        tau: The bound of the check.
        part: What diagnosis asks first, and the distance of a result for it; None: the whole at once.
        subject: The tensors themselves, where they are tensors.
        part_subject: The same of the part.
        part_tau: The bound for the part; the check's where it is None.
    """

    def __init__(
        self,
        comparison: Comparison,
        nearness: Callable[[Any], float],
        tau: float,
        part: tuple[tuple[Any, ...], Callable[[Any], float]] | None = None,
        *,
        subject: Subject | None = None,
        part_subject: Subject | None = None,
        part_tau: float | None = None,
    ) -> None:
        super().__init__(comparison.message)
        self.comparison = comparison
        self.nearness = nearness
        self.tau = tau
        self.part = part
        self.subject = subject
        self.part_subject = part_subject
        self.part_tau = part_tau


Witness = Callable[[Callable[[Any], float], float], None]
"""Told of each answer that passed: from a whole result to its distance from that answer, and the bound."""

_witness: ContextVar[Witness | None] = ContextVar("witness")


@contextmanager
def witnessed_by(witness: Witness) -> Iterator[None]:
    """Report answers that pass to a witness: a mistake that gives other values there is not the student's."""
    token = _witness.set(witness)
    try:
        yield
    finally:
        _witness.reset(token)


def _passed(nearness: Callable[[Any], float], tau: float) -> None:
    witness = _witness.get(None)
    if witness is not None:
        witness(nearness, tau)


def _whole(result: Any) -> Any:
    return result


def nearest_distance(
    actual: Any, expected: Any, alternatives: Alternatives | None, between: Callable[[Any, Any], Comparison]
) -> float:
    """Return how far an answer lies from the nearest of what is expected or accepted; inf in another form."""
    others = (other() if callable(other) else other for other in (alternatives or {}).values())
    return min(between(actual, one).distance for one in (expected, *others))


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
    part: Part | None = None,
    exact: Callable[[], Tensor] | None = None,
) -> str:
    """Compare an answer with what was expected; see `autograder.checks.assert_close`."""
    first = compare(actual, expected, tolerance, name=name, axes=axes, items=items)
    got = as_tensor(actual)
    axis = list(axes).index(items) if items is not None else None
    bound = 0.0 if tolerance.metric == "exact" else tolerance.tau
    nearness = _nearness_to(got, tolerance.metric, axis, select)
    if first.close:
        _passed(nearness, bound)
        return ""
    for remark, alternative in (alternatives or {}).items():
        if first.problem not in ("values", "shape"):
            break
        other = alternative() if callable(alternative) else alternative
        if compare(actual, other, tolerance, name=name, axes=axes, items=items).close:
            _passed(nearness, bound)
            return remark
    if exact is not None and first.problem == "values":
        value = exact().detach().cpu()
        off = distance(expected.detach().cpu(), value, tolerance.metric, axis)
        wide = replace(tolerance, tau=max(tolerance.tau, SPREAD * off))
        if wide.tau > bound and compare(actual, value, wide, name=name, axes=axes, items=items).close:
            _passed(nearness, wide.tau)
            return INEXACT
    subject = None
    if got is not None and not got.is_complex():
        subject = Subject(
            actual=got,
            expected=expected.detach().cpu(),
            axes=tuple(axes),
            items=axis,
            metric=tolerance.metric,
            select=select,
            noise=max(LEAST_NOISE, SPREAD * tolerance.right),
        )
    # Of another shape, the answer has no such part.
    if part is None or subject is None or subject.actual.shape != expected.shape:
        raise Mismatch(first, nearness, bound, subject=subject)
    right = as_tensor(part.of(subject.expected))
    piece = judged(lambda answer: as_tensor(part.of(answer)), subject.actual, subject.expected, name=name)
    raise Mismatch(
        first,
        nearness,
        bound,
        (part.args, _nearness_to(piece, tolerance.metric, axis, select)),
        subject=subject,
        part_subject=None
        if piece is None or right is None
        else replace(subject, actual=piece, expected=right),
    )


def _nearness_to(
    answer: Tensor | None, metric: str, axis: int | None, select: Callable[[Any], Any]
) -> Callable[[Any], float]:
    """Return what measures how far a function's whole result is from an answer."""

    def nearness(result: Any) -> float:
        other = as_tensor(select(result))
        if answer is None or other is None or (axis is not None and other.dim() <= axis):
            return math.inf
        # Floats where integers are asked for are a mistake of their own, whatever their values.
        if answer.is_floating_point() != other.is_floating_point():
            return math.inf
        return distance(answer, other, metric, axis)

    return nearness


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
    bound = 0.0 if tolerance.metric == "exact" else tolerance.tau

    def nearness(result: Any) -> float:
        return structure_distance(actual, select(result), tolerance.metric)

    if first.close:
        _passed(nearness, bound)
        return ""
    for remark, alternative in (alternatives or {}).items():
        other = alternative() if callable(alternative) else alternative
        if compare_structures(actual, other, tolerance, name=name).close:
            _passed(nearness, bound)
            return remark
    raise Mismatch(first, nearness, bound)
