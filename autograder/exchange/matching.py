"""Which students of the results a platform's file can be about."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property

from autograder.course.policy.sheet import Sheet, name_key, repeated
from autograder.errors import AssignmentError, some
from autograder.exchange.totals import StudentTotal


class Members:
    """Finds the rows of groups' members, whose ids no download states: the only row with the address or the name.

    Args:
        sheet: The file.
        columns: Names of the columns in which addresses and names stand.
    """

    def __init__(self, sheet: Sheet, columns: Collection[str]) -> None:
        self._sheet = sheet
        self._columns = columns

    @cached_property
    def _rows(self) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        for at in {self._sheet.find([name]) for name in self._columns} - {None}:
            for row, text in enumerate(self._sheet.column(at or 0)):
                found.setdefault(name_key(text), set()).add(row)
        return found

    def row(self, student: StudentTotal) -> int | None:
        """Return a member's row; None if none or several can be it."""
        for stated in (student.handed_in.get("email", ""), student.name):
            rows = self._rows.get(name_key(stated), set()) if stated else set()
            if len(rows) == 1:
                return next(iter(rows))
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
