"""Find the known mistake that reproduces a wrong answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from autograder.records import Diagnosis

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Misconception:
    """One executable wrong variant of a task's function."""

    id: str
    """The function's name in misconceptions.py."""

    task: str
    """The contract's function that it stands for."""

    title: str
    """What was done, in one sentence."""

    hint: str
    """What the student reads."""

    run: Function
    """Takes the reference module, then the task's arguments; returns what the mistaken function returns."""

    needs_whole: bool = False
    """The mistake shows on the whole question only, not on a part of it (see `checks.Part`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedVariant:
    """One executable right variant: another convention that is accepted, or the same values computed in another way."""

    id: str
    """The function's name in misconceptions.py or equivalents.py."""

    task: str
    """The contract's function that it stands for."""

    remark: str
    """What the student reads beside full points; empty if there is nothing to say."""

    run: Function
    """As for a misconception."""

    slow: bool = False
    """Calibration tries it on one made-up student only."""


def misconception(
    *, task: str, title: str, hint: str, needs_whole: bool = False
) -> Callable[[Function], Function]:
    """Mark a function of misconceptions.py as a known mistake in `task`.

    Args:
        task: The contract's function.
        title: What was done, in one sentence.
        hint: What the student reads.
        needs_whole: Whether the mistake mixes the items of a question, so that a part of it does not show it.
    """

    def mark(function: Function) -> Function:
        function.__misconception__ = Misconception(  # type: ignore[attr-defined]
            id=function.__name__, task=task, title=title, hint=hint, run=function, needs_whole=needs_whole
        )
        return function

    return mark


def accepted_variant(*, task: str, remark: str, slow: bool = False) -> Callable[[Function], Function]:
    """Mark a function of misconceptions.py as right for `task`, though not the reference's way."""

    def mark(function: Function) -> Function:
        function.__accepted_variant__ = AcceptedVariant(  # type: ignore[attr-defined]
            id=function.__name__, task=task, remark=remark, run=function, slow=slow
        )
        return function

    return mark


def equivalent(*, task: str, slow: bool = False) -> Callable[[Function], Function]:
    """Mark a function of equivalents.py as another program for the very same values, in float32 like a student's.

    Such programs tell calibration how far apart right answers lie. A few may stand in misconceptions.py as well.

    Args:
        task: The contract's function.
        slow: Whether one made-up student is enough for it.
    """
    return accepted_variant(task=task, remark="", slow=slow)


def misconceptions_of(module: ModuleType) -> tuple[Misconception, ...]:
    """Return the module's misconceptions in the order of their definition."""
    marked = (getattr(value, "__misconception__", None) for value in vars(module).values())
    return tuple(found for found in marked if found is not None)


def accepted_variants_of(module: ModuleType) -> tuple[AcceptedVariant, ...]:
    """Return the module's accepted variants in the order of their definition."""
    marked = (getattr(value, "__accepted_variant__", None) for value in vars(module).values())
    return tuple(found for found in marked if found is not None)


def diagnose(
    candidates: Iterable[Misconception],
    reference: Any,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    nearness: Callable[[Any], float],
    tau: float,
) -> Diagnosis | None:
    """Name the mistake whose result is the student's, if exactly one is.

    Args:
        candidates: The misconceptions of the task.
        reference: The reference module, passed to each.
        args: Positional arguments of the call that went wrong.
        kwargs: Keyword arguments of it.
        nearness: From a mistake's result to its distance from the student's.
        tau: The check's bound: a mistake is named only within it.

    Returns:
        The diagnosis; None if no mistake, or more than one, lies within the bound.
    """
    near = []
    for candidate in candidates:
        try:
            distance = nearness(candidate.run(reference, *args, **kwargs))
        except Exception:
            # A variant that cannot be run on these arguments (a mean over no items, say) explains nothing here.
            distance = math.inf
        if distance <= tau:
            near.append((distance, candidate))
    if len(near) != 1:
        return None
    distance, found = near[0]
    return Diagnosis(misconception=found.id, title=found.title, hint=found.hint, distance=distance)
