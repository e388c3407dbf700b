"""How far the marking is: by question and by assistant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from autograder.marking.actions import Marking


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionProgress:
    """How far the marking of one question is."""

    question: str
    """Its id."""

    answers: int
    """Answers to mark, empty ones not counted."""

    marked: int
    """Of these, decided."""

    later: int
    """To come back to."""

    review: int
    """Marked, but changed since by a regrade, or decided differently on two machines."""

    by: Mapping[str, int]
    """Decided answers by who decided, most first."""

    assigned: Mapping[str, tuple[int, int]]
    """By assistant: decided and all of the answers that are assigned to them."""


def progress(marking: Marking, question: str) -> QuestionProgress:
    """Return how far the marking of a question is.

    Args:
        marking: The assignment's.
        question: The question's id.
    """
    with marking.lock:
        answers = [one for one in marking.submissions.answers(question) if not one.is_empty]
        marks = marking.state.marks(question)
        found = [(one, marks.get(one.student)) for one in answers]
        decided = [mark for _, mark in found if mark is not None and not mark.later]
        shares: dict[str, list[bool]] = {}
        for answer, mark in found:
            if name := marking.state.assignee(answer.student, question):
                shares.setdefault(name, []).append(mark is not None and not mark.later)
        return QuestionProgress(
            question=question,
            answers=len(answers),
            marked=len(decided),
            later=sum(mark is not None and mark.later for _, mark in found),
            review=sum(map(marking.needs_review, decided)),
            by=dict(Counter(mark.by for mark in decided).most_common()),
            assigned={name: (sum(done), len(done)) for name, done in sorted(shares.items())},
        )
