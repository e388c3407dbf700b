"""What is reported of each student: the graded total with the course's dates, attempts and groups applied to it.

Nothing here is written into reports, grades or marks: another date gives another number the next time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from autograder.course.late import Lateness, deadline, lateness, moment
from autograder.exchange.roster import Joined, RosterEntry, join
from autograder.exchange.totals import StudentTotal, read_totals
from autograder.grading.journal import Attempt, read_attempts
from autograder.grading.results_folder import OWN_FOLDER
from autograder.records.course_settings import CourseSettings
from autograder.report.text import points as points_text


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
        self._results = results
        self._settings = settings
        self._totals = {slug: read_totals(results, slug) for slug in slugs}
        self._joined = {
            slug: join(totals, roster) if roster else Joined() for slug, totals in self._totals.items()
        }
        self._by_name = {name: entry for entry in roster for name in sorted(entry.names)}
        self._by_group: dict[str, list[RosterEntry]] = {}
        for entry in roster:
            self._by_group.setdefault(entry.group, []).append(entry)
        self._group_of = {who: group for group, members in settings.groups.items() for who in members}
        self._late = self._lateness()

    def assignment(self, slug: str) -> ReportedAssignment:
        """Return the lines of an assignment."""
        attempts = read_attempts(self._results / slug / OWN_FOLDER)
        joined = self._joined[slug]
        rows = [self._row(slug, total, attempts.get(total.folder.name, ())) for total in self._totals[slug]]
        members, remarks = self._members(slug, rows)
        covered = {row.entry for row in members}
        absent = [self._absent(entry, slug) for entry in joined.missing if entry not in covered]
        for name, near in joined.unknown.items():
            hint = f" Is it {' or '.join(near)}?" if near else ""
            remarks.append(f"{name} is not on the roster.{hint}")
        return ReportedAssignment(rows=(*rows, *members, *absent), remarks=tuple(remarks))

    def _names(self, slug: str, total: StudentTotal) -> frozenset[str]:
        """Return all by which course.toml may name a student, the group included."""
        stated = (total.handed_in.get(key, "") for key in ("id", "login", "email"))
        entry = self._joined[slug].entries.get(total.student)
        names = {total.student, total.name, *stated, *(entry.names if entry else ())} - {""}
        return frozenset(names | {self._group_of[name] for name in names if name in self._group_of})

    def _handed_in(self, slug: str, total: StudentTotal) -> datetime | None:
        stated = self._settings.dates(slug).handed_in
        corrected = [stated[name] for name in self._names(slug, total) if name in stated]
        return max(corrected, default=None) or moment(total.handed_in.get("at", ""), self._settings.time_zone)

    def _lateness(self) -> dict[tuple[str, str], Lateness]:
        """Return how late each submission is, by assignment and student."""
        people: dict[object, dict[str, StudentTotal]] = {}
        for slug, totals in self._totals.items():
            for total in totals:
                person = self._joined[slug].entries.get(total.student) or total.student
                people.setdefault(person, {})[slug] = total
        found = {}
        for own in people.values():
            times = {slug: when for slug, total in own.items() if (when := self._handed_in(slug, total))}
            names = frozenset().union(*(self._names(slug, total) for slug, total in own.items()))
            for slug, late in lateness(self._settings, times, names).items():
                found[slug, own[slug].student] = late
        return found

    def _row(self, slug: str, total: StudentTotal, attempts: Sequence[Attempt]) -> Reported:
        late = self._late.get((slug, total.student))
        why = []
        if late is not None and late.is_late:
            why.append(late.words(self._settings.time_zone))
        elif late is None and total.handed_in.get("late") and self._settings.dates(slug).due:
            why.append("late by the platform's mark, but not known when: nothing is taken")
        kept = 1 - (late.percent if late else 0.0) / 100
        auto, total_points = (_times(value, kept) for value in (total.auto, total.total))
        counted = self._by_attempts(slug, total, attempts, kept)
        if counted is not None and total_points is not None and total.total is not None:
            total_points, sentence = counted
            why.append(sentence)
        student = replace(total, total=total_points, auto=auto)
        entry = self._joined[slug].entries.get(total.student)
        return Reported(student=student, entry=entry, graded=total.total, why=tuple(why))

    def _by_attempts(
        self, slug: str, total: StudentTotal, attempts: Sequence[Attempt], kept: float
    ) -> tuple[float, str] | None:
        """Return the points by the course's choice of attempts, and why; None if the last one counts."""
        if (
            self._settings.attempts == "last"
            or len(attempts) < 2
            or total.total is None
            or total.auto is None
        ):
            return None
        by_hand = total.total - total.auto
        points = [self._worth(slug, total, attempt, by_hand) for attempt in attempts[:-1]]
        points.append(round(total.total * kept, 2))
        listed = ", ".join(map(points_text, points))
        if self._settings.attempts == "best":
            return max(points), f"best of {len(points)} attempts ({listed})"
        return round(sum(points) / len(points), 2), f"average of {len(points)} attempts ({listed})"

    def _worth(self, slug: str, total: StudentTotal, attempt: Attempt, by_hand: float) -> float:
        """Return what an earlier attempt would give: its automatic points, and what people gave since."""
        when = moment(attempt.at, self._settings.time_zone)
        late = lateness(self._settings, {slug: when} if when else {}, self._names(slug, total)).get(slug)
        return round((attempt.score + by_hand) * (1 - (late.percent if late else 0.0) / 100), 2)

    def _members(self, slug: str, rows: Sequence[Reported]) -> tuple[list[Reported], list[str]]:
        """Return lines of those whose group handed in."""
        handed: dict[str, list[Reported]] = {}
        for row in rows:
            if group := self._group(row.entry, self._names(slug, row.student)):
                handed.setdefault(group, []).append(row)
        present = {name for row in rows for name in self._names(slug, row.student)}
        members, remarks = [], []
        for group, submitted in handed.items():
            others = [entry for entry in self._in_group(group) if entry.name not in present]
            if len(submitted) > 1:
                names = ", ".join(row.student.student for row in submitted)
                remarks.append(f"{group} handed in several times ({names}): each keeps their own grade.")
            else:
                members += [self._shared(submitted[0], entry) for entry in others]
        return members, remarks

    def _group(self, entry: RosterEntry | None, names: frozenset[str]) -> str:
        own = [name for name in names if name in self._settings.groups]
        return own[0] if own else entry.group if entry else ""

    def _in_group(self, group: str) -> list[RosterEntry]:
        listed = self._settings.groups.get(group, ())
        entries = [self._by_name.get(name) or RosterEntry(name=name) for name in listed]
        return list(dict.fromkeys([*self._by_group.get(group, ()), *entries]))

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


def _times(value: float | None, share: float) -> float | None:
    return None if value is None else value if share == 1 else round(value * share, 2)
