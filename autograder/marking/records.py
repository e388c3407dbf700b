"""What people decide, and what they decide upon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["mark", "rubric", "override", "comment", "assign", "sample", "double", "request", "resolve"]

SUBMISSION = "submission"
"""Target of an override that gives the points of all checks at once: of a submission that could not be graded."""

Slot = tuple[str, str, str]
"""What a decision is about: its kind, student and target. A later decision on the same slot replaces it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision of a person: never changed, only replaced by a later one."""

    id: str
    """UUID."""

    at: str
    """When, UTC: `2026-05-04T09:12:33.123456Z`."""

    by: str
    """Who."""

    kind: Kind
    """mark and double (a second person's mark, for the agreement alone): points for an answer; rubric: an item of a
    question's rubric; override: a check's points; comment: on a check; assign: who marks a question or a student's
    answers; sample: who marks an answer a second time; request: a student asks for another look; resolve: what came
    of it."""

    student: str = ""
    """As report.json names them; empty for rubric and for the assignment of a whole question."""

    target: str
    """Id of a question, a check or a rubric item; empty for the assignment of all of a student's answers."""

    value: Mapping[str, Any] = field(default_factory=dict)
    """What was decided; see `state`."""

    previous: str = ""
    """Ids of the decisions on the same slot that this one replaces, joined by a space; empty: there was none."""

    reason: str = ""
    """Why; required for an override."""

    basis: str = ""
    """Fingerprint of what was decided upon: the answer and its plots, or the automatic result."""

    @property
    def slot(self) -> Slot:
        """What it is about."""
        return (self.kind, self.student, self.target)


@dataclass(frozen=True, slots=True, kw_only=True)
class RubricItem:
    """An item of a question's rubric, as it is now."""

    id: str
    """Stays the same when the item is renamed or repriced."""

    question: str
    """The question's id."""

    text: str
    """What it says, for the student, too."""

    points: float
    """Points that it adds, or takes if they are negative."""

    removed: bool = False
    """Whether it can no longer be applied; where it was, it no longer counts."""

    revision: str = ""
    """For `previous` of a change; empty: it is still as assignment.toml has it."""

    contested: tuple[Decision, ...] = ()
    """Decisions of other machines on it that differ and were made without knowing of the current one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a person gives for an answer."""

    items: tuple[str, ...] = ()
    """Ids of the rubric items that apply."""

    adjustment: float = 0.0
    """Points on top of the items."""

    comment: str = ""
    """For the student, Markdown."""

    note: str = ""
    """For staff alone."""

    later: bool = False
    """Come back later: the points are not decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What was decided for one answer, as it counts now."""

    student: str
    """As report.json names them."""

    question: str
    """The question's id."""

    by: str
    """Who decided."""

    at: str
    """When, UTC."""

    items: tuple[str, ...] = ()
    """Ids of the rubric items that apply, in the rubric's order; not those that were removed."""

    adjustment: float = 0.0
    """Points on top of the items."""

    comment: str = ""
    """For the student, Markdown."""

    note: str = ""
    """For staff alone."""

    later: bool = False
    """Come back later: the points are not decided."""

    points: float = 0.0
    """Items and adjustment, bounded by 0 and the question's points."""

    unbounded: float = 0.0
    """Items and adjustment as they sum up."""

    revision: str = ""
    """For `previous` of the next decision on the answer."""

    basis: str = ""
    """What was decided upon."""

    contested: tuple[Decision, ...] = ()
    """Decisions of other machines on the answer that differ and were made without knowing of this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Points that a person gives for a check instead of the automatic ones."""

    student: str
    """As report.json names them."""

    check: str
    """The check's id, or `SUBMISSION`."""

    points: float
    """Points that count."""

    reason: str
    """Why; the student reads it."""

    by: str
    """Who decided."""

    at: str
    """When, UTC."""

    revision: str = ""
    """For `previous` of the next decision on it."""

    basis: str = ""
    """What was decided upon."""

    contested: tuple[Decision, ...] = ()
    """Decisions of other machines on it that differ and were made without knowing of this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckComment:
    """What a person says on a check."""

    student: str
    """As report.json names them."""

    check: str
    """The check's id."""

    text: str
    """For the student, Markdown."""

    by: str
    """Who wrote it."""

    at: str
    """When, UTC."""

    revision: str = ""
    """For `previous` of the next decision on it."""

    basis: str = ""
    """What it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegradeRequest:
    """A student asks for another look."""

    id: str
    """Id of the decision that brought it."""

    student: str
    """As report.json names them."""

    target: str
    """Id of a question or a check."""

    text: str
    """What the student writes."""

    by: str
    """Who entered it."""

    at: str
    """When, UTC."""

    answer: str = ""
    """What the student is told; empty while it is open."""

    accepted: bool | None = None
    """Whether the grade was changed for it; None: it is open."""

    resolved_by: str = ""
    """Who closed it."""

    revision: str = ""
    """For `previous` of the decision that closes it, or changes that."""

    @property
    def is_open(self) -> bool:
        """Whether nobody has answered it."""
        return self.accepted is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A written answer and what is needed to find it."""

    student: str
    """As report.json names them."""

    question: str
    """The question's id."""

    title: str
    """The question."""

    max_points: float
    """Points to earn."""

    source: str
    """What the student wrote, Markdown; empty if that is nothing."""

    basis: str
    """Fingerprint of the answer and its plots."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to mark: 0 points, not queued."""
        return not self.source
