"""What the other commands show: findings, tables, counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from autograder.authoring.calibrate import Calibrated
    from autograder.cli.doctor import Finding
    from autograder.records import Assignment


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
