"""How well right and wrong answers are told apart: rows of a table, and a picture for each tolerance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from autograder.distances import ROUNDING, Measurement
from autograder.records import Tolerance
from autograder.report.text import number

_WIDTH, _LEFT, _RIGHT = 760, 96, 24
_TOP = 52
_ROW = 13
"""Height of a row of dots; dots that would touch stand in rows above each other."""
_RADIUS = 4.5
_MOST = 1e3
"""What lies farther off than this (another shape, say) stands at the right end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparationRow:
    """One tolerance in words."""

    key: str
    """Its name in calibration.json."""

    checks: tuple[str, ...]
    """Checks that compare by it."""

    right: str
    """r: the farthest right answer's distance."""

    wrong: str
    """w: the nearest mistake's."""

    separation: str
    """w/r."""

    tau: str
    """The bound."""

    farthest: str
    """Name of the farthest right way."""

    nearest: str
    """Name of the nearest mistake among those that it must tell."""


def separation_rows(measured: Measurement, tolerances: Mapping[str, Tolerance]) -> list[SeparationRow]:
    """Return a row for each tolerance that was measured and has a bound, by its name."""
    rows = []
    for key, distances in sorted(measured.distances.items()):
        told = measured.told_by(key)
        if key not in tolerances or not told or not distances.right:
            continue
        bound = tolerances[key]
        rows.append(
            SeparationRow(
                key=key,
                checks=distances.checks,
                right=number(bound.right, 2),
                wrong=number(bound.wrong, 2),
                separation=number(bound.wrong / max(bound.right, ROUNDING), 3),
                tau=number(bound.tau, 2),
                farthest=max(distances.right, key=lambda name: distances.right[name]),
                nearest=min(told, key=lambda name: told[name]),
            )
        )
    return rows

def calibration_page(found):
    return b""
