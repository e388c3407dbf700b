"""Grade many submissions: what is done already, what is to do, progress, class pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder import failpoints
from autograder.course.assignment import student_models
from autograder.execution.devices import seats
from autograder.grading.journal import Row, State
from autograder.grading.results_folder import OWN_FOLDER, Results, open_results
from autograder.grading.schedule import Plan, make_plan
from autograder.grading.worker import Work
from autograder.grading.worker_pool import Crew
from autograder.records import Assignment, GradeReport, Submission
from autograder.report import write_class, write_submission
from autograder.report.atomic_files import refusal
from autograder.report.difference import Difference, Verdict, compare, verdict_of

PRELOADED = "autograder.grading.preload"
"""What workers need, imported once for all of them."""

Progress = Callable[[GradeReport], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a batch is graded."""

    jobs: int = 0
    """Workers; 0: one a core, or as many as the GPUs take."""

    device: str = "cpu"
    """cpu, cuda (all GPUs) or cuda:i."""

    per_gpu: int = 1
    """Kernels of one GPU at a time."""

    threads: int = 0
    """Threads of each kernel; 0: as many as the assignment's limits say."""

    profile: str = "tiny"
    """Which models."""

    trust: bool = False
    """Run without a sandbox where none can be made."""

    accept_degraded: bool = False
    """Make do with Landlock and seccomp where namespaces are refused."""

    regrade: tuple[str, ...] = ()
    """Students, checks or `all`: graded again although nothing has changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """What a batch came to. Reports are without plots and pictures."""

    reports: list[GradeReport]
    """Of the submissions, in their order."""

    kept: list[GradeReport]
    """Of students who have results here but are not among the submissions; in the class's pages, too."""

    difference: Difference
    """Old grades against new, of the submissions that were graded before and have been graded again."""


def grade_class(
    submissions: Sequence[Submission],
    assignment: Assignment,
    out: Path,
    options: Options,
    progress: Progress = lambda report: None,
) -> list[GradeReport]:
    """Grade submissions into a results folder; what is done there and unchanged is not graded again.

    Args:
        submissions: What was handed in.
        assignment: The assignment.
        out: Folder of results; `out/<slug>` is made.
        options: How.
        progress: Called with each new report, in the order of completion.

    Returns:
        The reports in the order of the submissions, without plots and pictures.

    Raises:
        AssignmentError: If the instructor's files or the results folder cannot be used.
        GraderError: If no worker can be started, or the disk is full.
    """
    with open_results(out, assignment.slug) as results:
        plan = make_plan(submissions, assignment, results, options)
        graded = carry_out(plan, assignment, results, options, progress)
        results.journal.forget_previous()
    return graded.reports


def carry_out(
    plan: Plan, assignment: Assignment, results: Results, options: Options, progress: Progress
) -> Graded:
    """Grade what a plan says, write each submission's pages as it is done, then the class's.

    Args:
        plan: From `make_plan` for the same results.
        assignment: The assignment.
        results: Held by this process.
        options: How.
        progress: Called with each new report, in the order of completion.

    Raises:
        AssignmentError: If the instructor's files cannot be used.
        GraderError: If no worker can be started, or the disk is full.
    """
    results.journal.plan(item.row for item in plan.items if item.report is None)
    failpoints.reach("plan.recorded")
    reports = {item.row.folder: item.report for item in plan.items if item.report is not None}
    try:
        if len(reports) < len(plan.items) or plan.mode_is_new:
            for name, report in _grade(plan, assignment, results, options):
                reports[name] = report
                progress(report)
        ordered = [reports[item.row.folder] for item in plan.items]
        kept = _kept(results, set(reports))
        failpoints.reach("class.writing")
        write_class([*ordered, *kept], assignment, results.folder)
        failpoints.reach("class.written")
    except OSError as error:
        raise refusal(error) from None
    return Graded(reports=ordered, kept=kept, difference=_difference(results, reports))


def _grade(
    plan: Plan, assignment: Assignment, results: Results, options: Options
) -> Iterator[tuple[str, GradeReport]]:
    """Let a crew grade; yields the name of the student's folder and the report when all is on the disk."""
    places = seats(options.device, jobs=options.jobs, per_gpu=options.per_gpu)
    works = [
        Work(
            course_dir=assignment.course_dir,
            slug=assignment.slug,
            folder=results.folder,
            seat=seat,
            profile=options.profile,
            threads=options.threads,
        )
        for seat in places[: max(len(plan.items), 1)]
    ]
    crew = Crew(
        works,
        assignment.student_dir,
        models=student_models(assignment, options.profile),
        journal=results.journal,
        trust=options.trust,
        accept_degraded=options.accept_degraded,
        preload=(PRELOADED,),
        crew_lock=results.crew_lock,
    )
    try:
        mode = crew.start()
        # What was graded in another sandbox is not what would come out now.
        strangers = [item for item in plan.items if item.report is not None and item.row.mode != mode]
        results.journal.plan(item.again() for item in strangers)
        todo = [item for item in plan.items if item.report is None or item in strangers]
        for submission, finished in crew.run([item.submission for item in todo]):
            name = submission.folder_name
            if isinstance(finished, str):
                report, digest, files = _give_up(submission, assignment, results.folder / name, finished)
            else:
                report, digest, files = finished.report, finished.digest, finished.files
            state: State = "quarantined" if report.needs_review else "done"
            results.journal.finish(name, state, mode=mode, report=digest, files=files)
            failpoints.reach("submission.recorded")
            yield name, report
    finally:
        crew.stop()


def _give_up(
    submission: Submission, assignment: Assignment, place: Path, reason: str
) -> tuple[GradeReport, str, tuple[str, ...]]:
    """Report a submission during which processes died again and again: ours, never a zero."""
    # The coordinator itself needs no torch, whose import would delay the first worker.
    from autograder.checks.check_run import blank_result
    from autograder.checks.decorators import collect

    results = tuple(blank_result(info, "skipped", feedback="Not run.") for info in collect(assignment))
    report = GradeReport(
        assignment=assignment.slug,
        student=submission.student,
        score=0.0,
        max_score=sum(result.max_points for result in results),
        checks=results,
        needs_review=(reason,),
    )
    written = write_submission(report, None, assignment, place)
    return report, written.report, written.files


def _kept(results: Results, current: set[str]) -> list[GradeReport]:
    """Return the reports of students who have results but are not among the submissions."""
    names = sorted(path.name for path in results.folder.iterdir() if path.is_dir())
    others = [name for name in names if name not in current and name != OWN_FOLDER]
    rows = results.journal.rows()
    return [report for name in others if (report := results.present(name, rows.get(name))) is not None]


def _difference(results: Results, reports: dict[str, GradeReport]) -> Difference:
    """Compare the grades with what they were before, where that was written down."""

    def was(row: Row) -> Verdict:
        return Verdict.from_json(row.previous or "")

    rows = {name: row for name, row in results.journal.rows().items() if row.previous and name in reports}
    return compare(
        {reports[name].student: was(row) for name, row in rows.items()},
        {reports[name].student: verdict_of(reports[name]) for name in rows},
    )
