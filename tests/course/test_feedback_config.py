"""The feedback policy of a course, and the day from which it holds."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta, timezone

import pytest

from autograder.course.assignment import load_assignment
from autograder.course.feedback_config import read_policy
from autograder.errors import AssignmentError
from autograder.records import FeedbackPolicy


def policy(text: str) -> tuple[FeedbackPolicy, list[str]]:
    problems: list[str] = []
    return read_policy(tomllib.loads(text), problems), problems


def test_without_settings_students_read_hints() -> None:
    found, problems = policy("")
    assert (found, problems) == (FeedbackPolicy(level="hints", begins=None), [])
    assert found.at(datetime(2100, 1, 1)) == "hints"


@pytest.mark.parametrize("level", ["names", "full"])
def test_a_date_is_the_beginning_of_that_day(level: str) -> None:
    found, problems = policy(f'feedback = "{level}"\nfeedback_from = 2026-12-24')
    assert problems == []
    assert found.at(datetime(2026, 12, 23, 23, 59, 59)) == "hints"
    assert found.at(datetime(2026, 12, 24)) == level
    assert found.is_ahead(datetime(2026, 12, 23)) and not found.is_ahead(datetime(2026, 12, 24))


def test_without_a_date_a_level_holds_at_once() -> None:
    found, _ = policy('feedback = "names"')
    assert found.at(datetime(1970, 1, 2)) == "names" and not found.is_ahead(datetime(1970, 1, 2))


def test_a_date_time_may_state_its_zone() -> None:
    found, problems = policy('feedback = "names"\nfeedback_from = 2026-12-24T18:00:00+02:00')
    assert problems == [] and found.begins is not None
    assert found.at(datetime(2026, 12, 24, 15, 59, tzinfo=UTC)) == "hints"
    assert found.at(datetime(2026, 12, 24, 18, tzinfo=timezone(timedelta(hours=2)))) == "names"


def test_a_date_time_without_a_zone_is_local() -> None:
    found, _ = policy('feedback = "names"\nfeedback_from = 2026-12-24T18:00:00')
    assert found.at(datetime(2026, 12, 24, 17, 59)) == "hints"
    assert found.at(datetime(2026, 12, 24, 18)) == "names"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            'feedback = "name"',
            "'feedback' is 'name': it must be one of hints, names, full. Did you mean names?",
        ),
        ("feedback = 3", "'feedback' is 3: it must be one of hints, names, full."),
        ("feedback = []", "'feedback' is []: it must be one of hints, names, full."),
        (
            'feedback = "names"\nfeedback_from = "2026-12-24"',
            "'feedback_from' is '2026-12-24': write a date without quotation marks, as in feedback_from = 2026-12-24.",
        ),
        (
            'feedback = "hints"\nfeedback_from = 2026-12-24',
            "'feedback_from' has no effect, because students read hints before that date and after it. "
            'Remove it, or choose feedback = "names" or "full".',
        ),
        (
            "feedback_from = 2026-12-24",
            "'feedback_from' has no effect, because students read hints before that date and after it. "
            'Remove it, or choose feedback = "names" or "full".',
        ),
    ],
)
def test_what_cannot_be_right_is_a_problem(text: str, problem: str) -> None:
    assert policy(text)[1] == [problem]


def test_the_assignment_has_its_policy(mini_course) -> None:
    path = mini_course / "assignments" / "standardise" / "assignment.toml"
    path.write_text('feedback = "full"\nfeedback_from = 2026-12-24\n' + path.read_text())
    found = load_assignment(mini_course, "standardise").feedback
    assert found == FeedbackPolicy(level="full", begins=datetime(2026, 12, 24))


def test_a_mistyped_setting_is_named_with_the_file(mini_course) -> None:
    path = mini_course / "assignments" / "standardise" / "assignment.toml"
    path.write_text('feedback_form = 2026-12-24\nfeedback = "ful"\n' + path.read_text())
    with pytest.raises(AssignmentError) as caught:
        load_assignment(mini_course, "standardise")
    assert "'feedback_form' is not a setting. Did you mean feedback_from" in str(caught.value)
    assert "Did you mean full" in str(caught.value)
