"""Changing a question's rubric while it is marked; everything marked with an item is recomputed."""

from __future__ import annotations

from autograder.errors import did_you_mean
from autograder.marking.actions import Marking
from autograder.marking.errors import MarkingError
from autograder.marking.records import RubricItem
from autograder.marking.rubric_seed import finite, item_value
from autograder.marking.store import new_id


def add_item(marking: Marking, question: str, text: str, points: float, *, by: str) -> RubricItem:
    """Add an item to a question's rubric.

    Args:
        marking: The assignment's.
        question: The question's id.
        text: What the item says.
        points: May be negative.
        by: Who decides.

    Raises:
        MarkingError: If there is no such question, the text is empty or the points are no number.
    """
    marking.submissions.known_question(question)
    item = RubricItem(id=f"{question}.{new_id()[:8]}", question=question, text=text, points=points)
    return _put(marking, item, by=by, revision="", reason="")


def change_item(
    marking: Marking,
    item: str,
    *,
    by: str,
    text: str | None = None,
    points: float | None = None,
    removed: bool | None = None,
    revision: str | None = None,
    reason: str = "",
) -> RubricItem:
    """Rename, reprice, remove or bring back an item.

    Args:
        marking: The assignment's.
        item: Its id.
        by: Who decides.
        text: What it says from now on; None: as before.
        points: Its points from now on; None: as before.
        removed: Whether it no longer applies; None: as before.
        revision: Of the item that the person saw; None: replace whatever there is.
        reason: Why, for the log.

    Raises:
        MarkingError: If there is no such item, the text is empty or the points are no number.
        ConflictError: If someone has changed it meanwhile.
    """
    with marking.lock:
        marking.refresh()
        questions = [one.id for one in marking.assignment.questions]
        known = {one.id: one for each in questions for one in marking.state.rubric(each, removed=True)}
        if item not in known:
            raise MarkingError(f"no rubric item {item!r}.{did_you_mean(item, known)}")
        old = known[item]
        changed = RubricItem(
            id=item,
            question=old.question,
            text=old.text if text is None else text,
            points=old.points if points is None else points,
            removed=old.removed if removed is None else removed,
        )
        return _put(marking, changed, by=by, revision=revision, reason=reason)


def _put(marking: Marking, item: RubricItem, *, by: str, revision: str | None, reason: str) -> RubricItem:
    if not item.text.strip():
        raise MarkingError("A rubric item needs a text.")
    finite(item.points, "An item's points")
    with marking.lock:
        value = item_value(item)
        marking.decide(
            marking.decision("rubric", "", item.id, by=by, value=value, revision=revision, reason=reason)
        )
        rubric = marking.state.rubric(item.question, removed=True)
        return next(one for one in rubric if one.id == item.id)
