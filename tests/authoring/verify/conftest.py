"""The small course, with its student notebook."""

import json

import pytest

from autograder.authoring.notebook import build_assignment
from autograder.checks.course_context import load_course
from autograder.checks.decorators import collect, points_by_task
from autograder.course.assignment import load_assignment


@pytest.fixture
def assignment(mini_course):
    found = load_assignment(mini_course, "standardise")
    build_assignment(found, points_by_task(collect(found)))
    return found


def set_tolerances(assignment, tau):
    """Set all tolerances of the small course to one bound."""
    path = assignment.generated_dir / "calibration.json"
    stored = json.loads(path.read_text())
    for tolerance in stored.values():
        tolerance |= {"tau": tau, "right": tau / 10, "wrong": tau * 10}
    path.write_text(json.dumps(stored))


@pytest.fixture
def course(assignment):
    return load_course(assignment)
