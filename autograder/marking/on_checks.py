"""Decisions on automatic checks: other points, with a reason, and comments."""

from __future__ import annotations

from autograder.errors import did_you_mean
from autograder.marking.actions import Marking
from autograder.marking.answers import basis_of_check
from autograder.marking.errors import MarkingError
from autograder.marking.records import SUBMISSION, CheckComment, Override
from autograder.marking.rubric_seed import finite
from autograder.records import GradeReport


def override(
    marking: Marking,
    student: str,
    check: str,
    points: float | None,
    *,
    by: str,
    reason: str,
    revision: str | None = None,
) -> Override | None:
    """Give a check other points than the automatic ones.

    Args:
        marking: The assignment's.
        student: As report.json names them.
        check: The check's id; `records.SUBMISSION`: all checks at once.
        points: What counts from now on; None: the automatic points again.
        by: Who decides.
        reason: Why; the student reads it.
        revision: Of the override that the person saw, "" where there was none; None: replace whatever there is.

    Returns:
        The override; None if it was withdrawn.

    Raises:
        MarkingError: If there is no such student or check, the points are none of the check's, or no reason is given.
        ConflictError: If someone has decided on it meanwhile.
    """
    with marking.lock:
        marking.refresh()
        report = marking.submissions.known_report(student)
        most = _max_points(report, check)
        if points is not None and not 0 <= finite(points, "The points") <= most:
            raise MarkingError(f"{check}: points must be from 0 to {most:g}, not {points:g}.")
        if not reason.strip():
            raise MarkingError(f"{check}: say why its points are changed; the student reads it.")
        marking.decide(
            marking.decision(
                "override",
                student,
                check,
                by=by,
                value={"points": None if points is None else finite(points, "The points")},
                revision=revision,
                reason=reason,
                basis=basis_of_check(report, check),
            )
        )
        return marking.state.override(student, check)


def comment_on_check(
    marking: Marking, student: str, check: str, text: str, *, by: str, revision: str | None = None
) -> CheckComment | None:
    """Say something on a check to the student.

    Args:
        marking: The assignment's.
        student: As report.json names them.
        check: The check's id.
        text: Markdown; empty: nothing any more.
        by: Who writes it.
        revision: Of the comment that the person saw, "" where there was none; None: replace whatever there is.

    Returns:
        The comment; None if it was withdrawn.

    Raises:
        MarkingError: If there is no such student or check.
        ConflictError: If someone has written one meanwhile.
    """
    with marking.lock:
        marking.refresh()
        report = marking.submissions.known_report(student)
        _max_points(report, check)
        marking.decide(
            marking.decision(
                "comment",
                student,
                check,
                by=by,
                value={"text": text.strip()},
                revision=revision,
                basis=basis_of_check(report, check),
            )
        )
        return marking.state.check_comment(student, check)


def _max_points(report: GradeReport, check: str) -> float:
    if check == SUBMISSION:
        return report.max_score
    found = {one.id: one.max_points for one in report.checks}
    if check not in found:
        raise MarkingError(f"no check {check!r}.{did_you_mean(check, found)}")
    return found[check]
