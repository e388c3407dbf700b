"""Compare tensors and say how they differ. Pure: no files, no state, no judgement about points.

Whatever goes wrong on account of an answer, and not of what was expected, raises an `UnusableAnswerError`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from autograder.comparison.blame import judged
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
    """Return the worst item's distance; inf of complex numbers.

    Args:
        actual: Any shape.
        expected: The same shape.
        metric: relative_l2, max_abs or exact (max_abs, to be compared with 0).
        item_axis: Axis whose slices are items of their own; None: the tensor is one item.

    Raises:
        UnusableAnswerError: If the actual tensor cannot be compared.
    """
    return judged(lambda answer: _distance(answer, expected, metric, item_axis), actual, expected)


def _distance(actual: Tensor, expected: Tensor, metric: str, item_axis: int | None) -> float:
    if actual.shape != expected.shape or actual.is_complex():
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
    except MemoryError:
        raise
    except Exception:  # whatever it is, it is no nest of numbers
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

    Raises:
        UnusableAnswerError: If the answer cannot be compared.
    """
    want = expected.cpu()

    def between(answer: Any) -> Comparison:
        return _compare(answer, want, tolerance, name, axes, items)

    return judged(between, actual, expected, name=name)


def _compare(
    actual: Any, expected: Tensor, tolerance: Tolerance, name: str, axes: Sequence[str], items: str | None
) -> Comparison:
    got = as_tensor(actual)
    wrong = _form_problem(got, actual, expected, name, axes)
    if wrong is not None or got is None:
        return wrong or _bad("type", f"{name}: no tensor.")
    # In float64, since torch has not all functions for all dtypes.
    wide = got.to(torch.float64)
    if not bool(torch.isfinite(wide).all()):
        nan, inf = int(wide.isnan().sum()), int(wide.isinf().sum())
        where = _place(int((~torch.isfinite(wide)).flatten().to(torch.int8).argmax()), got.shape, axes)
        return _bad(
            "nonfinite", f"{name}: {nan} NaN and {inf} infinite values of {got.numel()}, first at {where}."
        )
    axis = list(axes).index(items) if items is not None else None
    worst = _distance(got, expected, tolerance.metric, axis)
    bound = 0.0 if tolerance.metric == "exact" else tolerance.tau
    # Written so that a NaN distance can never pass.
    if worst <= bound:
        return Comparison(close=True, distance=worst, problem="", message="")
    message, scale = _value_message(got, expected, tolerance, worst, name, axes)
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
