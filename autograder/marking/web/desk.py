"""What the pages of one assignment share: the marking, the order of its answers, and who is where."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from autograder.marking.actions import Marking
from autograder.marking.records import Answer, Kind, Mark
from autograder.marking.similar import Group, group_similar
from autograder.marking.web.presence import Presence
from autograder.marking.web.refresher import Refresher
from autograder.marking.web.styles import Stylesheets
from autograder.records import WrittenQuestion


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def student_key(slug: str, student: str) -> str:
    """Return what stands for a student in addresses."""
    return _hash(slug, student)[:12]


class Desk:
    """One assignment's marking as the pages see it. It can be used by several threads.

    Args:
        marking: What was handed in and decided.
        refresher: Told of decisions, so that grades.csv and the pages of the results follow; None: they do not.

    Attributes:
        marking: As given.
        presence: Who is where.
        styles: Stylesheets of students' answers.
    """

    def __init__(self, marking: Marking, refresher: Refresher | None = None) -> None:
        self.marking = marking
        self._refresher = refresher
        self.presence = Presence(marking.folder)
        self.styles = Stylesheets()
        self._groups = functools.lru_cache(maxsize=64)(_grouped)

    def refreshed(self) -> None:
        """Say that something was decided."""
        if self._refresher is not None:
            self._refresher.wake()

    @property
    def problem(self) -> str:
        """Why the pages of the results are out of date; empty if they are not."""
        return self._refresher.problem if self._refresher is not None else ""

    @property
    def questions(self) -> Mapping[str, WrittenQuestion]:
        """The written questions, by id."""
        return {question.id: question for question in self.marking.assignment.questions}

    def key(self, student: str) -> str:
        """Return what stands for a student in addresses, so that these do not tell names."""
        return student_key(self.marking.assignment.slug, student)

    def student(self, key: str) -> str | None:
        """Return the student that a key stands for; None if there is none."""
        return next((name for name in self.marking.submissions.students() if self.key(name) == key), None)

    def queue(self, question: str) -> list[Answer]:
        """Return the answers to mark, without empty ones, in an order that differs by question."""
        answers = [one for one in self.marking.submissions.answers(question) if not one.is_empty]
        return sorted(answers, key=lambda answer: _hash(question, answer.student))

    def group(self, answer: Answer) -> Group:
        """Return the answers that say the same as one."""
        answers = [one for one in self.marking.submissions.answers(answer.question) if not one.is_empty]
        groups = self._groups(tuple((one.student, one.source) for one in answers))
        return groups.get(answer.student) or Group(keys=(answer.student,), kind="single")

    def warm(self, question: str) -> None:
        """Group the answers to a question ahead of the first page that asks for it."""
        for answer in self.queue(question)[:1]:
            self.group(answer)

    def following(self, question: str, who: str, *, kind: Kind = "mark", after: str = "") -> Answer | None:
        """Return the next answer that somebody should mark; None if nothing is left.

        Answers of others are left out, and those that others look at come last; those to come back to come after the
        undecided ones, and flagged ones last.

        Args:
            question: Its id.
            who: Who marks.
            kind: `double`: of the answers that this person marks a second time.
            after: The student after whom to begin; what lies before comes again at the end.
        """
        queue = self.queue(question)
        names = [answer.student for answer in queue]
        start = names.index(after) + 1 if after in names else 0
        around = queue[start:] + queue[:start]
        marks = self.marking.state.marks(question, kind=kind)
        busy = set(self.presence.others(who).values())
        ranked = [
            (rank, place(kind, question, self.key(answer.student)) in busy, number, answer)
            for number, answer in enumerate(around)
            if self.is_for(answer, who, kind) and (rank := self._rank(marks.get(answer.student))) is not None
        ]
        ranked = [one for one in ranked if one[3].student != after] or ranked
        return min(ranked, key=lambda one: one[:3])[3] if ranked else None

    def is_for(self, answer: Answer, who: str, kind: Kind) -> bool:
        """Return whether an answer is somebody's to mark."""
        if kind == "double":
            return self.marking.state.sampled(answer.question).get(answer.student) == who
        return self.marking.state.assignee(answer.student, answer.question) in ("", who)

    def _rank(self, mark: Mark | None) -> int | None:
        if mark is None:
            return 0
        if mark.later:
            return 1
        return 2 if self.marking.needs_review(mark) else None


def place(kind: Kind, question: str, key: str) -> str:
    """Return the address of one answer."""
    return f"/{'second' if kind == 'double' else 'q'}/{question}/{key}"


def _grouped(answers: tuple[tuple[str, str], ...]) -> dict[str, Group]:
    return {student: group for group in group_similar(dict(answers)) for student in group.keys}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Who asks, and for what."""

    who: str
    """The assistant's name."""

    names: bool
    """Whether students' names are shown."""

    path: Mapping[str, str]
    """What the address holds."""

    query: Mapping[str, str]
    """What stands behind its question mark."""

    form: Mapping[str, str]
    """The fields of a form; empty for a page that is only read."""

    ticked: tuple[str, ...] = ()
    """The names of all boxes that are ticked, as `name=value`."""

    def all(self, name: str) -> list[str]:
        """Return the values of the ticked boxes of one name."""
        return [one.partition("=")[2] for one in self.ticked if one.partition("=")[0] == name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page to show."""

    template: str
    """Name of the template."""

    context: Mapping[str, object]
    """What it shows."""

    status: int = 200
    """HTTP status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """Another address to show."""

    path: str
    """Where."""

    query: tuple[tuple[str, str], ...] = ()
    """What stands behind its question mark."""

    @property
    def url(self) -> str:
        """The address."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


class LostError(Exception):
    """There is no such page."""
