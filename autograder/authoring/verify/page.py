"""The page of `autograder verify --html`: why an assignment's checks may be trusted, for whoever doubts a grade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from markupsafe import Markup

from autograder.authoring.calibrate.page import separation_plot
from autograder.comparison.measured_distances import load_distances
from autograder.records import Assignment, Tolerance
from autograder.report.pages import render
from autograder.report.text import number

_SECTIONS = {
    "reference": "The reference",
    "template": "The untouched template",
    "notebook": "The student notebook",
    "misconception": "Known mistakes: each must lose points in its own task and be named",
    "accepted variant": "Accepted variants: each must keep its points, with a remark",
    "equivalent": "Other programs for the same values: each must keep its points",
}


class Tried(Protocol):
    """One trial of `verify`, or one of a program that nobody wrote by hand."""

    @property
    def kind(self) -> Any:
        """What was tried."""

    @property
    def good(self) -> bool:
        """As it must be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedView:
    """What the page shows."""

    slug: str
    """The assignment."""

    title: str
    """For people."""

    points: float
    """What the checks sum to."""

    groups: Sequence[tuple[str, Sequence[Any]]]
    """(heading, findings)."""

    faults: Sequence[Any]
    """Findings and trials that are not as they must be."""

    rates: Sequence[tuple[str, Any]]
    """(kind in words, counts)."""

    others: Sequence[Any]
    """What was named wrongly or not at all."""

    tolerances: Sequence[tuple[str, Tolerance, str, str]]
    """(key, tolerance, w/r in words, picture)."""

    right_programs: Sequence[Any]
    """Right programs that nobody wrote by hand."""

    wrong_programs: int
    """Number of wrong ones."""

    survivors: Sequence[Any]
    """Wrong programs that kept all points."""

    luck: Sequence[Any]
    """Programs whose gradings were simulated."""


def verified_view(
    assignment: Assignment,
    findings: Sequence[Any],
    tolerances: Mapping[str, Tolerance],
    *,
    rates: Sequence[tuple[str, Any]] = (),
    namings: Sequence[Any] = (),
    trials: Sequence[Any] = (),
    luck: Sequence[Any] = (),
    plots: Mapping[str, str] | None = None,
) -> VerifiedView:
    """Gather what the page shows; a part that was not measured is left out.

    Args:
        assignment: What was verified.
        findings: Of `verify`.
        tolerances: By key.
        rates: Of `naming`, each kind in words and its counts.
        namings: Of `naming`, one a program and student.
        trials: Records with kind, name, good, survivor, score, max_score, lost, named and reason.
        luck: Records with simulation, gradings, mistaken and good.
        plots: A picture for each tolerance's key.
    """
    kinds = dict.fromkeys([*_SECTIONS, *(one.kind for one in findings)])
    groups = [
        (_SECTIONS.get(kind, kind), [one for one in findings if one.kind == kind])
        for kind in kinds
        if any(one.kind == kind for one in findings)
    ]
    expected = {"right": {"right", "not noticed"}, "unknown": {"not named", "not noticed"}}
    return VerifiedView(
        slug=assignment.slug,
        title=assignment.title,
        points=assignment.points,
        groups=groups,
        faults=[one for one in (*findings, *trials, *luck) if not one.good],
        rates=rates,
        others=[one for one in namings if one.outcome not in expected.get(one.kind, {"right"})],
        tolerances=[
            (key, one, _times(one), Markup((plots or {}).get(key, "")))  # a picture of ours
            for key, one in sorted(tolerances.items())
        ],
        right_programs=[one for one in trials if "right" in str(one.kind)],
        wrong_programs=sum("right" not in str(one.kind) for one in trials),
        survivors=[one for one in trials if getattr(one, "survivor", False)],
        luck=luck,
    )


def _times(tolerance: Tolerance) -> str:
    if not tolerance.right > 0:
        return "–"
    return f"{number(tolerance.wrong / tolerance.right, 3)} ×"


def verified_page(view: VerifiedView) -> bytes:
    """Return the page, self-contained."""
    return render("verified.html.j2", view=view)


def measured_plots(folder: Path, profile: str, tolerances: Mapping[str, Tolerance]) -> dict[str, str]:
    """Return a picture for each tolerance whose distances are kept beside the assignment; {} where none are.

    Args:
        folder: The assignment's `generated_dir`.
        profile: Which models.
        tolerances: By key.
    """
    kept = load_distances(folder, profile)
    if kept is None:
        return {}
    return {
        key: str(separation_plot(key, kept, one)) for key, one in tolerances.items() if key in kept.distances
    }
