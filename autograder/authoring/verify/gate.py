"""The gate of an assignment: tests of the tests.

The reference must get full marks and the template none, both through the real pipeline; every misconception must
lose points in its own task and be named; every accepted variant must keep its points; the points must add up.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import nbformat

from autograder.authoring.notebook import is_stale, solved_notebook
from autograder.authoring.verify.diagnosis_accuracy import KINDS, Naming, rates_of
from autograder.authoring.verify.false_verdicts import Luck
from autograder.authoring.verify.page import measured_plots, verified_page, verified_view
from autograder.checks.check_run import begin_checks
from autograder.checks.course_context import Course, load_course, variants_of
from autograder.checks.decorators import points_by_task
from autograder.checks.diagnosing import remembered
from autograder.checks.open_submission import open_submission
from autograder.checks.runner import run_checks
from autograder.checks.tolerance_context import measuring
from autograder.checks.variants import grade_variant
from autograder.comparison.tolerances import load_tolerances
from autograder.course.assignment import student_models
from autograder.diagnosis import AcceptedVariant, Misconception
from autograder.errors import AssignmentError
from autograder.execution.zygote_client import Zygote
from autograder.grading.pipeline import grade_submission
from autograder.records import Assignment, CheckResult, Submission

STUDENT = "verify"
"""Who asks: all variants the same inputs, so that each variant is computed once however many are diagnosed."""

Kind = Literal["reference", "template", "misconception", "accepted variant", "equivalent", "notebook"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one trial of an assignment came to."""

    kind: Kind
    """What was tried."""

    name: str
    """Which one."""

    good: bool
    """As it must be."""

    score: float | None
    """What it got; None where nothing was graded."""

    lost: tuple[str, ...]
    """Checks that did not pass."""

    named: str
    """The misconception that the diagnosis named; empty if none."""

    problem: str
    """What is wrong, if it is."""


def verify(
    assignment: Assignment, *, profile: str = "tiny", trust: bool = False, accept_degraded: bool = False
) -> Iterator[Finding]:
    """Try an assignment's checks on what is known to be right and wrong.

    Args:
        assignment: The assignment.
        profile: Which models.
        trust: Run the reference without a sandbox where none can be made.
        accept_degraded: Make do with Landlock and seccomp.

    Yields:
        One finding a trial, as they come.

    Raises:
        AssignmentError: If the instructor's files cannot be used at all (points that do not add up among them), or
            the assignment's tolerances were never measured.
    """
    course = load_course(assignment, profile=profile)
    if not course.tolerances and _needs_tolerances(course):
        raise AssignmentError(
            f"{assignment.slug} has no measured tolerances yet: run `autograder calibrate {assignment.slug}`."
        )
    models = student_models(assignment, profile)
    yield _notebook_is_current(course)
    with (
        Zygote(assignment.student_dir, trust=trust, accept_degraded=accept_degraded, models=models) as zygote,
        tempfile.TemporaryDirectory() as scratch,
    ):
        solved = Path(scratch) / f"{assignment.slug}.ipynb"
        nbformat.write(solved_notebook(assignment, points_by_task(course.checks)), solved)
        finding, plots = _try_reference(course, zygote, solved)
        yield finding
        yield _try_template(course, zygote)
    for known in course.misconceptions:
        yield _try_misconception(course, known, plots)
    for variant in variants_of(assignment):
        yield _try_variant(course, variant, plots)


def _needs_tolerances(course: Course) -> bool:
    """Return whether a check compares by a measured tolerance when the reference's functions are asked."""
    named: set[str] = set()
    with measuring(named.update):
        grade_variant(course, {}, student=STUDENT)
    return bool(named)


def _notebook_is_current(course: Course) -> Finding:
    assignment = course.assignment
    stale = is_stale(assignment, points_by_task(course.checks))
    problem = (
        f"{assignment.template.name} is not what the reference gives now. Run: autograder build"
        if stale
        else ""
    )
    return Finding(
        kind="notebook",
        name=assignment.template.name,
        good=not stale,
        score=None,
        lost=(),
        named="",
        problem=problem,
    )


def _try_reference(course: Course, zygote: Zygote, path: Path) -> tuple[Finding, Mapping[str, list[bytes]]]:
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
    return _finding("reference", course.assignment.slug, results, problems), plots


def _try_template(course: Course, zygote: Zygote) -> Finding:
    submission = Submission(student="template", path=course.assignment.template, origin="template")
    graded = grade_submission(submission, course, zygote)
    results = graded.report.checks
    problems = [f"it earns {result.points:g} for {result.id}" for result in results if result.points]
    problems += [f"it needs review: {fault}" for fault in graded.report.needs_review]
    problems += [graded.report.problem] if graded.report.problem else []
    checks = {
        cell["metadata"]["nbgrader"]["grade_id"]
        for cell in course.template["cells"]
        if cell["cell_type"] == "code" and cell.get("metadata", {}).get("nbgrader", {}).get("grade")
    }
    problems += [
        f"its cell {failure.cell} fails: {failure.message}"
        for failure in graded.report.failures
        if failure.cell not in checks and "NotImplementedError" not in failure.message
    ]
    return _finding("template", course.assignment.template.name, results, problems)


def _try_misconception(course: Course, known: Misconception, plots: Mapping[str, list[bytes]]) -> Finding:
    results = grade_variant(
        course,
        {known.task: partial(remembered(known, course.reference).run, course.reference)},
        student=STUDENT,
        plots=plots,
    )
    mine = [result for result in results if result.task == known.task]
    named = next((result.diagnosis.misconception for result in mine if result.diagnosis), "")
    problems = [_said(result) for result in results if result.fault]
    if all(result.outcome == "passed" for result in mine):
        problems.append("it loses no points")
    elif not named:
        problems.append("it loses points, but is not named")
    elif named != known.id:
        problems.append(f"it is named {named}")
    return _finding("misconception", known.id, results, problems, named)


def _try_variant(course: Course, variant: AcceptedVariant, plots: Mapping[str, list[bytes]]) -> Finding:
    results = grade_variant(
        course, {variant.task: partial(variant.run, course.reference)}, student=STUDENT, plots=plots
    )
    mine = [result for result in results if result.task == variant.task]
    problems = [_said(result) for result in mine if result.outcome != "passed"]
    return _finding("accepted variant" if variant.remark else "equivalent", variant.id, results, problems)


def _said(result: CheckResult) -> str:
    return f"{result.id} {result.outcome}: {(result.fault or result.detail or result.feedback).strip()}"


def _finding(
    kind: Kind, name: str, results: tuple[CheckResult, ...], problems: list[str], named: str = ""
) -> Finding:
    return Finding(
        kind=kind,
        name=name,
        good=not problems,
        score=round(sum(result.points for result in results), 4),
        lost=tuple(result.id for result in results if result.outcome != "passed"),
        named=named,
        problem="; ".join(problems),
    )


def write_page(
    assignment: Assignment,
    path: Path,
    findings: Sequence[Finding],
    namings: Sequence[Naming] = (),
    trials: Sequence[Any] = (),
    *,
    luck: Sequence[Luck] = (),
    profile: str = "tiny",
) -> Path:
    """Write the page that says how an assignment's checks were tested.

    Args:
        assignment: The assignment.
        path: An .html file, or the folder in which `<slug>.html` is written.
        findings: Of `verify`.
        namings: Of `naming.measure_naming`; empty: the page says nothing of it.
        trials: Records with kind, name, good, survivor and reason of other programs that were tried.
        luck: Of `luck.measure_luck`.
        profile: Which models.

    Returns:
        The file.
    """
    tolerances = load_tolerances(assignment.generated_dir, profile)
    view = verified_view(
        assignment,
        findings,
        tolerances,
        rates=[(KINDS[rate.kind], rate) for rate in rates_of(namings)],
        namings=namings,
        trials=trials,
        luck=luck,
        plots=measured_plots(assignment.generated_dir, profile, tolerances),
    )
    file = path if path.suffix == ".html" else path / f"{assignment.slug}.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(verified_page(view))
    return file
