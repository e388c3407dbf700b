"""What a course's dates and attempts make of a grade: the late policy, extensions, the best or the average attempt.

Nothing here is written into what was graded: another date gives another number the next time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import TypeVar

from autograder.course.policy.attempts import Attempt
from autograder.course.policy.late import Lateness, lateness, moment
from autograder.course.policy.roster import Joined, RosterEntry, Student, join
from autograder.records import PolicyChange
from autograder.records.course_settings import CourseSettings
from autograder.records.folder_names import student_folder_name

S = TypeVar("S", bound=Student)


class CoursePolicy:
    """A course's settings, applied to results.

    Args:
        settings: The course's.
        roster: Who is in the course; empty: nobody knows.
        students: Who has results, by assignment; these assignments share the budget of free days.
        attempts: Earlier submissions by assignment, then by the student's folder.

    Attributes:
        joined: The students of each assignment beside the roster.
    """

    def __init__(
        self,
        settings: CourseSettings,
        roster: Sequence[RosterEntry],
        students: Mapping[str, Sequence[Student]],
        attempts: Mapping[str, Mapping[str, Sequence[Attempt]]],
    ) -> None:
        self._settings = settings
        self._attempts = attempts
        self._students = students
        self._by_name = {name: entry for entry in roster for name in sorted(entry.names)}
        self._by_group: dict[str, list[RosterEntry]] = {}
        for entry in roster:
            self._by_group.setdefault(entry.group, []).append(entry)
        self._group_of = {who: group for group, members in settings.groups.items() for who in members}
        self.joined = {slug: join(some, roster) if roster else Joined() for slug, some in students.items()}
        self._late = self._lateness(students)

    def names(self, slug: str, student: Student) -> frozenset[str]:
        """Return all by which course.toml may name a student, the group included."""
        stated = (student.handed_in.get(key, "") for key in ("id", "login", "email"))
        entry = self.joined[slug].entries.get(student.student)
        names = {student.student, student.name, *stated, *(entry.names if entry else ())} - {""}
        return frozenset(names | {self._group_of[name] for name in names if name in self._group_of})

    def members(self, slug: str) -> list[tuple[Student, RosterEntry]]:
        """Return who has a grade because their group handed in: the student who did, and the other one."""
        handed_in = self._groups(slug)
        return [
            (students[0], entry)
            for group, students in handed_in.items()
            for entry in self._others(slug, group)
            if len(students) == 1
        ]

    def absent(self, slug: str) -> list[RosterEntry]:
        """Return who is on the roster and has no grade."""
        covered = {entry for _, entry in self.members(slug)}
        return [entry for entry in self.joined[slug].missing if entry not in covered]

    def remarks(self, slug: str) -> list[str]:
        """Return what a person has to decide: groups with several submissions, who is not on the roster."""
        said = []
        for group, students in self._groups(slug).items():
            if len(students) > 1:
                names = ", ".join(one.student for one in students)
                said.append(f"{group} handed in several times ({names}): each keeps their own grade.")
        for name, near in self.joined[slug].unknown.items():
            hint = f" Is it {' or '.join(near)}?" if near else ""
            said.append(f"{name} is not on the roster.{hint}")
        return said

    def _groups(self, slug: str) -> dict[str, list[Student]]:
        """Return who handed in, by group."""
        found: dict[str, list[Student]] = {}
        for student in self._students[slug]:
            entry, names = self.joined[slug].entries.get(student.student), self.names(slug, student)
            listed = sorted(names & self._settings.groups.keys())
            if group := listed[0] if listed else entry.group if entry else "":
                found.setdefault(group, []).append(student)
        return found

    def _others(self, slug: str, group: str) -> list[RosterEntry]:
        """Return the members of a group who did not hand in themselves."""
        present = {name for student in self._students[slug] for name in self.names(slug, student)}
        listed = self._settings.groups.get(group, ())
        entries = [self._by_name.get(name) or RosterEntry(name=name) for name in listed]
        everybody = dict.fromkeys([*self._by_group.get(group, ()), *entries])
        return [entry for entry in everybody if entry.name not in present]

    def change(
        self, slug: str, student: Student, *, earned: float, automatic: float, is_complete: bool
    ) -> PolicyChange | None:
        """Return what the course's policy adds to a student's points or takes, and why; None if it says nothing.

        Args:
            slug: The assignment.
            student: One of those who have results in it.
            earned: The points until now, automatic and by people.
            automatic: Those of report.json.
            is_complete: Whether they are final. Attempts are compared only then.
        """
        late = self._late.get((slug, student.student))
        reasons = []
        if late is not None and late.is_late:
            reasons.append(late.words(self._settings.time_zone))
        elif late is None and student.handed_in.get("late") and self._settings.dates(slug).due:
            reasons.append("late by the platform's mark, but not known when: nothing is taken")
        counted = _kept(earned, late)
        earlier = self._attempts.get(slug, {}).get(student_folder_name(student.student), ())[:-1]
        if is_complete and earlier and self._settings.attempts != "last":
            worth = [self._worth(slug, student, attempt, earned - automatic) for attempt in earlier]
            counted, reason = self._by_attempts([*worth, counted])
            reasons.append(reason)
        points = round(counted - earned, 6)
        return PolicyChange(points=points, reasons=tuple(reasons)) if reasons else None

    def kept(self, slug: str, student: Student, points: float) -> float:
        """Return points less what lateness takes of them."""
        return _kept(points, self._late.get((slug, student.student)))

    def _by_attempts(self, points: Sequence[float]) -> tuple[float, str]:
        listed = ", ".join(f"{one:g}" for one in points)
        if self._settings.attempts == "best":
            return max(points), f"best of {len(points)} attempts ({listed})"
        return round(sum(points) / len(points), 2), f"average of {len(points)} attempts ({listed})"

    def _worth(self, slug: str, student: Student, attempt: Attempt, by_people: float) -> float:
        """Return what an earlier attempt would give: its automatic points, and what people gave since."""
        when = moment(attempt.at, self._settings.time_zone)
        late = lateness(self._settings, {slug: when} if when else {}, self.names(slug, student))
        return _kept(round(attempt.score + by_people, 2), late.get(slug))

    def _handed_in(self, slug: str, student: Student) -> datetime | None:
        stated = self._settings.dates(slug).handed_in
        corrected = [stated[name] for name in self.names(slug, student) if name in stated]
        return max(corrected, default=None) or moment(
            student.handed_in.get("at", ""), self._settings.time_zone
        )

    def _lateness(self, students: Mapping[str, Sequence[S]]) -> dict[tuple[str, str], Lateness]:
        """Return how late each submission is, by assignment and student."""
        people: dict[object, dict[str, S]] = {}
        for slug, some in students.items():
            for student in some:
                person = self.joined[slug].entries.get(student.student) or student.student
                people.setdefault(person, {})[slug] = student
        found = {}
        for own in people.values():
            times = {slug: when for slug, student in own.items() if (when := self._handed_in(slug, student))}
            names = frozenset(chain.from_iterable(self.names(slug, student) for slug, student in own.items()))
            for slug, late in lateness(self._settings, times, names).items():
                found[slug, own[slug].student] = late
        return found


def _kept(points: float, late: Lateness | None) -> float:
    percent = late.percent if late else 0.0
    return round(points * (1 - percent / 100), 2) if percent else points
