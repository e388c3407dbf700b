"""What is reported of each student: the graded total with the course's dates, attempts and groups applied to it.

Nothing here is written into reports, grades or marks: another date gives another number the next time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.course.policy.attempts import OWN_FOLDER, read_attempts
from autograder.course.policy.course_policy import CoursePolicy
from autograder.course.policy.late import deadline
from autograder.course.policy.roster import RosterEntry
from autograder.exchange.totals import StudentTotal, read_totals
from autograder.records.course_settings import CourseSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """One student's line of an assignment."""

    student: StudentTotal
    """With the total and the automatic points that are reported; state `no submission` without one."""

    entry: RosterEntry | None = None
    """The student on the roster."""

    graded: float | None = None
    """The total before dates and attempts."""

    why: tuple[str, ...] = ()
    """Why the reported total is another one, a sentence each."""

    @property
    def adjustment(self) -> float:
        """What dates and attempts add or take."""
        total = self.student.total
        return 0.0 if total is None or self.graded is None else round(total - self.graded, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedAssignment:
    """All lines of an assignment."""

    rows: tuple[Reported, ...]
    """Students of the results, members of their groups, then who is on the roster and handed in nothing."""

    remarks: tuple[str, ...] = ()
    """What a person has to decide: who is not on the roster, groups with several submissions."""


class Reporter:
    """Applies a course's settings and roster to results.

    Args:
        results: What `autograder grade --out` was given.
        slugs: The assignments whose dates share the budget of free days.
        settings: The course's.
        roster: Who is in the course; empty: nobody knows.
    """

    def __init__(
        self, results: Path, slugs: Sequence[str], settings: CourseSettings, roster: Sequence[RosterEntry]
    ) -> None:
        self._settings = settings
        self._totals = {slug: read_totals(results, slug) for slug in slugs}
        attempts = {slug: read_attempts(results / slug / OWN_FOLDER) for slug in slugs}
        self._policy = CoursePolicy(settings, roster, self._totals, attempts)

    def assignment(self, slug: str) -> ReportedAssignment:
        """Return the lines of an assignment."""
        rows = {total.student: self._row(slug, total) for total in self._totals[slug]}
        members = [
            self._shared(rows[student.student], entry) for student, entry in self._policy.members(slug)
        ]
        absent = [self._absent(entry, slug) for entry in self._policy.absent(slug)]
        return ReportedAssignment(
            rows=(*rows.values(), *members, *absent), remarks=tuple(self._policy.remarks(slug))
        )

    def _row(self, slug: str, total: StudentTotal) -> Reported:
        entry = self._policy.joined[slug].entries.get(total.student)
        auto = None if total.auto is None else self._policy.kept(slug, total, total.auto)
        earned = total.auto if total.total is None else total.total
        change = (
            None
            if earned is None or total.auto is None
            else self._policy.change(
                slug, total, earned=earned, automatic=total.auto, is_complete=total.total is not None
            )
        )
        points = change.points if change else 0.0
        student = replace(
            total, total=None if total.total is None else round(total.total + points, 6), auto=auto
        )
        return Reported(
            student=student, entry=entry, graded=total.total, why=change.reasons if change else ()
        )

    def _shared(self, row: Reported, entry: RosterEntry) -> Reported:
        platform = row.student.handed_in.get("platform", "")
        stated = {"platform": platform, "name": entry.name, "email": entry.email, "member": "yes"}
        student = replace(row.student, student=entry.name, handed_in={k: v for k, v in stated.items() if v})
        return replace(
            row, student=student, entry=entry, why=(*row.why, f"handed in by {row.student.student}")
        )

    def _absent(self, entry: RosterEntry, slug: str) -> Reported:
        due = deadline(self._settings, slug, entry.names)
        state = "no submission"
        student = StudentTotal(
            student=entry.name, folder=Path(), total=None, auto=None, of=self._of(slug), state=state
        )
        why = (f"due {due.astimezone(self._settings.time_zone):%Y-%m-%d %H:%M}",) if due else ()
        return Reported(student=student, entry=entry, why=why)

    def _of(self, slug: str) -> float:
        return max((total.of for total in self._totals[slug]), default=0.0)
