"""Compare nests of lists, tuples, dicts, strings and numbers, and say where they differ first. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from autograder.comparison.blame import judged
from autograder.comparison.tensors import distance
from autograder.records import Comparison, Tolerance

_SHOWN_CHARS = 80
_SHOWN_KEYS = 20


def structure_distance(actual: Any, expected: Any, metric: str) -> float:
    """Return the distance of the numbers in two nests; inf if anything else about them differs.

    A list may be a tuple; a number may be an int, a float or a 0-d tensor. No more of the answer is looked at than what
    was expected has.

    Raises:
        UnusableAnswerError: If the answer cannot be compared.
    """
    return judged(lambda answer: _distance(answer, expected, metric), actual, expected)


def _distance(actual: Any, expected: Any, metric: str) -> float:
    got: list[Tensor | float] = []
    want: list[Tensor | float] = []
    if not _is_alike(actual, expected, got, want):
        return math.inf
    return distance(_joined(got), _joined(want), metric)


def _joined(numbers: list[Tensor | float]) -> Tensor:
    """Return numbers and tensors as one float64 tensor, shape (number,)."""
    parts = [torch.empty(0, dtype=torch.float64)]
    for are_tensors, run in groupby(numbers, key=lambda one: isinstance(one, Tensor)):
        same: list[Any] = list(run)
        parts += same if are_tensors else [torch.tensor(same, dtype=torch.float64)]
    return torch.cat(parts)


def _is_alike(actual: Any, expected: Any, got: list[Tensor | float], want: list[Tensor | float]) -> bool:
    """Return whether two nests differ in numbers alone, and append these."""
    if expected is None or isinstance(expected, (bool, str)):
        return isinstance(actual, type(expected)) and bool(actual == expected)
    if _is_number(expected):
        if not _is_number(actual):
            return False
        got.append(_float(actual))
        want.append(_float(expected))
        return True
    if isinstance(expected, Tensor):
        if not isinstance(actual, Tensor) or actual.shape != expected.shape or actual.is_complex():
            return False
        got.append(actual.detach().cpu().double().flatten())
        want.append(expected.detach().cpu().double().flatten())
        return True
    if isinstance(expected, (list, tuple)):
        return (
            isinstance(actual, (list, tuple))
            and len(actual) == len(expected)
            and all(_is_alike(one, other, got, want) for one, other in zip(actual, expected, strict=True))
        )
    if isinstance(expected, dict):
        return (
            isinstance(actual, dict)
            and actual.keys() == expected.keys()
            and all(_is_alike(actual[key], expected[key], got, want) for key in sorted(expected, key=str))
        )
    return False


def _is_number(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.dim() == 0
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _float(value: Any) -> float:
    """Return a number as a float; what is no real number, or too large, as NaN or infinity, which equal nothing."""
    if isinstance(value, Tensor) and value.is_complex():
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def compare_structures(
    actual: Any, expected: Any, tolerance: Tolerance, *, name: str = "result"
) -> Comparison:
    """Compare nests of lists, tuples, dicts, strings and numbers.

    Args:
        actual: What came back.
        expected: What was expected.
        tolerance: Bound for the numbers; all else must be equal.
        name: What it is, for the message.

    Raises:
        UnusableAnswerError: If the answer cannot be compared.
    """
    return judged(lambda answer: _compare(answer, expected, tolerance, name), actual, expected, name=name)


def _compare(actual: Any, expected: Any, tolerance: Tolerance, name: str) -> Comparison:
    worst = _distance(actual, expected, tolerance.metric)
    if worst <= (0.0 if tolerance.metric == "exact" else tolerance.tau):
        return Comparison(close=True, distance=worst, problem="", message="")
    message = f"{name}: {_first_difference(actual, expected, tolerance, '')}"
    problem: Any = "values" if math.isfinite(worst) or _is_of_one_kind(actual, expected) else "type"
    return Comparison(close=False, distance=worst, problem=problem, message=message)


def _is_of_one_kind(actual: Any, expected: Any) -> bool:
    """Return whether both are numbers, strings, sequences, mappings or tensors, whatever is in them."""
    kinds: tuple[Any, ...] = ((list, tuple), dict, str, bool, (int, float), Tensor)
    return any(isinstance(actual, kind) and isinstance(expected, kind) for kind in kinds)


def _first_difference(actual: Any, expected: Any, tolerance: Tolerance, where: str) -> str:
    """Describe the first place where two nests differ; `where` is the path so far, like `[2][0]`."""
    place = f" at {where}" if where else ""
    if isinstance(expected, (list, tuple)):
        if not isinstance(actual, (list, tuple)):
            return f"expected a list or tuple{place}, found {type(actual).__name__}."
        for index, (got, want) in enumerate(zip(actual, expected, strict=False)):
            if _distance(got, want, tolerance.metric) > tolerance.tau:
                return _first_difference(got, want, tolerance, f"{where}[{index}]")
        if len(actual) != len(expected):
            return f"expected {len(expected)} items{place}, found {len(actual)}."
        return f"the numbers differ by {_distance(actual, expected, tolerance.metric):.3g} in all."
    if isinstance(expected, dict) and isinstance(actual, dict):
        if actual.keys() != expected.keys():
            return f"expected keys {_keys(expected)}{place}, found {_keys(actual)}."
        for key, want in expected.items():
            if _distance(actual[key], want, tolerance.metric) > tolerance.tau:
                return _first_difference(actual[key], want, tolerance, f"{where}[{key!r}]")
    return f"expected {_short(expected)}{place}, found {_short(actual)}."


def _keys(value: dict[Any, Any]) -> str:
    names = sorted(map(str, value))
    shown = [name if len(name) <= _SHOWN_CHARS else f"{name[: _SHOWN_CHARS - 3]}..." for name in names]
    more = len(names) - _SHOWN_KEYS
    return str(shown) if more <= 0 else f"{shown[:_SHOWN_KEYS]} and {more} more"


def _short(value: Any) -> str:
    # Sums of tenths end in ...04, which says nothing to who reads it.
    value = float(f"{value:.6g}") if isinstance(value, float) else value
    text = ""
    for piece in _pieces(value):
        text += piece
        if len(text) > _SHOWN_CHARS:
            return text[: _SHOWN_CHARS - 3] + "..."
    return text


def _pieces(value: Any) -> Iterator[str]:
    """Yield the `repr` of a value piece by piece: an answer may be large, and few characters are shown."""
    if isinstance(value, dict):
        yield "{"
        for place, (key, item) in enumerate(value.items()):
            yield from (", " if place else "", repr(key)[: 2 * _SHOWN_CHARS], ": ")
            yield from _pieces(item)
        yield "}"
    elif isinstance(value, (list, tuple)):
        yield "[" if isinstance(value, list) else "("
        for place, item in enumerate(value):
            yield ", " if place else ""
            yield from _pieces(item)
        yield "]" if isinstance(value, list) else (",)" if len(value) == 1 else ")")
    elif isinstance(value, str):
        yield repr(value if len(value) <= _SHOWN_CHARS else value[: 2 * _SHOWN_CHARS])
    elif value is None or isinstance(value, (bool, int, float, Tensor)):
        yield repr(value)
    else:
        yield type(value).__name__
