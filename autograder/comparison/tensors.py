"""Compare tensors and say how they differ. Pure: no files, no state, no judgement about points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from autograder.records import Comparison, Tolerance


def relative_l2(actual: Tensor, expected: Tensor) -> float:
    """Return |actual - expected| / |expected| in float64; inf if not finite or the shapes differ.

    Args:
        actual: Any shape.
        expected: The same shape. Where it is all zero, the distance is |actual| itself.
    """
    if actual.shape != expected.shape:
        return math.inf
    got, want = actual.to(torch.float64), expected.to(torch.float64)
    scale = float(want.norm())
    distance = float((got - want).norm()) / (scale if scale > 0 else 1.0)
    return distance if math.isfinite(distance) else math.inf


def max_abs(actual: Tensor, expected: Tensor) -> float:
    """Return the largest absolute difference in float64; inf if not finite or the shapes differ."""
    if actual.shape != expected.shape:
        return math.inf
    if actual.numel() == 0:
        return 0.0
    distance = float((actual.to(torch.float64) - expected.to(torch.float64)).abs().max())
    return distance if math.isfinite(distance) else math.inf


def distance(actual: Tensor, expected: Tensor, metric: str, item_axis: int | None = None) -> float:
    """Return the worst item's distance.

    Args:
        actual: Any shape.
        expected: The same shape.
        metric: relative_l2, max_abs or exact (max_abs, to be compared with 0).
        item_axis: Axis whose slices are items of their own; None: the tensor is one item.
    """
    if actual.shape != expected.shape:
        return math.inf
    measure = relative_l2 if metric == "relative_l2" else max_abs
    if item_axis is None:
        return measure(actual, expected)
    pairs = zip(actual.unbind(item_axis), expected.unbind(item_axis), strict=True)
    return max((measure(got, want) for got, want in pairs), default=0.0)


def fitted_scale(actual: Tensor, expected: Tensor) -> float | None:
    """Return the factor s that brings s * expected nearest to actual, or None if nothing is near.

    A factor is returned only where it explains the difference: the cosine's magnitude is above 0.999.
    """
    got, want = actual.to(torch.float64).flatten(), expected.to(torch.float64).flatten()
    if got.shape != want.shape or not bool(torch.isfinite(got).all()):
        return None
    denominator = float(want @ want)
    length = float(got.norm() * want.norm())
    if denominator == 0 or length == 0:
        return None
    product = float(got @ want)
    return product / denominator if abs(product / length) > 0.999 else None


def as_tensor(value: Any) -> Tensor | None:
    """Return a value as a plain CPU tensor, or None if it is no tensor, number or nest of numbers."""
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, (bool, str, bytes)) or value is None:
        return None
    try:
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None


def is_degenerate(value: Tensor) -> bool:
    """Return whether a tensor says nothing of its input: empty, not finite, or of at most two values, such as zeros."""
    flat = value.detach().double().reshape(-1)
    if flat.numel() == 0 or not bool(torch.isfinite(flat).all()):
        return True
    scaled = flat / flat.abs().max().clamp_min(torch.finfo(torch.float64).tiny)
    return len(torch.unique(torch.round(scaled, decimals=6))) <= 2


def compare(
    actual: Any,
    expected: Tensor,
    tolerance: Tolerance,
    *,
    name: str = "result",
    axes: Sequence[str] = (),
    items: str | None = None,
) -> Comparison:
    """Compare what came back with what was expected.

    Args:
        actual: A tensor, a number or a nested list of numbers.
        expected: Any shape, one name of `axes` a dimension.
        tolerance: The metric and its bound.
        name: What the tensor is, for the message.
        axes: Names of the axes, for the message.
        items: Name of the axis whose slices are compared one by one, each within the bound.

    Returns:
        A comparison whose message names the first thing that is wrong: type, dtype, shape, non-finite
        values, then values.
    """
    got = as_tensor(actual)
    wrong = _form_problem(got, actual, expected, name, axes)
    if wrong is not None or got is None:
        return wrong or _bad("type", f"{name}: no tensor.")
    if not bool(torch.isfinite(got.to(torch.float64)).all()):
        nan, inf = int(got.isnan().sum()), int(got.isinf().sum())
        where = _place(int((~torch.isfinite(got)).flatten().to(torch.int8).argmax()), got.shape, axes)
        return _bad(
            "nonfinite", f"{name}: {nan} NaN and {inf} infinite values of {got.numel()}, first at {where}."
        )
    axis = list(axes).index(items) if items is not None else None
    worst = distance(got, expected.cpu(), tolerance.metric, axis)
    bound = 0.0 if tolerance.metric == "exact" else tolerance.tau
    # Written so that a NaN distance can never pass.
    if worst <= bound:
        return Comparison(close=True, distance=worst, problem="", message="")
    message, scale = _value_message(got, expected.cpu(), tolerance, worst, name, axes)
    return Comparison(close=False, distance=worst, problem="values", message=message, scale=scale)


def _bad(problem: Any, message: str) -> Comparison:
    return Comparison(close=False, distance=math.inf, problem=problem, message=message)


def _form_problem(
    got: Tensor | None, actual: Any, expected: Tensor, name: str, axes: Sequence[str]
) -> Comparison | None:
    if got is None:
        return _bad("type", f"{name}: expected a tensor, found {type(actual).__name__}.")
    if got.is_complex():
        return _bad("dtype", f"{name}: expected real numbers, found {_dtype(got)}.")
    if expected.dtype.is_floating_point and not got.dtype.is_floating_point:
        return _bad("dtype", f"{name}: expected floating-point scores, found {_dtype(got)}.")
    if not expected.dtype.is_floating_point and (got.dtype.is_floating_point or got.dtype is torch.bool):
        return _bad("dtype", f"{name}: expected integers, found {_dtype(got)}.")
    if got.shape != expected.shape:
        named = f" ({', '.join(axes)})" if len(axes) == expected.dim() and axes else ""
        return _bad("shape", f"{name}: expected shape {_shape(expected)}{named}, found {_shape(got)}.")
    return None


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _shape(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))


def _place(flat: int, shape: Sequence[int], axes: Sequence[str]) -> str:
    index: list[int] = []
    for size in reversed(shape):
        index.insert(0, flat % size)
        flat //= size
    names = axes if len(axes) == len(index) else [f"axis {i}" for i in range(len(index))]
    return ", ".join(f"{name} {i}" for name, i in zip(names, index, strict=True)) or "the only value"


def _value_message(
    got: Tensor, want: Tensor, tolerance: Tolerance, worst: float, name: str, axes: Sequence[str]
) -> tuple[str, float | None]:
    difference = (got.to(torch.float64) - want.to(torch.float64)).abs()
    if tolerance.metric == "relative_l2":
        # A value counts as wrong if it alone exceeds the bound's share: tau times the tensor's RMS.
        allowed = tolerance.tau * float(want.to(torch.float64).norm()) / math.sqrt(max(want.numel(), 1))
    else:
        allowed = tolerance.tau if tolerance.metric == "max_abs" else 0.0
    count = int((difference > allowed).sum())
    flat = int(difference.flatten().argmax())
    lines = [
        f"{name}: {count} of {want.numel()} values differ.",
        f"Worst at {_place(flat, want.shape, axes)}: "
        f"found {_number(got.flatten()[flat])}, expected {_number(want.flatten()[flat])}.",
    ]
    # Of whole numbers the count says it all.
    if tolerance.metric != "exact":
        lines.append(f"Distance ({tolerance.metric}) {worst:.3g}, allowed {tolerance.tau:.3g}.")
    scale = fitted_scale(got, want)
    if scale is not None and abs(scale - 1) > 1e-3:
        sign = "the opposite sign and " if scale < 0 else ""
        lines.append(f"Your values are {sign}about {abs(scale):.4g} times the expected ones.")
    else:
        scale = None
    return "\n".join(lines), scale


def _number(value: Tensor) -> str:
    return str(int(value)) if not value.dtype.is_floating_point else f"{float(value):.6g}"


def _float(value: float) -> float:
    """Return a number as a float; an integer too large for one as infinity, which equals nothing."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _flatten(value: Any) -> tuple[Any, list[float]]:
    """Split a nest into its skeleton (kinds, lengths, strings) and its numbers in order."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value, []
    if isinstance(value, (int, float)):
        return "number", [_float(value)]
    if isinstance(value, Tensor):
        return (
            "tensor",
            tuple(value.shape),
        ) if value.dim() else "number", value.detach().double().flatten().tolist()
    if isinstance(value, (list, tuple)):
        parts = [_flatten(item) for item in value]
        return [skeleton for skeleton, _ in parts], [number for _, numbers in parts for number in numbers]
    if isinstance(value, dict):
        keys = sorted(value, key=str)
        parts = [_flatten(value[key]) for key in keys]
        skeleton = {key: part for key, (part, _) in zip(keys, parts, strict=True)}
        return skeleton, [number for _, numbers in parts for number in numbers]
    return (type(value).__name__,), []


def structure_distance(actual: Any, expected: Any, metric: str) -> float:
    """Return the distance of the numbers in two nests; inf if anything else about them differs.

    A list may be a tuple; a number may be an int, a float or a 0-d tensor.
    """
    (got_form, got), (want_form, want) = _flatten(actual), _flatten(expected)
    if got_form != want_form:
        return math.inf
    return distance(torch.tensor(got, dtype=torch.float64), torch.tensor(want, dtype=torch.float64), metric)


def compare_structures(
    actual: Any, expected: Any, tolerance: Tolerance, *, name: str = "result"
) -> Comparison:
    """Compare nests of lists, tuples, dicts, strings and numbers.

    Args:
        actual: What came back.
        expected: What was expected.
        tolerance: Bound for the numbers; all else must be equal.
        name: What it is, for the message.
    """
    worst = structure_distance(actual, expected, tolerance.metric)
    if worst <= (0.0 if tolerance.metric == "exact" else tolerance.tau):
        return Comparison(close=True, distance=worst, problem="", message="")
    message = f"{name}: {_first_difference(actual, expected, tolerance, '')}"
    problem: Any = "values" if math.isfinite(worst) else "type"
    return Comparison(close=False, distance=worst, problem=problem, message=message)


def _first_difference(actual: Any, expected: Any, tolerance: Tolerance, where: str) -> str:
    """Describe the first place where two nests differ; `where` is the path so far, like `[2][0]`."""
    place = f" at {where}" if where else ""
    if isinstance(expected, (list, tuple)):
        if not isinstance(actual, (list, tuple)):
            return f"expected a list or tuple{place}, found {type(actual).__name__}."
        for index, (got, want) in enumerate(zip(actual, expected, strict=False)):
            if structure_distance(got, want, tolerance.metric) > tolerance.tau:
                return _first_difference(got, want, tolerance, f"{where}[{index}]")
        if len(actual) != len(expected):
            return f"expected {len(expected)} items{place}, found {len(actual)}."
        return f"the numbers differ by {structure_distance(actual, expected, tolerance.metric):.3g} in all."
    if isinstance(expected, dict) and isinstance(actual, dict):
        if actual.keys() != expected.keys():
            return f"expected keys {sorted(map(str, expected))}{place}, found {sorted(map(str, actual))}."
        for key, want in expected.items():
            if structure_distance(actual[key], want, tolerance.metric) > tolerance.tau:
                return _first_difference(actual[key], want, tolerance, f"{where}[{key!r}]")
    return f"expected {_short(expected)}{place}, found {_short(actual)}."


def _short(value: Any) -> str:
    # Sums of tenths end in ...04, which says nothing to who reads it.
    text = repr(float(f"{value:.6g}") if isinstance(value, float) else value)
    return text if len(text) <= 80 else text[:77] + "..."
