"""What it costs to leave arguments changed: one point of the function, whichever check saw it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from autograder.records import CheckResult

COST = 1.0
"""Points that a function loses, once; never more than it has."""


def with_costs(results: Sequence[CheckResult], functions: Collection[str]) -> tuple[CheckResult, ...]:
    """Take the point from functions that left their arguments changed, and say so.

    It is taken where a task has most points, so that its place tells nothing of who saw it.

    Args:
        results: Of all checks.
        functions: The functions whose arguments came back changed.
    """
    found = list(results)
    for function in functions:
        own = [place for place, result in enumerate(found) if result.task == function]
        left = COST
        for place in sorted(own, key=lambda place: -found[place].points):
            taken = min(left, found[place].points)
            if taken <= 0:
                break
            found[place] = _docked(found[place], taken)
            left -= taken
        if own and left == COST:
            found[own[0]] = _noted(
                found[own[0]], f"{function}() changed its arguments. Let it work on copies."
            )
    return tuple(found)


def _docked(result: CheckResult, taken: float) -> CheckResult:
    cost = "one point" if taken == COST else f"{taken:g} points"
    noted = _noted(
        result, f"{result.task}() changed its arguments, which costs {cost}. Let it work on copies."
    )
    return replace(noted, points=round(result.points - taken, 2))


def _noted(result: CheckResult, remark: str) -> CheckResult:
    return replace(result, remarks=(*result.remarks, remark))
