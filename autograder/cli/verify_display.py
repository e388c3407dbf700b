"""What the verify command prints: results as they come, then tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from autograder.authoring.verify.diagnosis_accuracy import DiagnosedProgram
    from autograder.authoring.verify.false_verdicts import FalseVerdicts
    from autograder.authoring.verify.gate import GateResult
    from autograder.authoring.verify.name_invariance import NameInvariance
    from autograder.authoring.verify.program_result import ProgramResult
    from autograder.records import Assignment


def show_gate(assignment: Assignment, results: Iterable[GateResult]) -> list[GateResult]:
    """Print the gate's results as they come, and return them."""
    console = Console(highlight=False)
    console.print(f"[bold]{assignment.slug}[/]: {assignment.title}, {assignment.points:g} points")
    seen = []
    for result in results:
        seen.append(result)
        score = "" if result.score is None else f"{result.score:g}"
        lost = f"loses {', '.join(result.lost)}" if result.lost else ""
        said = result.problem or (f"{lost}; diagnosed" if result.diagnosed else lost)
        console.print(f"{_mark(result.good)} {result.kind:<17}{result.name:<40}{score:>6}", end="  ")
        console.print(said, markup=False, soft_wrap=True)
    console.print()
    return seen


def _mark(good: bool) -> str:
    return "[green]ok[/]   " if good else "[bold red]FAULT[/]"


def show_programs(assignment: Assignment, results: Iterable[ProgramResult]) -> list[ProgramResult]:
    """Print every correct program, survivor and fault as it comes, then the counts; return all results."""
    from autograder.authoring.verify.program_result import count_results

    console = Console(highlight=False)
    console.print(f"[bold]{assignment.slug}[/]: generated programs")
    seen = []
    for result in results:
        seen.append(result)
        if result.good and not result.survivor and result.kind != "correct program":
            continue
        console.print(f"{_mark(result.good)} {result.kind:<17}", end="")
        console.print(f"{result.name:<60}{result.score:>6g}  {result.reason}", markup=False, soft_wrap=True)
    counts = count_results(seen)
    if counts.correct:
        console.print(f"Correct programs: {counts.correct} graded, {counts.rejected} rejected.")
    if counts.mutants:
        console.print(
            f"Mutants: {counts.mutants} run, {counts.survived} survived, {counts.explained} of these explained; "
            f"{counts.share_diagnosed:.0%} of the others diagnosed."
        )
    if counts.stale:
        console.print(f"Lines of survivors.toml to remove or narrow: {counts.stale}.")
    console.print()
    return seen


def show_accuracy(programs: Sequence[DiagnosedProgram]) -> None:
    """Print the diagnosis accuracy, a row a kind of program, then every wrong diagnosis."""
    from autograder.authoring.verify.diagnosis_accuracy import accuracy_by_kind
    from autograder.authoring.verify.diagnosis_cases import KINDS

    table = Table(title="Diagnosis accuracy", box=None, title_justify="left")
    for column in (
        "",
        "right diagnosis",
        "wrong diagnosis",
        "no diagnosis",
        "cannot be told",
        "no points lost",
    ):
        table.add_column(column, justify="right" if column else "left")
    for kind in accuracy_by_kind(programs):
        counts = (kind.right, kind.wrong, kind.none)
        shares = (f"{count} ({kind.share(count):.1%})" for count in counts)
        table.add_row(KINDS[kind.kind], *shares, str(kind.cannot_be_told), str(kind.no_points_lost))
    console = Console(highlight=False)
    console.print(table, soft_wrap=True)
    for one in programs:
        if one.outcome == "wrong":
            text = f"{' and '.join(one.made)} is diagnosed as {one.diagnosed}"
            console.print(text, markup=False, soft_wrap=True)


def show_false_verdicts(found: Sequence[FalseVerdicts]) -> None:
    """Print the false-verdict rate, a row a program; nothing if no program is simulated."""
    if not found:
        return
    table = Table(title="False-verdict rate", box=None, title_justify="left")
    for column in ("", "program", "expected", "gradings", "unexpected verdicts", ""):
        table.add_column(column, justify="right" if column in ("gradings", "unexpected verdicts") else "left")
    for one in found:
        table.add_row(
            one.simulation.task,
            one.simulation.title,
            "full points" if one.simulation.right else "lost points",
            str(one.gradings),
            str(one.count),
            "" if one.good else f"FAULT: more than {one.simulation.rate:g} allows",
        )
    Console(highlight=False).print(table, soft_wrap=True)


def show_names(assignment: Assignment, results: Iterable[NameInvariance], names: int) -> list[NameInvariance]:
    """Print what each program earned under many names, as it comes, then the count of those that vary."""
    console = Console(highlight=False)
    console.print(f"[bold]{assignment.slug}[/]: programs under {names} names")
    seen = []
    for result in results:
        seen.append(result)
        scores = ", ".join(
            f"{score:g}" + (f" ({count})" if len(result.scores) > 1 else "")
            for score, count in sorted(result.scores.items())
        )
        console.print(f"{_mark(result.good)} {result.program.kind:<17}", end="")
        console.print(
            f"{result.name:<60}{scores} of {result.max_score:g}  {result.reason}",
            markup=False,
            soft_wrap=True,
        )
    varying = sum(not result.good for result in seen)
    console.print(f"Programs: {len(seen)} graded under {names} names, {varying} with points that vary.\n")
    return seen
