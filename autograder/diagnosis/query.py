"""What diagnosis is asked, and what it answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from autograder.comparison.tensors import distance
from autograder.diagnosis.misconceptions import Misconception
from autograder.records import Diagnosis


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The tensor that is wrong, beside the right one."""

    actual: Tensor
    """The student's, any shape."""

    expected: Tensor
    """The reference's, any shape."""

    axes: tuple[str, ...]
    """Names of the expected tensor's axes."""

    items: int | None
    """The axis whose slices are compared one by one; None: all at once."""

    metric: str
    """relative_l2, max_abs or exact."""

    select: Callable[[Any], Any]
    """Picks such a tensor out of the function's whole result."""

    noise: float = math.inf
    """How far two right computations lie apart: a transform explains an answer within it, not within a wide bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One call whose answer is wrong, and how far anything else is from that answer."""

    task: str
    """The function that was asked."""

    reference: Any
    """The reference module, or what stands for it; misconceptions are given it."""

    args: Sequence[Any]
    """Of the call."""

    kwargs: Mapping[str, Any]
    """Of the call."""

    nearness: Callable[[Any], float]
    """From a whole result of the function to its distance from the student's answer."""

    tau: float
    """The check's bound: nothing farther off explains the answer."""

    subject: Subject | None = None
    """The tensors themselves, where the answer is a tensor: transforms need them."""

    consistent: Callable[[Callable[..., Any]], bool] = field(default=lambda run: True)
    """Whether a function gives what the student's gave where the check found that right."""

    sizes: Mapping[str, int] = field(default_factory=dict)
    """Numbers that a factor may come from, by name."""

    special: Sequence[bool] = ()
    """For each token whether it is a special one or padding; empty where this is unknown."""

    @property
    def is_right(self) -> bool:
        """Whether the tensor is right, as a part of a wrong answer may be: then it says nothing of the mistake."""
        one = self.subject
        return one is not None and distance(one.actual, one.expected, one.metric, one.items) <= self.tau


def same_arguments(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Return whether two calls were given the very same objects."""
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What can be said of a wrong answer."""

    diagnosis: Diagnosis | None = None
    """A mistake that reproduces it, where exactly one explanation does."""

    known: tuple[Misconception, ...] = ()
    """The misconceptions that the diagnosis names."""

    said: str = ""
    """For the student if nothing is named: fixed words, nothing of a hidden input."""

    detail: str = ""
    """For the instructor."""
