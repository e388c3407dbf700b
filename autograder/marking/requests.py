"""Regrade requests: a student asks for another look, a person answers."""

from __future__ import annotations

from autograder.errors import did_you_mean
from autograder.marking.actions import Marking
from autograder.marking.csv_table import TableError, read_table
from autograder.marking.errors import MarkingError
from autograder.marking.records import Decision, RegradeRequest, Slot


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
        asked = _request(marking, student, target, text, by=by)
        if asked is None:
            return None
        marking.decide(asked)
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


def import_requests(marking: Marking, data: bytes, *, by: str, source: str = "CSV") -> int:
    """Take the requests of a CSV file, all of them or none: columns `student,question,text`.

    Args:
        marking: The assignment's.
        data: The file; `question` may name a check as well.
        by: Who enters them.
        source: What an error message names.

    Returns:
        How many are new.

    Raises:
        TableError: With a sentence for each row that cannot be taken.
    """
    problems: list[str] = []
    decisions: dict[Slot, Decision] = {}
    with marking.lock:
        marking.refresh()
        for line, cells in read_table(data, source, needed=("student", "question", "text")):
            try:
                asked = _request(marking, cells["student"], cells["question"], cells["text"], by=by)
            except MarkingError as error:
                problems.append(f"line {line}: {error}")
                continue
            if asked is not None and decisions.setdefault(asked.slot, asked) is not asked:
                problems.append(f"line {line}: a second request of {asked.student} on {asked.target}.")
        if problems:
            raise TableError(source, problems)
        if decisions:
            marking.decide(*decisions.values())
    return len(decisions)


def _request(marking: Marking, student: str, target: str, text: str, *, by: str) -> Decision | None:
    """Return a request as a decision; None if it is there already."""
    report = marking.submissions.known_report(student)
    targets = [one.id for one in marking.assignment.questions] + [one.id for one in report.checks]
    if target not in targets:
        raise MarkingError(f"no question or check {target!r}.{did_you_mean(target, targets)}")
    if not text.strip():
        raise MarkingError(f"{student}, {target}: the request says nothing.")
    current = marking.state.heads(("request", student, target))
    if current and current[0].value["text"] == text.strip():
        return None
    return marking.decision("request", student, target, by=by, value={"text": text.strip()}, revision=None)


def _found(marking: Marking, student: str, target: str) -> RegradeRequest:
    return next(one for one in marking.state.requests() if (one.student, one.target) == (student, target))
