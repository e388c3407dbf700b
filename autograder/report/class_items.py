"""What the class page shows of tasks, questions and attempts, as records."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrimination:
    """How far an item separates strong students from weak ones."""

    value: float | None
    """Correlation of the item with the rest of the points, -1 to 1; None where it is not defined."""

    why: str = ""
    """Why it is not defined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of the histogram, in the picture's units."""

    x: float
    """Left edge."""

    y: float
    """Upper edge."""

    width: float
    """Width."""

    height: float
    """Height."""

    count: int
    """Submissions."""

    label: str
    """Range of points, as `8–12`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassItem:
    """A task or a written question in the class."""

    title: str
    """Its title."""

    kind: str
    """task or question."""

    count: int
    """Students whose points are decided."""

    max_points: float
    """Points to earn."""

    mean: float | None
    """Mean points; None without any student."""

    discrimination: Discrimination
    """Between its points and the rest of what the student has earned."""

    bars: tuple[Bar, ...]
    """Distribution of the points."""

    @property
    def difficulty(self) -> float | None:
        """Mean share of the points, 0 to 1: the higher, the easier, as item analysis has it; None without any."""
        return None if self.mean is None or not self.max_points else self.mean / self.max_points


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptScores:
    """All students' submissions of one number."""

    number: int
    """From 1."""

    count: int
    """Students who have handed in so often."""

    mean: float
    """Mean automatic points."""

    gain: float | None
    """Mean change from the submission before; None of the first."""
