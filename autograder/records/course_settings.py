"""What holds for a whole course: dates, the late policy, groups, which attempt counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Literal

AttemptPolicy = Literal["last", "best", "average"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LatePolicy:
    """What a late submission costs; shares are of the points that the student has earned."""

    percent: float = 0.0
    """Per cent for each unit begun; 0: lateness costs nothing."""

    unit: timedelta = timedelta(days=1)
    """A day or an hour."""

    grace: timedelta = timedelta()
    """So much later still counts as in time."""

    free_days: int = 0
    """Days begun that cost nothing, for each student over all assignments, the earliest due first."""

    most_percent: float = 100.0
    """At most so much is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """More time for a student or a group."""

    who: str
    """The student's name or id, or the group."""

    assignment: str = ""
    """The slug; empty: all assignments."""

    days: float = 0.0
    """So much later than the others."""

    due: datetime | None = None
    """Or this date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentDates:
    """The dates of one assignment."""

    due: datetime | None = None
    """Until when it is in time, with a time zone; None: always."""

    release: datetime | None = None
    """From when on feedback may be sent; None: only when a person says so."""

    late: LatePolicy | None = None
    """Instead of the course's policy."""

    handed_in: Mapping[str, datetime] = field(default_factory=dict)
    """When students handed in, by name or id, where the platform's download does not say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseSettings:
    """What course.toml states."""

    title: str = ""
    """For people."""

    time_zone: tzinfo
    """Of all dates without one."""

    public_address: str = ""
    """Where students find the notebooks: a folder of a repository on GitHub, or another page."""

    hand_in: str = ""
    """How students hand in, a sentence for the README."""

    attempts: AttemptPolicy = "last"
    """Which of several attempts counts."""

    drop_lowest: int = 0
    """So many assignments do not count, those with the smallest share of their points."""

    late: LatePolicy = field(default_factory=LatePolicy)
    """What lateness costs."""

    assignments: Mapping[str, AssignmentDates] = field(default_factory=dict)
    """Dates by slug."""

    extensions: tuple[Extension, ...] = ()
    """More time for some."""

    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Members of each group, by name or id."""

    def dates(self, slug: str) -> AssignmentDates:
        """Return the dates of an assignment; one that course.toml does not name has none."""
        return self.assignments.get(slug, AssignmentDates())
