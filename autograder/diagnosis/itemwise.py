"""One mistake in some items alone: along an axis, each slice equals the reference's or the mistake's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from autograder.diagnosis.transforms import LEAST_VALUES

LEAST_NUMBERS = 2
"""So many wrong numbers tell a mistake, since nothing is fitted; of whole numbers such as classes, `LEAST_VALUES`."""

CLEARLY = 4.0
"""A slice tells that the mistake was made if it lies more than this many tau from the reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """Where along an axis a mistake was made."""

    axis: str
    """The axis' name."""

    wrong: tuple[bool, ...]
    """For each slice along the axis, whether the mistake was made there."""

    right: tuple[bool, ...]
    """For each slice, whether the mistake was clearly not made there."""

    place: int
    """The axis' number."""

    distance: float
    """The farthest slice from what explains it, in the check's metric."""

    @property
    def where(self) -> str:
        """The places in words."""
        count, size = sum(self.wrong), len(self.wrong)
        plural = f"{self.axis[:-1]}ies" if self.axis.endswith("y") else f"{self.axis}s"
        for end, place in (("last", -1), ("first", 0)):
            if count == size - 1 and not self.wrong[place]:
                return f"in all {plural} but the {end}"
            if count == 1 and self.wrong[place]:
                return f"in the {end} {self.axis} alone"
        return f"in {count} of {size} {plural}"

    def joined(self, right: Any, wrong: Any, keep: Sequence[bool]) -> Any:
        """Return a wrong result with some slices of the right one: of each tensor of it that has as many.

        Args:
            right: What the reference gives.
            wrong: What the mistake gives.
            keep: For each slice whether it is the right one.
        """
        if isinstance(right, Tensor) and isinstance(wrong, Tensor):
            fits = right.shape == wrong.shape and right.dim() > self.place
            if not fits or right.shape[self.place] != len(keep):
                return wrong
            shape = [len(keep) if axis == self.place else 1 for axis in range(right.dim())]
            return torch.where(
                torch.tensor(keep, device=right.device).reshape(shape), right, wrong.to(right.device)
            )
        if isinstance(right, (tuple, list)) and isinstance(wrong, (tuple, list)) and len(right) == len(wrong):
            return type(wrong)(self.joined(*both, keep) for both in zip(right, wrong, strict=True))
        return wrong


def mixed(
    actual: Tensor,
    expected: Tensor,
    mistaken: Tensor,
    *,
    axes: Sequence[str],
    metric: str,
    tau: float,
    least: int | None = None,
) -> Mixed | None:
    """Return where a mistake explains an answer that is right elsewhere.

    Args:
        actual: The student's, any shape but ().
        expected: The reference's.
        mistaken: What the mistake gives.
        axes: Names of the expected tensor's axes.
        metric: relative_l2, max_abs or exact.
        tau: The check's bound; 0 for `exact`.
        least: How many wrong values must tell the mistake; None: `LEAST_NUMBERS` or `LEAST_VALUES`.

    Returns:
        None unless every slice along one axis equals the reference's or the mistake's, some the mistake's alone and
        some the reference's alone.
    """
    same = actual.shape == expected.shape == mistaken.shape
    if not same or not expected.numel() or len(axes) != expected.dim():
        return None
    if least is None:
        least = LEAST_VALUES if metric == "exact" else LEAST_NUMBERS
    got, right, wrong = actual.double(), expected.double(), mistaken.double()
    for axis, name in enumerate(axes):
        from_right, from_wrong = (_by_slice(got, other, axis, metric) for other in (right, wrong))
        apart = _by_slice(wrong, right, axis, metric) > CLEARLY * tau
        is_right, is_wrong = from_right <= tau, from_wrong <= tau
        if not bool((is_right | is_wrong).all()):
            continue
        tells_wrong, tells_right = is_wrong & ~is_right & apart, is_right & ~is_wrong
        values = int(tells_wrong.sum()) * (expected.numel() // expected.shape[axis])
        if values < least or not bool(tells_right.any()):
            continue
        off = from_right.minimum(from_wrong).max()
        return Mixed(
            axis=name,
            wrong=tuple((~is_right).tolist()),
            right=tuple(tells_right.tolist()),
            place=axis,
            distance=float(off),
        )
    return None


def _by_slice(one: Tensor, other: Tensor, axis: int, metric: str) -> Tensor:
    """Return the distance of each slice along an axis."""
    moved = [
        value.movedim(axis, 0).flatten(1) if value.dim() > 1 else value[:, None] for value in (one, other)
    ]
    off = moved[0] - moved[1]
    if metric != "relative_l2":
        return off.abs().amax(dim=1)
    size = moved[1].square().sum(dim=1)
    # Small slices of a large tensor carry its rounding: a slice is measured by at least a part of the mean one.
    return (off.square().sum(dim=1) / size.clamp_min(max(float(size.mean()) * 1e-4, 1e-300))).sqrt()
