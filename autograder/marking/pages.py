"""The files that depend on decisions: grade.json and the pages of a student, grades.csv and class.html.

They are written from report.json and the log of decisions alone, so that they can be written again at any time. Two
processes that write at once wait for each other (`atomic_files.locked`), and each reads what is there by then.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from autograder.errors import AutograderError
from autograder.marking.actions import Marking
from autograder.marking.answers import answers_of
from autograder.marking.effort import efforts
from autograder.marking.grades import final_grade
from autograder.marking.policy import AssignmentPolicy
from autograder.marking.state import MarkingState
from autograder.marking.store import STORE_NAME, MarkingStore
from autograder.marking.submissions import cells_in, read_quickly
from autograder.records import Assignment, ClassFacts, Execution, FinalGrade, GradeReport
from autograder.records.folder_names import student_folder_name
from autograder.report.atomic_files import locked, write_files
from autograder.report.grade_file import GRADE_NAME, grade_to_json
from autograder.report.serialise import REPORT_NAME, to_plain
from autograder.report.write import decided_files, write_class

_BOM = b"\xef\xbb\xbf"


def refresh(marking: Marking, students: Iterable[str] | None = None) -> None:
    """Write the files of the class, then those of students whose grade.json is out of date.

    Args:
        marking: The assignment's.
        students: Only these can have changed; None: any.

    Raises:
        OSError: If the folder cannot be written to.
    """
    with locked(marking.folder):
        marking.refresh()
        marking.policy.must_be_usable()
        grades = {grade.student: grade for grade in marking.grades()}
        reports = marking.submissions.reports()
        facts = replace(marking.policy.class_facts(), effort=efforts(marking))
        _write_class(reports, marking.assignment, marking.folder, grades, facts)
    for student in grades if students is None else students:
        if student in grades:
            _refresh_student(marking, grades[student])


def _refresh_student(marking: Marking, known: FinalGrade) -> None:
    folder = marking.folder / student_folder_name(known.student)
    if _content(folder / GRADE_NAME) == grade_to_json(known):
        return
    with locked(folder):
        try:
            report = read_quickly(folder / REPORT_NAME)
        except (OSError, AutograderError):  # the one who writes it writes the pages as well
            return
        # Read anew: since the grade was computed, others may have decided, or graded the submission again.
        answers = answers_of(report, marking.assignment, lambda: cells_in(folder))
        with marking.lock:
            marking.catch_up()
            grade = marking.policy.applied(final_grade(report, answers, marking.assignment, marking.state))
        executed = (folder / "executed.html").is_file()
        write_files(decided_files(report, marking.assignment, grade, executed=executed), folder)


def refresh_class(
    reports: Sequence[GradeReport], assignment: Assignment, folder: Path, *, bom: bool = False
) -> dict[str, FinalGrade]:
    """Write grades.csv, leaderboard.csv and class.html after grading.

    Args:
        reports: All reports of the assignment; they may be without pictures.
        assignment: For titles and tasks.
        folder: `DIR/<slug>`.
        bom: Start the tables with a byte order mark, for Excel.

    Returns:
        The final grades by student.

    Raises:
        OSError: If the folder cannot be written to.
        StoreError: If there is a log of decisions that cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / STORE_NAME).is_file():
        with Marking(folder, assignment) as marking:
            refresh(marking)
            return {grade.student: grade for grade in marking.grades()}
    undecided = MarkingState(assignment.questions)
    grades = {
        report.student: final_grade(report, answers_of(report, assignment, list), assignment, undecided)
        for report in reports
    }
    policy = AssignmentPolicy(folder, assignment)
    policy.refresh(reports)
    policy.must_be_usable()
    grades = {student: policy.applied(grade) for student, grade in grades.items()}
    with locked(folder):
        write_class(reports, assignment, folder, bom=bom, grades=grades, facts=policy.class_facts())
    for report in reports:
        _apply_policy(report.student, policy, grades[report.student], assignment, folder)
    return grades


def _apply_policy(
    student: str, policy: AssignmentPolicy, known: FinalGrade, assignment: Assignment, folder: Path
) -> None:
    """Write a student's files again if their policy's change is another one than grade.json states."""
    own = folder / student_folder_name(student)
    stated = _content(own / GRADE_NAME)
    if not stated or json.loads(stated).get("policy") == to_plain(known.policy):
        return
    with locked(own):
        report = read_quickly(own / REPORT_NAME)
        answers = answers_of(report, assignment, lambda: cells_in(own))
        grade = policy.applied(final_grade(report, answers, assignment, MarkingState(assignment.questions)))
        executed = (own / "executed.html").is_file()
        write_files(decided_files(report, assignment, grade, executed=executed), own)


def grade_of(
    folder: Path, assignment: Assignment, report: GradeReport, execution: Execution | None
) -> FinalGrade:
    """Return the final grade of a student whose report is about to be written.

    Args:
        folder: `DIR/<slug>`.
        assignment: For the questions.
        report: The student's, with its plots.
        execution: The executed notebook; None where it never ran.

    Raises:
        StoreError: If there is a log of decisions that cannot be read.
    """
    state = MarkingState(assignment.questions)
    if (folder / STORE_NAME).is_file():
        with MarkingStore(folder) as store:
            state.add(store.on_student(report.student))

    def cells() -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = execution.notebook["cells"] if execution else ()
        return found

    return final_grade(report, answers_of(report, assignment, cells), assignment, state)


def _write_class(
    reports: Sequence[GradeReport],
    assignment: Assignment,
    folder: Path,
    grades: Mapping[str, FinalGrade],
    facts: ClassFacts,
) -> None:
    """Write the class's files; tables that begin with the mark for Excel go on doing so."""
    bom = _content(folder / "grades.csv").startswith(_BOM)
    write_class(reports, assignment, folder, bom=bom, grades=grades, facts=facts)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
