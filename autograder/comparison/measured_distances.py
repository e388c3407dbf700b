"""Distances of right and wrong answers from exact ones, as `autograder calibrate` measured and stored them.

distances.json holds an object of measured sets by the name of the device. A device's set is replaced by its next run;
what other devices measured stays, so that a further device widens what counts as right and never narrows it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from autograder.comparison.tolerances import USABLE
from autograder.errors import AssignmentError

FILE = "distances.json"
PROFILE_FILE = "distances.{profile}.json"
ALL_FILES = "distances*.json"
"""Those of all profiles. Grading reads none of them."""

ROUNDING = 1e-7
"""Right answers count as no nearer than this: float32 has 6e-8 a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distances:
    """How far answers lie from the exact one, under one tolerance."""

    right: Mapping[str, float] = field(default_factory=dict)
    """By the name of a right way, the farthest."""

    wrong: Mapping[str, float] = field(default_factory=dict)
    """By the id of a mistake: min over students of max over inputs of its distance."""

    inputs: int = 0
    """Comparisons of one right way."""

    checks: tuple[str, ...] = ()
    """Checks that compare by it."""

    instead_of: tuple[str, ...] = ()
    """Tolerances beside which it stands: an answer within one of them is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSet:
    """What one device measured."""

    date: str
    """ISO."""

    versions: Mapping[str, str]
    """Of Python and the libraries, by name."""

    students: int
    """Made-up students who asked."""

    otherwise: tuple[str, ...]
    """Mistakes that an assertion without a measured tolerance finds in every run."""

    tolerances: Mapping[str, Distances]
    """By the tolerance's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """The distances of all devices together."""

    distances: Mapping[str, Distances]
    """By the tolerance's key."""

    otherwise: frozenset[str]
    """Mistakes that an assertion without a measured tolerance finds in every run."""

    sets: Mapping[str, MeasuredSet] = field(default_factory=dict)
    """What they were put together from, by the device."""

    def separates(self, mistake: str) -> list[str]:
        """Return the tolerances that tell a mistake from all right answers at least tenfold."""
        return [
            key
            for key, found in self.distances.items()
            if mistake in found.wrong
            and all(self._is_far(one, mistake) for one in (key, *found.instead_of) if one in self.distances)
        ]

    def _is_far(self, key: str, mistake: str) -> bool:
        found = self.distances[key]
        return found.wrong.get(mistake, math.inf) >= USABLE * farthest(found.right)

    def inseparable(self) -> list[str]:
        """Return the mistakes that no tolerance tells from right answers tenfold, and nothing else finds."""
        seen = {name for found in self.distances.values() for name in found.wrong}
        return sorted(name for name in seen if name not in self.otherwise and not self.separates(name))

    def told_by(self, key: str) -> dict[str, float]:
        """Return the mistakes that count for a tolerance: those that it tells apart, and those that nothing does."""
        lost = set(self.inseparable())
        wrong = self.distances[key].wrong
        return {name: off for name, off in wrong.items() if key in self.separates(name) or name in lost}


def farthest(right: Mapping[str, float]) -> float:
    """Return the largest distance of right answers; at least the rounding of float32."""
    return max([ROUNDING, *right.values()])


def combine(sets: Mapping[str, MeasuredSet]) -> Measurement:
    """Put the sets of several devices together: all right ways count, and of a mistake the nearest.

    Args:
        sets: By the device's name; the ways of all but the first carry it.
    """
    found: dict[str, Distances] = {}
    for number, (device, one) in enumerate(sets.items()):
        for key, distances in one.tolerances.items():
            right = {f"{way}, {device}" if number else way: off for way, off in distances.right.items()}
            known = found.get(key, replace(distances, right={}, wrong={}))
            wrong = {
                mistake: min(off, known.wrong.get(mistake, math.inf))
                for mistake, off in {**known.wrong, **distances.wrong}.items()
            }
            found[key] = replace(known, right={**known.right, **right}, wrong=wrong)
    otherwise = frozenset(name for one in sets.values() for name in one.otherwise)
    return Measurement(distances=found, otherwise=otherwise, sets=sets)


def add_set(sets: Mapping[str, MeasuredSet], device: str, new: MeasuredSet) -> dict[str, MeasuredSet]:
    """Put a device's new set among those of the others.

    What the others hold of tolerances and mistakes that are there no more goes.
    """
    found = {}
    for name, old in sets.items():
        tolerances = {
            key: replace(
                distances,
                wrong={
                    known: off for known, off in distances.wrong.items() if known in new.tolerances[key].wrong
                },
            )
            for key, distances in old.tolerances.items()
            if key in new.tolerances
        }
        found[name] = replace(old, tolerances=tolerances, otherwise=())
    return {**found, device: new}


def load_sets(folder: Path, profile: str = "tiny") -> dict[str, MeasuredSet]:
    """Read what devices measured of an assignment, by the device's name; nothing if there is no file.

    Args:
        folder: The assignment's `generated_dir`.
        profile: Which models.

    Raises:
        AssignmentError: If the file cannot be used.
    """
    path = _path(folder, profile)
    if not path.exists():
        return {}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {device: _set(entry) for device, entry in entries.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise AssignmentError(
            f"{path}: cannot be used: {type(error).__name__}: {error}\n"
            "Remove it and measure again: autograder calibrate"
        ) from None


def load_distances(folder: Path, profile: str = "tiny") -> Measurement | None:
    """Read the distances of an assignment, those of all devices together; None if there are none.

    Arguments and errors as of `load_sets`.
    """
    sets = load_sets(folder, profile)
    return combine(sets) if sets else None


def write_sets(folder: Path, sets: Mapping[str, MeasuredSet], profile: str = "tiny") -> Path:
    """Write an assignment's distances.json, or another profile's file, and return its path.

    Arguments as of `load_sets`; the folder is made if it is missing.
    """
    folder.mkdir(exist_ok=True)
    path = _path(folder, profile)
    entries = {device: _plain(one) for device, one in sets.items()}
    path.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _path(folder: Path, profile: str) -> Path:
    return folder / (FILE if profile == "tiny" else PROFILE_FILE.format(profile=Path(profile).name))


def _plain(one: MeasuredSet) -> dict[str, Any]:
    plain = asdict(one)
    plain["tolerances"] = {
        key: {
            **asdict(found),
            "right": {name: _digits(off) for name, off in sorted(found.right.items())},
            "wrong": {name: _digits(off) for name, off in sorted(found.wrong.items())},
        }
        for key, found in sorted(one.tolerances.items())
    }
    return plain


def _digits(value: float) -> float:
    return float(f"{value:.3g}")


def _set(entry: dict[str, Any]) -> MeasuredSet:
    tolerances = {
        key: Distances(
            right=_numbers(found["right"]),
            wrong=_numbers(found["wrong"]),
            inputs=int(found["inputs"]),
            checks=tuple(found["checks"]),
            instead_of=tuple(found["instead_of"]),
        )
        for key, found in entry["tolerances"].items()
    }
    return MeasuredSet(
        date=str(entry["date"]),
        versions=dict(entry["versions"]),
        students=int(entry["students"]),
        otherwise=tuple(entry["otherwise"]),
        tolerances=tolerances,
    )


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    found = {str(name): float(value) for name, value in values.items()}
    if not all(0 <= value < math.inf for value in found.values()):
        raise ValueError("a distance must be a finite number from 0")
    return found
