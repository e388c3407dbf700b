"""Fixtures that a check asks for and that do not exist are the instructor's errors, told before anything is graded."""

import pytest

from autograder.checks.decorators import collect
from autograder.checks.runner import try_collecting
from autograder.course.assignment import load_assignment
from autograder.errors import AssignmentError


@pytest.fixture
def checks(mini_course):
    return mini_course / "assignments" / "standardise" / "checks.py"


def rewritten(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def collected(course):
    assignment = load_assignment(course, "standardise")
    try_collecting(assignment, collect(assignment))


def said(course):
    with pytest.raises(AssignmentError) as caught:
        collected(course)
    return str(caught.value)


def test_the_fixtures_of_the_harness_of_pytest_and_of_checks_py_are_known(mini_course, checks):
    rewritten(
        checks,
        "def test_centre_shape(submission",
        "def test_centre_shape(table, tmp_path, request, submission",
    )
    checks.write_text(checks.read_text() + FIXTURE.replace("submision", "rng"))
    collected(mini_course)


def test_a_misspelt_fixture_is_named_with_its_check(mini_course, checks):
    rewritten(checks, "def test_centre_shape(submission", "def test_centre_shape(submision")
    assert said(mini_course) == (
        f"{checks}: 1 problem(s):\n"
        "  - test_centre_shape: there is no fixture 'submision'. Did you mean submission?"
    )


FIXTURE = """
import pytest

@pytest.fixture
def table(submision):
    return 1
"""


def test_all_of_them_come_at_once_those_that_fixtures_ask_for_too(mini_course, checks):
    rewritten(checks, "def test_centre_shape(submission", "def test_centre_shape(table, qqqq, submission")
    checks.write_text(checks.read_text() + FIXTURE)
    assert said(mini_course).splitlines()[1:] == [
        "  - the fixture table: there is no fixture 'submision'. Did you mean submission?",
        "  - test_centre_shape: there is no fixture 'qqqq'.",
    ]
