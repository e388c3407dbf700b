"""The processes that grade: a warm one that has imported what grading needs, and its forks, the workers.

The coordinator starts `main` by its `BOOT` line in a process of its own, and asks it over a socket for workers.
Each fork talks to the coordinator over a connection of its own. All of them end at once with the coordinator,
however it ends.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder import failpoints
from autograder.errors import AutograderError
from autograder.execution import devices
from autograder.execution.devices import Seat
from autograder.execution.sandbox import syscalls
from autograder.execution.zygote_client import ZygoteLink
from autograder.grading.own_work import OverBudget, OwnWork, limit_address_space
from autograder.grading.preload import preload
from autograder.records import GradeReport, GradingSettings, Submission
from autograder.report.atomic_files import refusal
from autograder.report.serialise import light

if TYPE_CHECKING:
    from autograder.checks.course_context import Course
    from autograder.checks.runner import Run
    from autograder.grading.pipeline import Raised

BOOT = (
    "import sys, json; s = json.loads(sys.argv[1]); sys.path[:] = s['path'];"
    "from autograder.grading.worker import main; main(s)"
)

READY = b"ready"
"""What the warm process says when it has imported everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSetup:
    """What a worker is for."""

    settings: GradingSettings
    """On what it grades; the device is that of its seat."""

    folder: Path
    """Where results go: `DIR/<slug>`."""

    seat: Seat
    """Where it computes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A worker's word that a submission's files lie in their place."""

    report: GradeReport
    """The report without pictures: what the coordinator keeps of each of a thousand."""

    digest: str
    """SHA-256 of report.json."""

    files: tuple[str, ...]
    """Names of the files."""

    last: bool = False
    """Whether the worker ends: it was stopped in the middle of its work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A worker's word that it cannot go on."""

    error: AutograderError
    """Why: the command ends with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZygoteLost:
    """A worker's word that the warm process ended under a submission, whose result says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuLost:
    """A worker's word that its GPU failed under a submission, whose result says nothing; the worker ends."""

    reason: str
    """What the GPU said, or what it lacked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The coordinator's word what is to be graded next."""

    submission: Submission
    """The file."""

    more: bool
    """Whether others wait: their kernel is then started meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewZygote:
    """The coordinator's word that the descriptor which follows leads to a running zygote."""

    mode: str
    """The sandbox mode that it found."""


def main(settings: dict[str, Any]) -> None:
    """Import, then fork a worker for every descriptor that comes, until the coordinator closes its end.

    Args:
        settings: `fd` of the socket to the coordinator, its `parent` process id, `path`.
    """
    # Ctrl-C reaches the whole process group; the coordinator decides what happens then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with(settings["parent"])
    server = socket.socket(fileno=settings["fd"])
    # What checks tokenise is short: threads would only be waited for.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    gc.disable()  # imports drop little: looking for garbage meanwhile takes a tenth of their time
    preload()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # workers need no reaping
    server.send(READY)
    gc.collect()
    gc.freeze()
    gc.enable()
    me = os.getpid()
    while True:
        data, fds, _, _ = socket.recv_fds(server, 16, 1)
        if not data:
            os._exit(0)
        pid = os.fork()
        if pid == 0:
            _be_worker(server, fds[0], me)
        os.close(fds[0])


def _end_with(parent: int) -> None:
    """Die as soon as the parent does, or now if it has."""
    syscalls.die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _be_worker(server: socket.socket, fd: int, parent: int) -> None:
    """Work until there is no more; never returns."""
    code = 1
    try:
        _end_with(parent)
        server.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _work(Connection(fd))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _work(connection: Connection) -> None:
    """Grade what comes over the connection until it is closed."""
    import torch

    from autograder.checks.course_context import load_resolved
    from autograder.checks.runner import with_checks

    torch.set_num_threads(1)
    # A worker that is ended for what it takes leaves no copy of its memory behind.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    try:
        setup: WorkerSetup = connection.recv()
        if setup.seat.gpu:
            devices.take_seat(setup.seat.gpu)
        course = load_resolved(setup.settings)
        failpoints.reach("worker.started")
        with_checks(course.assignment, course.checks, lambda run: _serve(connection, course, run, setup))
    except (EOFError, BrokenPipeError):
        return
    except AutograderError as error:
        connection.send(Stopped(error=error))
    except OSError as error:
        connection.send(Stopped(error=refusal(error)))


def _serve(connection: Connection, course: Course, run: Run, setup: WorkerSetup) -> None:
    """Grade what comes; ends by the EOFError of a closed connection, or when the GPU is lost."""
    zygote: ZygoteLink | None = None
    budget = _gpu_budget(course, setup.seat)
    if budget is None:
        limit_address_space(course.settings.limits.grader_memory_bytes)
    while True:
        message = connection.recv()
        if isinstance(message, NewZygote):
            if zygote is not None:
                zygote.close()
            requests = socket.socket(fileno=recv_handle(connection))
            zygote = ZygoteLink(
                requests,
                student_dir=course.assignment.student_dir,
                device=course.settings.device,
                mode=message.mode,
                gpu=setup.seat.gpu,
                gpu_budget=budget,
                hurried=True,
            )
        else:
            assert zygote is not None
            answer = _grade(message, course, zygote, run, setup.folder)
            connection.send(answer)
            if ends_worker(answer):
                raise EOFError


def ends_worker(answer: Finished | ZygoteLost | GpuLost | Stopped) -> bool:
    """Tell whether the worker that sent this ends."""
    return isinstance(answer, GpuLost) or (isinstance(answer, Finished) and answer.last)


def _gpu_budget(course: Course, seat: Seat) -> devices.GpuBudget | None:
    """Return what submissions may use of the worker's GPU; None on the CPU."""
    if seat.device == "cpu":
        return None
    limit_bytes = course.settings.limits.gpu_memory_bytes
    budget = devices.GpuBudget(limit_bytes=limit_bytes, shared_by=seat.shared_by)
    budget.check_size()
    return budget


def _grade(
    job: Job, course: Course, zygote: ZygoteLink, run: Run, folder: Path
) -> Finished | ZygoteLost | GpuLost:
    """Grade one submission and write its files."""
    from autograder.grading.pipeline import grade_submission, unrunnable
    from autograder.marking.pages import grade_of
    from autograder.report.write import write_submission

    failpoints.reach("worker.received")
    submission, limits = job.submission, course.settings.limits
    place = folder / submission.folder_name
    watched_bytes = limits.grader_memory_bytes if zygote.gpu_budget is not None else None
    with (
        contextlib.suppress(OverBudget),
        OwnWork(cpu_s=limits.grader_cpu_s, resident_bytes=watched_bytes) as work,
    ):
        try:
            graded = grade_submission(submission, course, zygote, run, ahead=job.more)
            failpoints.reach("worker.graded")
            if not zygote.is_alive():
                return ZygoteLost()
            if zygote.gpu_budget is not None and (reason := _void(graded.raised, zygote, zygote.gpu_budget)):
                return GpuLost(reason=reason)
            if not work.reason:
                report = graded.report
                grade = grade_of(folder, course.assignment, report, graded.execution)
                written = write_submission(report, graded.execution, course.assignment, place, grade=grade)
        except MemoryError:
            work.out_of_memory()
    if work.reason:
        report = unrunnable(submission, course, fault=work.reason)
        grade = grade_of(folder, course.assignment, report, None)
        written = write_submission(report, None, course.assignment, place, grade=grade)
    failpoints.reach("worker.written")
    return Finished(report=light(report), digest=written.report, files=written.files, last=bool(work.reason))


def _void(raised: Sequence[Raised], zygote: ZygoteLink, budget: devices.GpuBudget) -> str:
    """Return why a report says nothing: the GPU failed, or had less to give than the student was promised; or ""."""
    zygote.await_ends()
    if fault := devices.fault_of_device():
        return f"the GPU failed: {fault}"
    short = any(devices.is_out_of_memory(error.exception, error.message) for error in raised)
    if short and not budget.is_free():
        return "other programs took the GPU memory that a submission may use"
    return ""
