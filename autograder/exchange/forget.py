"""Remove a student from a results folder: files, journal, marks, record of releases, and the class's pages."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from autograder import failpoints
from autograder.course.policy.attempts import OWN_FOLDER
from autograder.errors import AssignmentError, did_you_mean, some
from autograder.exchange.releases import forget_releases
from autograder.exchange.tables import TOTALS_NAME
from autograder.exchange.totals import GRADES_NAME, StudentReport, read_reports
from autograder.grading.results_folder import open_results
from autograder.marking.pages import refresh_class
from autograder.marking.store import STORE_NAME, MarkingStore
from autograder.records import Assignment
from autograder.report.atomic_files import write_files
from autograder.report.serialise import REPORT_NAME, light, read_report

_BEGUN = "forgetting.json"


def forget(results: Path, student: str, load: Callable[[str], Assignment]) -> list[str]:
    """Remove a student from all assignments of a results folder.

    What is begun is written down first: after an interruption the same command goes on.

    Args:
        results: What `autograder grade --out` was given.
        student: The name as the results have it, or the id.
        load: From a slug to its assignment, for the pages of the class.

    Returns:
        The assignments of which the student was removed.

    Raises:
        AssignmentError: If nobody or several have that name or id, or a grader is at work there.
    """
    folders = sorted(path.parent for path in results.glob(f"*/{GRADES_NAME}")) if results.is_dir() else []
    if not folders:
        raise AssignmentError(
            f"{results}: holds no results. Name the folder given to `autograder grade --out`."
        )
    reports = {folder: list(read_reports(folder)) for folder in folders}
    begun = {folder: left for folder in folders if (left := _begun(folder)) and left.goes_by(student)}
    found = begun or _found(reports, student)
    assignments = {folder: load(folder.name) for folder in found}
    for folder, report in found.items():
        _forget_in(folder, report, assignments[folder])
    return [folder.name for folder in found]


def _found(reports: dict[Path, list[StudentReport]], student: str) -> dict[Path, StudentReport]:
    """Return the student's report in each assignment."""
    everybody = [report for some_reports in reports.values() for report in some_reports]
    named = {report.student for report in everybody if report.student == student}
    chosen = named or {report.student for report in everybody if report.goes_by(student)}
    if not chosen:
        known = {report.student for report in everybody}
        raise AssignmentError(
            f"{student}: nobody of that name or id is in the results.{did_you_mean(student, known)}"
        )
    if len(chosen) > 1:
        raise AssignmentError(f"{student}: is the id of {some(sorted(chosen))}. Give one of these names.")
    return {
        folder: report for folder, listed in reports.items() for report in listed if report.student in chosen
    }


def _forget_in(folder: Path, report: StudentReport, assignment: Assignment) -> None:
    with open_results(folder.parent, folder.name) as held:
        begun = folder / OWN_FOLDER / _BEGUN
        stated = {
            "student": report.student,
            "folder": report.folder.name,
            "handed_in": dict(report.handed_in),
        }
        write_files({_BEGUN: json.dumps(stated).encode()}, begun.parent)
        failpoints.reach("forget.begun")
        held.journal.remove(report.folder.name)
        if (folder / STORE_NAME).is_file():
            with MarkingStore(folder) as store:
                store.forget(report.student)
        failpoints.reach("forget.decisions")
        forget_releases(folder, report.student)
        # Made anew by `autograder totals`, from what is left.
        for place in (folder, folder.parent):
            (place / TOTALS_NAME).unlink(missing_ok=True)
        failpoints.reach("forget.files")
        if report.folder.exists():
            shutil.rmtree(report.folder)
        failpoints.reach("forget.class")
        paths = sorted(folder.glob(f"*/{REPORT_NAME}"))
        refresh_class([light(read_report(path)) for path in paths], assignment, folder)
        begun.unlink()


def _begun(folder: Path) -> StudentReport | None:
    """Return whom an interrupted command was removing."""
    try:
        stated = json.loads((folder / OWN_FOLDER / _BEGUN).read_bytes())
    except OSError:
        return None
    return StudentReport(
        student=stated["student"], handed_in=stated["handed_in"], folder=folder / stated["folder"]
    )
