"""The decisions folded into what counts now.

The result depends on which decisions there are, never on the order in which they came: machines that exchange their
logs come to the same. What a decision's `value` holds:

| kind | value |
|---|---|
| mark, double | `items` (ids), `adjustment`, `comment`, `note`, `later` |
| rubric | `question`, `text`, `points`, `removed` |
| override | `points`; null: withdrawn |
| comment | `text`; empty: withdrawn |
| assign, sample | `to`: a name; empty: withdrawn |
| request | `text` |
| resolve | `request` (its id), `accepted`, `answer` |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from autograder.marking.records import (
    CheckComment,
    Decision,
    Kind,
    Mark,
    Override,
    RegradeRequest,
    RubricItem,
    Slot,
)
from autograder.marking.rubric_seed import seed_items
from autograder.marking.store import heads, revision
from autograder.records import WrittenQuestion


class MarkingState:
    """What counts now. Not safe for several threads; `actions.Marking` sees to that.

    Args:
        questions: The written questions as assignment.toml states them.
    """

    def __init__(self, questions: Sequence[WrittenQuestion]) -> None:
        self._questions = {question.id: question for question in questions}
        self._slots: dict[Slot, list[Decision]] = {}
        self._current: dict[Slot, list[Decision]] = {}
        self._rubrics: dict[str, tuple[RubricItem, ...]] = {}
        self._known: set[str] = set()
        # Slots by kind and student, and by kind and target: what is asked for again and again.
        self._of_student: dict[tuple[Kind, str], dict[Slot, None]] = {}
        self._of_target: dict[tuple[Kind, str], dict[Slot, None]] = {}

    def add(self, decisions: Iterable[Decision]) -> None:
        """Take further decisions, in any order; those that are known are passed over."""
        for decision in decisions:
            if decision.id in self._known:
                continue
            self._known.add(decision.id)
            slot = decision.slot
            self._slots.setdefault(slot, []).append(decision)
            self._current.pop(slot, None)
            self._of_student.setdefault((decision.kind, decision.student), {})[slot] = None
            self._of_target.setdefault((decision.kind, decision.target), {})[slot] = None
            if decision.kind == "rubric":
                self._rubrics.clear()

    def heads(self, slot: Slot) -> list[Decision]:
        """Return the decisions on a slot that none replaces: the one that counts first, then those contested."""
        if slot not in self._slots:
            return []
        if slot not in self._current:
            self._current[slot] = heads(self._slots[slot])
        return self._current[slot]

    def revision(self, slot: Slot) -> str:
        """Return what `previous` of the next decision on a slot must be."""
        return revision(self.heads(slot))

    def history(self, *, student: str | None = None, target: str | None = None) -> list[Decision]:
        """Return all decisions, oldest first.

        Args:
            student: Only those on this student; None: on all, and on none.
            target: Only those with this target; None: with any.
        """
        found = [
            one
            for slot, decisions in self._slots.items()
            if student in (None, slot[1]) and target in (None, slot[2])
            for one in decisions
        ]
        return sorted(found, key=lambda one: (one.at, one.id))

    def rubric(self, question: str, *, removed: bool = False) -> tuple[RubricItem, ...]:
        """Return a question's rubric: the items of assignment.toml, then those that were added, oldest first.

        Args:
            question: Its id.
            removed: Removed ones, too.
        """
        if question not in self._rubrics:
            self._rubrics[question] = self._folded_rubric(question)
        return tuple(item for item in self._rubrics[question] if removed or not item.removed)

    def _folded_rubric(self, question: str) -> tuple[RubricItem, ...]:
        stated = seed_items(self._questions[question]) if question in self._questions else ()
        items = {item.id: item for item in stated}
        added = [
            (min((one.at, one.id) for one in self._slots[slot]), slot)
            for slot in self._slots
            if slot[0] == "rubric" and self.heads(slot)[0].value["question"] == question
        ]
        for _, slot in sorted(added):
            current, *others = self.heads(slot)
            items[slot[2]] = RubricItem(
                id=slot[2],
                question=question,
                text=str(current.value["text"]),
                points=float(current.value["points"]),
                removed=bool(current.value.get("removed", False)),
                revision=self.revision(slot),
                contested=_contested(current, others),
            )
        return tuple(items.values())

    def mark(self, student: str, question: str, *, kind: Kind = "mark") -> Mark | None:
        """Return what was decided for an answer; None if nothing was.

        Args:
            student: As report.json names them.
            question: The question's id.
            kind: `double` for the second person's.
        """
        slot = (kind, student, question)
        if not self.heads(slot):
            return None
        current, *others = self.heads(slot)
        value = current.value
        applied = [item for item in self.rubric(question) if item.id in value.get("items", ())]
        unbounded = round(sum(item.points for item in applied) + float(value.get("adjustment", 0.0)), 6)
        stated = self._questions.get(question)
        return Mark(
            student=student,
            question=question,
            by=current.by,
            at=current.at,
            items=tuple(item.id for item in applied),
            adjustment=float(value.get("adjustment", 0.0)),
            comment=str(value.get("comment", "")),
            note=str(value.get("note", "")),
            later=bool(value.get("later", False)),
            points=min(max(unbounded, 0.0), stated.points) if stated else max(unbounded, 0.0),
            unbounded=unbounded,
            revision=self.revision(slot),
            basis=current.basis,
            contested=_contested(current, others),
        )

    def marks(self, question: str, *, kind: Kind = "mark") -> dict[str, Mark]:
        """Return what was decided for a question, by student."""
        found = (
            self.mark(slot[1], question, kind=kind) for slot in self._of_target.get((kind, question), ())
        )
        return {mark.student: mark for mark in found if mark is not None}

    def comments(self, question: str) -> list[tuple[str, int]]:
        """Return the comments that answers to a question have, with how many have each; most used first."""
        used = Counter(mark.comment for mark in self.marks(question).values() if mark.comment)
        return sorted(used.items(), key=lambda item: (-item[1], item[0]))

    def override(self, student: str, check: str) -> Override | None:
        """Return the points that a person gave for a check; None if nobody did, or it was withdrawn."""
        slot = ("override", student, check)
        if not self.heads(slot):
            return None
        current, *others = self.heads(slot)
        if current.value["points"] is None:
            return None
        return Override(
            student=student,
            check=check,
            points=float(current.value["points"]),
            reason=current.reason,
            by=current.by,
            at=current.at,
            revision=self.revision(slot),
            basis=current.basis,
            contested=_contested(current, others),
        )

    def overrides(self, student: str) -> dict[str, Override]:
        """Return a student's overrides, by check."""
        found = (self.override(student, slot[2]) for slot in self._of_student.get(("override", student), ()))
        return {one.check: one for one in found if one is not None}

    def check_comment(self, student: str, check: str) -> CheckComment | None:
        """Return what a person says on a check; None if nobody does."""
        slot = ("comment", student, check)
        current = next(iter(self.heads(slot)), None)
        if current is None or not current.value["text"]:
            return None
        return CheckComment(
            student=student,
            check=check,
            text=str(current.value["text"]),
            by=current.by,
            at=current.at,
            revision=self.revision(slot),
            basis=current.basis,
        )

    def check_comments(self, student: str) -> dict[str, CheckComment]:
        """Return what people say on a student's checks, by check."""
        slots = self._of_student.get(("comment", student), ())
        found = (self.check_comment(student, slot[2]) for slot in slots)
        return {one.check: one for one in found if one is not None}

    def assignee(self, student: str, question: str) -> str:
        """Return who marks an answer: as assigned for it, for the student, for the question; else empty."""
        for slot in (("assign", student, question), ("assign", student, ""), ("assign", "", question)):
            if (current := self.heads(slot)) and current[0].value["to"]:
                return str(current[0].value["to"])
        return ""

    def sampled(self, question: str) -> dict[str, str]:
        """Return which answers to a question are marked a second time: student to the second person's name."""
        slots = self._of_target.get(("sample", question), ())
        found = {slot[1]: str(self.heads(slot)[0].value["to"]) for slot in slots}
        return {student: name for student, name in found.items() if name}

    def requests(self) -> list[RegradeRequest]:
        """Return the regrade requests: open ones first, then by when they came."""
        found = [self._request(self.heads(slot)[0]) for slot in self._slots if slot[0] == "request"]
        return sorted(found, key=lambda one: (not one.is_open, one.at, one.id))

    def _request(self, asked: Decision) -> RegradeRequest:
        slot: Slot = ("resolve", asked.student, asked.target)
        answer = next((one for one in self.heads(slot) if one.value["request"] == asked.id), None)
        return RegradeRequest(
            id=asked.id,
            student=asked.student,
            target=asked.target,
            text=str(asked.value["text"]),
            by=asked.by,
            at=asked.at,
            answer=str(answer.value["answer"]) if answer else "",
            accepted=bool(answer.value["accepted"]) if answer else None,
            resolved_by=answer.by if answer else "",
            revision=self.revision(slot),
        )

    def contested(self) -> list[tuple[Decision, ...]]:
        """Return what two machines decided differently: the decision that counts first, then the others."""
        found = [
            (current[0], *_contested(current[0], current[1:])) for current in map(self.heads, self._slots)
        ]
        return sorted((one for one in found if len(one) > 1), key=lambda one: one[0].slot)


def _contested(current: Decision, others: Iterable[Decision]) -> tuple[Decision, ...]:
    """Return those that say something else than the one that counts."""
    return tuple(one for one in others if dict(one.value) != dict(current.value))


def names_of(decisions: Iterable[Decision]) -> list[str]:
    """Return who has decided anything, sorted."""
    return sorted({one.by for one in decisions})


def points_of(items: Iterable[str], rubric: Sequence[RubricItem]) -> float:
    """Return the sum of the points of some items of a rubric."""
    known: Mapping[str, float] = {item.id: item.points for item in rubric}
    return sum(known.get(item, 0.0) for item in items)
