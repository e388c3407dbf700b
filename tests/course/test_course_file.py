"""course.toml: what it states, and every problem of it in one message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from autograder.course.course_file import load_course
from autograder.errors import AssignmentError

WHOLE = """
title = "Interpretability"
time_zone = "Europe/Berlin"
attempts = "best"
drop_lowest = 1

[late]
percent_per_day = 10
grace_minutes = 15
free_days = 3
most_percent = 50

[assignments.logit_lens]
due = 2026-12-10
release = 2026-12-20T08:00:00

[assignments.logit_lens.handed_in]
"Anna Adams" = 2026-12-11T09:30:00

[assignments.token_attribution]
due = 2026-12-17T12:00:00Z
late = { percent_per_hour = 1 }

[[extensions]]
student = "Bob"
assignment = "logit_lens"
days = 2

[[extensions]]
group = "G1"
due = 2027-01-10

[groups]
G1 = ["Anna Adams", "Bob"]
"""


def course(folder: Path, text: str, slugs: list[str] | None = None) -> object:
    (folder / "course.toml").write_text(text, encoding="utf-8")
    return load_course(folder, slugs)


def test_a_course_without_the_file_has_no_settings(tmp_path: Path) -> None:
    assert load_course(tmp_path) is None


def test_a_day_ends_at_midnight_in_the_courses_time_zone(tmp_path: Path) -> None:
    (tmp_path / "course.toml").write_text(WHOLE, encoding="utf-8")
    found = load_course(tmp_path, ["logit_lens", "token_attribution"])
    assert found is not None
    lens, token = found.dates("logit_lens"), found.dates("token_attribution")
    assert lens.due is not None and token.due is not None and lens.release is not None
    assert lens.due.astimezone(UTC) == datetime(2026, 12, 10, 22, 59, 59, tzinfo=UTC)
    assert lens.release.astimezone(UTC) == datetime(2026, 12, 20, 7, tzinfo=UTC)
    assert lens.handed_in["Anna Adams"].astimezone(UTC) == datetime(2026, 12, 11, 8, 30, tzinfo=UTC)
    assert token.due == datetime(2026, 12, 17, 12, tzinfo=UTC)
    assert token.late is not None and token.late.unit == timedelta(hours=1) and token.late.percent == 1
    assert (found.late.percent, found.late.free_days, found.late.most_percent) == (10, 3, 50)
    assert (found.attempts, found.drop_lowest, found.groups) == ("best", 1, {"G1": ("Anna Adams", "Bob")})
    assert [(one.who, one.assignment, one.days) for one in found.extensions] == [
        ("Bob", "logit_lens", 2),
        ("G1", "", 0),
    ]
    assert found.dates("another").due is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('time_zone = "Berlin"', "write a name such as Europe/Berlin"),
        ('titel = "x"', "'titel' is not a setting. Did you mean title?"),
        ('attempts = "first"', "must be one of last, best, average"),
        ("drop_lowest = -1", "must be a number from 0"),
        ("drop_lowest = true", "of the wrong type"),
        ("late = 3", "must be a table"),
        ("[late]\npercent_per_day = 1\npercent_per_hour = 1", "keep one of them"),
        ('[assignments.logit_lens]\ndue = "2026-12-10"', "write a date without quotation marks"),
        ("[assignments.logit_len]\ndue = 2026-12-10", "Did you mean logit_lens?"),
        ("[[extensions]]\ndays = 1", "either a 'student' or a 'group'"),
        ('[[extensions]]\nstudent = "a"', "either 'days' or 'due'"),
        ('[groups]\nA = ["Bob"]\nB = ["Bob"]', "'Bob' is in several groups"),
        ('[groups]\nA = "Bob"', "must be a list of names"),
        ("title = ", "not readable as TOML"),
    ],
)
def test_a_problem_is_a_sentence(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(AssignmentError) as caught:
        course(tmp_path, text, ["logit_lens"])
    assert said in str(caught.value)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(AssignmentError, match=r"3 problem\(s\)"):
        course(tmp_path, 'a = 1\nattempts = "x"\ndrop_lowest = -1')
