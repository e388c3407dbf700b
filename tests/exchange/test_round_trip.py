"""From Moodle's download through the sandbox back into Moodle's worksheet, with a second attempt between."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.authoring.notebook import build_assignment
from autograder.checks.decorators import collect, points_by_task
from autograder.course.assignment import load_assignment
from autograder.course.policy.attempts import read_attempts
from autograder.exchange.totals import read_totals
from autograder.grading.batch import Options, grade_paths

from ..notebook_maker import submission
from .conftest import Said
from .moodle_reader import MoodleAssignment

pytestmark = pytest.mark.sandbox

SLUG = "standardise"
WRONG = {"centre": "def centre(values):\n    return values"}
HEADER = "Identifier,Full name,Grade,Maximum grade,Last modified (grade),Feedback comments\n"


def download(template: Path, folder: Path, cells: dict[str, str]) -> Path:
    """Write what Moodle gives: two students, one of whom wrote a text alone."""
    path = folder / "NLP-Lab-77.zip"
    notebook = submission(template, folder / "any.ipynb", cells)
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(notebook, "Anna Adams_101_assignsubmission_file/standardise.ipynb")
        archive.writestr("Bob Brown_102_assignsubmission_onlinetext/onlinetext.html", "<p>Later.</p>")
    return path


def test_a_download_comes_back_as_grades_and_feedback(
    autograder: Callable[..., Said], mini_course: Path, tmp_path: Path
) -> None:
    assignment = load_assignment(mini_course, SLUG)
    build_assignment(assignment, points_by_task(collect(assignment)))
    results = tmp_path / "results"
    for cells in (WRONG, {}):
        grade_paths([download(assignment.template, tmp_path, cells)], assignment, results, Options(jobs=1))
    anna, bob = read_totals(results, SLUG)
    assert anna.handed_in == {
        "platform": "Moodle",
        "id": "101",
        "place": "Anna Adams_101_assignsubmission_file/",
    }
    assert (anna.student, bob.student, bob.state) == ("Anna Adams", "Bob Brown", "problem")
    scores = [attempt.score for attempt in read_attempts(results / SLUG / ".journal")["Anna Adams"]]
    assert len(scores) == 2 and scores[0] < scores[1] == anna.auto

    rows = "".join(
        f"Participant {number},{name},,100.00,-,\n"
        for number, name in ((101, "Anna Adams"), (102, "Bob Brown"))
    )
    worksheet = tmp_path / "Grades.csv"
    worksheet.write_text(HEADER + rows)
    where = [results, "--assignment", SLUG, "--worksheet", worksheet, "--out", tmp_path / "out", "--partial"]
    code, said, _ = autograder("export", "moodle", *where)
    assert code == 0 and "problem: Bob Brown" in said
    moodle = MoodleAssignment("en", maximum=100.0, participants={101, 102})
    moodle.import_worksheet((tmp_path / "out" / "Grades.csv").read_bytes())
    moodle.import_feedback((tmp_path / "out" / "feedback.zip").read_bytes(), is_old=False)
    assert moodle.grades == {101: anna.auto} and moodle.feedback == {101: ["feedback.html"]}
