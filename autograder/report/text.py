"""Student text made harmless for people to read, and numbers in words."""

from __future__ import annotations

import math

from autograder.records.visible_text import REPLACEMENT as REPLACEMENT
from autograder.records.visible_text import clean as clean
from autograder.records.visible_text import one_line as one_line
from autograder.records.visible_text import strip_ansi as strip_ansi


def number(value: float, digits: int = 4) -> str:
    """Return a figure for people: `4`, `3.5`, `0.001234`, `inf`; never `4.0`.

    Args:
        value: Any float.
        digits: Significant digits.
    """
    if not math.isfinite(value):
        return str(value)
    return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"


def points(value: float) -> str:
    """Return points for people, at most two decimals: `4`, `3.5`, `2.67`."""
    if not math.isfinite(value):
        return str(value)
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def plural(count: float, noun: str) -> str:
    """Return `1 point`, `2 points`; only for nouns that take an s."""
    return f"{points(count)} {noun}{'' if count == 1 else 's'}"
