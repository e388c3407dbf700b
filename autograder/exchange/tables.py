"""What is reported, as CSV: each assignment's lines, and the course's."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autograder.exchange.reported import Reported, ReportedAssignment
from autograder.report.tables import csv_text
from autograder.report.text import points

TOTALS_NAME = "totals.csv"
_PERSON = ("id", "student", "email", "section", "group")


def assignment_table(reported: ReportedAssignment) -> bytes:
    """Return totals.csv of an assignment: a row for each student, with why a total is not the graded one."""
    rows: list[Sequence[str]] = [
        (*_PERSON, "state", "graded", "adjustment", "total", "of", "handed_in", "attempt", "why")
    ]
    for row in reported.rows:
        student = row.student
        rows.append(
            (
                *_person(row),
                csv_text(student.state),
                _number(row.graded),
                points(row.adjustment) if row.graded is not None else "",
                _number(student.total),
                points(student.of),
                csv_text(student.handed_in.get("at", "")),
                csv_text(student.handed_in.get("attempt", "")),
                csv_text("; ".join(row.why)),
            )
        )
    return _csv(rows)


@dataclass(slots=True)
class _Line:
    """One student over all assignments."""

    person: tuple[str, ...]
    """Columns of the person."""

    rows: dict[str, Reported]
    """By assignment."""


def course_table(assignments: Mapping[str, ReportedAssignment], drop_lowest: int) -> bytes:
    """Return totals.csv of the course: a column for each assignment, and their sum.

    A missing submission counts 0. `dropped` names the assignments with the smallest shares of their points, which
    do not count; where a grade is not complete, nothing is dropped and the sum is empty.

    Args:
        assignments: By slug.
        drop_lowest: So many do not count.
    """
    lines: dict[object, _Line] = {}
    for slug, reported in assignments.items():
        for row in reported.rows:
            line = lines.setdefault(row.entry or row.student.student, _Line(person=_person(row), rows={}))
            line.rows[slug] = row
    rows: list[Sequence[str]] = [(*_PERSON, *map(csv_text, assignments), "dropped", "total", "of")]
    reachable = {
        slug: max((row.student.of for row in reported.rows), default=0.0)
        for slug, reported in assignments.items()
    }
    for line in lines.values():
        earned = {slug: _earned(line.rows.get(slug)) for slug in assignments}
        whole = {slug: value for slug, value in earned.items() if value is not None}
        is_complete = len(whole) == len(earned)
        order = sorted(whole, key=lambda slug: (whole[slug] / (reachable[slug] or 1), slug))
        dropped = order[: min(drop_lowest, len(order) - 1)] if is_complete else []
        kept = [slug for slug in assignments if slug not in dropped]
        rows.append(
            (
                *line.person,
                *(_number(earned[slug]) for slug in assignments),
                csv_text("; ".join(dropped)),
                points(sum(whole[slug] for slug in kept)) if is_complete else "",
                points(sum(reachable[slug] for slug in kept)),
            )
        )
    return _csv(rows)


def _earned(row: Reported | None) -> float | None:
    """Return what counts of an assignment; None while the grade is not complete."""
    if row is None or (row.graded is None and row.student.state == "no submission"):
        return 0.0
    return row.student.total


def _person(row: Reported) -> tuple[str, ...]:
    entry, student = row.entry, row.student
    if entry is None:
        stated = student.handed_in
        return tuple(
            map(
                csv_text,
                (stated.get("id", ""), student.student, stated.get("email", ""), "", stated.get("group", "")),
            )
        )
    return tuple(map(csv_text, (entry.id, student.student, entry.email, entry.section, entry.group)))


def _number(value: float | None) -> str:
    return "" if value is None else points(value)


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue().encode()
