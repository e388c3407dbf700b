"""The page of `autograder verify --html`: why an assignment's checks may be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from autograder.authoring.calibrate.page import separation_plot
from autograder.authoring.verify.diagnosis_accuracy import (
    EXPECTED,
    Accuracy,
    DiagnosedProgram,
    accuracy_by_kind,
)
from autograder.authoring.verify.diagnosis_cases import KINDS
from autograder.authoring.verify.gate import GateResult, Kind
from autograder.authoring.verify.program_result import ProgramResult
from autograder.authoring.verify.verification import Verification
from autograder.comparison.measured_distances import load_distances
from autograder.comparison.tolerances import load_tolerances
from autograder.records import Tolerance
from autograder.report.pages import render
from autograder.report.text import number

_HEADINGS: Mapping[Kind, tuple[str, str]] = {
    "reference": ("The reference", ""),
    "template": ("The untouched template", ""),
    "notebook": ("The student notebook", ""),
    "misconception": ("Known mistakes", "each must lose points in its own task and be diagnosed"),
    "accepted variant": ("Accepted variants", "each must keep its points, with a remark"),
    "equivalent": ("Other programs for the same values", "each must keep its points"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The results of one kind."""

    heading: str
    """What they are."""

    rule: str
    """What must hold for each; empty where the heading says it."""

    results: Sequence[GateResult]
    """At least one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToleranceRow:
    """One tolerance."""

    key: str
    """Its name."""

    tolerance: Tolerance
    """The bound, and what it was measured from."""

    separation: str
    """w / r, for people."""

    plot: Markup
    """A picture of the measured distances; empty where they are not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationView:
    """What the page shows."""

    verification: Verification
    """All results."""

    sections: Sequence[Section]
    """Those of the gate, by kind."""

    accuracy: Sequence[tuple[str, Accuracy]]
    """(kind in words, counts)."""

    not_right: Sequence[DiagnosedProgram]
    """Programs with an unexpected diagnosis, or without one."""

    tolerances: Sequence[ToleranceRow]
    """By key."""

    correct: Sequence[ProgramResult]
    """Generated correct programs."""

    mutants: Sequence[ProgramResult]
    """All of them."""

    survivors: Sequence[ProgramResult]
    """Mutants that kept all points."""


def verification_view(
    verification: Verification, tolerances: Mapping[str, Tolerance], plots: Mapping[str, str]
) -> VerificationView:
    """Gather what the page shows; a part that was not measured is left out.

    Args:
        verification: The results.
        tolerances: By key.
        plots: A picture for a tolerance's key.
    """
    by_kind = {kind: [one for one in verification.gate if one.kind == kind] for kind in _HEADINGS}
    mutants = [one for one in verification.programs if one.kind in ("output mutant", "source mutant")]
    return VerificationView(
        verification=verification,
        sections=[
            Section(heading=heading, rule=rule, results=by_kind[kind])
            for kind, (heading, rule) in _HEADINGS.items()
            if by_kind[kind]
        ],
        accuracy=[(KINDS[one.kind], one) for one in accuracy_by_kind(verification.diagnosed)],
        not_right=[one for one in verification.diagnosed if one.outcome not in EXPECTED[one.kind]],
        tolerances=[
            ToleranceRow(
                key=key,
                tolerance=one,
                separation=f"{number(one.wrong / one.right, 3)} ×" if one.right > 0 else "–",
                plot=Markup(plots.get(key, "")),  # a picture of ours
            )
            for key, one in sorted(tolerances.items())
        ],
        correct=[one for one in verification.programs if one.kind == "correct program"],
        mutants=mutants,
        survivors=[one for one in mutants if one.survivor],
    )


def write_page(verification: Verification, path: Path) -> Path:
    """Write the page that says how an assignment's checks were tested.

    Args:
        verification: The results.
        path: An .html file, or the folder in which `<slug>.html` is written.

    Returns:
        The file.
    """
    assignment = verification.assignment
    tolerances = load_tolerances(assignment.generated_dir, verification.profile)
    plots = _plots(assignment.generated_dir, verification.profile, tolerances)
    file = path if path.suffix == ".html" else path / f"{assignment.slug}.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    view = verification_view(verification, tolerances, plots)
    file.write_bytes(render("verified.html.j2", view=view))
    return file


def _plots(folder: Path, profile: str, tolerances: Mapping[str, Tolerance]) -> dict[str, str]:
    """Return a picture for each tolerance whose distances are kept beside the assignment."""
    kept = load_distances(folder, profile)
    if kept is None:
        return {}
    return {
        key: str(separation_plot(key, kept, one)) for key, one in tolerances.items() if key in kept.distances
    }
