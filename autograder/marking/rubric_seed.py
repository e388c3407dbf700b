"""A question's rubric as assignment.toml states it: the items that marking begins with."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import Any

from autograder.marking.errors import MarkingError
from autograder.marking.records import RubricItem
from autograder.records import WrittenQuestion


def seed_items(question: WrittenQuestion) -> tuple[RubricItem, ...]:
    """Return one item for each criterion that the assignment states; they share the question's points evenly."""
    shares = _shares(question.points, len(question.rubric))
    return tuple(
        RubricItem(id=item_id(question.id, text), question=question.id, text=text, points=share)
        for text, share in zip(question.rubric, shares, strict=True)
    )


def item_id(question: str, text: str) -> str:
    """Return the id of a stated criterion: the same on every machine, as long as its text stays."""
    return f"{question}.{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _shares(points: float, count: int) -> Iterator[float]:
    """Yield even shares in hundredths that sum to the points."""
    hundredths = round(points * 100)
    for number in range(count):
        yield (hundredths // count + (number < hundredths % count)) / 100


def item_value(item: RubricItem) -> dict[str, Any]:
    """Return what a decision of the kind `rubric` holds of an item."""
    return {
        "question": item.question,
        "text": item.text.strip(),
        "points": round(item.points, 2),
        "removed": item.removed,
    }


def finite(value: float, what: str) -> float:
    """Return a figure in hundredths.

    Raises:
        MarkingError: If it is infinite or none.
    """
    if not math.isfinite(value):
        raise MarkingError(f"{what} must be a number, not {value}.")
    return round(float(value), 2)
