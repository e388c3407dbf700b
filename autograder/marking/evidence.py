"""What stands beside an answer: the student's own plots and figures, as the notebook claims them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from autograder.marking.answers import marks_of
from autograder.records import GradeReport
from autograder.report.pictures import plot_uri
from autograder.report.shown import ShownView, shown_views
from autograder.report.text import clean

PRINTED_LIMIT = 4_000
"""Characters of what one cell printed that are shown beside an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A figure that a check measured."""

    check: str
    """The check's title."""

    name: str
    """Of the metric."""

    value: float
    """The figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What stands beside the answers of one student: all of it as the notebook claims it."""

    plots: tuple[str, ...]
    """data: addresses of the student's plots."""

    shown: tuple[ShownView, ...]
    """What else the plot cells show, safe for a page."""

    printed: tuple[str, ...]
    """What the student's own cells printed, one text a cell, cleaned and cut."""

    measured: tuple[Measured, ...]
    """Figures of the checks, hidden ones, too."""


NO_EVIDENCE = Evidence(plots=(), shown=(), printed=(), measured=())


def evidence_of(report: GradeReport, cells: Iterable[Mapping[str, Any]]) -> Evidence:
    """Return what stands beside the answers of a student.

    Args:
        report: The student's, with its plots.
        cells: Of the executed notebook.
    """
    return Evidence(
        plots=tuple(uri for uri in map(plot_uri, report.plots) if uri),
        shown=tuple(shown_views(report.shown)),
        printed=tuple(filter(None, map(_printed, cells))),
        measured=tuple(
            Measured(check=check.title, name=name, value=value)
            for check in report.checks
            for name, value in sorted(check.metrics.items())
        ),
    )


def _printed(cell: Mapping[str, Any]) -> str:
    """Return what a cell of the student's own printed; cells of the course print the same for all."""
    if cell.get("cell_type") != "code" or marks_of(cell).get("locked"):
        return ""
    texts = [one.get("text", "") for one in cell.get("outputs", ()) if one.get("output_type") == "stream"]
    texts += [one.get("data", {}).get("text/plain", "") for one in cell.get("outputs", ()) if _is_value(one)]
    text = clean("".join("".join(part) for part in texts)).strip()
    return text if len(text) <= PRINTED_LIMIT else f"{text[:PRINTED_LIMIT]} …"


def _is_value(output: Mapping[str, Any]) -> bool:
    return output.get("output_type") == "execute_result" and "image/png" not in output.get("data", {})
