"""Where a wrong tensor differs, in words that give no input away."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_TOKEN_AXES = ("token", "prompt token", "query", "key", "column")


def where_it_differs(
    actual: Tensor, expected: Tensor, tau: float, axes: Sequence[str], special: Sequence[bool] = ()
) -> tuple[str, str]:
    """Say in which entries of which axes two tensors differ.

    Args:
        actual: The student's.
        expected: The reference's.
        tau: How far right answers may lie apart, relatively.
        axes: Names of the expected tensor's axes.
        special: For each token whether it is a special one or padding; empty where this is unknown.

    Returns:
        (words for the student, words for the instructor). The former hold axis names, "first", "last" and numbers of
        layers alone: nothing that a hidden input could be read from. Both empty if there is nothing to say.
    """
    if actual.shape != expected.shape:
        return _shapes(actual, expected, axes), ""
    if not (actual.is_floating_point() and expected.is_floating_point()) or len(axes) != expected.dim():
        return "", ""
    got, want = actual.double(), expected.double()
    bad = got[~torch.isfinite(got)]
    if bad.numel():
        kind = "NaN" if bool(bad.isnan().any()) else "infinite values"
        return f"Your result holds {kind}.", ""
    if got.numel() > 1 and float(got.std()) == 0:
        return "All of your values are one and the same number.", f"All values are {float(got.flatten()[0])}."
    said, detail = [], []
    for axis, name in enumerate(axes):
        wrong = _wrong_entries(got, want, tau, axis)
        # Where nothing but zeros is expected and given, nothing was computed that could be right.
        others = [number for number in range(want.dim()) if number != axis]
        asked = want.count_nonzero(dim=others).bool() if others else want != 0
        right = any(one and not off for one, off in zip(asked.tolist(), wrong, strict=True))
        short = _in_words(wrong, name, special) if right else ""
        if short:
            said.append(short)
        if 0 < sum(wrong) < len(wrong):
            places = ", ".join(str(number) for number, one in enumerate(wrong) if one)
            detail.append(f"Along the axis '{name}' the entries {places} of 0..{len(wrong) - 1} differ.")
    return " ".join(said), "\n".join(detail)


def _shapes(actual: Tensor, expected: Tensor, axes: Sequence[str]) -> str:
    extra = actual.dim() - expected.dim()
    if extra:
        what = "an axis too many" if extra > 0 else "an axis too few"
        return f"Your result has {what}."
    names = axes if len(axes) == expected.dim() else [f"axis {n}" for n in range(expected.dim())]
    pairs = zip(names, actual.shape, expected.shape, strict=True)
    off = [
        f"too {'many' if got > want else 'few'} entries along the axis '{name}'"
        for name, got, want in pairs
        if got != want
    ]
    return f"Your result has {' and '.join(off)}."


def _wrong_entries(got: Tensor, want: Tensor, tau: float, axis: int) -> list[bool]:
    """Return for each slice along an axis whether it alone is farther off than it may be."""
    others = [number for number in range(want.dim()) if number != axis]
    off, size = (got - want).square(), want.square()
    if others:
        off, size = off.sum(dim=others), size.sum(dim=others)
    # Small slices of a large tensor carry its rounding: a slice is measured by at least a part of the mean one.
    floor = float(size.mean()) * 1e-4
    return (off.sqrt() > max(tau, 1e-6) * size.clamp_min(floor).sqrt()).tolist()


def _in_words(wrong: Sequence[bool], name: str, special: Sequence[bool]) -> str:
    """Say which entries differ, by their place at an end, or by what they are."""
    size = len(wrong)
    if size < 3 or not 0 < sum(wrong) < size:
        return ""
    is_token = name in _TOKEN_AXES
    if is_token and len(special) == size and any(special) and not all(special):
        if all(one == mark for one, mark in zip(wrong, special, strict=True)):
            return "Your values differ only where no word stands (special tokens, padding); all others are right."
        if all(one == (not mark) for one, mark in zip(wrong, special, strict=True)):
            return (
                "Your values are right where no word stands (special tokens, padding), and differ elsewhere."
            )
    if sum(wrong) == 1 and (wrong[0] or wrong[-1]):
        end = "first" if wrong[0] else "last"
        return f"Your values differ at the {end} {name} alone; all others are right."
    if sum(wrong) == size - 1 and not (wrong[0] and wrong[-1]):
        end = "first" if not wrong[0] else "last"
        return f"Your values are right at the {end} {name}, and differ at all others."
    first = list(wrong).index(True)
    if name == "layer":
        if all(wrong[first:]):
            return f"Your layers are right up to layer {first} (counted from 1), and differ from the next one on."
        last = size - 1 - list(reversed(wrong)).index(True)
        if all(wrong[: last + 1]):
            return (
                f"Your first {last + 1} layers differ, those after them are right." if last + 1 < size else ""
            )
        return "Some of your layers are right and some differ."
    return f"Some entries of the axis '{name}' are right and some differ."
