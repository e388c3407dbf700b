"""Decide whose an error is that ended a check: the student's, which may cost points, or ours, which never does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from autograder.errors import CallTimeoutError, SubmissionError
from autograder.records import Outcome


class CheckFailure(AssertionError):
    """An assertion of `autograder.checks` about a student's answer that does not hold."""


class NoFigureShown(CheckFailure):
    """A plot cell that showed no figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutcome:
    """What the end of a check means."""

    outcome: Outcome
    """As in the check's result."""

    fault: str = ""
    """Why the check says nothing about the student: an error of the course, a library or the harness; else empty."""


def outcome_of(error: BaseException | None, *, awarded: float | None, checks_path: Path) -> CheckOutcome:
    """Classify what a check raised.

    The student's are: failures that `autograder.checks` raises on purpose (`Mismatch` among them), `pytest.fail`, every
    `SubmissionError`, and an AssertionError raised by checks.py itself. An assertion that fails anywhere else, inside
    Captum, the reference or the harness, says nothing about the student's answer.

    Args:
        error: What the check raised; None if it returned.
        awarded: Share of the points that the check awarded by `record.fraction`; None if it did not.
        checks_path: The assignment's checks.py.
    """
    if error is None:
        return CheckOutcome(outcome="passed" if awarded is None or awarded >= 1 else "failed")
    if isinstance(error, CheckFailure | pytest.fail.Exception):
        return CheckOutcome(outcome="failed")
    if isinstance(error, CallTimeoutError):
        return CheckOutcome(outcome="timed_out")
    if isinstance(error, SubmissionError):
        return CheckOutcome(outcome="errored")
    if isinstance(error, AssertionError) and raised_in(error, checks_path):
        return CheckOutcome(outcome="failed")
    return faulty(error)


def faulty(error: BaseException) -> CheckOutcome:
    """Return the outcome of a check that an error of ours ended."""
    if isinstance(error, AssertionError):
        said = f"{_failed_assertion(error)} Only assertions in checks.py are about the student's answer."
    else:
        said = f"{type(error).__name__}: {error}"
    return CheckOutcome(outcome="errored", fault=said)


def raised_in(error: BaseException, path: Path) -> bool:
    """Return whether the innermost frame of an exception's traceback is in a file."""
    place = _innermost(error)
    return place is not None and Path(place[0]).resolve() == path.resolve()


def _innermost(error: BaseException) -> tuple[str, int] | None:
    """Return file name and line number of the frame that raised an exception."""
    trace = error.__traceback__
    if trace is None:
        return None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename, trace.tb_lineno


def _failed_assertion(error: AssertionError) -> str:
    place = _innermost(error)
    # No folder of the grading machine: the fault may be shown to people elsewhere.
    where = f" in {'/'.join(Path(place[0]).parts[-2:])}, line {place[1]}" if place else ""
    said = f": {error}" if str(error) else "."
    return f"An assertion failed{where}{said}"
