"""A student who is forgotten is nowhere in a results folder; everybody else stays."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.authoring.notebook import build_assignment
from autograder.checks.decorators import collect, points_by_task
from autograder.course.assignment import load_assignment
from autograder.failpoints import VARIABLE
from autograder.grading.journal import Entry, Journal

from ..grading.test_journal import in_child
from .conftest import Said
from .results_maker import SLUG, Student, make_results

STANDARDISE = "standardise"


@pytest.fixture
def results(mini_course: Path, tmp_path: Path) -> Path:
    """Results of two assignments' names: one of the course, with a journal and a record of releases."""
    assignment = load_assignment(mini_course, STANDARDISE)
    build_assignment(assignment, points_by_task(collect(assignment)))
    anna = Student(name="Anna Sentinel", handed_in={"platform": "Canvas", "id": "777"})
    other = Student(name="Bob", handed_in={"platform": "Canvas", "id": "778"})
    results = make_results(tmp_path, anna, other)
    shutil.move(results / SLUG, results / STANDARDISE)
    (results / STANDARDISE / ".journal").mkdir()
    with Journal(results / STANDARDISE / ".journal") as journal:
        for name in ("Anna Sentinel", "Bob"):
            journal.schedule([Entry(folder=name, student=name, key="k" * 64)])
    return results


def traces(folder: Path, word: bytes) -> list[str]:
    """Return the files whose name or content holds a word."""
    return [
        path.name
        for path in folder.rglob("*")
        if word in str(path).encode() or (path.is_file() and word in path.read_bytes())
    ]


@pytest.mark.parametrize("named", ["Anna Sentinel", "777"])
def test_a_student_is_removed_with_every_trace(
    named: str, autograder: Callable[..., Said], results: Path, mini_course: Path, tmp_path: Path
) -> None:
    autograder("feedback", results, "--assignment", STANDARDISE, "--out", tmp_path / "out")
    autograder("totals", results, "--course", mini_course)
    assert "totals.csv" in traces(results, b"Sentinel") and len(traces(results, b"Sentinel")) > 5
    code, said, _ = autograder("forget", named, results, "--course", mini_course)
    assert code == 0 and f"{named} is removed from" in said
    assert traces(results, b"Sentinel") == []
    assert "Bob" in (results / STANDARDISE / "grades.csv").read_text()
    assert b"Bob" in (results / STANDARDISE / "class.html").read_bytes()
    assert (results / STANDARDISE / "Bob" / "report.json").is_file()
    with sqlite3.connect(results / STANDARDISE / ".journal" / "journal.sqlite") as database:
        assert database.execute("SELECT folder FROM submissions").fetchall() == [("Bob",)]


@pytest.mark.parametrize("step", ["begun", "decisions", "files", "class"])
def test_after_a_kill_the_same_command_goes_on(
    step: str,
    autograder: Callable[..., Said],
    results: Path,
    mini_course: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv(VARIABLE, f"forget.{step}")
        killed = in_child(lambda: autograder("forget", "777", results, "--course", mini_course))
    assert killed == -signal.SIGKILL
    assert traces(results, b"Sentinel") != []
    code, _, error = autograder("forget", "777", results, "--course", mini_course)
    assert code == 0, error
    assert traces(results, b"Sentinel") == []
    assert "Bob" in (results / STANDARDISE / "grades.csv").read_text()
    code, _, error = autograder("forget", "777", results, "--course", mini_course)
    assert code == 2 and "nobody of that name or id" in error


@pytest.mark.parametrize(
    ("named", "said"),
    [("Anna Sentinal", "Did you mean Anna Sentinel?"), ("779", "nobody of that name or id")],
)
def test_nobody_is_guessed(
    named: str, said: str, autograder: Callable[..., Said], results: Path, mini_course: Path
) -> None:
    code, _, error = autograder("forget", named, results, "--course", mini_course)
    assert code == 2 and said in error
    assert len(traces(results, b"Sentinel")) > 5


def test_without_the_course_nothing_is_removed(
    autograder: Callable[..., Said], results: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    code, _, said = autograder("forget", "Bob", results, "--course", tmp_path / "elsewhere")
    assert code == 2 and "Traceback" not in said
    assert (results / STANDARDISE / "Bob" / "report.json").is_file()
