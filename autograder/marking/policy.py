"""Apply the course's dates and attempts to final grades."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path

from autograder.course.course_file import COURSE_FILE, load_course
from autograder.course.policy.attempts import JOURNAL_NAME, OWN_FOLDER, Attempt, read_attempts
from autograder.course.policy.course_policy import CoursePolicy
from autograder.course.policy.roster import ROSTER_FILE, read_roster
from autograder.errors import AssignmentError
from autograder.records import Assignment, ClassFacts, FinalGrade, GradeReport
from autograder.records.course_settings import CourseSettings
from autograder.report.serialise import REPORT_NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class _Student:
    """Someone who has results."""

    student: str
    handed_in: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.handed_in.get("name", self.student)


class AssignmentPolicy:
    """What a course's policy makes of the grades of one assignment; without course.toml and roster.csv, nothing.

    Args:
        folder: `DIR/<slug>`.
        assignment: The assignment.
    """

    def __init__(self, folder: Path, assignment: Assignment) -> None:
        self._folder = folder
        self._course = assignment.course_dir
        self._slug = assignment.slug
        self._stamp: object = None
        self._attempts: Mapping[str, Sequence[Attempt]] = {}
        self._problem: AssignmentError | None = None
        self._policy: CoursePolicy | None = None
        self._students: dict[str, _Student] = {}

    def refresh(self, reports: Iterable[GradeReport], *, changed: bool = False) -> bool:
        """Read the course's files, the other assignments and the history again if any is new; return whether one is.

        Args:
            reports: Of all students of the assignment.
            changed: Whether these have changed.

        While course.toml or roster.csv cannot be used, what they said before goes on; see `must_be_usable`.

        Raises:
            GraderError: If the journal is damaged.
        """
        stamp = self._stamps()
        if not changed and stamp == self._stamp:
            return False
        self._attempts = read_attempts(self._folder / OWN_FOLDER)
        try:
            self._policy, self._problem = self._read(reports), None
        except AssignmentError as error:
            self._problem = error
        self._stamp = stamp
        return True

    def must_be_usable(self) -> None:
        """See that grades can be written by the course's files as they are now.

        Raises:
            AssignmentError: If course.toml or roster.csv cannot be used.
        """
        if self._problem is not None:
            raise self._problem

    def _stamps(self) -> object:
        journal = sorted((self._folder / OWN_FOLDER).glob(f"{JOURNAL_NAME}*"))
        classes = sorted(self._folder.parent.glob("*/grades.csv"))
        others = [path for path in classes if path.parent != self._folder]
        paths = [self._course / COURSE_FILE, self._course / ROSTER_FILE, *journal, *others]
        return [(path, _stat(path)) for path in paths]

    def _read(self, reports: Iterable[GradeReport]) -> CoursePolicy | None:
        settings = load_course(self._course)
        path = self._course / ROSTER_FILE
        roster = read_roster(path, {}) if path.is_file() else []
        if settings is None and not roster:
            return None
        settings = settings or CourseSettings(time_zone=UTC)
        self._students = {
            report.student: _student(report.student, report.provenance.get("handed_in", {}))
            for report in reports
        }
        students = {self._slug: list(self._students.values())}
        if settings.late.free_days:
            for slug in settings.assignments.keys() - {self._slug}:
                students[slug] = list(_students(self._folder.parent / slug))
        return CoursePolicy(settings, roster, students, {self._slug: self._attempts})

    def class_facts(self) -> ClassFacts:
        """Return who of the roster has no grade, who is not on it, and the history of attempts."""
        attempts = {name: tuple(one.score for one in own) for name, own in self._attempts.items()}
        if self._policy is None:
            return ClassFacts(attempts=attempts)
        absent = tuple(entry.name for entry in self._policy.absent(self._slug))
        return ClassFacts(absent=absent, remarks=tuple(self._policy.remarks(self._slug)), attempts=attempts)

    def applied(self, grade: FinalGrade) -> FinalGrade:
        """Return a grade with what the policy adds or takes."""
        if self._policy is None or grade.state == "problem" or grade.student not in self._students:
            return grade
        change = self._policy.change(
            self._slug,
            self._students[grade.student],
            earned=grade.until_now,
            automatic=grade.auto,
            is_complete=grade.total is not None,
        )
        if change is None:
            return grade
        return replace(
            grade,
            adjustments=round(grade.adjustments + change.points, 6),
            total=None if grade.total is None else round(grade.total + change.points, 6),
            policy=change,
        )


def _stat(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _student(name: str, stated: Mapping[str, object]) -> _Student:
    return _Student(student=name, handed_in={str(key): str(value) for key, value in stated.items()})


def _students(folder: Path) -> Iterable[_Student]:
    """Yield the students of another assignment; its reports are whole, and one that is being written counts later."""
    for path in sorted(folder.glob(f"*/{REPORT_NAME}")):
        try:
            report = json.loads(path.read_bytes())
            yield _student(str(report["student"]), dict(report["provenance"].get("handed_in", {})))
        except (OSError, ValueError, KeyError, TypeError):
            continue
