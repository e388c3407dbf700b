"""One mistake in some items alone: along an axis, each slice equals the reference's or the mistake's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from autograder.diagnosis.transforms import LEAST_VALUES

CLEARLY = 4.0
"""A slice tells the mistake from the reference if the two lie more than this many tau apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """Where along an axis a mistake was made."""

    axis: str
    """The axis' name."""

    wrong: tuple[bool, ...]
    """For each slice along the axis, whether the mistake was made there."""

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


def mixed(
    actual: Tensor, expected: Tensor, mistaken: Tensor, *, axes: Sequence[str], metric: str, tau: float
) -> Mixed | None:
    """Return where a mistake explains an answer that is right elsewhere.

    Args:
        actual: The student's, any shape but ().
        expected: The reference's.
        mistaken: What the mistake gives.
        axes: Names of the expected tensor's axes.
        metric: relative_l2, max_abs or exact.
        tau: The check's bound; 0 for `exact`.

    Returns:
        None unless every slice along one axis equals the reference's or the mistake's, some the mistake's alone and
        some the reference's alone.
    """
    same = actual.shape == expected.shape == mistaken.shape
    if not same or not expected.numel() or len(axes) != expected.dim():
        return None
    got, right, wrong = actual.double(), expected.double(), mistaken.double()
    for axis, name in enumerate(axes):
        from_right, from_wrong = (_by_slice(got, other, axis, metric) for other in (right, wrong))
        apart = _by_slice(wrong, right, axis, metric) > CLEARLY * tau
        is_right, is_wrong = from_right <= tau, from_wrong <= tau
        if not bool((is_right | is_wrong).all()):
            continue
        tells_wrong, tells_right = is_wrong & ~is_right & apart, is_right & ~is_wrong & apart
        values = int(tells_wrong.sum()) * (expected.numel() // expected.shape[axis])
        if values < LEAST_VALUES or not bool(tells_right.any()):
            continue
        off = from_right.minimum(from_wrong).max()
        return Mixed(axis=name, wrong=tuple((~is_right).tolist()), distance=float(off))
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
