"""Writes the files of one submission and of a class, each whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from autograder.records import NO_FACTS, Assignment, ClassFacts, Execution, FinalGrade, GradeReport, Limits
from autograder.report.atomic_files import PARTIAL_PATTERN, locked, write_files
from autograder.report.executed import executed_ipynb, executed_page
from autograder.report.grade_file import GRADE_NAME, grade_to_json
from autograder.report.overview import class_view
from autograder.report.pages import class_page, feedback_page, instructor_page
from autograder.report.serialise import REPORT_NAME, to_json
from autograder.report.tables import grades_csv, leaderboard_csv


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What lies in a submission's folder."""

    report: str
    """SHA-256 of report.json, hexadecimal."""

    files: tuple[str, ...]
    """Names of the files."""


def write_submission(
    report: GradeReport,
    execution: Execution | None,
    assignment: Assignment,
    folder: Path,
    *,
    now: datetime | None = None,
    grade: FinalGrade | None = None,
) -> Written:
    """Write one submission's pages and report; when it returns, they are on the disk.

    report.json comes last: where it is, the rest is. What an earlier run left of an executed notebook
    is removed where there is none now.

    Args:
        report: What to write.
        execution: The executed notebook; None where it never ran.
        assignment: For titles and tasks.
        folder: `DIR/<slug>/<folder_name>`; made if missing.
        now: What the feedback policy takes for today; None: the present.
        grade: The final grade; None: grade.json is not written.

    Returns:
        What was written.

    Raises:
        OSError: If the folder cannot be written to.
    """
    pages = decided_files(report, assignment, grade, executed=execution is not None, now=now)
    if execution is not None:
        pages["executed.ipynb"] = executed_ipynb(execution.notebook)
        pages["executed.html"] = executed_page(execution.notebook, assignment, report.student)
    pages[REPORT_NAME] = to_json(report)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        for left in folder.glob(PARTIAL_PATTERN):  # of a process that was killed while it wrote here
            left.unlink(missing_ok=True)
        if execution is None:
            for name in ("executed.ipynb", "executed.html"):
                (folder / name).unlink(missing_ok=True)
        write_files(pages, folder, nested=True)
    return Written(report=hashlib.sha256(pages[REPORT_NAME]).hexdigest(), files=tuple(sorted(pages)))


def decided_files(
    report: GradeReport,
    assignment: Assignment,
    grade: FinalGrade | None,
    *,
    executed: bool,
    now: datetime | None = None,
) -> dict[str, bytes]:
    """Return the files of a student that depend on what people decide, from names to contents.

    Args:
        report: What was graded automatically.
        assignment: For titles and tasks.
        grade: The final grade; None: without grade.json.
        executed: Whether an executed notebook lies beside them.
        now: What the feedback policy takes for today; None: the present.
    """
    present = now or datetime.now().astimezone()
    files = {
        "feedback.html": feedback_page(report, assignment, present, grade),
        "instructor.html": instructor_page(report, assignment, executed=executed, grade=grade),
    }
    return files if grade is None else {**files, GRADE_NAME: grade_to_json(grade)}


def write_class(
    reports: Sequence[GradeReport],
    assignment: Assignment,
    folder: Path,
    *,
    bom: bool = False,
    grades: Mapping[str, FinalGrade] | None = None,
    facts: ClassFacts = NO_FACTS,
) -> None:
    """Write grades.csv, leaderboard.csv and class.html.

    Args:
        reports: All reports of the assignment, in any order.
        assignment: For titles and tasks.
        folder: `DIR/<slug>`; made if missing.
        bom: Start the CSV files with a byte order mark, for Excel.
        grades: The final grades by student; None: nothing is known of them.
        facts: What is known of the class beside them.

    Raises:
        OSError: If the folder cannot be written to.
    """
    view = class_view(reports, assignment, grades, facts)
    folder.mkdir(parents=True, exist_ok=True)
    write_files(
        {
            "grades.csv": grades_csv(reports, assignment, bom=bom, grades=grades, absent=facts.absent),
            "leaderboard.csv": leaderboard_csv(view, bom=bom),
            "class.html": class_page(view),
        },
        folder,
    )


def warm_up() -> None:
    """Compile the templates, the schema and the page exporter, so that no submission pays for it."""
    nowhere = Path()
    assignment = Assignment(
        slug="warm",
        title="",
        points=0.0,
        course_dir=nowhere,
        folder=nowhere,
        reference=nowhere,
        template=nowhere,
        tasks=(),
        questions=(),
        models={},
        limits=Limits(),
    )
    report = GradeReport(assignment="warm", student="", score=0.0, max_score=0.0, checks=())
    output = {"output_type": "stream", "name": "stdout", "text": "\x1b[1mwarm\x1b[0m"}
    cells = [
        {"cell_type": "markdown", "source": "# Warm *up*\n\n$x$ `y`\n\n- z"},
        {"cell_type": "code", "source": "print('warm')", "execution_count": 1, "outputs": [output]},
    ]
    feedback_page(report, assignment, datetime.now().astimezone())
    instructor_page(report, assignment)
    executed_page({"cells": cells}, assignment, "")
    to_json(report)
