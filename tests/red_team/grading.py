"""Whole submissions through the real pipeline, for attacks on the grade itself."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path

import nbformat

from autograder.checks.course_context import Course
from autograder.execution.zygote_client import ZygoteLink
from autograder.grading.pipeline import GradedSubmission, grade_submission
from autograder.records import Submission
from autograder.report import write_submission

from ..notebook_maker import submission

WRONG = {
    "centre": "def centre(values):\n    return values.sum() * 0 + 13",
    "standardise": "def standardise(values):\n    return values.sum() * 0 + 13",
}
"""Answers that earn nothing."""

LATER = '''

from autograder.checks import read_answer

@grades("standardise")
@points(1)
@visibility("visible")
def test_standardise_shape(submission):
    """The standardised table has the table's shape."""
    answer = submission.call("standardise", torch.eye(3))
    assert read_answer(lambda value: value.shape, answer) == (3, 3), "The shape is another one."
'''
"""A visible check behind hidden ones, as real assignments have them."""


def with_later_check(course_dir: Path) -> None:
    """Put a visible check behind the hidden ones of the small course; its points stay the same."""
    path = course_dir / "assignments" / "standardise" / "checks.py"
    text = path.read_text(encoding="utf-8")
    assert text.count("@points(3)") == 1
    path.write_text(text.replace("@points(3)", "@points(2)") + LATER, encoding="utf-8")


class Grader:
    """Grades notebooks made from the small course's template."""

    def __init__(self, course: Course, zygote: ZygoteLink, folder: Path) -> None:
        self.course = course
        self._zygote = zygote
        self._folder = folder

    def handed_in(
        self, cells: Mapping[str, str | None] | None = None, extra: Sequence[str] = (), student: str = "ana"
    ) -> Path:
        """Write a submission: right where nothing else is said."""
        path = self._folder / f"{student}.ipynb"
        return submission(self.course.assignment.template, path, cells, extra=extra)

    def grade(
        self, cells: Mapping[str, str | None] | None = None, extra: Sequence[str] = (), student: str = "ana"
    ) -> GradedSubmission:
        """Grade such a submission."""
        return self.grade_file(self.handed_in(cells, extra, student), student)

    def grade_file(self, path: Path, student: str = "ana", course: Course | None = None) -> GradedSubmission:
        """Grade a file."""
        handed_in = Submission(student=student, path=path, origin=path.name)
        return grade_submission(handed_in, course or self.course, self._zygote)

    def pages(self, graded: GradedSubmission) -> Path:
        """Write the submission's files; return their folder."""
        folder = self._folder / "results"
        write_submission(graded.report, graded.execution, self.course.assignment, folder)
        return folder

    def edited(self, path: Path, change: object) -> Path:
        """Change a submitted notebook by a function of its node."""
        assert callable(change)
        notebook = copy.deepcopy(nbformat.read(path, as_version=4))
        change(notebook)
        nbformat.write(notebook, path)
        return path
