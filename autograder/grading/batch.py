"""Grade a class into a results folder: what is done already, what is to be done, the class's pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autograder import failpoints
from autograder.course.policy.attempts import OWN_FOLDER
from autograder.course.profiles import DEFAULT_PROFILE, resolve
from autograder.course.submissions import discover
from autograder.execution.devices import seats
from autograder.grading.attempts import attempt_of, earlier_attempts
from autograder.grading.journal import Entry, State
from autograder.grading.results_folder import Results, open_results
from autograder.grading.schedule import Schedule, make_schedule
from autograder.grading.worker import WorkerSetup
from autograder.grading.worker_pool import WorkerPool
from autograder.marking.pages import grade_of, refresh_class
from autograder.marking.policy import AssignmentPolicy
from autograder.records import Assignment, FinalGrade, GradeReport, GradingSettings, Submission
from autograder.report import write_submission
from autograder.report.atomic_files import refusal
from autograder.report.difference import Difference, Verdict, compare, verdict_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a class is graded."""

    jobs: int = 0
    """Workers; 0: one a core, or as many as the GPUs take."""

    device: str = "cpu"
    """cpu, cuda (all GPUs) or cuda:i."""

    per_gpu: int = 1
    """Kernels of one GPU at a time."""

    threads: int = 0
    """Threads of each kernel; 0: as many as the assignment's limits say."""

    profile: str = DEFAULT_PROFILE
    """Which models."""

    trust: bool = False
    """Run without a sandbox where none can be made."""

    accept_degraded: bool = False
    """Make do with Landlock and seccomp where namespaces are refused."""

    regrade: tuple[str, ...] = ()
    """Students, checks or `all`: graded again although nothing has changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedClass:
    """The results of a class. Reports are without plots and pictures."""

    reports: list[GradeReport]
    """Of the submissions, in their order."""

    kept: list[GradeReport]
    """Of students who have results here but are not among the submissions; in the class's pages, too."""

    grades: Mapping[str, FinalGrade]
    """The final grades of all of them by student."""

    difference: Difference
    """Old grades against new, of the submissions that were graded before and have been graded again."""


class Progress:
    """Observes the grading of a class. The methods are called in this order; these do nothing."""

    def scheduled(self, schedule: Schedule) -> None:
        """Take what is to be done; nothing has been graded yet."""

    def graded(self, report: GradeReport) -> None:
        """Take the report of a submission whose files are on the disk; in the order of completion."""

    def finished(self, graded: GradedClass) -> None:
        """Take the outcome; all files are on the disk. Old grades are forgotten when this returns."""


def grade_paths(
    paths: Sequence[Path],
    assignment: Assignment,
    out: Path,
    options: Options,
    progress: Progress | None = None,
) -> list[GradeReport]:
    """Find submissions and grade them into a results folder; see `grade_class`.

    Args:
        paths: Notebooks, folders, nbgrader `submitted/` trees, zips.
        assignment: The assignment.
        out: Folder of results; `out/<slug>` is made.
        options: How.
        progress: Observes it.

    Raises:
        AssignmentError: If there are no submissions, or the instructor's files or the results folder cannot be used.
        GraderError: If no worker can be started, or the disk is full.
    """
    return _grade(
        lambda scratch: discover(paths, assignment.slug, scratch, assignment),
        assignment,
        out,
        options,
        progress,
    )


def grade_class(
    submissions: Sequence[Submission],
    assignment: Assignment,
    out: Path,
    options: Options,
    progress: Progress | None = None,
) -> list[GradeReport]:
    """Grade submissions into a results folder; what is done there and unchanged is not graded again.

    Args:
        submissions: What was handed in.
        assignment: The assignment.
        out: Folder of results; `out/<slug>` is made.
        options: How.
        progress: Observes it.

    Returns:
        The reports in the order of the submissions, without plots and pictures.

    Raises:
        AssignmentError: If the instructor's files or the results folder cannot be used.
        GraderError: If no worker can be started, or the disk is full.
    """
    return _grade(lambda scratch: submissions, assignment, out, options, progress)


def _grade(
    find: Callable[[Path], Sequence[Submission]],
    assignment: Assignment,
    out: Path,
    options: Options,
    progress: Progress | None,
) -> list[GradeReport]:
    """Grade what is found; `find` is given a folder that lives as long as the grading."""
    progress = progress or Progress()
    settings = resolve(
        assignment,
        profile=options.profile,
        device=options.device.partition(":")[0],
        threads=options.threads,
    )
    with open_results(out, assignment.slug) as results:
        policy = AssignmentPolicy(results.folder, assignment)
        policy.refresh(())
        policy.must_be_usable()  # a mistake in course.toml is said before hours of work
        found = find(results.scratch)
        for attempts in earlier_attempts(found, results, assignment):
            earlier = make_schedule(attempts, settings, results)
            _carry_out(earlier, settings, results, options, Progress())
        schedule = make_schedule(found, settings, results, regrade=options.regrade)
        progress.scheduled(schedule)
        graded = _carry_out(schedule, settings, results, options, progress)
        progress.finished(graded)
        results.journal.forget_previous()
    return graded.reports


def _carry_out(
    schedule: Schedule, settings: GradingSettings, results: Results, options: Options, progress: Progress
) -> GradedClass:
    """Grade what a schedule says, write each submission's pages as it is done, then the class's."""
    results.journal.schedule(item.entry for item in schedule.items if item.report is None)
    failpoints.reach("schedule.recorded")
    reports = {item.entry.folder: item.report for item in schedule.items if item.report is not None}
    try:
        if len(reports) < len(schedule.items) or schedule.mode_is_new:
            for report in _reports(schedule, settings, results, options):
                reports[report.folder_name] = report
                progress.graded(report)
        ordered = [reports[item.entry.folder] for item in schedule.items]
        results.journal.record_attempts(filter(None, map(attempt_of, ordered)))
        kept = _kept(results, set(reports))
        failpoints.reach("class.writing")
        grades = refresh_class([*ordered, *kept], settings.assignment, results.folder)
        failpoints.reach("class.written")
    except OSError as error:
        raise refusal(error) from None
    return GradedClass(reports=ordered, kept=kept, grades=grades, difference=_difference(results, reports))


def _reports(
    schedule: Schedule, settings: GradingSettings, results: Results, options: Options
) -> Iterator[GradeReport]:
    """Let workers grade; yield each report when all of its submission is on the disk."""
    places = seats(options.device, jobs=options.jobs, per_gpu=options.per_gpu)
    pool = WorkerPool(
        [
            WorkerSetup(settings=replace(settings, device=seat.device), folder=results.folder, seat=seat)
            for seat in places[: max(len(schedule.items), 1)]
        ],
        journal=results.journal,
        trust=options.trust,
        accept_degraded=options.accept_degraded,
        workers_lock=results.workers_lock,
    )
    try:
        mode = pool.start()
        # What was graded in another sandbox is not what would come out now.
        elsewhere = [item for item in schedule.items if item.report is not None and item.entry.mode != mode]
        results.journal.schedule(item.again() for item in elsewhere)
        todo = [item for item in schedule.items if item.report is None or item in elsewhere]
        for submission, finished in pool.run([item.submission for item in todo]):
            if isinstance(finished, str):
                report, digest, files = _give_up(submission, settings.assignment, results, finished)
            else:
                report, digest, files = finished.report, finished.digest, finished.files
            state: State = "quarantined" if report.needs_review else "done"
            results.journal.finish(submission.folder_name, state, mode=mode, report=digest, files=files)
            failpoints.reach("submission.recorded")
            yield report
    finally:
        pool.stop()


def _give_up(
    submission: Submission, assignment: Assignment, results: Results, reason: str
) -> tuple[GradeReport, str, tuple[str, ...]]:
    """Report a submission during which processes died again and again: ours, never a zero."""
    # The coordinator itself needs no torch, whose import would delay the first worker.
    from autograder.checks.check_run import blank_result
    from autograder.checks.decorators import collect

    skipped = tuple(blank_result(info, "skipped", feedback="Not run.") for info in collect(assignment))
    report = GradeReport(
        assignment=assignment.slug,
        student=submission.student,
        score=0.0,
        max_score=sum(result.max_points for result in skipped),
        checks=skipped,
        needs_review=(reason,),
        provenance={"handed_in": dict(submission.handed_in)} if submission.handed_in else {},
    )
    grade = grade_of(results.folder, assignment, report, None)
    written = write_submission(report, None, assignment, results.folder / report.folder_name, grade=grade)
    return report, written.report, written.files


def _kept(results: Results, current: set[str]) -> list[GradeReport]:
    """Return the reports of students who have results but are not among the submissions."""
    names = sorted(path.name for path in results.folder.iterdir() if path.is_dir())
    others = [name for name in names if name not in current and name != OWN_FOLDER]
    entries = results.journal.entries()
    return [report for name in others if (report := results.present(name, entries.get(name))) is not None]


def _difference(results: Results, reports: dict[str, GradeReport]) -> Difference:
    """Compare the grades with what they were before, where that was written down."""

    def was(entry: Entry) -> Verdict:
        return Verdict.from_json(entry.previous or "")

    entries = {
        name: entry for name, entry in results.journal.entries().items() if entry.previous and name in reports
    }
    return compare(
        {reports[name].student: was(entry) for name, entry in entries.items()},
        {reports[name].student: verdict_of(reports[name]) for name in entries},
    )
