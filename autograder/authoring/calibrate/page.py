"""How well right and wrong answers are told apart: rows of a table, and a picture for each tolerance."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from autograder.comparison.measured_distances import ROUNDING, Measurement
from autograder.records import Assignment, Tolerance
from autograder.report.pages import render
from autograder.report.text import clean, number

_WIDTH, _LEFT, _RIGHT = 760, 90, 30
_TOP = 44
_ROW = 11
"""Height of a row of dots: those that would touch stand above each other."""
_RADIUS = 4.5
_GAP = 34
"""Between right and wrong, for the names of the extremes."""
_LETTER = 6.5
"""About the width of a letter."""
_MOST = 100.0
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
                separation=f"{bound.wrong / max(bound.right, ROUNDING):.3g}",
                tau=number(bound.tau, 2),
                farthest=_farthest(distances.right),
                nearest=_nearest(told),
            )
        )
    return rows


def separation_plot(key: str, measured: Measurement, tolerance: Tolerance) -> Markup:
    """Return the distances of one tolerance as an inline SVG on a log axis, the bound between right and wrong.

    Colours are the pages' own (`style.css`, class `separation`). Each dot is named in its tooltip, the farthest right
    way and the nearest mistake in the picture as well. Hollow are mistakes that another tolerance tells, or another
    assertion.

    Args:
        key: The tolerance's name.
        measured: From `distances.load_distances`.
        tolerance: Its bound.
    """
    distances, told = measured.distances[key], measured.told_by(key)
    axis = _Axis([*distances.right.values(), *distances.wrong.values(), tolerance.tau])
    right = _dots(axis, distances.right, "right", distances.right)
    wrong = _dots(axis, distances.wrong, "wrong", told)
    split = _TOP + right.height
    bottom = split + _GAP + wrong.height
    parts = [
        *axis.lines(_TOP - 14, bottom),
        *right.drawn(_TOP),
        *wrong.drawn(split + _GAP),
        _text(8, _TOP + right.height / 2, "right", "side"),
        _text(8, split + _GAP + wrong.height / 2, "wrong", "side"),
        *_bound(axis.x(tolerance.tau), tolerance.tau, bottom),
        *_extremes(axis, distances.right, told, split),
    ]
    return _framed(key, _in_words(distances.right, distances.wrong, told, tolerance), bottom + 34, parts)


class _Axis:
    """A log axis of distances."""

    def __init__(self, values: Sequence[float]) -> None:
        shown = [min(max(value, ROUNDING / 10), _MOST) for value in values]
        self._low, self._high = math.floor(math.log10(min(shown))), math.ceil(math.log10(max(shown)))
        self._high = max(self._high, self._low + 1)

    def x(self, value: float) -> float:
        """Return where a distance stands; what lies off the axis stands at its end."""
        place = math.log10(max(value, 1e-300))
        share = (min(max(place, self._low), self._high) - self._low) / (self._high - self._low)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def lines(self, top: float, bottom: float) -> list[Markup]:
        """Return a line and a number for every power of ten, or for every second or third where they are many."""
        step = 1 + (self._high - self._low) // 9
        found = []
        for power in range(self._low, self._high + 1, step):
            x = self.x(10.0**power)
            found.append(
                Markup('<line class="grid" x1="{0:.1f}" y1="{1:.1f}" x2="{0:.1f}" y2="{2:.1f}"/>').format(
                    x, top, bottom
                )
            )
            found.append(_text(x, bottom + 15, f"{10.0**power:g}", "tick", "middle"))
        found.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, bottom + 29, "distance", "tick", "middle"))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dots:
    """Dots of one kind, those that would touch in rows above each other."""

    places: Sequence[tuple[float, int, str, str]]
    """(x, row, name and distance, class)."""

    @property
    def height(self) -> float:
        """Of all rows."""
        return _ROW * (1 + max((row for _, row, _, _ in self.places), default=0))

    def drawn(self, top: float) -> list[Markup]:
        """Return the circles, the first row uppermost."""
        circle = Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{}"><title>{}</title></circle>')
        return [
            circle.format(kind, x, top + _ROW * (row + 0.5), _RADIUS, label)
            for x, row, label, kind in self.places
        ]


def _dots(axis: _Axis, values: Mapping[str, float], kind: str, counting: Mapping[str, float]) -> _Dots:
    ends: list[float] = []
    places = []
    for name, value in sorted(values.items(), key=lambda pair: (pair[1], pair[0])):
        x = axis.x(value)
        row = next((number for number, end in enumerate(ends) if x - end >= 2 * _RADIUS + 1), len(ends))
        ends[row : row + 1] = [x]
        off = "another form" if value > _MOST else number(value, 3)
        other = "" if name in counting else " (told otherwise)"
        shown = kind if name in counting else f"{kind} hollow"
        places.append((x, row, f"{clean(name)}: {off}{other}", shown))
    return _Dots(places=places)


def _bound(x: float, tau: float, bottom: float) -> list[Markup]:
    line = Markup('<line class="bound" x1="{0:.1f}" y1="20" x2="{0:.1f}" y2="{1:.1f}"/>')
    return [line.format(x, bottom), _text(x, 14, f"tau {number(tau, 2)}", "tau", "middle")]


def _extremes(
    axis: _Axis, right: Mapping[str, float], told: Mapping[str, float], split: float
) -> list[Markup]:
    """Name the farthest right way and the nearest mistake, away from the bound where there is room."""
    found = []
    if right:
        name = _farthest(right)
        x, room = axis.x(right[name]), _LETTER * len(name)
        anchor, side = ("end", 6) if x - room > 0 else ("start", -6)
        found.append(_text(x + side, split + 12, clean(name), "name", anchor))
    if told:
        name = _nearest(told)
        x, room = axis.x(told[name]), _LETTER * len(name)
        anchor, side = ("start", -6) if x + room < _WIDTH else ("end", 6)
        found.append(_text(x + side, split + _GAP - 8, clean(name), "name", anchor))
    return found


def _farthest(right: Mapping[str, float]) -> str:
    return max(right, key=lambda name: (right[name], name))


def _nearest(wrong: Mapping[str, float]) -> str:
    return min(wrong, key=lambda name: (wrong[name], name))


def _text(x: float, y: float, said: str, kind: str, anchor: str = "start") -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        kind, x, y, anchor, said
    )


def _framed(key: str, described: str, height: float, parts: Iterable[Markup]) -> Markup:
    name = "".join(letter if letter.isalnum() else "-" for letter in key)
    opening = Markup(
        '<svg class="separation" viewBox="0 0 {0} {1:.0f}" role="img" aria-labelledby="{2}-t {2}-d">'
        '<title id="{2}-t">{3}: right and wrong answers by their distance</title><desc id="{2}-d">{4}</desc>'
    ).format(_WIDTH, height, f"separation-{name}", key, described)
    return opening + Markup("").join(parts) + Markup("</svg>")


def _in_words(
    right: Mapping[str, float], wrong: Mapping[str, float], told: Mapping[str, float], tolerance: Tolerance
) -> str:
    said = [f"{len(right)} right ways and {len(wrong)} mistakes; the bound is {number(tolerance.tau, 2)}."]
    if right:
        way = _farthest(right)
        said.append(f"The farthest right way is {clean(way)} at {number(right[way], 3)}.")
    if told:
        mistake = _nearest(told)
        said.append(f"The nearest mistake is {clean(mistake)} at {number(told[mistake], 3)}.")
    return " ".join(said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What a page shows of one assignment."""

    slug: str
    """The assignment."""

    title: str
    """For people."""

    rows: Sequence[SeparationRow]
    """The table."""

    plots: Mapping[str, Markup]
    """By the tolerance's key."""

    devices: Sequence[tuple[str, str]]
    """(device, date and versions)."""


def calibration_view(
    assignment: Assignment, measured: Measurement, tolerances: Mapping[str, Tolerance]
) -> Calibration:
    """Return what a page shows of an assignment's calibration."""
    rows = separation_rows(measured, tolerances)
    devices = [
        (device, f"{one.date}; " + ", ".join(f"{name} {version}" for name, version in one.versions.items()))
        for device, one in measured.sets.items()
    ]
    return Calibration(
        slug=assignment.slug,
        title=assignment.title,
        rows=rows,
        plots={row.key: separation_plot(row.key, measured, tolerances[row.key]) for row in rows},
        devices=devices,
    )


def calibration_page(
    found: Iterable[tuple[Assignment, Measurement, Mapping[str, Tolerance]]],
) -> bytes:
    """Return a page with the table and the plots of assignments."""
    return render("calibration.html.j2", views=[calibration_view(*one) for one in found])
