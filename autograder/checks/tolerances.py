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

Note = Callable[[str, float], None]
"""Given a tolerance's key and a distance."""

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
    """Have `assert_close` and `assert_matches` note distances by the tolerance's key instead of judging them."""
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
