"""Last steps that have nothing to fit: what a right tensor becomes by one more operation, or in another arrangement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

LEAST_DISTINCT = 6
"""Fewer distinct values than this lie on a grid by chance."""

NEARLY = 0.05
"""Half the width of a dtype costs less than this share of a tensor."""


@dataclass(frozen=True, slots=True)
class LastStep:
    """One step and what it gives."""

    id: str
    """Names the kind: the same for all students."""

    title: str
    """What was done, in fixed words."""

    hint: str
    """What a student may read, of a hidden input, too."""

    candidate: Tensor
    """What the right tensor becomes."""

    invertible: bool = False
    """Whether the right tensor can be recovered from the candidate."""


def last_steps(want: Tensor, names: Sequence[str]) -> Iterator[LastStep]:
    """Yield what a right tensor becomes by one step, those that change values first.

    Args:
        want: The right tensor.
        names: One for each of its axes.
    """
    yield from _of_values(want, names)
    yield from _of_axes(want, names)


def _of_values(want: Tensor, names: Sequence[str]) -> Iterator[LastStep]:
    say = "Every value is right but for one last step"
    yield LastStep(
        "absolute_values",
        "Absolute values were taken.",
        f"{say}: may the values be negative, and are yours ever?",
        want.abs(),
    )
    yield LastStep(
        "negative_values_cut",
        "Negative values became 0.",
        f"{say}: what became of the negative values?",
        want.clamp_min(0),
    )
    yield LastStep("squares", "Values were squared.", f"{say}: are they squared?", want.square())
    if bool((want >= 0).all()):
        yield LastStep(
            "square_roots", "Square roots were taken.", f"{say}: is a square root taken?", want.sqrt()
        )
        yield LastStep(
            "logarithms",
            "Logarithms were taken.",
            f"{say}: is a logarithm taken?",
            want.log(),
            invertible=True,
        )
    if float(want.max()) < 80:
        yield LastStep(
            "exponentials",
            "Exponentials were taken.",
            f"{say}: is an exponential taken?",
            want.exp(),
            invertible=True,
        )
    for axis, name in enumerate(names):
        yield from _along(want, axis, name, say)
    yield LastStep(
        "normalised_as_a_whole",
        "The whole result was divided by its L2 norm.",
        f"{say}: does the task ask for a division by a norm, and over what?",
        want / want.norm(),
    )


def _along(want: Tensor, axis: int, name: str, say: str) -> Iterator[LastStep]:
    """Yield steps along one axis."""
    question = f"{say} along the axis '{name}'"
    if want.shape[axis] < 2:
        return
    yield LastStep(
        f"softmax_along_{name}",
        f"A softmax was taken along the axis '{name}'.",
        f"{question}: do yours sum to 1 there, and should they?",
        want.softmax(dim=axis),
    )
    for kind, size in (
        ("L2 norm", want.norm(dim=axis, keepdim=True)),
        ("sum of magnitudes", want.abs().sum(dim=axis, keepdim=True)),
        ("sum", want.sum(dim=axis, keepdim=True)),
        ("largest magnitude", want.abs().amax(dim=axis, keepdim=True)),
    ):
        yield LastStep(
            f"divided_by_{kind.replace(' ', '_')}_along_{name}",
            f"Values were divided by their {kind} along the axis '{name}'.",
            f"{question}: does the task ask for a division there?",
            want / size,
        )
    yield LastStep(
        f"centred_along_{name}",
        f"The mean along the axis '{name}' was subtracted.",
        f"{question}: is a mean subtracted?",
        want - want.mean(dim=axis, keepdim=True),
    )
    yield LastStep(
        f"running_sum_along_{name}",
        f"Values were summed up along the axis '{name}'.",
        f"{question}: does each value hold those before it?",
        want.cumsum(dim=axis),
    )
    for descending, ranks in product((False, True), repeat=2):
        order = want.argsort(dim=axis, descending=descending)
        yield LastStep(
            f"{'ranks' if ranks else 'order'}_along_{name}",
            f"The {'ranks' if ranks else 'order'} of the values along the axis '{name}' came back, not the values.",
            f"{question}: what does argsort give, the values or their places?",
            (order.argsort(dim=axis) if ranks else order).to(want.dtype),
        )
    first = want.narrow(axis, 0, 1)
    yield LastStep(
        f"differences_along_{name}",
        f"Differences were taken along the axis '{name}'.",
        f"{question}: is the one before it subtracted?",
        torch.cat([first, want.diff(dim=axis)], dim=axis),
    )


def digits_held(got: Tensor, want: Tensor, noise: float) -> str:
    """Return how few digits right values have been left with: `2 decimals`, `bfloat16`; empty if they have all.

    Args:
        got: Of the expected shape, float64.
        want: The right values, float64.
        noise: How far right values may lie apart, relatively.
    """
    if len(torch.unique(got)) < LEAST_DISTINCT:
        return ""
    off, largest = (got - want).abs(), float(want.abs().max())
    for decimals in range(7):
        unit = 10.0**-decimals
        from_grid, right_from_grid = ((one / unit - (one / unit).round()).abs().max() for one in (got, want))
        # The nearest float32 of a decimal number lies this far from it.
        single = max(1e-3, 1e-7 * float(got.abs().max()) / unit)
        on_grid = float(from_grid) <= single < 0.05 < float(right_from_grid)
        if on_grid and float(off.max()) <= 0.501 * unit + noise * largest:
            return f"{decimals} decimals"
    for dtype in (torch.bfloat16, torch.float16):
        exact, right = (torch.equal(one.to(dtype).double(), one) for one in (got, want))
        if exact and not right and float(off.norm()) <= NEARLY * float(want.norm()):
            return str(dtype).removeprefix("torch.")
    return ""


def _of_axes(want: Tensor, names: Sequence[str]) -> Iterator[LastStep]:
    """Yield right values in another arrangement."""
    say = "The values are right, but in another arrangement"
    for first in range(want.dim()):
        for second in range(first + 1, want.dim()):
            pair = f"'{names[first]}' and '{names[second]}'"
            yield LastStep(
                f"swapped_{names[first]}_and_{names[second]}",
                f"The axes {pair} are swapped.",
                f"{say}: compare the order of your axes with the task's.",
                want.transpose(first, second),
                invertible=True,
            )
    for axis, name in enumerate(names):
        size = want.shape[axis]
        yield LastStep(
            f"reversed_along_{name}",
            f"The axis '{name}' runs backwards.",
            f"{say}: at which end does the axis '{name}' begin?",
            want.flip(axis),
            invertible=True,
        )
        yield LastStep(
            f"summed_over_{name}",
            f"The axis '{name}' was summed over.",
            f"An axis is missing: is each value of the axis '{name}' on its own?",
            want.sum(dim=axis),
        )
        yield LastStep(
            f"averaged_over_{name}",
            f"The axis '{name}' was averaged over.",
            f"An axis is missing: is each value of the axis '{name}' on its own?",
            want.mean(dim=axis),
        )
        for end, place in (("first", 0), ("last", size - 1)):
            yield LastStep(
                f"only_the_{end}_{name}",
                f"Only the {end} entry of the axis '{name}' was returned.",
                f"An axis is missing: is each entry of the axis '{name}' there?",
                want.select(axis, place),
            )
            if size > 1:
                yield LastStep(
                    f"without_the_{end}_{name}",
                    f"The {end} entry of the axis '{name}' is missing.",
                    f"Entries are missing: how many should the axis '{name}' have?",
                    want.narrow(axis, 1 - min(place, 1), size - 1),
                )
        yield LastStep(
            f"extra_axis_before_{name}",
            "There is an axis of length 1 too many.",
            "The values are right: how many axes does the task name, and how many has your result?",
            want.unsqueeze(axis),
            invertible=True,
        )
    yield LastStep(
        "flattened",
        "All axes were made into one.",
        "The values are right: how many axes does the task name, and how many has your result?",
        want.flatten(),
        invertible=True,
    )
