"""Measured tolerances: how far apart right answers lie, how near wrong ones come, and the bound between.

calibration.json holds an object of tolerances by key, each with the fields of `records.Tolerance`.
"""

from __future__ import annotations

import ast
import json
import math
import platform
from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from autograder.errors import AssignmentError
from autograder.records import Tolerance

FILE = "calibration.json"
PROFILE_FILE = "calibration.{profile}.json"

USABLE = 10.0
"""The nearest wrong answer must lie this many times farther off than the farthest right one."""

WIDER = 10.0
"""How many times as wide the bounds are on models that they were not measured on."""

_METRICS = ("relative_l2", "max_abs", "exact")
_FIELDS = frozenset({"metric", "tau", "right", "wrong", "origin"})
ADVICE = (
    "Take another metric, other inputs (leave out those where the outputs hardly move), or more steps of what is "
    "summed or sampled. The values of an accepted variant go to the check as well, as `alternatives`."
)
"""What helps where right and wrong lie too near to each other."""


def measure(
    right: Mapping[str, float],
    wrong: Mapping[str, float],
    *,
    metric: Literal["relative_l2", "max_abs"] = "relative_l2",
    origin: str = "",
    key: str = "",
) -> Tolerance:
    """Place a bound between right and wrong answers.

    Args:
        right: Distance from the gold answer by the name of a right way to compute it: the farthest counts.
        wrong: The same of each known mistake, on the input where it lies nearest: the nearest counts.
        metric: How the distances were measured.
        origin: How, where and when; see `describe_origin`.
        key: The tolerance's name, for the message.

    Returns:
        The bound: the geometric middle of the farthest right and the nearest wrong answer, and at least ten
        times the former as long as that is within a third of the latter: diagnosis names a mistake within it.

    Raises:
        AssignmentError: If the two sets are not far enough apart, with the nearest mistake's name and advice.
    """
    if not right or not wrong:
        raise AssignmentError(
            "A tolerance needs at least one right and one wrong answer to be measured from."
        )
    farthest, nearest = max(right, key=lambda name: right[name]), min(wrong, key=lambda name: wrong[name])
    r, w = right[farthest], wrong[nearest]
    if not (all(map(math.isfinite, right.values())) and w > 0 and w >= USABLE * r):
        by = f" by the tolerance {key!r}" if key else ""
        raise AssignmentError(
            f"Right and wrong answers cannot be told apart{by}: the right {farthest!r} lies {r:.3g} off, "
            f"the mistake {nearest!r} only {w:.3g} (at least {USABLE:g} times as much is needed).\n{ADVICE}"
        )
    # Right answers that agree to the last bit still differ on the next machine: float32 has 6e-8 a step.
    r = max(r, 1e-7)
    tau = max(math.sqrt(r * min(w, 1.0)), min(10 * r, w / 3))
    return Tolerance(metric=metric, tau=_digits(tau), right=_digits(r), wrong=_digits(w), origin=origin)


def _digits(value: float) -> float:
    return float(f"{value:.3g}")


def describe_origin(*, inputs: int, devices: str, date: str) -> str:
    """Say how a tolerance was measured: number of inputs, library versions, devices, date (ISO)."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "captum"))
    return f"{inputs} inputs; {libraries}; Python {platform.python_version()}; {devices}; {date}"


def load_tolerances(folder: Path, profile: str = "tiny") -> Mapping[str, Tolerance]:
    """Read an assignment's calibration.json; an assignment without one has no tolerances.

    What was measured on another profile's models lies in calibration.PROFILE.json and goes before. On models that
    nobody measured, the bounds are wider: the round-off of float32 grows with a model's depth and width. Right answers
    that lie 1.4e-6 off on a model of four blocks lie 1.2e-4 off on one of thirty; a mistake stays as far off as it was.

    Args:
        folder: The assignment's `generated_dir`.
        profile: Which models; for those of a folder, calibration.FOLDER.json is looked for.

    Raises:
        AssignmentError: If the file cannot be read, or an entry is no tolerance: with all that is wrong.
    """
    found = _read(folder / FILE)
    if profile == "tiny":
        return found
    measured = _read(folder / PROFILE_FILE.format(profile=Path(profile).name))
    return {**{key: _widened(one) for key, one in found.items()}, **measured}


def named_in(checks: Path) -> set[str]:
    """Return the tolerances that a checks.py names in its text: `tolerance="key"` and `within("key", ...)`.

    Nothing is imported or run; a name that the file computes is not found.

    Args:
        checks: The file; one that is no Python names none.
    """
    try:
        calls = [node for node in ast.walk(ast.parse(checks.read_bytes())) if isinstance(node, ast.Call)]
    except (OSError, SyntaxError, ValueError):
        return set()
    values = [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "tolerance"]
    values += [call.args[0] for call in calls if call.args and getattr(call.func, "id", "") == "within"]
    return {
        value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)
    }


def _widened(one: Tolerance) -> Tolerance:
    """Return the bound for models that it was not measured on; the nearest known mistake stays well outside."""
    return replace(one, tau=_digits(max(one.tau, min(WIDER * one.tau, one.wrong / 3))))


def _read(path: Path) -> dict[str, Tolerance]:
    if not path.exists():
        return {}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise AssignmentError(
            f"{path}: cannot be read as JSON: {error}\nMeasure the tolerances again."
        ) from None
    if not isinstance(entries, dict):
        raise AssignmentError(f"{path}: holds {type(entries).__name__}, not an object of tolerances by key.")
    problems = [f"{key}: {problem}" for key, entry in entries.items() for problem in _problems(entry)]
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise AssignmentError(f"{path}: {len(problems)} problem(s):\n{lines}\nMeasure the tolerances again.")
    return {key: Tolerance(**entry) for key, entry in entries.items()}


def _problems(entry: Any) -> list[str]:
    if not isinstance(entry, dict):
        return [f"is {type(entry).__name__}, not an object."]
    problems = [f"{key!r} is not a field of a tolerance." for key in sorted(entry.keys() - _FIELDS)]
    if entry.get("metric") not in _METRICS:
        problems.append(f"'metric' is {entry.get('metric')!r}: it must be one of {', '.join(_METRICS)}.")
    for key in ("tau", "right", "wrong"):
        value: Any = entry.get(key, 0.0 if key != "tau" else None)
        number = float(value) if type(value) in (int, float) else math.nan
        if not 0 <= number < math.inf:
            problems.append(f"{key!r} is {value!r}: it must be a finite number from 0.")
    if not isinstance(entry.get("origin", ""), str):
        problems.append("'origin' must be a sentence.")
    if not problems and not entry.get("right", 0.0) <= entry["tau"] <= entry.get("wrong", math.inf):
        problems.append(f"'tau' is {entry['tau']}, which does not lie between 'right' and 'wrong'.")
    return problems


def write_tolerances(folder: Path, tolerances: Mapping[str, Tolerance], profile: str = "tiny") -> Path:
    """Write an assignment's calibration.json, or another profile's file, keys in order, and return its path.

    Arguments as of `load_tolerances`; the folder is made if it is missing.
    """
    folder.mkdir(exist_ok=True)
    own = profile == "tiny"
    path = folder / (FILE if own else PROFILE_FILE.format(profile=Path(profile).name))
    entries = {key: asdict(tolerances[key]) for key in sorted(tolerances)}
    path.write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
