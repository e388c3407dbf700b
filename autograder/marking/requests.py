"""Regrade requests: a student asks for another look, a person answers."""

from __future__ import annotations

from autograder.errors import did_you_mean
from autograder.marking.actions import Marking
from autograder.marking.errors import MarkingError
from autograder.marking.records import RegradeRequest


def request(marking: Marking, student: str, target: str, text: str, *, by: str) -> RegradeRequest | None:
    """Enter a student's request; the same one again changes nothing.

    Args:
        marking: The assignment's.
        student: As report.json names them.
        target: Id of a question or a check.
        text: What the student writes.
        by: Who enters it.

    Returns:
        The request; None if it was there already.

    Raises:
        MarkingError: If there is no such student or target, or nothing is asked.
    """
    with marking.lock:
        marking.refresh()
        report = marking.submissions.known_report(student)
        targets = [one.id for one in marking.assignment.questions] + [one.id for one in report.checks]
        if target not in targets:
            raise MarkingError(f"no question or check {target!r}.{did_you_mean(target, targets)}")
        if not text.strip():
            raise MarkingError(f"{student}, {target}: the request says nothing.")
        current = marking.state.heads(("request", student, target))
        if current and current[0].value["text"] == text.strip():
            return None
        marking.decide(
            marking.decision("request", student, target, by=by, value={"text": text.strip()}, revision=None)
        )
        return _found(marking, student, target)


def resolve(
    marking: Marking, asked: RegradeRequest, *, by: str, accepted: bool, answer: str
) -> RegradeRequest:
    """Close a request. Its points are changed by a mark or an override, before or after.

    Args:
        marking: The assignment's.
        asked: The request as the person saw it.
        by: Who closes it.
        accepted: Whether the grade was changed for it.
        answer: What the student is told.

    Raises:
        ConflictError: If someone has closed it meanwhile.
    """
    with marking.lock:
        value = {"request": asked.id, "accepted": accepted, "answer": answer.strip()}
        marking.decide(
            marking.decision(
                "resolve", asked.student, asked.target, by=by, value=value, revision=asked.revision
            )
        )
        return _found(marking, asked.student, asked.target)


def _found(marking: Marking, student: str, target: str) -> RegradeRequest:
    return next(one for one in marking.state.requests() if (one.student, one.target) == (student, target))
