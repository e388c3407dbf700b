"""Metamorphic testing: grade correct programs through the whole pipeline; each must get full marks."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat

from autograder.authoring.verify.metamorphic.correct_programs import CorrectProgram, correct_programs
from autograder.authoring.verify.program_result import ProgramResult
from autograder.checks.course_context import Course
from autograder.checks.runner import Run, with_checks
from autograder.execution.zygote_client import ZygoteLink
from autograder.grading.pipeline import grade_submission
from autograder.records import GradeReport, Submission


def run_metamorphic_tests(
    course: Course, zygote: ZygoteLink, *, count: int, seed: int = 0
) -> Iterator[ProgramResult]:
    """Grade programs that are equivalent to correct ones.

    Args:
        course: The assignment, loaded.
        zygote: Where kernels come from.
        count: Programs.
        seed: Draws them.

    Yields:
        One result a program.

    Raises:
        AssignmentError: If a file of correct programs cannot be used.
    """
    programs = list(correct_programs(course, count=count, seed=seed))
    with tempfile.TemporaryDirectory() as folder:

        def body(run: Run) -> list[ProgramResult]:
            return [_graded(course, zygote, run, program, Path(folder)) for program in programs]

        yield from with_checks(course.assignment, course.checks, body)


def _graded(
    course: Course, zygote: ZygoteLink, run: Run, program: CorrectProgram, folder: Path
) -> ProgramResult:
    path = folder / f"{program.name}.ipynb"
    nbformat.write(program.notebook, path)
    # Inputs are drawn by the student's name.
    submission = Submission(student=f"right program {program.name}", path=path, origin="made by the harness")
    report = grade_submission(submission, course, zygote, run).report
    problems = _problems(report, program)
    return ProgramResult(
        kind="correct program",
        name=program.name,
        good=not problems,
        score=report.score,
        max_score=report.max_score,
        lost=tuple(check.id for check in report.checks if check.points < check.max_points),
        diagnosed=next((check.diagnosis.misconception for check in report.checks if check.diagnosis), ""),
        reason="; ".join(problems),
    )


def _problems(report: GradeReport, program: CorrectProgram) -> list[str]:
    problems = [report.problem] if report.problem else []
    problems += [f"it needs review: {fault}" for fault in report.needs_review]
    for check in report.checks:
        if check.points < check.max_points or (check.outcome != "passed" and not check.max_points):
            changes = ", ".join(program.changes.get(check.task, ())) or "unchanged"
            said = (check.detail or check.feedback).strip()
            problems.append(f"{check.id} {check.outcome} ({changes}): {said}")
    problems += [f"its cell {failure.cell} failed: {failure.message}" for failure in report.failures]
    return problems
