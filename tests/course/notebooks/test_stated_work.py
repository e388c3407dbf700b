"""Goals, points and times as students read them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from autograder.course.notebooks.stated_work import below_heading, goals_cell, is_generated, work_id, work_of
from autograder.records import Assignment, Limits, Task, WrittenQuestion

POINTS = {"double": 2.5, "halve": 1.0}


@pytest.fixture
def assignment() -> Assignment:
    return Assignment(
        slug="demo",
        title="Demo",
        points=3.5,
        course_dir=Path(),
        folder=Path(),
        reference=Path(),
        template=Path(),
        tasks=(
            Task(name="double", title="Double", expected="twice", minutes=60),
            Task(name="halve", title="Halve", expected="half", minutes=15),
        ),
        questions=(WrittenQuestion(id="question-why", title="Why?", points=3, minutes=30),),
        models={},
        goals=("You can double.", "You can halve."),
        limits=Limits(),
    )


def test_tasks_and_questions_have_a_line_each(assignment: Assignment) -> None:
    assert work_of(assignment, POINTS) == {
        "double": "*2.5 points, about 60 minutes*",
        "halve": "*1 point, about 15 minutes*",
        "question-why": "*3 points, about 30 minutes*",
    }


def test_minutes_may_be_left_out(assignment: Assignment) -> None:
    timeless = replace(assignment, tasks=tuple(replace(task, minutes=0) for task in assignment.tasks))
    assert work_of(timeless, POINTS)["double"] == "*2.5 points*"
    # A sum of some of the times would be too small.
    assert "about" not in goals_cell(timeless, POINTS)


def test_the_goals_come_with_all_points_and_the_whole_time(assignment: Assignment) -> None:
    assert goals_cell(assignment, POINTS) == (
        "**Goals**\n\n- You can double.\n- You can halve.\n\n"
        "**Points and time.** The functions give 3.5 points, the written question 3 points. Plan about 2 hours."
    )


def test_an_assignment_without_goals_and_questions_states_its_points(assignment: Assignment) -> None:
    bare = replace(assignment, goals=(), questions=())
    assert goals_cell(bare, POINTS) == (
        "**Points and time.** The functions give 3.5 points. Plan about 75 minutes."
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("## One", "## One\n\nLINE"),
        ("## One\n\nText.", "## One\n\nLINE\n\nText."),
        ("## One\nText.", "## One\n\nLINE\n\nText."),
        ("Before.\n\n### Two\n\nText.\n\nMore.", "Before.\n\n### Two\n\nLINE\n\nText.\n\nMore."),
        ("## One\n\n## Two\n\nText.", "## One\n\n## Two\n\nLINE\n\nText."),
        ("## One\n\n```\n## no heading\n```", "## One\n\nLINE\n\n```\n## no heading\n```"),
        ("# Title\n\nText.", None),
        ("Text #2, and ##", None),
        ("", None),
    ],
)
def test_a_line_goes_below_the_last_heading(source: str, expected: str | None) -> None:
    assert below_heading(source, "LINE") == expected


def test_generated_cells_are_known_by_their_ids() -> None:
    assert all(map(is_generated, ("stated-limits", "stated-goals", work_id("question-why"))))
    assert not any(map(is_generated, ("demo-01", "check-double", "question-why", "stated-view", "")))
