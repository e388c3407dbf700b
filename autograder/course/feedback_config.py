"""Read the feedback policy of `assignment.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, cast, get_args

from autograder.errors import did_you_mean
from autograder.records import FeedbackLevel, FeedbackPolicy

LEVEL, BEGINS = "feedback", "feedback_from"
"""The two settings, both optional."""


def read_policy(config: Mapping[str, Any], problems: list[str]) -> FeedbackPolicy:
    """Read what students are told of hidden checks.

    Args:
        config: The parsed file.
        problems: Gets a sentence for each setting that cannot be right.
    """
    level, begins = config.get(LEVEL, "hints"), config.get(BEGINS)
    levels = get_args(FeedbackLevel)
    if level not in levels:
        near = did_you_mean(level, levels) if isinstance(level, str) else ""
        problems.append(f"{LEVEL!r} is {level!r}: it must be one of {', '.join(levels)}.{near}")
    if begins is None:
        return FeedbackPolicy(level=cast(FeedbackLevel, level))
    if not isinstance(begins, date):
        problems.append(
            f"{BEGINS!r} is {begins!r}: write a date without quotation marks, as in {BEGINS} = 2026-12-24."
        )
        return FeedbackPolicy()
    if level == "hints":
        problems.append(
            f"{BEGINS!r} has no effect, because students read hints before that date and after it. "
            f'Remove it, or choose {LEVEL} = "names" or "full".'
        )
    at = begins if isinstance(begins, datetime) else datetime.combine(begins, time())
    return FeedbackPolicy(level=cast(FeedbackLevel, level), begins=at)
