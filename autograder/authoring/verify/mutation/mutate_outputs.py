"""Mutate outputs: wrong answers made of right ones by zeros, another sign, a shift by one, noise and the like.

A mutation changes one leaf of a right answer; which mutations there are depends on the form of the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

OutputMutation = Callable[[Any], Any]
"""Takes a right answer and returns a wrong one."""

Path = tuple[Any, ...]


def output_mutations(answer: Any) -> Iterator[tuple[str, OutputMutation]]:
    """Yield named mutations that fit answers of this form.

    Args:
        answer: A right answer: tensors, numbers, strings, lists, tuples, dicts of them.
    """
    yield "nothing", lambda found: None
    for path, leaf in _leaves(answer, ()):
        where = "".join(f"[{part!r}]" for part in path)
        for name, change in _of_leaf(leaf):
            yield f"{where} {name}".strip(), _at(path, change)


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield what is changed as a whole: tensors, numbers, strings, and lists, whose length depends on the input."""
    if isinstance(value, dict):
        yield path, value
        for key in value:
            yield from _leaves(value[key], (*path, key))
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from _leaves(item, (*path, number))
    elif isinstance(value, (Tensor, list, str, int, float)):
        yield path, value


def _at(path: Path, change: OutputMutation) -> OutputMutation:
    if not path:
        return change

    def change_part(value: Any) -> Any:
        inner = _at(path[1:], change)
        if isinstance(value, dict):
            return {key: inner(item) if key == path[0] else item for key, item in value.items()}
        return tuple(inner(item) if number == path[0] else item for number, item in enumerate(value))

    return change_part


def _of_leaf(leaf: Any) -> Iterator[tuple[str, OutputMutation]]:
    if isinstance(leaf, Tensor):
        yield from (_of_floats(leaf.dim()) if leaf.is_floating_point() else _of_integers())
        yield from _of_shape(leaf.dim())
    elif isinstance(leaf, dict):
        yield from _of_dict(leaf)
    elif isinstance(leaf, list):
        yield from _of_list(leaf)
    elif isinstance(leaf, str):
        yield from (
            ("empty", lambda text: ""),
            ("doubled", lambda text: text + text),
            ("cut", lambda text: text[1:]),
        )
    elif isinstance(leaf, (int, float)) and not isinstance(leaf, bool):
        yield from (("plus one", lambda number: number + 1), ("minus one", lambda number: number - 1))
        yield from (("negated", lambda number: -number), ("zero", lambda number: type(number)(0)))


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(20)


def _random(like: Tensor) -> Tensor:
    return torch.rand(like.shape, generator=_generator(), dtype=torch.float64)


def _noisy(value: Tensor, share: float) -> Tensor:
    noise = torch.randn(value.shape, generator=_generator(), dtype=torch.float64)
    size = value.double().square().mean().sqrt()
    return (value + share * size * noise).to(value.dtype)


def _shuffled(value: Tensor, axis: int) -> Tensor:
    return value.index_select(axis, torch.randperm(value.shape[axis], generator=_generator()))


def _of_floats(dimensions: int) -> Iterator[tuple[str, OutputMutation]]:
    yield "zeros", torch.zeros_like
    yield "sign", torch.neg
    yield "absolute", torch.abs
    yield "scaled by 1.1", lambda value: value * 1.1
    yield "scaled by 2", lambda value: value * 2
    yield "5 % noise", lambda value: _noisy(value, 0.05)
    yield "20 % noise", lambda value: _noisy(value, 0.2)
    yield "constant", lambda value: torch.full_like(value, float(value.mean()) or 1.0)
    yield "uniform", lambda value: torch.full_like(value, 1.0 / max(value.shape[-1] if value.dim() else 1, 1))
    yield "random", lambda value: _random(value).to(value.dtype)
    yield "whole numbers", lambda value: value.round().long()
    yield "squared", torch.square
    yield "plus a tenth of its size", lambda value: value + 0.1 * value.abs().mean()
    yield "largest alone", lambda value: torch.where(value == value.max(), value, torch.zeros_like(value))
    yield "one value wrong", _one_wrong
    yield "not a number", lambda value: value * float("nan")
    if dimensions:
        yield "softmax", lambda value: value.double().softmax(dim=-1).to(value.dtype)
        yield "of length one", lambda value: torch.nn.functional.normalize(value, dim=-1)
        yield "of sum one", lambda value: value / value.sum(dim=-1, keepdim=True)


def _one_wrong(value: Tensor) -> Tensor:
    """Flip the sign of the value of largest magnitude, in the last item if there are several."""
    changed = value.clone()
    last = changed[-1] if changed.dim() > 1 else changed
    flat = last.reshape(-1)
    if flat.numel():
        last.view(-1)[int(flat.abs().argmax())] *= -1
    return changed


def _of_integers() -> Iterator[tuple[str, OutputMutation]]:
    yield "zeros", torch.zeros_like
    yield "plus one", lambda value: value + 1
    yield "minus one", lambda value: value - 1
    yield "floats", lambda value: value.float()
    yield "constant", lambda value: torch.full_like(value, int(value.flatten()[0]) if value.numel() else 0)
    yield "booleans", lambda value: value.bool()


def _with(change: Callable[..., Any], *more: Any) -> OutputMutation:
    """Fix the arguments after the answer."""
    return lambda value: change(value, *more)


def _of_shape(dimensions: int) -> Iterator[tuple[str, OutputMutation]]:
    yield "one axis more", lambda value: value[None]
    yield "one axis more at the end", lambda value: value[..., None]
    yield "a list in a list", lambda value: [value.tolist()]
    for axis in range(dimensions):
        for name, change in _ALONG.items():
            yield f"axis {axis} {name}", _with(change, axis)
        for other in range(axis + 1, dimensions):
            yield f"axes {axis} and {other} swapped", _with(torch.transpose, axis, other)


def _shifted(value: Tensor, axis: int) -> Tensor:
    return value.roll(1, axis)


def _shifted_back(value: Tensor, axis: int) -> Tensor:
    return value.roll(-1, axis)


def _reversed(value: Tensor, axis: int) -> Tensor:
    return value.flip(axis)


def _sorted(value: Tensor, axis: int) -> Tensor:
    return value.sort(dim=axis).values


def _without_last(value: Tensor, axis: int) -> Tensor:
    return value.narrow(axis, 0, value.shape[axis] - 1)


def _without_first(value: Tensor, axis: int) -> Tensor:
    return value.narrow(axis, 1, value.shape[axis] - 1)


def _longer(value: Tensor, axis: int) -> Tensor:
    return torch.cat([value, value.narrow(axis, 0, 1)], dim=axis)


def _summed(value: Tensor, axis: int) -> Tensor:
    return value.sum(dim=axis)


def _first_everywhere(value: Tensor, axis: int) -> Tensor:
    return value.narrow(axis, 0, 1).expand_as(value)


def _mean_everywhere(value: Tensor, axis: int) -> Tensor:
    return value.double().mean(dim=axis, keepdim=True).expand_as(value).to(value.dtype)


_ALONG: dict[str, Callable[[Tensor, int], Tensor]] = {
    "shifted by one": _shifted,
    "shifted back by one": _shifted_back,
    "reversed": _reversed,
    "permuted": _shuffled,
    "sorted": _sorted,
    "without its last": _without_last,
    "without its first": _without_first,
    "longer by one": _longer,
    "summed": _summed,
    "the first everywhere": _first_everywhere,
    "the mean everywhere": _mean_everywhere,
}


def _swapped_values(value: dict[Any, Any], first: Any, second: Any) -> dict[Any, Any]:
    return {**value, first: value[second], second: value[first]}


def _without_key(value: dict[Any, Any], key: Any) -> dict[Any, Any]:
    return {name: item for name, item in value.items() if name != key}


def _of_dict(leaf: dict[Any, Any]) -> Iterator[tuple[str, OutputMutation]]:
    yield "in a list", lambda value: list(value.values())
    for first, second in pairwise(leaf):
        yield f"{first!r} and {second!r} swapped", _with(_swapped_values, first, second)
    for key in leaf:
        yield f"without {key!r}", _with(_without_key, key)


def _of_list(leaf: list[Any]) -> Iterator[tuple[str, OutputMutation]]:
    yield "empty", lambda value: []
    yield "without its last", lambda value: value[:-1]
    yield "without its first", lambda value: value[1:]
    yield "longer by one", lambda value: [*value, *value[-1:]]
    yield "reversed", lambda value: value[::-1]
    yield "shifted by one", lambda value: [*value[-1:], *value[:-1]]
    yield "the first everywhere", lambda value: value[:1] * len(value)
    yield "one level more", lambda value: [value]
    yield (
        "flat",
        lambda value: [
            part for item in value for part in (item if isinstance(item, (list, tuple)) else [item])
        ],
    )
    yield "numbers scaled by 1.1", _each_number(lambda number: number * 1.1)
    yield "numbers negated", _each_number(lambda number: -number)
    yield "numbers zero", _each_number(lambda number: type(number)(0))
    yield "numbers plus one", _each_number(lambda number: number + 1)
    yield (
        "numbers rounded",
        _each_number(lambda number: float(round(number)) if isinstance(number, float) else number),
    )
    yield "numbers as text", _each_number(str)
    yield "texts empty", _each_text(lambda text: "")
    yield "texts in upper case", _each_text(str.upper)
    yield "texts without their last letter", _each_text(lambda text: text[:-1])
    if leaf and isinstance(leaf[0], list):
        yield "rows and columns swapped", lambda value: [list(row) for row in zip(*value, strict=False)]
        yield "rows reversed", lambda value: [row[::-1] for row in value]
    if leaf and isinstance(leaf[0], tuple):
        yield "members reversed", lambda value: [item[::-1] for item in value]
        yield "members without the last", lambda value: [item[:-1] for item in value]


def _each(kinds: Any, change: OutputMutation) -> OutputMutation:
    def walk(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return type(value)(walk(item) for item in value)
        return change(value) if isinstance(value, kinds) and not isinstance(value, bool) else value

    return walk


def _each_number(change: OutputMutation) -> OutputMutation:
    return _each((int, float), change)


def _each_text(change: OutputMutation) -> OutputMutation:
    return _each(str, change)
