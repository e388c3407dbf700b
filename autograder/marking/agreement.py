"""How far two people agree on the answers that both have marked."""

from __future__ import annotations

from dataclasses import dataclass

from autograder.marking.actions import Marking


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The agreement on one question."""

    question: str
    """The question's id."""

    sampled: int
    """Answers that were chosen for a second mark."""

    both: int
    """Answers that two people have marked."""

    same: int
    """Of these, those that got the same points from both."""

    difference: float
    """Mean absolute difference of the points; 0 without any."""

    kappa: float | None
    """Cohen's kappa of the points; None where it says nothing: fewer than two answers, or all with the same points."""


def agreement(marking: Marking, question: str) -> Agreement:
    """Return how far the first and the second person agree on a question.

    Args:
        marking: The assignment's.
        question: The question's id.
    """
    with marking.lock:
        first, second = marking.state.marks(question), marking.state.marks(question, kind="double")
        sampled = marking.state.sampled(question)
    pairs = [
        (first[student].points, mark.points)
        for student, mark in sorted(second.items())
        if student in first and first[student].by != mark.by and not first[student].later and not mark.later
    ]
    return Agreement(
        question=question,
        sampled=len(sampled),
        both=len(pairs),
        same=sum(one == two for one, two in pairs),
        difference=sum(abs(one - two) for one, two in pairs) / len(pairs) if pairs else 0.0,
        kappa=_kappa(pairs),
    )


def _kappa(pairs: list[tuple[float, float]]) -> float | None:
    if len(pairs) < 2 or len({points for pair in pairs for points in pair}) < 2:
        return None
    # It takes a second to import, and only who asks for the agreement waits for it.
    from sklearn.metrics import cohen_kappa_score

    first, second = zip(*[(round(100 * one), round(100 * two)) for one, two in pairs], strict=True)
    return float(cohen_kappa_score(first, second))
