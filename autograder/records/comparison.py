"""How one tensor relates to another, and which mistake explains it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """A measured bound and where it comes from."""

    metric: Literal["relative_l2", "max_abs", "exact"]
    """How the distance is measured."""

    tau: float
    """Largest distance that passes."""

    right: float = 0.0
    """Largest distance seen among right answers."""

    wrong: float = float("inf")
    """Smallest distance seen among wrong answers."""

    origin: str = ""
    """How it was measured: versions, device, date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How an actual tensor relates to the expected one."""

    close: bool
    """True only if every item is within the tolerance and finite."""

    distance: float
    """In the tolerance's metric, the worst item; inf where it cannot be measured."""

    problem: Literal["", "type", "dtype", "shape", "nonfinite", "values"]
    """What is wrong first; empty if close."""

    message: str
    """For the instructor: counts, worst place by axis names, got and expected, fitted scale and sign."""

    scale: float | None = None
    """Least-squares factor from expected to actual, where it explains the difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedMistake:
    """A known mistake as its author describes it."""

    title: str
    """What was done, in one sentence."""

    hint: str
    """Teaches without giving the solution away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The known mistake that reproduces a wrong tensor."""

    misconception: str
    """Its id."""

    title: str
    """What was done, in one sentence: for the instructor and the class page."""

    hint: str
    """What the student reads: teaches without giving the solution away."""

    distance: float
    """From the student's tensor to the mistake's, in the check's metric."""

    mistakes: tuple[NamedMistake, ...] = ()
    """The known mistakes that it names; what is found from the values alone is none of them."""
