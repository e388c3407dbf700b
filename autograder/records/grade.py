"""The final grade: what a person has given beside what report.json holds; what grade.json holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

GRADE_SCHEMA_VERSION = 1

AnswerState = Literal["marked", "empty", "waiting", "review"]
GradeState = Literal["complete", "incomplete", "problem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenItem:
    """A rubric item that a person applied to an answer."""

    text: str
    """What the student reads."""

    points: float
    """Points that it adds, or takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedAnswer:
    """A written question and what was given for its answer."""

    question: str
    """The question's id in assignment.toml."""

    title: str
    """The question."""

    max_points: float
    """Points to earn."""

    points: float | None
    """Points given, from 0 to `max_points`; None: nobody has decided yet."""

    state: AnswerState
    """marked; empty: nothing was handed in, 0 points; waiting: for a person; review: changed since it was marked."""

    items: tuple[GivenItem, ...] = ()
    """The rubric items that were applied, in the rubric's order."""

    adjustment: float = 0.0
    """Points on top of the items."""

    comment: str = ""
    """For the student, Markdown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedCheck:
    """A check that a person has overridden or commented on."""

    check: str
    """The check's id; `submission`: all checks together, of a submission that could not be graded."""

    title: str
    """The check's title."""

    automatic: float
    """Points of report.json."""

    points: float
    """Points that count."""

    max_points: float
    """Points to earn."""

    reason: str = ""
    """Why the points differ, for the student; empty where there is only a comment."""

    comment: str = ""
    """For the student, Markdown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """What the course's dates and attempts make of a grade."""

    points: float
    """Points that they add or take."""

    reasons: tuple[str, ...]
    """Why, a sentence each, for the student."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkingEffort:
    """What marking one written question took."""

    question: str
    """The question's id."""

    title: str
    """The question."""

    by: Mapping[str, int]
    """Answers decided by each assistant, most first."""

    seconds: float | None
    """Median time that an answer took; None: nothing could be measured."""

    measured: int
    """Answers whose time was measured: those that followed another decision of the same person without a break."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFacts:
    """What is known of a class beside its reports and grades."""

    absent: tuple[str, ...] = ()
    """Who is on the roster and has no grade, neither of their own nor of their group."""

    remarks: tuple[str, ...] = ()
    """What a person has to decide: who is not on the roster, groups with several submissions."""

    attempts: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Automatic points of each student's submissions in the course of time, the first one first, by folder."""

    effort: tuple[MarkingEffort, ...] = ()
    """What marking took, in the order of assignment.toml; empty before anything is decided."""


NO_FACTS = ClassFacts()
"""Of a class of which nothing else is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalGrade:
    """What one student gets: automatic points, points for written answers, adjustments."""

    schema_version: int = GRADE_SCHEMA_VERSION
    """Version of the published JSON Schema."""

    assignment: str
    """The slug."""

    student: str
    """As report.json names them."""

    auto: float
    """Points of the checks, as report.json has them."""

    written: float
    """Points given for written answers until now."""

    adjustments: float
    """Sum of what overrides and the course's policy add or take."""

    total: float | None
    """auto + written + adjustments; None unless the state is complete."""

    of: float
    """What can be reached: checks and written questions."""

    state: GradeState
    """problem: the submission could not be run, and nobody has decided what it gets."""

    missing: tuple[str, ...] = ()
    """What has to be decided until the grade is complete: ids of questions and checks, or `submission`."""

    review: tuple[str, ...] = ()
    """Questions and checks that have changed since a person decided on them; their decisions still count."""

    answers: tuple[GradedAnswer, ...] = ()
    """The written questions in the order of assignment.toml."""

    checks: tuple[ChangedCheck, ...] = ()
    """Checks that a person has changed or commented on, in the order of checks.py."""

    policy: PolicyChange | None = None
    """The part of `adjustments` that is due to the course's dates and attempts; None: none is."""

    @property
    def overrides(self) -> float:
        """What overrides add or take."""
        return round(self.adjustments - (self.policy.points if self.policy else 0.0), 6)

    @property
    def until_now(self) -> float:
        """What has been earned until now; the total once the grade is complete."""
        return self.auto + self.written + self.adjustments

    @property
    def state_words(self) -> str:
        """The state as grades.csv has it: `complete`, `incomplete: question-words`, `problem`."""
        return f"{self.state}: {'; '.join(self.missing)}" if self.state == "incomplete" else self.state
