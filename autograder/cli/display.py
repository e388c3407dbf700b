"""What the other commands show: findings, tables, counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from autograder.authoring.calibrate import Calibrated
    from autograder.authoring.verify.diagnosis_accuracy import Naming
    from autograder.authoring.verify.false_verdicts import Luck
    from autograder.authoring.verify.gate import Finding as Verified
    from autograder.authoring.verify.trials import Trial
    from autograder.cli.doctor import Finding
    from autograder.records import Assignment


def show_verified(assignment: Assignment, findings: Iterable[Verified]) -> tuple[int, list[Verified]]:
    """Print what `verify` finds of an assignment, as it finds it; return the number of faults, and all findings."""
    console = Console(highlight=False)
    console.print(f"[bold]{assignment.slug}[/]: {assignment.title}, {assignment.points:g} points")
    faults = 0
    seen: list[Verified] = []
    for finding in findings:
        seen.append(finding)
        mark = "[green]ok[/]   " if finding.good else "[bold red]FAULT[/]"
        score = "" if finding.score is None else f"{finding.score:g}"
        lost = f"loses {', '.join(finding.lost)}" if finding.lost else ""
        said = finding.problem or (f"{lost}; named" if finding.named else lost)
        console.print(f"{mark} {finding.kind:<17}{finding.name:<40}{score:>6}", end="  ")
        console.print(said, markup=False, soft_wrap=True)
        faults += not finding.good
    console.print()
    return faults, seen


def show_naming(namings: Sequence[Naming]) -> None:
    """Print how often mistakes were named, a row a kind; nothing if nothing was measured."""
    from autograder.authoring.verify.diagnosis_accuracy import KINDS, rates_of

    if not namings:
        return
    table = Table(title="how mistakes are named", box=None, title_justify="left")
    for column in ("", "named right", "named wrong", "not named", "lost no points"):
        table.add_column(column, justify="right" if column else "left")
    for rate in rates_of(namings):
        counts = (rate.right, rate.wrong, rate.not_named)
        table.add_row(
            KINDS[rate.kind],
            *(f"{count} ({rate.share(count):.1%})" for count in counts),
            str(rate.not_noticed),
        )
    console = Console(highlight=False)
    console.print(table, soft_wrap=True)
    for one in namings:
        if one.outcome == "wrong":
            console.print(f"{' and '.join(one.made)} is named {one.named}", markup=False, soft_wrap=True)


def show_luck(found: Sequence[Luck]) -> int:
    """Print how often luck decided a verdict, a row a program; return the number of programs for which it may."""
    if not found:
        return 0
    table = Table(title="how often luck decides", box=None, title_justify="left")
    for column in ("", "program", "due", "gradings", "otherwise", ""):
        table.add_column(column, justify="right" if column in ("gradings", "otherwise") else "left")
    for one in found:
        table.add_row(
            one.simulation.task,
            one.simulation.title,
            "full points" if one.simulation.right else "lost points",
            str(one.gradings),
            str(one.mistaken),
            "" if one.good else f"FAULT: more than {one.simulation.rate:g} allows",
        )
    Console(highlight=False).print(table, soft_wrap=True)
    return sum(not one.good for one in found)


def show_tried(assignment: Assignment, trials: Iterable[Trial]) -> int:
    """Print every right program that was tried, and the wrong ones that pass; return the number of faults."""
    from autograder.authoring.verify.trials import tally

    console = Console(highlight=False)
    console.print(f"[bold]{assignment.slug}[/]: programs that nobody wrote by hand")
    tried = []
    for trial in trials:
        tried.append(trial)
        if trial.good and not trial.survivor and trial.kind != "right program":
            continue
        mark = "[green]ok[/]   " if trial.good else "[bold red]FAULT[/]"
        console.print(f"{mark} {trial.kind:<15}", end="")
        console.print(f"{trial.name:<60}{trial.score:>6g}  {trial.reason}", markup=False, soft_wrap=True)
    found = tally(tried)
    if found.right:
        console.print(f"Right programs: {found.right} tried, {found.right_failed} failed.")
    if found.wrong:
        console.print(
            f"Wrong programs: {found.wrong} tried, {found.passed} passed, {found.explained} of these explained; "
            f"{found.share_named:.0%} of the others named."
        )
    if found.stale:
        console.print(f"Explanations that explain nothing, or too much: {found.stale}.")
    console.print()
    return sum(not trial.good for trial in tried)


@contextmanager
def calibration_progress(assignment: Assignment) -> Iterator[Callable[[str], None]]:
    """Name the variant at work on a terminal; in a log, nothing."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda name: None
        return
    with console.status(assignment.slug) as status:
        yield lambda name: status.update(Text(f"{assignment.slug}: {name}"))


def show_tolerances(found: Calibrated) -> None:
    """Print the tolerances of a calibration: the farthest right way, the nearest mistake, the bound between."""
    from autograder.authoring.calibrate.page import separation_rows

    slug = found.assignment.slug
    table = Table(title=f"{slug}: distances from exact answers", box=None, title_justify="left")
    for column in (
        *("tolerance", "r", "w", "w/r", "tau", "farthest right way", "nearest mistake"),
        "compared by it",
    ):
        words = " " in column or column == "tolerance"
        table.add_column(column, justify="left" if words else "right", no_wrap=True)
    for row in separation_rows(found.measured, found.tolerances):
        table.add_row(
            *(row.key, row.right, row.wrong, row.separation, row.tau),
            *(Text(name) for name in (row.farthest, row.nearest, ", ".join(row.checks))),
        )
    # Names are to be read whole: a narrow terminal breaks the lines, a log keeps them.
    console = Console(highlight=False, width=240)
    console.print(table, soft_wrap=True)
    for device, one in found.measured.sets.items():
        libraries = ", ".join(f"{name} {number}" for name, number in one.versions.items())
        console.print(f"{device}: {one.date}, {libraries}", soft_wrap=True, markup=False)
    if found.path is not None:
        console.print(f"Written: {found.path}", soft_wrap=True, markup=False)


def show_findings(findings: Sequence[Finding]) -> None:
    """Print what the doctor found, a line each."""
    styles = {"ok": "green", "degraded": "yellow", "bad": "bold red"}
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    topic = ""
    for finding in findings:
        shown = Text(finding.topic if finding.topic != topic else "", style="bold")
        topic = finding.topic
        mark = Text(finding.state, style=styles[finding.state])
        said = Text(f"{finding.value}\n{finding.advice}" if finding.advice else finding.value)
        table.add_row(shown, mark, finding.name, said)
    Console(highlight=False).print(table)
