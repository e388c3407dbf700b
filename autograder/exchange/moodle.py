"""Fill in Moodle's grading worksheet, and pack the feedback as Moodle takes it.

Moodle compares the worksheet's headers in the teacher's language and skips rows whose grade is empty, above the maximum
or locked: so the downloaded worksheet is filled in, and nothing but grades changes in it. An empty feedback cell would
overwrite a comment, so comments stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autograder.course.policy.sheet import Sheet, letters
from autograder.course.submissions.layouts import MOODLE
from autograder.errors import AssignmentError, some
from autograder.exchange.filling import Target, fill
from autograder.exchange.matching import Members, see_that_ids_fit
from autograder.exchange.moodle_columns import WorksheetColumns, read_columns
from autograder.exchange.outcome import Outcome
from autograder.exchange.totals import StudentTotal
from autograder.report.text import points as points_text

FEEDBACK_ZIP = "feedback.zip"
_PEOPLE = ("Email address", "E-Mail-Adresse", "Full name", "Vollständiger Name")


def fill_worksheet(
    sheet: Sheet, totals: Sequence[StudentTotal], *, partial: bool = False, grade_column: str = ""
) -> tuple[Outcome, list[StudentTotal]]:
    """Put the grades into a worksheet.

    Args:
        sheet: The downloaded worksheet; changed.
        totals: The results.
        partial: Take the automatic points where a grade is not complete.
        grade_column: The grade's column where the worksheet is in a language that is not known here.

    Returns:
        What was done, and the students whose grade was put in.

    Raises:
        AssignmentError: If anything does not fit; then nothing may be written.
    """
    columns = read_columns(sheet, grade_column)
    finder = _Finder(sheet, columns, totals)
    target = Target(
        column=columns.grade,
        decimal=columns.decimal,
        rows=finder.rows,
        missing=finder.missing,
        blocked=lambda row: "locked in Moodle" if row in columns.locked else "",
    )
    outcome, filled = fill(sheet, totals, target, partial=partial)
    _see_that_grades_fit(sheet, columns, outcome)
    outcome.remarks += _remarks(sheet, columns, totals)
    graded = [_with_id(each, columns.ids[filled[each.student]]) for each in totals if each.student in filled]
    return outcome, graded


def _with_id(student: StudentTotal, number: str) -> StudentTotal:
    """Return a student with a participant id, which the member of a group has not got of the download."""
    return student if student.id else replace(student, handed_in={**student.handed_in, "id": number})


class _Finder:
    """Finds the rows of students and of groups.

    Args:
        sheet: The worksheet.
        columns: Its columns.
        totals: The results.

    Raises:
        AssignmentError: If the worksheet is not theirs.
    """

    def __init__(self, sheet: Sheet, columns: WorksheetColumns, totals: Sequence[StudentTotal]) -> None:
        self._sheet = sheet
        self._columns = columns
        self._by_id = {number: row for row, number in enumerate(columns.ids)}
        self._members = Members(sheet, _PEOPLE)
        known = [each for each in totals if each.handed_in.get("platform") == MOODLE and each.id]
        if not known:
            raise AssignmentError(
                "The results hold no participant ids of Moodle. Grade what 'Download all submissions' gives, as it "
                "comes."
            )
        self._known = {each.student for each in known}
        if alone := [each for each in known if not self._of_group(each)]:
            see_that_ids_fit(alone, self._by_id, sheet, "the worksheet of another assignment")

    def rows(self, student: StudentTotal) -> Sequence[int]:
        """Return a student's row, or the rows of a group that handed in together."""
        if "member" in student.handed_in:
            row = self._members.row(student)
        elif student.student not in self._known:
            row = None
        elif group := self._of_group(student):
            return group
        else:
            row = self._by_id.get(student.id)
            if row is not None:
                _see_that_it_is_the_student(self._sheet, self._columns, row, student)
        return [] if row is None else [row]

    def missing(self, student: StudentTotal) -> str:
        """Return why a student has no row."""
        return "not in the worksheet" if student.student in self._known else "without an id of Moodle's"

    def _of_group(self, student: StudentTotal) -> Sequence[int]:
        # For group assignments Moodle names the download's folders by the groups, with the groups' numbers.
        return self._columns.groups.get(letters(student.name), ())


def _see_that_it_is_the_student(
    sheet: Sheet, columns: WorksheetColumns, row: int, student: StudentTotal
) -> None:
    """Refuse a worksheet that gives a participant id to somebody else."""
    if columns.names is None:
        return
    # Moodle leaves out some characters in a folder's name, and may write a group before it: `Group A-Anna Adams`.
    stated, listed = letters(student.name), letters(columns.names[row])
    was_blind = stated == columns.prefix
    if listed and not was_blind and not stated.endswith(listed):
        raise AssignmentError(
            f"{sheet.name}: participant {student.id} is {columns.names[row]} there, but {student.student} in the "
            "results. Is it the worksheet of another assignment? Download it again."
        )


def _see_that_grades_fit(sheet: Sheet, columns: WorksheetColumns, outcome: Outcome) -> None:
    maximum = columns.maximum
    if maximum is None:
        return
    above = [name for name, points in outcome.graded.items() if points > maximum]
    if above:
        raise AssignmentError(
            f"{sheet.name}: the maximum grade is {points_text(maximum)}, but {some(above)} have more "
            f"({points_text(max(outcome.graded[name] for name in above))}). Set the assignment's maximum in Moodle, "
            "then download the worksheet again."
        )


def _remarks(sheet: Sheet, columns: WorksheetColumns, totals: Sequence[StudentTotal]) -> list[str]:
    reachable = {each.of for each in totals}
    if columns.maximum is None or reachable == {columns.maximum}:
        return []
    stated = ", ".join(sorted(map(points_text, reachable)))
    return [
        f"In Moodle {points_text(columns.maximum)} points can be reached, here {stated}: points are written as they "
        "are, not scaled."
    ]


def feedback_zip(graded: Sequence[StudentTotal]) -> dict[str, bytes]:
    """Return the files of feedback.zip: names by which Moodle finds the student, and their pages.

    Raises:
        AssignmentError: If a page is missing.
    """
    files = {}
    for student in graded:
        # Moodle before 4.1 asks for the `_` at the end; later ones take both.
        place = student.handed_in.get("place") or f"{student.name}_{student.id}_assignsubmission_file_/"
        path = student.folder / "feedback.html"
        try:
            files[f"{place}{path.name}"] = path.read_bytes()
        except OSError as error:
            raise AssignmentError(
                f"{path}: cannot be read: {error.strerror}. Run `autograder report` on the results."
            ) from None
    return files
