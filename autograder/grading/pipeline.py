"""Grade one submission: the only place where the steps meet."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from autograder.checks.check_run import CheckRun, begin_checks, blank_result
from autograder.checks.course_context import Course
from autograder.checks.decorators import is_late
from autograder.checks.open_submission import OpenSubmission, open_submission
from autograder.checks.runner import Run, run_checks
from autograder.checks.scoring import total
from autograder.course.notebooks import MAX_PLOTS, plots, sane_pngs, shown_outputs
from autograder.course.versions import file_hash, versions
from autograder.errors import AssignmentError, GraderError, StudentCodeError, SubmissionError
from autograder.execution.zygote_client import ZygoteLink
from autograder.grading.failed_cells import with_tasks
from autograder.records import Assignment, CheckResult, Execution, GradeReport, ModelSpec, Submission
from autograder.seeds import seed_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """An exception, as the process that raised it describes it."""

    exception: str
    """Name of its class; empty where it is not known apart from the message."""

    message: str
    """Its message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedSubmission:
    """A report and, where the notebook ran, what came of it."""

    report: GradeReport
    """The grade."""

    execution: Execution | None
    """The executed notebook; None if it never ran."""

    raised: tuple[Raised, ...] = ()
    """Exceptions that ended cells and checks."""


def grade_submission(
    submission: Submission,
    course: Course,
    zygote: ZygoteLink,
    run: Run = run_checks,
    *,
    ahead: bool = False,
) -> GradedSubmission:
    """Grade one submission.

    Whatever the student's file does ends in a report: what is theirs costs points, what is ours asks for review.

    Args:
        submission: The file.
        course: The assignment, loaded.
        zygote: Where kernels come from.
        run: Runs the checks; from `with_checks` where more submissions follow.
        ahead: Whether another submission follows: its kernel is started meanwhile.
    """
    started = time.perf_counter()
    if submission.problem:
        return GradedSubmission(
            report=unrunnable(submission, course, problem=submission.problem), execution=None
        )
    try:
        with open_submission(submission, course, zygote, ahead=ahead) as opened:
            ran = time.perf_counter()
            check_run = begin_checks(course, opened, student=submission.student)
            results = run(check_run)
            timing = {
                "notebook_s": round(ran - started, 3),
                "checks_s": round(time.perf_counter() - ran, 3),
            }
            if opened.early_runs:
                timing["early_runs"] = opened.early_runs
            if opened.gpu_bytes:
                timing["gpu_mb"] = round(opened.gpu_bytes / 2**20)
            shown = plots(opened.execution.notebook) + returned_figures(check_run, course)
            report = _report(submission, course, opened, results, timing)
            return GradedSubmission(
                report=replace(
                    report, plots=shown[:MAX_PLOTS], shown=shown_outputs(opened.execution.notebook)
                ),
                execution=opened.execution,
                raised=(*_raised_by_cells(opened.execution), *_raised_by_checks(check_run)),
            )
    except SubmissionError as error:
        return GradedSubmission(report=unrunnable(submission, course, problem=str(error)), execution=None)
    except (GraderError, AssignmentError) as error:
        return GradedSubmission(report=unrunnable(submission, course, fault=str(error)), execution=None)
    except Exception as error:
        # Not foreseen, so ours: a person looks at it, and the batch goes on.
        fault = f"{type(error).__name__}: {error}"
        return GradedSubmission(report=unrunnable(submission, course, fault=fault), execution=None)


def _raised_by_cells(execution: Execution) -> Iterator[Raised]:
    # Where too much was printed, the output of the error is not there.
    yield from (Raised(exception="", message=failure.message) for failure in execution.failures)
    for cell in execution.notebook["cells"]:
        for output in cell.get("outputs", ()):
            if output["output_type"] == "error":
                yield Raised(exception=str(output["ename"]), message=str(output["evalue"]))


def _raised_by_checks(check_run: CheckRun) -> Iterator[Raised]:
    for error in check_run.errors.values():
        if isinstance(error, StudentCodeError):
            yield Raised(exception=error.exception, message=error.message)
        else:
            yield Raised(exception=type(error).__name__, message=str(error))


def _report(
    submission: Submission,
    course: Course,
    opened: OpenSubmission,
    results: tuple[CheckResult, ...],
    timing: Mapping[str, float],
) -> GradeReport:
    score, max_score = total(results)
    faults = tuple(f"{result.id}: {result.fault}" for result in results if result.fault)
    return GradeReport(
        assignment=course.assignment.slug,
        student=submission.student,
        score=score,
        max_score=max_score,
        checks=results,
        pending=tuple(question for question in opened.questions if question.answer),
        unanswered=tuple(question for question in opened.questions if not question.answer),
        needs_review=faults,
        remarks=(*submission.remarks, *opened.remarks),
        staff_remarks=opened.staff_remarks,
        failures=with_tasks(
            opened.execution.failures,
            opened.execution.notebook,
            results,
            [task.name for task in course.assignment.tasks],
        ),
        missing_modules=opened.execution.missing_modules,
        provenance=provenance(submission, course, opened.execution.sandbox_mode),
        timing=timing,
    )


def returned_figures(check_run: CheckRun, course: Course) -> tuple[str, ...]:
    """Return the figures that the student's functions drew of shown inputs, one a check, as base64."""
    checks = {info.id: info for info in course.checks}
    drawn = [images[-1] for check, images in check_run.proxy.figures.items() if not is_late(check, checks)]
    return sane_pngs(drawn)


def unrunnable(submission: Submission, course: Course, *, problem: str = "", fault: str = "") -> GradeReport:
    """Report a submission of which no check counts.

    Args:
        submission: The file.
        course: The assignment, loaded.
        problem: What is wrong with the file.
        fault: What went wrong with the grading: a person must look.
    """
    results = tuple(blank_result(info, "skipped", feedback="Not run.") for info in course.checks)
    _, max_score = total(results)
    return GradeReport(
        assignment=course.assignment.slug,
        student=submission.student,
        score=0.0,
        max_score=max_score,
        checks=results,
        needs_review=(fault,) if fault else (),
        problem=problem,
        remarks=submission.remarks,
        provenance=provenance(submission, course, "not run"),
    )


def _stated(spec: ModelSpec, assignment: Assignment) -> str:
    """Say which model it was, without a path of this machine."""
    if spec.hub:
        return f"{spec.role}: {spec.hub}@{spec.revision}"
    inside = spec.path.is_relative_to(assignment.course_dir)
    where = spec.path.relative_to(assignment.course_dir).as_posix() if inside else spec.path.name
    return f"{spec.role}: {where}"


def provenance(submission: Submission, course: Course, sandbox_mode: str) -> dict[str, Any]:
    """Return what a grade rests on: hashes, versions, device, sandbox mode, seeds.

    No time and no path: two gradings of the same input say the same.
    """
    hashes = dict(course.hashes)
    if submission.path.is_file():
        hashes["submission"] = file_hash(submission.path)
    stated = {"handed_in": dict(submission.handed_in)} if submission.handed_in else {}
    return {
        **stated,
        "hashes": hashes,
        "versions": versions(),
        "device": course.settings.device,
        "threads": course.settings.limits.threads,
        "profile": course.settings.profile,
        "models": [_stated(loaded.spec, course.assignment) for loaded in course.models],
        "sandbox_mode": sandbox_mode,
        "course_key": hashlib.sha256(course.key.encode()).hexdigest()[:12] if course.key else "none",
        "seeds": {"kernel": seed_for(*course.seed_parts(submission.student), "kernel")},
    }
