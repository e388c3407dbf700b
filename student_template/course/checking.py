"""What the read-only check cells ask of an answer; a check that fails says what it found.

Whatever a function returns, a check that fails raises an AssertionError whose one sentence says what was expected and
what came. Answers count in any form: torch or NumPy, lists and tuples of numbers or tensors, on any device, with or
without a gradient.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Number
from typing import Any

import numpy as np
import torch


def _check(ask: Callable[..., Any]) -> Callable[..., Any]:
    """Let a check fail with its sentence, not with a traceback through this file."""

    @functools.wraps(ask)
    def asked(*args: Any, **kwargs: Any) -> Any:
        try:
            return ask(*args, **kwargs)
        except AssertionError as error:
            raise AssertionError(str(error)) from None

    return asked


@_check
def tensor(answer: Any, what: str = "", /, **axes: int) -> torch.Tensor:
    """Return an answer as a float tensor on the CPU, without a gradient.

    Args:
        answer: What a function returned.
        what: Names it in the sentence, where a function returns several results.
        axes: Name and length of each axis, in their order; without any, the shape does not matter.
    """
    found = _plain(answer, what).float()
    _same_shape(found, axes, what)
    bad = ~torch.isfinite(found)
    if bad.any():
        where = f" at {_place(bad, tuple(axes))}" if found.dim() else ""
        raise _failed(what, f"expected finite numbers, got {float(found[bad][0])}{where}{_share(bad)}")
    return found


@_check
def integers(answer: Any, what: str = "", /, **axes: int) -> torch.Tensor:
    """Return an answer as a LongTensor on the CPU; arguments as for `tensor`."""
    found = _plain(answer, what)
    if found.is_floating_point() or found.is_complex():
        raise _failed(what, f"expected whole numbers (an integer dtype), got {found.dtype}")
    _same_shape(found, axes, what)
    return found.long()


@_check
def parts(answer: Any, *names: str) -> tuple[Any, ...]:
    """Return the results of a function that returns several."""
    wanted = f"expected {len(names)} results ({', '.join(names)})"
    if answer is None or isinstance(answer, (str, Mapping)) or not isinstance(answer, Iterable):
        raise _failed("", f"{wanted}, got {_form(answer)}")
    found = tuple(answer)
    if len(found) != len(names):
        raise _failed("", f"{wanted}, got {_form(answer)}: {_more_or_less(len(found), len(names), 'result')}")
    return found


@_check
def records(answer: Any, *names: str, count: int | None = None) -> list[tuple[Any, ...]]:
    """Return a list of tuples, such as (word, score).

    Args:
        answer: What a function returned.
        names: What each tuple holds.
        count: How many there are; None if any number is right.
    """
    wanted = f"expected a list of ({', '.join(names)})"
    if isinstance(answer, (str, Mapping)) or not hasattr(answer, "__len__"):
        raise _failed("", f"{wanted}, got {_form(answer)}")
    if count is not None and len(answer) != count:
        raise _failed("", f"{wanted} of length {count}, got {_form(answer)}")
    for number, entry in enumerate(answer):
        if isinstance(entry, str) or not isinstance(entry, Iterable) or len(tuple(entry)) != len(names):
            raise _failed("", f"{wanted}, but entry {number} is {_form(entry)}")
    return [tuple(entry) for entry in answer]


@_check
def entries(answer: Any, *names: str, others: bool = False) -> dict[str, Any]:
    """Return the entries of a dictionary by their names.

    Args:
        answer: What a function returned.
        names: The keys that it must have.
        others: Whether it may have more.
    """
    wanted = f"expected a dictionary with the keys {', '.join(names)}"
    if not isinstance(answer, Mapping):
        raise _failed("", f"{wanted}, got {_form(answer)}")
    if missing := [name for name in names if name not in answer]:
        raise _failed("", f"{wanted}, got {_form(answer)}: missing {', '.join(missing)}")
    if not others and (extra := [str(name) for name in answer if name not in names]):
        raise _failed("", f"{wanted}, got {_form(answer)}: too many {', '.join(extra)}")
    return {name: answer[name] for name in names}


@_check
def texts(answer: Any, what: str = "", /, **axes: int) -> Any:
    """Return nested lists of strings as they are; arguments as for `tensor`."""
    rows = [answer]
    for axis, length in axes.items():
        for row in rows:
            wanted = f"expected a list of {length}, one for each {axis}"
            if isinstance(row, (str, Mapping)) or not hasattr(row, "__len__"):
                raise _failed(what, f"{wanted}, got {_form(row)}")
            if len(row) != length:
                raise _failed(what, f"{wanted}, got {_form(row)}: {_more_or_less(len(row), length, axis)}")
        rows = [entry for row in rows for entry in row]
    for entry in rows:
        if not isinstance(entry, str):
            raise _failed(what, f"expected strings, got {_form(entry)}")
    return answer


@_check
def close(actual: Any, expected: Any, what: str = "", atol: float = 1e-5, rtol: float = 1e-5) -> None:
    """Assert that numbers agree within a tolerance; otherwise say where they differ most."""
    found, wanted = _plain(actual, what).double(), _plain(expected, what).double()
    if found.numel() == wanted.numel() == 1:
        found = found.reshape(wanted.shape)
    if found.shape != wanted.shape:
        raise _failed(what, f"expected shape {tuple(wanted.shape)}, got {tuple(found.shape)}")
    off = ~torch.isclose(found, wanted, atol=atol, rtol=rtol)
    if off.any():
        gap = (found - wanted).abs().nan_to_num(nan=math.inf)
        worst = off & (gap == gap[off].max())
        where = f" at {_place(worst)}" if found.dim() else ""
        values = f"expected {float(wanted[worst][0]):.6g}{where}, got {float(found[worst][0]):.6g}"
        raise _failed(what, values + _share(off))


@_check
def sums(values: Any, total: float = 1.0, what: str = "", atol: float = 1e-4) -> None:
    """Assert that the last axis sums to a total; otherwise say what it sums to, and where."""
    found = _plain(values, what).double().sum(dim=-1)
    off = ~((found - total).abs() <= atol)
    if off.any():
        place = f" at {_place(off)}" if found.dim() else ""
        raise _failed(
            what, f"expected a sum of {total:g}{place}, got {float(found[off][0]):.6g}{_share(off)}"
        )


@_check
def between(values: Any, low: float = -math.inf, high: float = math.inf, what: str = "") -> None:
    """Assert that numbers lie between two bounds; otherwise say which does not, and where."""
    found = _plain(values, what).double()
    off = ~((found >= low) & (found <= high))
    if off.any():
        where = f" at {_place(off)}" if found.dim() else ""
        bounds = [f"at least {low:g}"] * math.isfinite(low) + [f"at most {high:g}"] * math.isfinite(high)
        wanted = f"{low:g}" if low == high else " and ".join(bounds)
        raise _failed(what, f"expected {wanted}, got {float(found[off][0]):.6g}{where}{_share(off)}")


@_check
def instance(answer: Any, kind: type, what: str = "") -> None:
    """Assert that an answer is of a class; otherwise say what it is."""
    if not isinstance(answer, kind):
        raise _failed(what, f"expected a {kind.__name__}, got {_form(answer)}")


@_check
def equal(actual: Any, expected: Any, what: str = "") -> None:
    """Assert that two plain values are equal; otherwise show both."""
    if actual != expected:
        raise _failed(what, f"expected {expected!r}, got {actual!r}")


def _plain(answer: Any, what: str) -> torch.Tensor:
    """Return an answer as a tensor on the CPU, of its own dtype."""
    if isinstance(answer, torch.Tensor):
        return answer.detach().cpu()
    try:
        if isinstance(answer, Number):
            return torch.tensor(answer)
        if isinstance(answer, Sequence) and not isinstance(answer, (str, bytes)):
            return _stacked(answer, what)
        if hasattr(answer, "__array__"):
            return torch.from_numpy(np.array(answer, order="C"))
    except (TypeError, ValueError, RuntimeError):
        pass
    raise _failed(what, f"expected a tensor, got {_form(answer)}")


def _stacked(answer: Sequence[Any], what: str) -> torch.Tensor:
    if all(isinstance(entry, Number) for entry in answer):
        return torch.tensor(answer)
    rows = [_plain(entry, what) for entry in answer]
    odd = next((row for row in rows if row.shape != rows[0].shape), None)
    if odd is not None:
        shapes = f"{tuple(rows[0].shape)} and {tuple(odd.shape)}"
        raise _failed(what, f"expected a tensor, got {_form(answer)} whose entries differ in shape: {shapes}")
    return torch.stack(rows)


def _same_shape(found: torch.Tensor, axes: Mapping[str, int], what: str) -> None:
    got, wanted = tuple(found.shape), tuple(axes.values())
    if not axes or got == wanted:
        return
    named = f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"
    raise _failed(what, f"expected shape {named} = {wanted}, got {got}: {_difference(got, axes)}")


def _difference(got: tuple[int, ...], axes: Mapping[str, int]) -> str:
    """Say in words how a shape differs from the one that was asked for."""
    wanted = tuple(axes.values())
    if not got:
        return "a single number"
    if len(got) != len(wanted):
        if [length for length in got if length != 1] == [length for length in wanted if length != 1]:
            return f"an axis of length 1 is {'too many' if len(got) > len(wanted) else 'missing'}"
        return _more_or_less(len(got), len(wanted), "axis")
    if sorted(got) == sorted(wanted):
        return "the axes stand in another order"
    lengths = zip(axes, got, wanted, strict=True)
    return ", ".join(_more_or_less(has, needs, name) for name, has, needs in lengths if has != needs)


def _more_or_less(got: int, wanted: int, name: str) -> str:
    if abs(got - wanted) == 1:
        return f"one {name} too {'many' if got > wanted else 'few'}"
    return f"{name}: {got} instead of {wanted}"


def _place(marked: torch.Tensor, names: Sequence[str] = ()) -> str:
    """Name the first place that is marked: by its axes, else by its index."""
    index = marked.nonzero()[0].tolist()
    return ", ".join(map("{} {}".format, names, index)) if names else str(index)


def _share(off: torch.Tensor) -> str:
    return f" ({int(off.sum())} of {off.numel()} values are wrong)" if off.numel() > 1 else ""


def _form(answer: Any) -> str:
    """Name what came instead, without its values."""
    if answer is None:
        return "None: is a return missing?"
    if isinstance(answer, str):
        return f"the text {answer[:40]!r}"
    if isinstance(answer, Mapping):
        return f"a dictionary with the keys {', '.join(map(str, answer)) or '(none)'}"
    if isinstance(answer, (torch.Tensor, np.ndarray)):
        return f"a tensor of shape {tuple(answer.shape)}"
    if isinstance(answer, (list, tuple)):
        return f"a {type(answer).__name__} of {len(answer)}"
    kind = type(answer).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _failed(what: str, sentence: str) -> AssertionError:
    end = "" if sentence.endswith("?") else "."
    return AssertionError(f"{what}: {sentence}{end}" if what else f"{sentence[0].upper()}{sentence[1:]}{end}")
