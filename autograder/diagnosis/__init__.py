"""Find what explains a wrong answer: a known mistake, two of them, a transform; or else where it differs."""

from __future__ import annotations

from autograder.diagnosis.explain import diagnose, explain
from autograder.diagnosis.general import GENERAL, general_mistakes
from autograder.diagnosis.misconceptions import (
    AcceptedVariant,
    BorderlineProgram,
    Feedback,
    Misconception,
    accepted_variant,
    accepted_variants_of,
    borderline,
    borderline_programs_of,
    equivalent,
    memoised,
    misconception,
    misconceptions,
    misconceptions_around,
    misconceptions_of,
)
from autograder.diagnosis.query import Explanation, Question, Subject

__all__ = [
    "GENERAL",
    "AcceptedVariant",
    "BorderlineProgram",
    "Explanation",
    "Feedback",
    "Misconception",
    "Question",
    "Subject",
    "accepted_variant",
    "accepted_variants_of",
    "borderline",
    "borderline_programs_of",
    "diagnose",
    "equivalent",
    "explain",
    "general_mistakes",
    "memoised",
    "misconception",
    "misconceptions",
    "misconceptions_around",
    "misconceptions_of",
]
