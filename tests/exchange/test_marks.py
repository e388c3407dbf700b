"""What people decide is what is exported, and goes when a student is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.authoring.notebook import build_assignment
from autograder.checks.decorators import collect, points_by_task
from autograder.course.assignment import load_assignment
from autograder.exchange.totals import read_totals
from autograder.marking.actions import Marking
from autograder.marking.pages import refresh, refresh_class
from autograder.marking.records import Given
from autograder.records import Assignment, Execution, Pending
from autograder.report import write_submission

from .conftest import Said
from .results_maker import Student, report_of
from .test_forget import traces

SLUG, QUESTION = "standardise", "question-why"


@pytest.fixture
def assignment(mini_course: Path) -> Assignment:
    assignment = load_assignment(mini_course, SLUG)
    build_assignment(assignment, points_by_task(collect(assignment)))
    return assignment


@pytest.fixture
def marking(assignment: Assignment, tmp_path: Path) -> Iterator[Marking]:
    """The marking of a class of two, who have answered the question."""
    (question,) = [one for one in assignment.questions if one.id == QUESTION]
    answer = Pending(id=question.id, title=question.title, points=question.points, answer="Because.")
    reports = []
    for name in ("Anna Sentinel", "Bob"):
        report = replace(report_of(Student(name=name, pending=(answer,))), assignment=SLUG)
        folder = tmp_path / "results" / SLUG / report.folder_name
        write_submission(report, Execution(notebook={"cells": [], "metadata": {}}), assignment, folder)
        reports.append(report)
    refresh_class(reports, assignment, tmp_path / "results" / SLUG)
    with Marking(tmp_path / "results" / SLUG, assignment) as marking:
        yield marking


def test_a_grade_is_exported_once_it_is_marked(marking: Marking, tmp_path: Path) -> None:
    results = tmp_path / "results"
    before = {total.student: total for total in read_totals(results, SLUG)}
    assert before["Anna Sentinel"].total is None and QUESTION in before["Anna Sentinel"].state
    marking.mark("Anna Sentinel", QUESTION, Given(adjustment=1.5), by="Ines")
    refresh(marking)
    anna, bob = read_totals(results, SLUG)
    assert (anna.total, anna.state) == (40.0, "complete")
    assert bob.total is None and bob.points(partial=True) == 38.5


def test_marks_are_forgotten_with_the_student(
    marking: Marking, autograder: Callable[..., Said], mini_course: Path, tmp_path: Path
) -> None:
    results = tmp_path / "results"
    for name in ("Anna Sentinel", "Bob"):
        marking.mark(name, QUESTION, Given(adjustment=1, comment=f"Well seen, {name}."), by="Ines")
    refresh(marking)
    marking.close()
    assert "marking.sqlite" in traces(results, b"Sentinel")
    code, _, error = autograder("forget", "Anna Sentinel", results, "--course", mini_course)
    assert code == 0, error
    assert traces(results, b"Sentinel") == []
    (bob,) = read_totals(results, SLUG)
    assert (bob.student, bob.total) == ("Bob", 39.5)
