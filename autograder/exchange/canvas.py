"""Fill in Canvas' gradebook.

Canvas matches rows by ID and takes a blank for a change: so a fresh export is filled in, and nothing but
the grades of one assignment changes in it. It cannot import comments.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from autograder.course.policy.sheet import Sheet, decimal_mark, letters, number_of, repeated
from autograder.course.submissions.layouts import CANVAS
from autograder.errors import AssignmentError, some
from autograder.exchange.filling import Target, fill
from autograder.exchange.matching import Members, see_that_ids_fit
from autograder.exchange.outcome import Outcome
from autograder.exchange.totals import StudentTotal
from autograder.report.text import points as points_text

_ASSIGNMENT = re.compile(r"(?P<title>.*) \((?P<id>\d+)\)")
_EXCUSED = "EX"
_POINTS_POSSIBLE = "points possible"


def fill_gradebook(
    sheet: Sheet, totals: Sequence[StudentTotal], slug: str, *, partial: bool = False, column: str = ""
) -> Outcome:
    """Put the grades of an assignment into a gradebook.

    Args:
        sheet: The downloaded gradebook; changed.
        totals: The results.
        slug: The assignment, by which its column is found.
        partial: Take the automatic points where a grade is not complete.
        column: The column's whole name or its number, where the slug does not tell.

    Raises:
        AssignmentError: If anything does not fit; then nothing may be written.
    """
    id_column = sheet.find(["ID"])
    if sheet.find(["Student"]) != 0 or id_column is None:
        raise AssignmentError(
            f"{sheet.name}: is no gradebook of Canvas: it has no columns 'Student' and 'ID'. Export the gradebook."
        )
    target = _target(sheet, slug, column)
    ids = sheet.column(id_column)
    if twice := repeated(ids):
        raise AssignmentError(
            f"{sheet.name}: several rows have the ID {some(twice)}. Export the gradebook again."
        )
    rows = {number: row for row, number in enumerate(ids) if number}
    students = [each for each in totals if each.handed_in.get("platform") == CANVAS and each.id.isdigit()]
    if not students:
        raise AssignmentError(
            "The results hold no IDs of Canvas. Grade what 'Download submissions' gives, as it comes; after anonymous "
            "grading was ended, download again."
        )
    see_that_ids_fit(students, rows, sheet, "the gradebook of another course")
    members = Members(sheet, ("SIS Login ID", "Student"))
    known = {each.student for each in students}

    def rows_of(student: StudentTotal) -> list[int]:
        own = rows.get(student.id) if student.student in known else None
        row = members.row(student) if "member" in student.handed_in else own
        return [] if row is None else [row]

    before = sheet.column(target)
    filling = Target(
        column=target,
        decimal=decimal_mark(sheet.name, _scores(sheet), "," if sheet.delimiter == ";" else "."),
        rows=rows_of,
        missing=lambda each: "not in the gradebook" if each.student in known else "without an ID of Canvas",
        blocked=lambda row: "excused in Canvas" if before[row].upper() == _EXCUSED else "",
    )
    outcome, _ = fill(sheet, totals, filling, partial=partial)
    outcome.others -= len(ids) - len(rows)
    _see_that_grades_fit(sheet, target, outcome)
    outcome.remarks.append(f"Column: {sheet.header[target]}.")
    return outcome


def _target(sheet: Sheet, slug: str, column: str) -> int:
    """Return the assignment's column.

    Raises:
        AssignmentError: If none or several can be it.
    """
    found = {
        index: match for index, name in enumerate(sheet.header) if (match := _ASSIGNMENT.fullmatch(name))
    }
    listing = ", ".join(match[0] for match in found.values()) or "none"
    if column:
        chosen = [index for index, match in found.items() if column in (match[0], match["id"])]
    else:
        titles = {index: letters(match["title"]) for index, match in found.items()}
        chosen = [index for index, title in titles.items() if title == letters(slug)]
        chosen = chosen or [index for index, title in titles.items() if letters(slug) in title]
    if len(chosen) == 1:
        return chosen[0]
    what = f"no column {column!r}" if column else f"no column for {slug}"
    if chosen:
        what = f"several columns for {column or slug}"
    raise AssignmentError(f"{sheet.name}: has {what}. Name one with --column: {listing}.")


def _points_possible(sheet: Sheet, target: int) -> str:
    values = zip(sheet.column(0), sheet.column(target), strict=True)
    return next((value for name, value in values if name.casefold() == _POINTS_POSSIBLE), "")


def _scores(sheet: Sheet) -> list[str]:
    """Return what stands in the columns of assignments."""
    return [
        text
        for index, name in enumerate(sheet.header)
        if _ASSIGNMENT.fullmatch(name)
        for text in sheet.column(index)
    ]


def _see_that_grades_fit(sheet: Sheet, target: int, outcome: Outcome) -> None:
    maximum = number_of(_points_possible(sheet, target))
    above = [name for name, points in outcome.graded.items() if maximum and points > maximum]
    if maximum and above:
        raise AssignmentError(
            f"{sheet.name}: {points_text(maximum)} points are possible, but {some(above)} have more "
            f"({points_text(max(outcome.graded[name] for name in above))}). Set the assignment's points in Canvas, "
            "then export the gradebook again."
        )
