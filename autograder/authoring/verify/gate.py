"""The gate of an assignment: test its checks on programs whose grade is known.

The reference must get full marks and the template none, both through the whole pipeline; every misconception must lose
points in its own task and be diagnosed; every accepted variant must keep its points; the points must add up.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import nbformat

from autograder.authoring.notebook import is_stale, solved_notebook
from autograder.checks.check_run import begin_checks
from autograder.checks.course_context import Course, load_course, variants_of
from autograder.checks.decorators import points_by_task
from autograder.checks.diagnosing import remembered
from autograder.checks.open_submission import open_submission
from autograder.checks.runner import run_checks
from autograder.checks.tolerance_context import measuring
from autograder.checks.variants import grade_variant
from autograder.course.assignment import student_models
from autograder.diagnosis import AcceptedVariant, Misconception
from autograder.errors import AssignmentError
from autograder.execution.zygote_client import Zygote
from autograder.grading.pipeline import grade_submission
from autograder.records import Assignment, CheckResult, Submission

STUDENT = "verify"
"""Whose inputs are asked: the same for all variants, so that the answers of known mistakes are computed once."""

Kind = Literal["reference", "template", "misconception", "accepted variant", "equivalent", "notebook"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """Result of one program, or of the student notebook."""

    kind: Kind
    """What it is."""

    name: str
    """Which one."""

    good: bool
    """As expected."""

    score: float | None = None
    """What it got; None where nothing was graded."""

    lost: tuple[str, ...] = ()
    """Checks that did not pass."""

    diagnosed: str = ""
    """The id of the diagnosis; empty if there is none."""

    problem: str = ""
    """What is wrong, if it is not good."""


def verify(
    assignment: Assignment, *, profile: str = "tiny", trust: bool = False, accept_degraded: bool = False
) -> Iterator[GateResult]:
    """Test an assignment's checks on programs that are known to be right or wrong.

    Args:
        assignment: The assignment.
        profile: Which models.
        trust: Run the reference without a sandbox where none can be made.
        accept_degraded: Make do with Landlock and seccomp.

    Yields:
        One result a program, as they come.

    Raises:
        AssignmentError: If the instructor's files cannot be used at all (points that do not add up among them), or
            a tolerance of the assignment was never measured.
    """
    course = load_course(assignment, profile=profile)
    missing = sorted(_named_tolerances(course) - course.tolerances.keys())
    if missing:
        raise AssignmentError(
            f"{assignment.slug}: {', '.join(missing)} in checks.py: no such tolerance has been measured yet. "
            f"Run `autograder calibrate {assignment.slug}`."
        )
    models = student_models(course.settings)
    yield _notebook_is_current(course)
    with (
        Zygote(assignment.student_dir, trust=trust, accept_degraded=accept_degraded, models=models) as zygote,
        tempfile.TemporaryDirectory() as scratch,
    ):
        solved = Path(scratch) / f"{assignment.slug}.ipynb"
        nbformat.write(solved_notebook(assignment, points_by_task(course.checks)), solved)
        result, plots = _try_reference(course, zygote, solved)
        yield result
        yield _try_template(course, zygote)
    for known in course.misconceptions:
        yield _try_misconception(course, known, plots)
    for variant in variants_of(assignment):
        yield _try_variant(course, variant, plots)


def _named_tolerances(course: Course) -> set[str]:
    """Return the measured tolerances that checks compare by when the reference's functions are asked."""
    named: set[str] = set()
    with measuring(named.update):
        grade_variant(course, {}, student=STUDENT)
    return named


def _notebook_is_current(course: Course) -> GateResult:
    assignment = course.assignment
    stale = is_stale(assignment, points_by_task(course.checks))
    problem = (
        f"{assignment.template.name} differs from what the reference gives now. Run: autograder build"
        if stale
        else ""
    )
    return GateResult(kind="notebook", name=assignment.template.name, good=not stale, problem=problem)


def _try_reference(
    course: Course, zygote: Zygote, path: Path
) -> tuple[GateResult, Mapping[str, list[bytes]]]:
    submission = Submission(student="reference", path=path, origin="reference")
    with open_submission(submission, course, zygote) as opened:
        results = run_checks(begin_checks(course, opened, student=submission.student))
        cells = [
            cell["metadata"]["nbgrader"]["grade_id"]
            for cell in opened.execution.notebook["cells"]
            if "nbgrader" in cell.get("metadata", {})
        ]
        plots = {cell: images for cell in cells if (images := opened.plots(cell))}
        failures = opened.execution.failures
    problems = [_said(result) for result in results if result.outcome != "passed"]
    problems += [f"its cell {failure.cell} failed: {failure.message}" for failure in failures]
    problems += [f"{result.id} remarks on it: {result.remarks[0]}" for result in results if result.remarks]
    return _result("reference", course.assignment.slug, results, problems), plots


def _try_template(course: Course, zygote: Zygote) -> GateResult:
    submission = Submission(student="template", path=course.assignment.template, origin="template")
    graded = grade_submission(submission, course, zygote)
    report = graded.report
    problems = [f"it earns {result.points:g} for {result.id}" for result in report.checks if result.points]
    problems += [f"it needs review: {fault}" for fault in report.needs_review]
    problems += [report.problem] if report.problem else []
    if graded.execution is not None:
        cells = graded.execution.notebook["cells"]
        problems += [
            f"its cell {failure.cell} fails: {failure.message}"
            for failure in report.failures
            if not _may_fail(cells[failure.index])
        ]
    return _result("template", course.assignment.template.name, report.checks, problems)


def _may_fail(cell: Mapping[str, Any]) -> bool:
    """Return whether a cell of the template is to fail: it has a visible check, or calls what is not written yet."""
    checked = cell.get("metadata", {}).get("nbgrader", {}).get("grade", False)
    return checked or any(output.get("ename") == "NotImplementedError" for output in cell["outputs"])


def _try_misconception(course: Course, known: Misconception, plots: Mapping[str, list[bytes]]) -> GateResult:
    results = grade_variant(
        course,
        {known.task: partial(remembered(known, course.reference).run, course.reference)},
        student=STUDENT,
        plots=plots,
    )
    mine = [result for result in results if result.task == known.task]
    diagnosed = next((result.diagnosis.misconception for result in mine if result.diagnosis), "")
    problems = [_said(result) for result in results if result.fault]
    if all(result.outcome == "passed" for result in mine):
        problems.append("it loses no points")
    elif not diagnosed:
        problems.append("it loses points, but is not diagnosed")
    elif diagnosed != known.id:
        problems.append(f"it is diagnosed as {diagnosed}")
    return _result("misconception", known.id, results, problems, diagnosed)


def _try_variant(course: Course, variant: AcceptedVariant, plots: Mapping[str, list[bytes]]) -> GateResult:
    results = grade_variant(
        course, {variant.task: partial(variant.run, course.reference)}, student=STUDENT, plots=plots
    )
    mine = [result for result in results if result.task == variant.task]
    problems = [_said(result) for result in mine if result.outcome != "passed"]
    return _result("accepted variant" if variant.remark else "equivalent", variant.id, results, problems)


def _said(result: CheckResult) -> str:
    return f"{result.id} {result.outcome}: {(result.fault or result.detail or result.feedback).strip()}"


def _result(
    kind: Kind, name: str, results: tuple[CheckResult, ...], problems: list[str], diagnosed: str = ""
) -> GateResult:
    return GateResult(
        kind=kind,
        name=name,
        good=not problems,
        score=round(sum(result.points for result in results), 4),
        lost=tuple(result.id for result in results if result.outcome != "passed"),
        diagnosed=diagnosed,
        problem="; ".join(problems),
    )
