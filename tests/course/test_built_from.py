"""Whether the student notebook is older than the reference, found without building it."""

import json
from dataclasses import replace

import pytest

from autograder.authoring.notebook import build_assignment
from autograder.checks.decorators import collect, points_by_task
from autograder.course.assignment import load_assignment
from autograder.course.built_from import is_outdated


@pytest.fixture
def assignment(mini_course):
    assignment = load_assignment(mini_course, "standardise")
    build_assignment(assignment, points_by_task(collect(assignment)))
    return assignment


def rewritten(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_notebook_that_was_just_built_is_current(assignment):
    assert not is_outdated(assignment)


def test_what_students_see_makes_it_outdated_until_it_is_built_again(assignment):
    rewritten(assignment.reference, "def centre(values):", "def centre(values, axis=0):")
    assert is_outdated(assignment)
    build_assignment(assignment, points_by_task(collect(assignment)))
    assert not is_outdated(assignment)


def test_another_solution_leaves_it_current(assignment):
    rewritten(assignment.reference, "values - values.mean(dim=0)", "values - values.mean(0)")
    assert not is_outdated(assignment)


@pytest.mark.parametrize("damage", ["missing", "no JSON", "of another version"])
def test_a_notebook_that_does_not_say_from_what_it_was_built_is_not_accused(assignment, damage):
    if damage == "missing":
        assignment.template.unlink()
    elif damage == "no JSON":
        assignment.template.write_text("{")
    else:
        notebook = json.loads(assignment.template.read_text())
        del notebook["metadata"]["autograder"]
        assignment.template.write_text(json.dumps(notebook))
    assert not is_outdated(assignment)


def test_another_limit_makes_it_outdated(assignment):
    other = replace(assignment, limits=replace(assignment.limits, call_timeout_s=7))
    assert is_outdated(other)
    build_assignment(other, points_by_task(collect(other)))
    assert not is_outdated(other)


@pytest.mark.parametrize("stated", ["goals", "task", "question"])
def test_other_goals_and_times_make_it_outdated(assignment, stated):
    first, *tasks = assignment.tasks
    (question,) = assignment.questions
    change = {
        "goals": {"goals": ("You can centre.",)},
        "task": {"tasks": (replace(first, minutes=30), *tasks)},
        "question": {"questions": (replace(question, minutes=30),)},
    }[stated]
    other = replace(assignment, **change)
    assert is_outdated(other)
    build_assignment(other, points_by_task(collect(other)))
    assert not is_outdated(other)
