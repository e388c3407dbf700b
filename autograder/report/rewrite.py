"""Write the pages of a results folder again from what lies in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path

from autograder.errors import AutograderError
from autograder.records import Assignment, Execution, FinalGrade, GradeReport
from autograder.report.serialise import REPORT_NAME, load_results
from autograder.report.write import write_class, write_submission

Grader = Callable[[Path, Assignment, GradeReport, Execution | None], FinalGrade]
"""From `DIR/<slug>`, its assignment, a student's report and executed notebook to the final grade."""


def rewrite(
    folder: Path,
    load: Callable[[str], Assignment],
    *,
    bom: bool = False,
    now: datetime | None = None,
    grader: Grader | None = None,
) -> Iterator[tuple[Path, list[GradeReport], dict[str, FinalGrade]]]:
    """Write every page of a results folder again.

    For use after an upgrade, a change of an assignment's texts, or the date from which students read more. A report
    that cannot be read stops nobody else's pages; it is named at the end.

    Args:
        folder: What `autograder grade --out` was given.
        load: From a slug to its assignment.
        bom: Start the tables with a byte order mark, for Excel.
        now: What the feedback policy takes for today; None: the present.
        grader: Computes the final grades; None: the pages are without them.

    Yields:
        The folder of each assignment, its reports, and its final grades by student.

    Raises:
        AutograderError: If there are no results; after the others' pages, if one cannot be read.
    """
    damaged: list[str] = []
    for slug, group in groupby(load_results(folder, damaged), key=lambda report: report.assignment):
        assignment, reports = load(slug), list(group)
        _refuse_half_written(folder / slug)
        grades: dict[str, FinalGrade] = {}
        for report in reports:
            place = folder / slug / report.folder_name
            execution = _execution(place / "executed.ipynb")
            if grader is not None:
                grades[report.student] = grader(folder / slug, assignment, report, execution)
            given = grades.get(report.student)
            write_submission(report, execution, assignment, place, now=now, grade=given)
        write_class(reports, assignment, folder / slug, bom=bom, grades=grades)
        yield folder / slug, reports, grades
    if damaged:
        listing = "".join(f"\n    {sentence}" for sentence in damaged)
        raise AutograderError(
            f"{folder}: {len(damaged)} report(s) could not be read; the pages of these students are as they were, and "
            f"the class pages are without them. Grade their submissions again.{listing}"
        )


def _refuse_half_written(folder: Path) -> None:
    """Refuse to write a class page without a student whose pages are there: who is left out would go unseen."""
    lost = sorted(
        place.name
        for place in folder.iterdir()
        if place.is_dir() and not (place / REPORT_NAME).is_file() and (place / "feedback.html").is_file()
    )
    if lost:
        raise AutograderError(
            f"{folder}: {len(lost)} student folder(s) without {REPORT_NAME}: {', '.join(lost[:5])}. "
            "Grade these submissions again, or remove their folders."
        )


def _execution(path: Path) -> Execution | None:
    """Return the executed notebook as the grading left it; None if there is none."""
    if not path.is_file():
        return None
    try:
        return Execution(notebook=json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise AutograderError(
            f"{path}: cannot be read ({error}). Grade this submission again, or remove the file."
        ) from error
