"""From results of checks to points. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from autograder.records import CheckResult


def points_for(outcome: str, max_points: float, fraction: float | None) -> float:
    """Return the points of one check.

    Args:
        outcome: The check's outcome.
        max_points: What it can give.
        fraction: Share between 0 and 1 that an open-ended check awarded; None: all or nothing.

    Returns:
        Points, rounded to hundredths.
    """
    if outcome not in ("passed", "failed") or (outcome == "failed" and fraction is None):
        return 0.0
    share = 1.0 if fraction is None else min(max(fraction, 0.0), 1.0)
    return round(max_points * share, 2)


def total(checks: Sequence[CheckResult]) -> tuple[float, float]:
    """Return (score, max_score), rounded so that sums of halves and thirds read well."""
    return (
        round(sum(check.points for check in checks), 4),
        round(sum(check.max_points for check in checks), 4),
    )
