"""The tolerances of the assignment whose check is running."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from autograder.errors import AssignmentError, did_you_mean
from autograder.records import Tolerance

# A context variable rather than a fixture argument: `assert_close` then reads in checks as torch's own does.
_current: ContextVar[Mapping[str, Tolerance]] = ContextVar("tolerances")

Note = Callable[[Mapping[str, float]], None]
"""Given a distance by the tolerance's key; of several one that is within its bound is enough."""

_note: ContextVar[Note | None] = ContextVar("note")


@contextmanager
def using(tolerances: Mapping[str, Tolerance]) -> Iterator[None]:
    """Make these the tolerances that `assert_close` looks names up in."""
    token = _current.set(tolerances)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def measuring(note: Note) -> Iterator[None]:
    """Have `assert_close` and `assert_matches` note distances instead of judging, `within` and `first_within` too."""
    token = _note.set(note)
    try:
        yield
    finally:
        _note.reset(token)


def noted_by() -> Note | None:
    """Return who notes distances; None where answers are judged."""
    return _note.get(None)


def tolerance_for(key: str | Tolerance) -> Tolerance:
    """Return the tolerance itself, or the one of that name in the assignment's calibration.

    Raises:
        AssignmentError: If there is none of that name.
    """
    if isinstance(key, Tolerance):
        return key
    known = _current.get({})
    if key not in known and noted_by() is not None:
        return Tolerance(metric="relative_l2", tau=math.inf, origin="not measured yet")
    if key not in known:
        raise AssignmentError(
            f"calibration.json has no tolerance {key!r}.{did_you_mean(key, known)}\n"
            f"It has: {', '.join(sorted(known)) or 'none'}."
        )
    return known[key]


def within(tolerance: str, distance: float) -> bool:
    """Return whether a distance that the check took itself is within a tolerance of the assignment's calibration.

    For axioms: sums that must agree, a result that must repeat. While distances are measured everything is within,
    and the distance counts for the tolerance like those of `assert_close`.

    Args:
        tolerance: A key of calibration.json.
        distance: From 0; NaN is never within.
    """
    return first_within({tolerance: distance}) is not None


def first_within(distances: Mapping[str, float | Callable[[], float]]) -> str | None:
    """Return the first tolerance that a distance is within, None if there is none.

    Args:
        distances: By the key of calibration.json, or functions that take them, asked in this order only while none
            has been within. While distances are measured all are asked; the nearest counts of a right answer,
            every one of a mistake.
    """
    note = noted_by()
    if note is not None:
        note({key: value() if callable(value) else value for key, value in distances.items()})
        return next(iter(distances))
    for key, value in distances.items():
        if (value() if callable(value) else value) <= tolerance_for(key).tau:
            return key
    return None
