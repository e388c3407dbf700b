"""Which students of the results a platform's file can be about."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from autograder.errors import AssignmentError
from autograder.exchange.outcome import repeated, some
from autograder.exchange.sheet import Sheet, name_key
from autograder.exchange.totals import StudentTotal


def row_of_member(sheet: Sheet, student: StudentTotal, columns: Collection[str]) -> int | None:
    """Return the row of a group's member, whose id no download states: the only row with the address or the name.

    Args:
        sheet: The file.
        student: The member.
        columns: Names of the columns in which addresses and names stand.
    """
    for stated in filter(None, (student.handed_in.get("email"), student.name)):
        wanted = name_key(stated)
        found = {
            row
            for column in columns
            if (at := sheet.find([column])) is not None
            for row, text in enumerate(sheet.column(at))
            if text and name_key(text) == wanted
        }
        if len(found) == 1:
            return found.pop()
    return None


def see_that_ids_fit(
    students: Sequence[StudentTotal], known: Collection[str], sheet: Sheet, what: str
) -> None:
    """Refuse a file of others, and results in which two students have one id.

    Args:
        students: Those of the results who have an id of the platform.
        known: The ids in the file.
        sheet: The file.
        what: What the file is if no id fits: `the worksheet of another assignment`.

    Raises:
        AssignmentError: With a sentence.
    """
    if twice := repeated(each.id for each in students):
        names = [each.student for each in students if each.id in twice]
        raise AssignmentError(
            f"Several students of the results have the id {some(twice)}: {some(names)}. Remove the one that is out of "
            "date: autograder forget STUDENT RESULTS."
        )
    if not any(each.id in known for each in students):
        raise AssignmentError(
            f"{sheet.name}: is {what}: none of the {len(students)} ids of the results is in it. Download the right one."
        )
