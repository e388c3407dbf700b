"""What lateness costs: pure functions of dates, points and the course's policy; no grade is changed by them."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from autograder.records.course_settings import CourseSettings, LatePolicy

_DAY = timedelta(days=1)
_DIGITS = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)-?[T ]?(\d\d)[-:]?(\d\d)[-:]?(\d\d)(?:\.\d+)? ?(.*)", re.DOTALL)
_BRIGHTSPACE = re.compile(r"(\w{3})\w*\.? (\d{1,2}), (\d{4}) (\d{1,2})[:_]?(\d{2}) ?([AP])M")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """How late one submission is, and what that costs."""

    due: datetime
    """When it was due, extensions included."""

    handed_in: datetime
    """When it came."""

    free_days: int = 0
    """Days of the student's budget that it used."""

    units: int = 0
    """Days or hours begun after that, which cost."""

    percent: float = 0.0
    """What is taken of the points that were earned."""

    unit: str = "day"
    """What is counted: day or hour."""

    @property
    def is_late(self) -> bool:
        """Whether it came after its date, the grace included."""
        return bool(self.free_days or self.units)

    def words(self, zone: tzinfo) -> str:
        """Return why points are taken, for people."""
        late = _length(self.handed_in - self.due)
        free = f", {_count(self.free_days, 'free day')} used" if self.free_days else ""
        taken = f", {_count(self.units, self.unit)} begun: {self.percent:g} % taken" if self.units else ""
        return f"due {_moment(self.due, zone)}, handed in {_moment(self.handed_in, zone)}: {late} late{free}{taken}"


def deadline(settings: CourseSettings, slug: str, names: Collection[str]) -> datetime | None:
    """Return when an assignment is due for a student; the latest of the date and the extensions that fit.

    Args:
        settings: The course's.
        slug: The assignment.
        names: The student's name, ids and group.
    """
    due = settings.dates(slug).due
    if due is None:
        return None
    later = [
        extension.due or due + timedelta(days=extension.days)
        for extension in settings.extensions
        if extension.who in names and extension.assignment in ("", slug)
    ]
    return max([due, *later])


def lateness(
    settings: CourseSettings, handed_in: Mapping[str, datetime], names: Collection[str]
) -> dict[str, Lateness]:
    """Return how late a student's submissions are; the free days go to the earliest due ones.

    Args:
        settings: The course's.
        handed_in: When, by slug, where that is known.
        names: The student's name, ids and group.
    """
    dates = {slug: due for slug in handed_in if (due := deadline(settings, slug, names)) is not None}
    left, found = settings.late.free_days, {}
    for slug in sorted(dates, key=lambda slug: (dates[slug], slug)):
        policy = settings.dates(slug).late or settings.late
        found[slug] = _lateness(dates[slug], handed_in[slug], policy, left)
        left -= found[slug].free_days
    return found


def _lateness(due: datetime, handed_in: datetime, policy: LatePolicy, free_days: int) -> Lateness:
    unit = "hour" if policy.unit < _DAY else "day"
    late = handed_in - due
    if late <= max(policy.grace, timedelta()) or not policy.percent:
        return Lateness(due=due, handed_in=handed_in, unit=unit)
    used = min(free_days, math.ceil(late / _DAY))
    units = max(0, math.ceil((late - used * _DAY) / policy.unit))
    percent = min(units * policy.percent, policy.most_percent)
    return Lateness(due=due, handed_in=handed_in, free_days=used, units=units, percent=percent, unit=unit)


def moment(text: str, zone: tzinfo) -> datetime | None:
    """Return the time that a platform's download states; None if it states none.

    Args:
        text: As Blackboard, Brightspace, Gradescope, ILIAS or nbgrader write it.
        zone: Of a time without one.
    """
    try:
        if match := _BRIGHTSPACE.fullmatch(text):
            month, day, year, hour, minute, half = match.groups()
            number = _MONTHS.index(month.lower()) // 4 + 1
            clock = int(hour) % 12 + (12 if half == "P" else 0)
            return datetime(int(year), number, int(day), clock, int(minute), tzinfo=zone)
        if match := _DIGITS.fullmatch(text):
            *numbers, stated = match.groups()
            return datetime(*map(int, numbers), tzinfo=_zone(stated, zone))  # type: ignore[arg-type,misc]
    except (ValueError, ZoneInfoNotFoundError):
        pass
    return None


def _zone(stated: str, otherwise: tzinfo) -> tzinfo:
    if match := _OFFSET.fullmatch(stated):
        offset = datetime.strptime(f"{match[1]}{match[2]}{match[3]}", "%z").tzinfo
        assert offset is not None
        return offset
    return ZoneInfo("UTC" if stated == "Z" else stated) if stated else otherwise


def _moment(when: datetime, zone: tzinfo) -> str:
    return f"{when.astimezone(zone):%Y-%m-%d %H:%M}"


def _length(span: timedelta) -> str:
    hours, minutes = divmod(math.ceil(span.total_seconds() / 60), 60)
    days, hours = divmod(hours, 24)
    parts = (
        [_count(days, "day")] * bool(days) + [f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes)
    )
    return " ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
