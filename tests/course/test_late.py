"""What lateness costs: days and hours begun, grace, free days, extensions; and the times that platforms write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from autograder.course.policy.late import deadline, lateness, moment
from autograder.records.course_settings import AssignmentDates, CourseSettings, Extension, LatePolicy

DUE = datetime(2026, 12, 10, 23, 59, 59, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
DAILY = LatePolicy(percent=10)


def settings(policy: LatePolicy = DAILY, *extensions: Extension, **more: datetime) -> CourseSettings:
    dates = {slug: AssignmentDates(due=due) for slug, due in {"a": DUE, **more}.items()}
    return CourseSettings(time_zone=UTC, late=policy, assignments=dates, extensions=extensions)


def percent(policy: LatePolicy, late: timedelta) -> float:
    return lateness(settings(policy), {"a": DUE + late}, {"Anna"})["a"].percent


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        (timedelta(seconds=-1), 0),
        (timedelta(0), 0),
        (timedelta(seconds=1), 10),
        (timedelta(days=1), 10),
        (timedelta(days=1, seconds=1), 20),
        (timedelta(days=30), 100),
    ],
)
def test_each_day_begun_costs(late: timedelta, expected: float) -> None:
    assert percent(DAILY, late) == expected


def test_hours_a_cap_and_a_grace() -> None:
    hourly = LatePolicy(percent=2, unit=timedelta(hours=1), grace=timedelta(minutes=15), most_percent=30)
    assert percent(hourly, timedelta(minutes=15)) == 0
    assert percent(hourly, timedelta(minutes=16)) == 2
    assert percent(hourly, timedelta(hours=3, minutes=1)) == 8
    assert percent(hourly, timedelta(days=2)) == 30


def test_free_days_go_to_what_is_due_first() -> None:
    course = settings(LatePolicy(percent=10, free_days=2), b=DUE + timedelta(days=7))
    handed = {"b": DUE + timedelta(days=9), "a": DUE + timedelta(hours=30)}
    found = lateness(course, handed, {"Anna"})
    assert (found["a"].free_days, found["a"].units, found["a"].percent) == (2, 0, 0)
    assert (found["b"].free_days, found["b"].units, found["b"].percent) == (0, 2, 20)
    assert found["a"].is_late


def test_free_days_shorten_hours_too() -> None:
    course = settings(LatePolicy(percent=1, unit=timedelta(hours=1), free_days=1))
    assert lateness(course, {"a": DUE + timedelta(hours=26)}, {"Anna"})["a"].units == 2


def test_the_latest_extension_that_fits_counts() -> None:
    later = datetime(2026, 12, 20, tzinfo=UTC)
    course = settings(
        DAILY,
        Extension(who="Anna", assignment="a", days=2),
        Extension(who="G1", due=later),
        Extension(who="Bob", assignment="b", days=9),
    )
    assert deadline(course, "a", {"Anna"}) == DUE + timedelta(days=2)
    assert deadline(course, "a", {"Anna", "G1"}) == later
    assert deadline(course, "a", {"Bob"}) == DUE
    assert deadline(course, "c", {"Anna"}) is None


def test_the_number_explains_itself() -> None:
    course = settings(LatePolicy(percent=10, free_days=1))
    (late,) = lateness(course, {"a": DUE + timedelta(days=1, hours=9, minutes=5)}, {"Anna"}).values()
    assert late.words(BERLIN) == (
        "due 2026-12-11 00:59, handed in 2026-12-12 10:04: 1 day 9 h 5 min late, 1 free day used, "
        "1 day begun: 10 % taken"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-02-10-20-30", "2026-11-02T09:20:30+00:00"),
        ("2026-11-01 10:20:30 Z", "2026-11-01T10:20:30+00:00"),
        ("2026-11-01 10:20:30.123456 UTC", "2026-11-01T10:20:30+00:00"),
        ("2026-11-01 10:20:30.123 America/New_York", "2026-11-01T15:20:30+00:00"),
        ("2026-11-01T10:20:30+02:00", "2026-11-01T08:20:30+00:00"),
        ("2026-11-01 10:20:30 -0500", "2026-11-01T15:20:30+00:00"),
        ("20261102102030", "2026-11-02T09:20:30+00:00"),
        ("Nov 1, 2026 0120 PM", "2026-11-01T12:20:00+00:00"),
        ("Dec 11, 2026 9_05 AM", "2026-12-11T08:05:00+00:00"),
    ],
)
def test_the_times_of_platforms_are_read(text: str, expected: str) -> None:
    found = moment(text, BERLIN)
    assert found is not None and found.astimezone(UTC) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01-10-20-30", "2026-11-01 10:20:30 Nowhere/At_All"]
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert moment(text, BERLIN) is None
