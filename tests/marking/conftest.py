"""A class of a few students whose answers people mark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from autograder.marking.actions import Marking
from autograder.records import Assignment, GradeReport, Pending, WrittenQuestion
from autograder.report import to_json, write_files

from ..report.conftest import RUBRIC, make_assignment, make_passed, make_problem, make_report

WORDS, FAITH = "question-words", "question-faith"
STUDENTS = ("Ana", "Bo", "Łukasz Żak", "王伟")
"""All have answered the first question; only Ana the second."""

BROKEN = "Zed"
"""Whose notebook could not be run."""


def make_questions() -> tuple[WrittenQuestion, ...]:
    return (
        WrittenQuestion(id=WORDS, title="Which tokens decide?", points=4, rubric=RUBRIC),
        WrittenQuestion(id=FAITH, title="When is it faithful?", points=2, rubric=("names a test",)),
    )


def pending(question: WrittenQuestion, answer: str) -> Pending:
    return Pending(
        id=question.id, title=question.title, points=question.points, answer=answer, rubric=question.rubric
    )


def answered(report: GradeReport, *answers: str) -> GradeReport:
    """Return the report with these answers to the questions; an empty one is none."""
    found = [pending(question, answer) for question, answer in zip(make_questions(), answers, strict=True)]
    return replace(
        report,
        pending=tuple(one for one in found if one.answer),
        unanswered=tuple(one for one in found if not one.answer),
    )


def make_class() -> list[GradeReport]:
    texts = [f"**Wecker** carries most, says {name}." for name in STUDENTS]
    reports = [answered(make_passed(name), text, "") for name, text in zip(STUDENTS, texts, strict=True)]
    reports[0] = answered(reports[0], texts[0], "When deletion changes the $x$ logit.")
    return [*reports, make_problem(BROKEN)]


def hand_in(report: GradeReport, assignment: Assignment, folder: Path) -> None:
    """Write a report to where grading does."""
    assert report.assignment == assignment.slug
    place = folder / report.folder_name
    place.mkdir(exist_ok=True)
    write_files({"report.json": to_json(report)}, place)


@pytest.fixture
def course_assignment(tmp_path) -> Assignment:
    """Two written questions, of 4 and 2 points, beside 24 points of checks."""
    return replace(make_assignment(tmp_path / "course"), questions=make_questions())


@pytest.fixture
def results(tmp_path, course_assignment) -> Path:
    """RESULTS/<slug> of a graded class."""
    folder = tmp_path / "results" / course_assignment.slug
    folder.mkdir(parents=True)
    for report in make_class():
        hand_in(report, course_assignment, folder)
    return folder


@pytest.fixture
def marking(results, course_assignment):
    """The marking of that class."""
    with Marking(results, course_assignment) as opened:
        yield opened


@pytest.fixture
def faulty() -> GradeReport:
    """A report with a check that needs review."""
    return answered(make_report("Faulty"), "An answer.", "")
