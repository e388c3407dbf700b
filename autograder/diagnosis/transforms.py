"""What students do to a right tensor last: a factor, a sign, swapped axes, a shift, a softmax. Pure.

Each transform is asked whether it brings one tensor (what was expected, or what a known mistake gives) to the
student's. Nothing here decides what is near enough: the check's own distance and bound do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from autograder.diagnosis.factors import known_factor, what_to_look_for
from autograder.diagnosis.parameter_free import digits_held, last_steps

Within = Callable[[Tensor, Tensor], float]
"""(actual, candidate) -> distance in the check's metric."""

LEAST_VALUES = 4
"""Fewer values than this agree with some transform by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformed:
    """A transform that gives the student's tensor."""

    id: str
    """Names the kind: the same for all students."""

    title: str
    """What was done, in fixed words."""

    hint: str
    """What a student may read of a hidden input, too: fixed words and well-known numbers."""

    detail: str
    """With what was measured, for who may see the input."""

    distance: float
    """In the check's metric."""

    invertible: bool = False
    """Whether the origin can be recovered from the result."""

    fitted: bool = False
    """Whether numbers were fitted, so that two mistakes that give the same without any say more."""


def transforms_to(
    actual: Tensor,
    origin: Tensor,
    distance: Within,
    tau: float,
    *,
    axes: Sequence[str],
    sizes: Mapping[str, int],
) -> Transformed | None:
    """Return the transform that brings one tensor to another.

    Args:
        actual: The student's, any shape.
        origin: What it is compared with.
        distance: The check's, for tensors of one shape.
        tau: The check's bound.
        axes: Names of the origin's axes.
        sizes: Numbers that a factor may come from, by name: axes, hidden size, number of steps.

    Returns:
        The first that fits, the simplest first; None if none does, or there are too few values to say so.
    """
    if min(actual.numel(), origin.numel()) < LEAST_VALUES or not _usable(actual, origin):
        return None
    got, want = actual.double(), origin.double()
    if float(want.std()) == 0 or float(got.std()) == 0:
        return None
    if got.shape == want.shape and distance(got, want) <= tau:
        return None  # there is nothing to explain
    for find in (_factor, _plain, _digits, _slice_factors, _shift, _order):
        found = find(got, want, distance, tau, axes, sizes)
        if found is not None:
            return found
    return None


def _usable(actual: Tensor, origin: Tensor) -> bool:
    # Whole numbers where others are expected: an order, or rounded values.
    whole = actual.dtype in (torch.int32, torch.int64)
    return (
        (actual.is_floating_point() or whole)
        and origin.is_floating_point()
        and all(bool(torch.isfinite(one.double()).all()) for one in (actual, origin))
    )


def _factor(
    got: Tensor, want: Tensor, distance: Within, tau: float, axes: Sequence[str], sizes: Mapping[str, int]
) -> Transformed | None:
    """All values times one number."""
    if got.shape != want.shape:
        return None
    factor = float((got * want).sum() / (want * want).sum())
    # Off by less than what two right answers may differ is no factor.
    if factor == 0 or abs(factor - 1) <= 2 * tau:
        return None
    # Measured as a part of what it is made of, so that a tiny factor is not near to everything.
    off = distance(got / factor, want)
    if not off <= tau:
        return None
    # The fit is known to a part of tau only.
    origin = known_factor(factor, sizes, min(max(tau, 1e-4), 0.01))
    number = f"{factor:.4g}"
    if abs(factor + 1) <= max(2 * tau, 1e-4):
        return Transformed(
            id="opposite_sign_of_all",
            title="All values have the opposite sign.",
            hint="Every value has the opposite sign: which of two numbers do you subtract from which?",
            detail="Every value has the opposite sign.",
            distance=off,
            invertible=True,
        )
    named = f"are {origin} times what they should be" if origin else "are off by one and the same factor"
    return Transformed(
        id="one_factor_for_all",
        title="All values are off by one and the same factor.",
        hint=f"All values {named}: {what_to_look_for(origin)}",
        detail=f"All values are {number} times what they should be{f' ({origin})' if origin else ''}.",
        distance=off,
        invertible=True,
        fitted=True,
    )


def _plain(
    got: Tensor, want: Tensor, distance: Within, tau: float, axes: Sequence[str], sizes: Mapping[str, int]
) -> Transformed | None:
    """Transforms that have nothing to fit."""
    names = list(axes) if len(axes) == want.dim() else [f"axis {number}" for number in range(want.dim())]
    found = []
    for plain in last_steps(want, names):
        one = plain.candidate
        if one.shape != got.shape or not bool(torch.isfinite(one).all()) or float(one.std()) == 0:
            continue
        if one.shape == want.shape and distance(one, want) <= tau:
            continue  # does nothing here, so it explains nothing
        off = distance(got, one)
        if off <= tau:
            found.append(
                Transformed(
                    id=plain.id,
                    title=plain.title,
                    hint=plain.hint,
                    detail=plain.title,
                    distance=off,
                    invertible=plain.invertible,
                )
            )
    return found[0] if found else None


def _digits(
    got: Tensor, want: Tensor, distance: Within, tau: float, axes: Sequence[str], sizes: Mapping[str, int]
) -> Transformed | None:
    """The right values with fewer digits."""
    held = digits_held(got, want, tau) if got.shape == want.shape else ""
    if not held:
        return None
    said = f"The values have no more digits than {held}."
    return Transformed(
        id=f"no_more_digits_than_{held.replace(' ', '_')}",
        title=said,
        hint=f"{said} Are they rounded, or does your function compute in a dtype of half the width?",
        detail=said,
        distance=distance(got, want),
    )


def _slice_factors(
    got: Tensor, want: Tensor, distance: Within, tau: float, axes: Sequence[str], sizes: Mapping[str, int]
) -> Transformed | None:
    """Each slice along an axis times a number of its own."""
    if got.shape != want.shape or want.dim() < 2:
        return None
    names = list(axes) if len(axes) == want.dim() else [f"axis {number}" for number in range(want.dim())]
    for axis, name in enumerate(names):
        others = [number for number in range(want.dim()) if number != axis]
        if want.numel() // want.shape[axis] < LEAST_VALUES:
            continue
        norms = (want * want).sum(dim=others, keepdim=True)
        factors = (got * want).sum(dim=others, keepdim=True) / norms
        if not bool(torch.isfinite(factors).all()) or bool((factors == 0).any()):
            continue
        off = distance(got / factors, want)
        if off <= tau:
            return Transformed(
                id=f"own_factor_for_each_{name}",
                title=f"Each entry of the axis '{name}' is off by a factor of its own.",
                hint=f"Along the axis '{name}' each entry is off by a factor of its own: is there a norm or a sum "
                "by which you divide, and does the task ask for it?",
                detail=f"Each entry of the axis '{name}' is off by a factor of its own.",
                distance=off,
                fitted=True,
            )
    return None


def _shift(
    got: Tensor, want: Tensor, distance: Within, tau: float, axes: Sequence[str], sizes: Mapping[str, int]
) -> Transformed | None:
    """Right values, one place off along an axis; what came in at the end is not looked at."""
    if len(axes) != want.dim() or got.dim() != want.dim():
        return None
    for axis, name in enumerate(axes):
        size = min(got.shape[axis], want.shape[axis])
        same = [length for number, length in enumerate(got.shape) if number != axis]
        if same != [length for number, length in enumerate(want.shape) if number != axis]:
            continue
        if abs(got.shape[axis] - want.shape[axis]) > 1:
            continue
        for step, title in ((1, "later"), (-1, "earlier")):
            length = min(size, max(got.shape[axis], want.shape[axis]) - 1)
            one = got.narrow(axis, got.shape[axis] - length if step > 0 else 0, length)
            other = want.narrow(axis, 0 if step > 0 else want.shape[axis] - length, length)
            if one.numel() < LEAST_VALUES or float(other.std()) == 0:
                continue
            off = distance(one, other)
            if off <= tau:
                return Transformed(
                    id=f"one_place_{title}_along_{name}",
                    title=f"Values stand one place {title} along the axis '{name}'.",
                    hint=f"Each value stands one place {title} along the axis '{name}': where does "
                    "that axis begin and end?",
                    detail=f"Values stand one place {title} along the axis '{name}'.",
                    distance=off,
                    invertible=True,
                )
    return None


def _order(
    got: Tensor, want: Tensor, distance: Within, tau: float, axes: Sequence[str], sizes: Mapping[str, int]
) -> Transformed | None:
    """The right values in another order; only where the metric looks at one item."""
    if got.numel() != want.numel() or got.shape != want.shape:
        return None
    one, other = (value.flatten().sort().values.reshape(want.shape) for value in (got, want))
    # Sorted values are near each other by themselves: what tells an order is a tenth of what tells a value.
    off = distance(one, other)
    if not off <= tau / 10 or len(set(want.flatten().tolist())) < 2 * LEAST_VALUES:
        return None
    return Transformed(
        id="another_order",
        title="The right values stand in another order.",
        hint="The values stand in another order: to which token, layer or label does each belong?",
        detail="The right values stand in another order.",
        distance=off,
    )
