"""What differs between two gradings of the same submissions: verdicts, never times or provenance."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from autograder.records import GradeReport
from autograder.report.serialise import load_results
from autograder.report.text import one_line, points

# Points are sums of decimal fractions; less than this is no difference.
_POINTS_RESOLUTION = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckVerdict:
    """What one check came to, without words or figures."""

    outcome: str
    """passed, failed, errored, timed_out, skipped."""

    points: float
    """Points earned."""

    diagnosis: str
    """Id of the mistake that was recognised; empty if none was."""

    def same(self, other: CheckVerdict) -> bool:
        """Return whether both say the same."""
        return (self.outcome, self.diagnosis) == (other.outcome, other.diagnosis) and (
            abs(self.points - other.points) < _POINTS_RESOLUTION
        )

    def __str__(self) -> str:
        named = f" ({one_line(self.diagnosis)})" if self.diagnosis else ""
        return f"{self.outcome}{named} {points(self.points)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one submission came to."""

    score: float
    """Points earned."""

    max_score: float
    """Points to earn."""

    problem: str
    """Why it could not be run at all; empty if it could."""

    needs_review: bool
    """Whether a fault of ours is in it."""

    checks: Mapping[str, CheckVerdict]
    """By the check's id, in order."""

    def to_json(self) -> str:
        """Return it as text that `from_json` reads."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Verdict:
        """Return what `to_json` wrote."""
        plain = json.loads(text)
        checks = {name: CheckVerdict(**check) for name, check in plain.pop("checks").items()}
        return Verdict(**plain, checks=checks)

    def differing(self, other: Verdict) -> list[str]:
        """Return the ids of the checks that differ, or that only one of the two has."""
        names = dict.fromkeys([*self.checks, *other.checks])
        return [name for name in names if not _same(self.checks.get(name), other.checks.get(name))]

    def same(self, other: Verdict) -> bool:
        """Return whether both say the same, check by check."""
        totals = ((mine.score, mine.max_score, bool(mine.problem)) for mine in (self, other))
        (score, most, problem), (score_2, most_2, problem_2) = totals
        return (
            abs(score - score_2) < _POINTS_RESOLUTION
            and abs(most - most_2) < _POINTS_RESOLUTION
            and problem == problem_2
            and self.needs_review == other.needs_review
            and not self.differing(other)
        )

    def __str__(self) -> str:
        more = ", needs review" if self.needs_review else ", could not be run" if self.problem else ""
        return f"{points(self.score)} of {points(self.max_score)}{more}"


def _same(one: CheckVerdict | None, other: CheckVerdict | None) -> bool:
    return one is not None and other is not None and one.same(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One submission whose verdict differs."""

    name: str
    """The student, for people."""

    old: Verdict
    """Before."""

    new: Verdict
    """After."""

    def lines(self, checks: Collection[str] = ()) -> list[str]:
        """Return it in words: a line for the score, then one for each differing check.

        Args:
            checks: Only these; empty: all.
        """
        found = [f"{one_line(self.name)}: {self.old} -> {self.new}"]
        for name in self.old.differing(self.new):
            if not checks or name in checks:
                old, new = (verdict.checks.get(name, "absent") for verdict in (self.old, self.new))
                found.append(f"    {one_line(name)}: {old} -> {new}")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two sets of verdicts compared."""

    changes: tuple[Change, ...]
    """Those that differ."""

    only_old: tuple[str, ...]
    """Names that only the old set has."""

    only_new: tuple[str, ...]
    """Names that only the new set has."""

    same: int
    """How many are the same in both."""

    def __bool__(self) -> bool:
        return bool(self.changes or self.only_old or self.only_new)


def verdict_of(report: GradeReport) -> Verdict:
    """Return what a report comes to."""
    return Verdict(
        score=report.score,
        max_score=report.max_score,
        problem=report.problem,
        needs_review=bool(report.needs_review),
        checks={
            check.id: CheckVerdict(
                outcome=check.outcome,
                points=check.points,
                diagnosis=check.diagnosis.misconception if check.diagnosis else "",
            )
            for check in report.checks
        },
    )


def compare(old: Mapping[str, Verdict], new: Mapping[str, Verdict]) -> Difference:
    """Compare verdicts by name."""
    both = sorted(old.keys() & new.keys())
    changes = [Change(name=name, old=old[name], new=new[name]) for name in both]
    differing = tuple(change for change in changes if not change.old.same(change.new))
    return Difference(
        changes=differing,
        only_old=tuple(sorted(old.keys() - new.keys())),
        only_new=tuple(sorted(new.keys() - old.keys())),
        same=len(both) - len(differing),
    )


def compare_folders(old: Path, new: Path) -> Difference:
    """Compare two results folders.

    Args:
        old: What one `autograder grade --out` was given.
        new: What the other one was given.

    Raises:
        AutograderError: If one holds no results, or one of its reports cannot be read.
    """
    return compare(_verdicts(load_results(old)), _verdicts(load_results(new)))


def _verdicts(reports: Iterable[GradeReport]) -> dict[str, Verdict]:
    return {f"{report.assignment}: {report.student}": verdict_of(report) for report in reports}


def in_words(difference: Difference, checks: Collection[str] = ()) -> list[str]:
    """Return the lines that say what differs.

    Args:
        difference: What to tell.
        checks: Tell of these checks alone and count the rest; empty: tell all.
    """
    lines = []
    others = 0
    for change in difference.changes:
        if checks and not set(change.old.differing(change.new)) & set(checks):
            others += 1
        else:
            lines += change.lines(checks)
    if others:
        lines.append(f"{others} more differ in other checks.")
    lines += [f"{one_line(name)}: only in the old results" for name in difference.only_old]
    lines += [f"{one_line(name)}: only in the new results" for name in difference.only_new]
    return lines
