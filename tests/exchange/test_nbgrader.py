"""nbgrader's own commands on a gradebook that we wrote, and its manual points back in ours."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from autograder.authoring.notebook import build_assignment
from autograder.checks.decorators import collect, points_by_task
from autograder.course.assignment import load_assignment
from autograder.grading.batch import Options, grade_paths
from autograder.marking.actions import Marking
from autograder.marking.pages import refresh
from autograder.marking.records import Given

from ..conftest import MINI
from ..notebook_maker import submission
from .conftest import Said

pytestmark = pytest.mark.sandbox

SLUG, WHY = "standardise", "question-why"


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An nbgrader course with our assignment and two submissions, and our results of them, but for bo's answer."""
    base = tmp_path_factory.mktemp("graded")
    shutil.copytree(MINI, base / "course")
    assignment = load_assignment(base / "course", SLUG)
    build_assignment(assignment, points_by_task(collect(assignment)))
    course, results = base / "nbgrader-course", base / "results"
    source = course / "source" / SLUG / f"{SLUG}.ipynb"
    source.parent.mkdir(parents=True)
    shutil.copyfile(assignment.template, source)
    for name, cells in (("ana", {}), ("bo", {"standardise": "x = 1"})):
        folder = course / "submitted" / name / SLUG
        submission(assignment.template, folder / f"{SLUG}.ipynb", cells)
        (folder / "timestamp.txt").write_text("2026-11-02 10:20:30 UTC")
    (course / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = 'nlp'\n")
    nbgrader(course, "generate_assignment", SLUG)
    grade_paths([course / "submitted"], assignment, results, Options(jobs=1))
    with Marking(results / SLUG, assignment) as marking:
        marking.mark("ana", WHY, Given(adjustment=1.5, comment="Well said."), by="Ines")
        refresh(marking)
    return base


@pytest.fixture
def course(graded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(graded / "nbgrader-course", tmp_path / "nbgrader-course"))


@pytest.fixture
def results(graded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(graded / "results", tmp_path / "results"))


def nbgrader(course: Path, *arguments: str) -> None:
    """Run one of nbgrader's commands; alembic has to be on PATH."""
    bin_folder = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [bin_folder / "nbgrader", *arguments],
        cwd=course,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def table_of(results: Path) -> dict[str, dict[str, str]]:
    with (results / SLUG / "grades.csv").open(newline="", encoding="utf-8") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_nbgraders_commands_work_on_what_we_wrote(
    autograder: Callable[..., Said], course: Path, results: Path
) -> None:
    before = (course / "gradebook.db").read_bytes()
    code, said, error = autograder("export", "nbgrader", results, "--assignment", SLUG, "--course", course)
    assert code == 0, error
    assert "2 grades" in said and "These wait in nbgrader for manual grading: bo." in said
    assert (course / "gradebook.backup-1.db").read_bytes() == before

    nbgrader(course, "generate_feedback", SLUG)
    pages = {name: (course / "feedback" / name / SLUG / f"{SLUG}.html").read_text() for name in ("ana", "bo")}
    assert "Well said." in pages["ana"] and "7.5 / 8" in pages["ana"].replace(".0 ", " ").replace("8.0", "8")
    assert (course / "feedback" / "ana" / SLUG / "timestamp.txt").is_file()

    nbgrader(course, "export")
    with (course / "grades.csv").open(newline="") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    ours = table_of(results)
    assert float(rows["ana"]["score"]) == float(ours["ana"]["total"]) == 7.5
    assert float(rows["bo"]["score"]) == float(ours["bo"]["auto"]) < 6
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "nlp") as gradebook:
        waiting = {one.student.id: one.needs_manual_grade for one in gradebook.assignment_submissions(SLUG)}
    assert waiting == {"ana": False, "bo": True}


def test_manual_points_of_nbgrader_come_back(
    autograder: Callable[..., Said], course: Path, results: Path, graded: Path, tmp_path: Path
) -> None:
    autograder("export", "nbgrader", results, "--assignment", SLUG, "--course", course)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "nlp") as gradebook:
        grade = gradebook.find_grade(WHY, SLUG, SLUG, "bo")
        grade.manual_score, grade.needs_manual_grade = 0.5, False
        gradebook.find_comment(WHY, SLUG, SLUG, "bo").manual_comment = "Half of it."
        gradebook.db.commit()
    table = tmp_path / "marks.csv"
    code, _, error = autograder(
        "export", "nbgrader", results, "--assignment", SLUG, "--course", course, "--read-back", table
    )
    assert code == 0, error
    options = ("--assignment", SLUG, "--as", "Ada", "--course", graded / "course")
    code, _, error = autograder("mark", results, "--import", table, *options)
    assert code == 0, error
    rows = table_of(results)
    assert (rows["bo"]["written"], rows["ana"]["written"]) == ("0.5", "1.5")


def test_a_gradebook_without_the_assignment_is_one_sentence_and_stays(
    autograder: Callable[..., Said], course: Path, results: Path, tmp_path: Path
) -> None:
    code, _, error = autograder("export", "nbgrader", results, "--assignment", SLUG, "--course", tmp_path)
    assert code == 2 and "has no gradebook.db" in error
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "nlp") as gradebook:
        gradebook.remove_assignment(SLUG)
    before = (course / "gradebook.db").read_bytes()
    code, _, error = autograder("export", "nbgrader", results, "--assignment", SLUG, "--course", course)
    assert code == 2 and "generate_assignment" in error and "Traceback" not in error
    assert (course / "gradebook.db").read_bytes() == before
    assert not list(course.glob(".gradebook*"))
