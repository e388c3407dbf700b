"""Write grades into nbgrader's gradebook.db and executed notebooks into autograded/, and read manual points back.

After that, nbgrader's formgrader, generate_feedback, release_feedback and export work as if it had graded itself. The
points of a task stand at its cell `check-TASK`, those of a written question at the question's cell.
"""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from autograder.errors import AssignmentError, some
from autograder.exchange.feedback import NOTEBOOK, without_hidden
from autograder.exchange.outcome import Outcome
from autograder.exchange.totals import StudentTotal
from autograder.marking.marks_csv import COLUMNS
from autograder.report.atomic_files import write_files
from autograder.report.grade_file import GRADE_NAME
from autograder.report.serialise import REPORT_NAME
from autograder.report.tables import csv_text
from autograder.report.text import points as points_text

GRADEBOOK = "gradebook.db"
CHECK_CELL = "check-"
"""What the id of a cell begins with at which a task's points stand."""

_PASSED_ON = ("timestamp.txt", "submission_secret.txt")
"""Files of a submission that release_feedback needs."""


def fill_gradebook(students: Sequence[StudentTotal], slug: str, course: Path) -> Outcome:
    """Write the grades of an assignment, all of them or none.

    Answers that nobody has marked wait in nbgrader for manual grading.

    Args:
        students: With their folders of results.
        slug: The assignment, in nbgrader the name of its folder and of its notebook.
        course: The folder of the nbgrader course.

    Raises:
        AssignmentError: If there is no gradebook, or it does not have the assignment with its cells.
    """
    from nbgrader.api import Gradebook, MissingEntry

    path = course / GRADEBOOK
    if not path.is_file():
        raise AssignmentError(
            f"{course}: has no {GRADEBOOK}. Name the nbgrader course; `nbgrader generate_assignment {slug}` makes one."
        )
    outcome = Outcome()
    # nbgrader commits student by student: a copy takes the gradebook's place when all is written.
    copy = path.with_name(f".{GRADEBOOK}.new")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    with (
        contextlib.ExitStack() as left,
        Gradebook(f"sqlite:///{copy.absolute()}", _course_id(path)) as gradebook,
    ):
        left.callback(copy.unlink, missing_ok=True)
        try:
            cells = {cell.name for cell in gradebook.find_notebook(slug, slug).grade_cells}
        except MissingEntry:
            raise AssignmentError(
                f"{path}: has no notebook {slug} in an assignment {slug}. Run `nbgrader generate_assignment {slug}`."
            ) from None
        written = []
        for student in students:
            if student.auto is None:
                outcome.leave(student.state, student.student)
            else:
                written.append((student, _grade_of(student.folder)))
        if missing := sorted({cell for _, grade in written for cell in grade.points} - cells):
            raise AssignmentError(
                f"{path}: {slug} has no cell {some(missing)}. Run `nbgrader generate_assignment {slug}` with the "
                "notebook of this course."
            )
        for student, grade in written:
            name = _nbgrader_id(student)
            gradebook.update_or_create_student(name, **_person(student))
            when = _timestamp(course / "submitted" / name / slug)
            gradebook.update_or_create_submission(slug, name, **({"timestamp": when} if when else {}))
            _put(gradebook, slug, name, grade)
            outcome.graded[student.student] = round(sum(filter(None, grade.points.values())), 6)
        gradebook.db.commit()
        shutil.copyfile(path, _backup(path))
        copy.replace(path)
    for student, _ in written:
        _hand_over(student, slug, course)
    if waiting := [student.student for student, grade in written if None in grade.points.values()]:
        outcome.remarks.append(f"These wait in nbgrader for manual grading: {', '.join(waiting)}.")
    return outcome


def _backup(path: Path) -> Path:
    """Return a name that is free, for what stood there."""
    names = (path.with_name(f"{path.stem}.backup-{number}{path.suffix}") for number in itertools.count(1))
    return next(name for name in names if not name.exists())


class _Grade:
    """A student's points by nbgrader's cells, and what people wrote."""

    def __init__(self, report: Mapping[str, Any], grade: Mapping[str, Any]) -> None:
        given = {one["check"]: one["points"] for one in grade["checks"] if one["reason"]}
        self.points: dict[str, float | None] = {}
        for check in report["checks"]:
            cell = CHECK_CELL + check["task"]
            self.points[cell] = (self.points.get(cell) or 0.0) + given.get(check["id"], check["points"])
        self.questions = {one["question"]: one["points"] for one in grade["answers"]}
        self.points |= self.questions
        self.comments = {one["question"]: _comment(one) for one in grade["answers"]}
        self.penalty = -min(0.0, (grade.get("policy") or {"points": 0.0})["points"])


def _comment(answer: Mapping[str, Any]) -> str:
    items = [f"- {points_text(item['points'])}: {item['text']}" for item in answer["items"]]
    return "\n\n".join(filter(None, ("\n".join(items), answer["comment"])))


def _grade_of(folder: Path) -> _Grade:
    try:
        return _Grade(
            json.loads((folder / REPORT_NAME).read_bytes()), json.loads((folder / GRADE_NAME).read_bytes())
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AssignmentError(
            f"{folder}: cannot be read ({error}). Run `autograder report` on the results."
        ) from error


def _put(gradebook: Any, slug: str, student: str, grade: _Grade) -> None:
    for cell, points in grade.points.items():
        entry = gradebook.find_grade(cell, slug, slug, student)
        if cell in grade.questions:
            entry.manual_score = points
        else:
            entry.auto_score, entry.manual_score = points, None
        entry.needs_manual_grade = points is None
    for question, comment in grade.comments.items():
        gradebook.find_comment(question, slug, slug, student).manual_comment = comment
    gradebook.find_submission_notebook(slug, slug, student).late_submission_penalty = grade.penalty


def _hand_over(student: StudentTotal, slug: str, course: Path) -> None:
    """Put the executed notebook into autograded/, beside what release_feedback needs of the submission."""
    name = _nbgrader_id(student)
    folder, submitted = course / "autograded" / name / slug, course / "submitted" / name / slug
    folder.mkdir(parents=True, exist_ok=True)
    executed = student.folder / NOTEBOOK
    if executed.is_file():
        write_files({f"{slug}.ipynb": without_hidden(executed.read_bytes())}, folder)
    for each in _PASSED_ON:
        if (submitted / each).is_file():
            shutil.copyfile(submitted / each, folder / each)


def read_manual_points(students: Sequence[StudentTotal], slug: str, course: Path) -> bytes:
    """Return the manual points and comments of a gradebook as the table that `autograder mark --import` takes.

    Args:
        students: Of the results.
        slug: The assignment.
        course: The folder of the nbgrader course.

    Raises:
        AssignmentError: If there is no gradebook.
    """
    path = course / GRADEBOOK
    if not path.is_file():
        raise AssignmentError(f"{course}: has no {GRADEBOOK}. Name the nbgrader course.")
    buffer = io.StringIO(newline="")
    table = csv.writer(buffer, lineterminator="\r\n")
    table.writerow(COLUMNS)
    for student in students:
        questions = _grade_of(student.folder).questions
        for cell, points, comment in _manual(path, slug, _nbgrader_id(student)):
            if cell in questions and points is not None:
                table.writerow(
                    (csv_text(student.student), cell, points_text(points), csv_text(comment or ""), "", "")
                )
    return buffer.getvalue().encode()


def _manual(path: Path, slug: str, student: str) -> Iterator[tuple[str, float | None, str | None]]:
    """Yield cell, points and comment that people gave in nbgrader."""
    from nbgrader.api import Gradebook, MissingEntry

    with Gradebook(f"sqlite:///{path.absolute()}", _course_id(path)) as gradebook:
        try:
            notebook = gradebook.find_submission_notebook(slug, slug, student)
        except MissingEntry:
            return
        comments = {one.name: one.manual_comment for one in notebook.comments}
        for grade in notebook.grades:
            yield grade.name, grade.manual_score, comments.get(grade.name)


def _course_id(path: Path) -> str:
    """Return the course that a gradebook is of; nbgrader's default if it is of none or several."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            found = [name for (name,) in database.execute("SELECT id FROM course")]
    except sqlite3.DatabaseError as error:
        raise AssignmentError(f"{path}: is no gradebook of nbgrader: {error}.") from None
    return found[0] if len(found) == 1 else "default_course"


def _nbgrader_id(student: StudentTotal) -> str:
    return student.id or student.student


def _person(student: StudentTotal) -> dict[str, str]:
    first, _, last = student.name.rpartition(" ")
    known = {"first_name": first, "last_name": last, "email": student.handed_in.get("email", "")}
    return {key: value for key, value in known.items() if value}


def _timestamp(folder: Path) -> datetime | None:
    """Return when nbgrader's own file says that a submission came."""
    from nbgrader.utils import parse_utc

    try:
        return parse_utc((folder / "timestamp.txt").read_text().strip())  # type: ignore[no-any-return]
    except (OSError, ValueError):
        return None
