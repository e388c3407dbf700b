"""Put grades into the rows of a sheet, and note what becomes of each student."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autograder.course.policy.sheet import Sheet, number_of, number_text
from autograder.exchange.outcome import Outcome
from autograder.exchange.totals import StudentTotal


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where grades go."""

    column: int
    """The grade's column."""

    decimal: str
    """The decimal mark."""

    rows: Callable[[StudentTotal], Sequence[int]]
    """A student's rows; none, one, or those of the group."""

    missing: Callable[[StudentTotal], str]
    """Why a student has no row."""

    blocked: Callable[[int], str]
    """Why a row's grade stays; empty: it is filled in."""


def fill(
    sheet: Sheet, totals: Sequence[StudentTotal], target: Target, *, partial: bool
) -> tuple[Outcome, dict[str, int]]:
    """Put grades into a sheet.

    Args:
        sheet: Changed.
        totals: The students.
        target: Where they go.
        partial: Take the automatic points where a grade is not complete.

    Returns:
        What was done, and the first row of each student whose grade was put in.
    """
    outcome, filled, seen = Outcome(), {}, set[int]()
    before = sheet.column(target.column)
    for student in totals:
        rows, points = target.rows(student), student.points(partial=partial)
        seen.update(rows)
        open_rows = [row for row in rows if not target.blocked(row)]
        if not rows:
            outcome.leave(target.missing(student), student.student)
        elif points is None:
            outcome.leave(student.state, student.student)
        elif not open_rows:
            outcome.leave(target.blocked(rows[0]), student.student)
        else:
            text = number_text(points, target.decimal)
            for row in open_rows:
                outcome.replaced += before[row] not in ("", "-") and number_of(before[row]) != number_of(text)
                sheet.put(row, target.column, text)
            outcome.graded[student.student] = points
            outcome.partial += [student.student] if student.total is None else []
            filled[student.student] = open_rows[0]
    outcome.others = len(sheet) - len(seen)
    return outcome, filled
