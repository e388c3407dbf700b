"""Token heat strips: signed scores over tokens, ready to be drawn without a script."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import takewhile

from autograder.records import TokenStrip
from autograder.report.text import number, one_line

LEVELS = 4
"""Steps of colour on each side of zero."""

COLUMN_LIMIT = 200
"""Columns drawn; a page with thousands of them helps nobody."""

_FAINT = 0.04
"""Share of the row's largest score below which a score is drawn as zero."""

_RUN_LENGTH = 4
"""From this many equal silent tokens at the end on (padding), they share one column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """One coloured cell."""

    level: str
    """`p1` to `p4`, `n1` to `n4`, `zero`, `odd` (not finite) or `none` (no score)."""

    text: str
    """The score in short, with its sign: `+0.31`."""

    exact: str
    """The score with more digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One token with its scores."""

    token: str
    """As it is shown; never empty."""

    piece: bool
    """Whether it continues the word before it (`##` pieces)."""

    repeats: int
    """How many equal tokens this column stands for, 1 in the usual case."""

    actual: Heat
    """The student's."""

    expected: Heat | None
    """The reference's, where there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StripView:
    """One strip as the templates draw it."""

    title: str
    """What is shown."""

    columns: tuple[Column, ...]
    """In the order of the tokens."""

    left_out: int
    """Tokens that are not drawn."""

    paired: bool
    """Whether the reference's row is there."""

    summary: str
    """The largest scores in words, for people who do not see the colours."""


def strip_view(strip: TokenStrip) -> StripView:
    """Return a strip ready to draw: colours normalised for each row, trailing padding folded.

    A row that is shorter than the tokens (a wrong shape can be) shows gaps, it never fails.
    """
    count = min(len(strip.tokens), COLUMN_LIMIT)
    paired = bool(strip.expected)
    silent = _silent_tail(strip)
    shown = min(count, len(strip.tokens) - silent + bool(silent))
    actual, expected = _heats(strip.actual, shown), _heats(strip.expected, shown)
    columns = tuple(
        Column(
            token=one_line(strip.tokens[index]) or "(empty)",
            piece=strip.tokens[index].startswith("##"),
            repeats=silent if silent and index == len(strip.tokens) - silent else 1,
            actual=actual[index],
            expected=expected[index] if paired else None,
        )
        for index in range(shown)
    )
    return StripView(
        title=strip.title,
        columns=columns,
        left_out=len(strip.tokens) - sum(column.repeats for column in columns),
        paired=paired,
        summary=_summary(strip),
    )


def _silent_tail(strip: TokenStrip) -> int:
    """Return how many equal tokens without any score end the strip, 0 if few."""
    if not strip.tokens:
        return 0
    rows = [row for row in (strip.actual, strip.expected) if row]

    def is_silent(index: int) -> bool:
        return strip.tokens[index] == strip.tokens[-1] and all(
            index < len(row) and row[index] == 0 for row in rows
        )

    run = sum(1 for _ in takewhile(is_silent, range(len(strip.tokens) - 1, -1, -1)))
    return run if run >= _RUN_LENGTH else 0


def _heats(scores: tuple[float, ...], count: int) -> list[Heat]:
    largest = max((abs(score) for score in scores if math.isfinite(score)), default=0.0)
    drawn = [heat(score, largest) for score in scores[:count]]
    gap = Heat(level="none", text="–", exact="no score")
    return drawn + [gap] * (count - len(drawn))


def heat(score: float, largest: float) -> Heat:
    """Return the cell for a score.

    Args:
        score: Any float.
        largest: Largest absolute finite score of the row; 0 if all are 0.
    """
    if not math.isfinite(score):
        return Heat(level="odd", text=str(score), exact=f"{score}: not a finite number")
    share = abs(score) / largest if largest > 0 else 0.0
    level = "zero"
    if share >= _FAINT:
        step = min(LEVELS, 1 + int(share * LEVELS))
        level = f"{'p' if score > 0 else 'n'}{step}"
    return Heat(level=level, text=_short(score), exact=_signed(score, 6))


def _signed(score: float, digits: int) -> str:
    if score == 0:
        return "0"
    sign = "+" if score > 0 else "−"
    return f"{sign}{number(abs(score), digits)}"


def _short(score: float) -> str:
    """Return a score for a cell: two decimals where they say something, else two digits."""
    size = abs(score)
    if 0.005 <= size < 100:
        return f"{'+' if score > 0 else '−'}{size:.2f}"
    return _signed(score, 2)


def _summary(strip: TokenStrip) -> str:
    parts = []
    for owner, row in (("Largest", strip.actual), ("In the reference", strip.expected)):
        scored = [
            (token, score) for token, score in zip(strip.tokens, row, strict=False) if math.isfinite(score)
        ]
        top = sorted(scored, key=lambda pair: -abs(pair[1]))[:3]
        if top:
            listed = ", ".join(f"{one_line(token)} ({_short(score)})" for token, score in top)
            parts.append(f"{owner}: {listed}.")
    return " ".join(parts)
