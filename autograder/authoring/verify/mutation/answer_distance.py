"""The distance between two answers of one function: nests of tensors, numbers and texts, or figures."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import torch

from autograder.comparison.tensors import relative_l2
from autograder.execution.wire import describe_figure
from autograder.execution.wire.describe_figure import is_figure
from autograder.execution.wire.figures import FigureDescription, rebuild


def answer_distance(actual: Any, expected: Any) -> float:
    """Return the largest distance between corresponding tensors or numbers of two answers.

    Floating-point values are compared by the relative L2 distance of each tensor, all else exactly (0 or inf), figures
    by their contents.
    """
    if all(is_figure(one) or isinstance(one, FigureDescription) for one in (actual, expected)):
        return answer_distance(_contents(actual), _contents(expected))
    if isinstance(expected, (list, tuple)) and isinstance(actual, (list, tuple)):
        if len(actual) != len(expected):
            return math.inf
        return max(map(answer_distance, actual, expected), default=0.0)
    if isinstance(expected, dict) and isinstance(actual, dict):
        if actual.keys() != expected.keys():
            return math.inf
        return max((answer_distance(actual[key], expected[key]) for key in expected), default=0.0)
    numbers = (torch.Tensor, int, float)
    if isinstance(actual, numbers) and isinstance(expected, numbers):
        got, want = torch.as_tensor(actual), torch.as_tensor(expected)
        if got.is_floating_point() != want.is_floating_point():
            return math.inf
        off = relative_l2(got, want)
        return off if want.is_floating_point() or off == 0 else math.inf
    return 0.0 if actual == expected else math.inf


def _contents(figure: Any) -> Any:
    """Return the contents of a figure as plain data, without its picture."""
    if is_figure(figure):
        figure = rebuild(describe_figure.describe(figure, picture=False))
    return _rounded([asdict(axes) for axes in figure.axes])


def _rounded(value: Any) -> Any:
    """Round the numbers of a nest: a figure drawn twice has 1e-16 where the first has 0."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return round(value, 9) if isinstance(value, float) else value
