"""Grade many submissions: workers, requeueing, progress, class pages."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path
from typing import Any

from autograder.assignments import load_assignment
from autograder.errors import AssignmentError, AutograderError, GraderError
from autograder.execution.zygote_client import Zygote, ZygoteLink
from autograder.records import Assignment, GradeReport, Submission
from autograder.report import student_folder_name, write_class, write_submission

PRELOADED = "autograder.preloading"
"""What workers need, imported once for all of them."""

ATTEMPTS = 2
"""Times that a submission is tried when its worker dies; then a person must look."""

Progress = Callable[[GradeReport], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a batch is graded."""

    jobs: int = 0
    """Workers; 0: one a core (one on a GPU)."""

    device: str = "cpu"
    """cpu, cuda or cuda:i."""

    profile: str = "tiny"
    """Which models."""

    trust: bool = False
    """Run without a sandbox where none can be made."""


def grade_class(
    submissions: Sequence[Submission],
    assignment: Assignment,
    out: Path,
    options: Options,
    progress: Progress = lambda report: None,
) -> list[GradeReport]:
    """Grade submissions, write each one's pages as it is done, then the class's.

    Args:
        submissions: What was handed in.
        assignment: The assignment.
        out: Folder of results; `out/<slug>` is made.
        options: How.
        progress: Called with each report, in the order of completion.

    Returns:
        The reports in the order of the submissions, without plots and pictures.

    Raises:
        AssignmentError: If the instructor's files or the results folder cannot be used.
        GraderError: If no worker can be started.
    """
    folder = prepare_results(out, assignment.slug)
    jobs = options.jobs or (1 if options.device.startswith("cuda") else os.cpu_count() or 1)
    crew = _Crew(assignment, folder, options, min(jobs, len(submissions)))
    reports: dict[int, GradeReport] = {}
    try:
        for number, report in crew.run(submissions):
            reports[number] = report
            progress(report)
    finally:
        crew.stop()
    ordered = [reports[number] for number in sorted(reports)]
    write_class(ordered, assignment, folder)
    return ordered


def prepare_results(out: Path, slug: str) -> Path:
    """Make the folder of an assignment's results and see that it can be written.

    Raises:
        AssignmentError: If it cannot.
    """
    folder = out / slug
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise AssignmentError(
            f"{folder}: results cannot be written here: {error.strerror}.\nChoose another folder with --out DIR."
        ) from None
    return folder


class _Worker:
    """One process and the submission that it has."""

    def __init__(self, context: Any, arguments: tuple[Any, ...]) -> None:
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, *arguments), daemon=False)
        self.process.start()
        theirs.close()
        self.number: int | None = None

    def link(self, zygote: Zygote) -> None:
        """Give the worker its way to the zygote."""
        assert self.process.pid is not None
        # A worker that could not start has said why, and has gone; that is read later.
        with contextlib.suppress(ConnectionError):
            self.connection.send(zygote.mode)
            send_handle(self.connection, zygote.handle(), self.process.pid)

    def send(self, number: int, submission: Submission) -> None:
        """Give the worker a submission."""
        self.number = number
        with contextlib.suppress(ConnectionError):
            self.connection.send(submission)


class _Crew:
    """The workers and the queue between them."""

    def __init__(self, assignment: Assignment, folder: Path, options: Options, size: int) -> None:
        # Python would else look for the server's imports in the folder that the command runs in, and a
        # student's torch.py may lie there.
        os.environ["PYTHONSAFEPATH"] = "1"
        # Workers are forked from a server that has imported torch once; it has started no thread.
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([PRELOADED])
        self._assignment = assignment
        self._folder = folder
        self._options = options
        self._arguments = (assignment.course_dir, assignment.slug, folder, options)
        self._size = max(size, 1)
        self._workers: list[_Worker] = []
        self._zygote: Zygote | None = None

    def run(self, submissions: Sequence[Submission]) -> Iterable[tuple[int, GradeReport]]:
        waiting = deque(enumerate(submissions))
        attempts = [0] * len(submissions)
        if not submissions:
            return
        # The zygote imports what the workers' server imports, at the same time.
        with ThreadPoolExecutor(1) as beside:
            zygote = beside.submit(
                Zygote, self._assignment.student_dir, device=self._options.device, trust=self._options.trust
            )
            try:
                self._workers = [_Worker(self._context, self._arguments) for _ in range(self._size)]
            finally:
                self._zygote = zygote.result()
        for worker in self._workers:
            worker.link(self._zygote)
        for worker in list(self._workers):
            self._feed(worker, waiting, attempts)
        while any(worker.number is not None for worker in self._workers):
            ready = wait([worker.connection for worker in self._workers if worker.number is not None])
            for worker in [worker for worker in self._workers if worker.connection in ready]:
                number = worker.number
                assert number is not None
                try:
                    answer = worker.connection.recv()
                except (EOFError, OSError):
                    answer = None
                worker.number = None
                if isinstance(answer, AutograderError):
                    raise answer
                if answer is not None:
                    yield number, answer
                elif attempts[number] < ATTEMPTS:
                    waiting.appendleft((number, submissions[number]))
                else:
                    yield number, self._give_up(submissions[number])
                if answer is None:
                    worker = self._replace(worker)
                self._feed(worker, waiting, attempts)

    def _replace(self, worker: _Worker) -> _Worker:
        assert self._zygote is not None
        worker.process.join()
        fresh = _Worker(self._context, self._arguments)
        fresh.link(self._zygote)
        self._workers[self._workers.index(worker)] = fresh
        return fresh

    @staticmethod
    def _feed(worker: _Worker, waiting: deque[tuple[int, Submission]], attempts: list[int]) -> None:
        if waiting:
            number, submission = waiting.popleft()
            attempts[number] += 1
            worker.send(number, submission)

    def _give_up(self, submission: Submission) -> GradeReport:
        """Report a submission during which the worker died again and again: ours, never a zero."""
        # The coordinator itself needs no torch, whose import would delay the first worker.
        from autograder.checks.grading import blank_result
        from autograder.checks.marks import collect

        results = tuple(
            blank_result(info, "skipped", feedback="Not run.") for info in collect(self._assignment)
        )
        report = GradeReport(
            assignment=self._assignment.slug,
            student=submission.student,
            score=0.0,
            max_score=sum(result.max_points for result in results),
            checks=results,
            needs_review=(f"The grading process ended {ATTEMPTS} times while it graded this submission.",),
        )
        write_submission(
            report, None, self._assignment, self._folder / student_folder_name(submission.student)
        )
        return report

    def stop(self) -> None:
        """End all workers; those at work at once, since their results would not be used."""
        for worker in self._workers:
            if worker.number is not None:
                worker.process.terminate()
            worker.connection.close()
        for worker in self._workers:
            worker.process.join(timeout=10)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        if self._zygote is not None:
            self._zygote.close()


def _work(connection: Connection, course_dir: Path, slug: str, folder: Path, options: Options) -> None:
    """Grade what comes over the connection until it is closed. Runs in a worker process."""
    # Ctrl-C reaches the whole process group; the coordinator decides what happens then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _exit_cleanly)
    import torch

    from autograder.checks.opening import load_course
    from autograder.pipeline import grade_submission

    torch.set_num_threads(1)
    try:
        assignment = load_assignment(course_dir, slug)
        course = load_course(assignment, device=options.device, profile=options.profile)
        zygote = _linked(connection, assignment, options)
        while True:
            submission = connection.recv()
            graded = grade_submission(submission, course, zygote)
            place = folder / student_folder_name(submission.student)
            write_submission(graded.report, graded.execution, assignment, place)
            connection.send(light(graded.report))
    except (EOFError, BrokenPipeError):
        return
    except AutograderError as error:
        connection.send(error)
    except OSError as error:
        connection.send(GraderError(f"A worker stopped: {error}"))


def _linked(connection: Connection, assignment: Assignment, options: Options) -> ZygoteLink:
    """Take the way to the zygote from the coordinator."""
    mode = connection.recv()
    requests = socket.socket(fileno=recv_handle(connection))
    return ZygoteLink(requests, student_dir=assignment.student_dir, device=options.device, mode=mode)


def _exit_cleanly(signum: int, frame: Any) -> None:
    raise SystemExit(128 + signum)


def light(report: GradeReport) -> GradeReport:
    """Return a report without pictures: what the coordinator keeps of each of a thousand."""
    checks = tuple(dataclasses.replace(check, strips=()) for check in report.checks)
    return dataclasses.replace(report, checks=checks, plots=())
