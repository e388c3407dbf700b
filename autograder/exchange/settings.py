"""Find the course and the roster that results are reported by; without any, nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from autograder.course.assignment import find_course, list_slugs
from autograder.course.course_file import load_course
from autograder.course.policy.roster import ROSTER_FILE, read_roster
from autograder.errors import AssignmentError
from autograder.exchange.reported import Reporter
from autograder.exchange.totals import GRADES_NAME
from autograder.records.course_settings import CourseSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundReporter:
    """A reporter and what it was made of."""

    reporter: Reporter
    """Gives the lines of each assignment."""

    settings: CourseSettings
    """The course's; those of no course where there is none."""

    slugs: tuple[str, ...]
    """The assignments that have results."""


def reporter_of(
    results: Path, course: Path | None, roster: Path | None, columns: Sequence[str], *, only: str = ""
) -> FoundReporter:
    """Return what reports a results folder.

    Args:
        results: What `autograder grade --out` was given.
        course: The course's folder; None: this one or the nearest above, if there is one.
        roster: A roster; None: `roster.csv` of the course, if there is one.
        columns: `FIELD=NAME` of the roster.
        only: The assignment that is asked for; without dates, the others are not read. Empty: all.

    Raises:
        AssignmentError: If a file cannot be used, or there are no results.
    """
    slugs = tuple(sorted(path.parent.name for path in results.glob(f"*/{GRADES_NAME}")))
    if not slugs:
        raise AssignmentError(
            f"{results}: holds no results. Name the folder given to `autograder grade --out`."
        )
    try:
        folder = find_course(course)
    except AssignmentError:
        if course is not None:
            raise
        folder = None
    settings = load_course(folder, list_slugs(folder)) if folder else None
    if roster is None and folder and (folder / ROSTER_FILE).is_file():
        roster = folder / ROSTER_FILE
    pairs = [text.partition("=") for text in columns]
    if wrong := [text for text, (_, sign, name) in zip(columns, pairs, strict=True) if not (sign and name)]:
        raise AssignmentError(f"--roster-column {wrong[0]}: write FIELD=NAME, as in name='Full name'.")
    entries = read_roster(roster, {kind: name for kind, _, name in pairs}) if roster else []
    if only and settings is None:
        slugs = (only,)
    used = settings or CourseSettings(time_zone=UTC)
    return FoundReporter(reporter=Reporter(results, slugs, used, entries), settings=used, slugs=slugs)
