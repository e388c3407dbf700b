"""The workers of a batch and the queue between them; whoever dies is replaced."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import wait
from multiprocessing.reduction import send_handle
from typing import Any

from autograder import failpoints
from autograder.course.assignment import student_models
from autograder.errors import GraderError
from autograder.execution.zygote_client import Zygote
from autograder.grading.journal import Journal
from autograder.grading.worker import (
    BOOT,
    READY,
    Finished,
    GpuLost,
    Job,
    NewZygote,
    Stopped,
    WorkerSetup,
    ZygoteLost,
    ends_worker,
)
from autograder.records import Submission

ATTEMPTS = 2
"""Times that a submission is tried when its worker dies; then a person must look."""

ZYGOTE_ATTEMPTS = 3
"""The same when the warm process dies, which takes along what other workers do at that time."""

_END_TIMEOUT_S = 5.0


class _Server:
    """The warm process that workers are forked from.

    Args:
        inherited: A descriptor that it and all workers hold open as long as one of them lives.
    """

    def __init__(self, inherited: int) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # "" stands for the working folder, where a student's torch.py may lie.
        path = [entry for entry in sys.path if entry]
        settings = {"fd": theirs.fileno(), "parent": os.getpid(), "path": path}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", BOOT, json.dumps(settings)],
                pass_fds=[theirs.fileno(), inherited],
                stdin=subprocess.DEVNULL,
            )

    def fork(self, connection: int) -> None:
        """Fork a worker that gets this descriptor.

        Raises:
            ConnectionError: If the process has ended.
        """
        socket.send_fds(self._socket, [b"fork"], [connection])

    def await_ready(self) -> None:
        """Wait until it has imported everything.

        Raises:
            GraderError: If it ends before.
        """
        if self._socket.recv(len(READY)) != READY:
            raise GraderError(
                "The workers cannot be started: their process ended while it imported what they need. "
                "What it printed above says why."
            )

    def kill(self) -> None:
        """End it, and with it all workers."""
        self._socket.close()
        self._process.kill()
        self._process.wait()


class _Worker:
    """One process and the submission that it has."""

    def __init__(self, server: _Server, setup: WorkerSetup) -> None:
        self.setup = setup
        self.connection, theirs = Pipe()
        with theirs:
            server.fork(theirs.fileno())
        self.submission: Submission | None = None
        self._zygote: Zygote | None = None
        self._send(setup)

    def give(self, submission: Submission, zygote: Zygote, *, more: bool) -> None:
        """Give the worker a submission, and its way to the zygote if that is a new one.

        Args:
            submission: What is to be graded.
            zygote: That runs now.
            more: Whether others wait.
        """
        self.submission = submission
        if self._zygote is not zygote:
            self._zygote = zygote
            self._send(NewZygote(mode=zygote.mode))
            # A worker that could not start has said why, and has gone; that is read later.
            with contextlib.suppress(ConnectionError):
                send_handle(self.connection, zygote.handle(), 0)
        self._send(Job(submission=submission, more=more))

    def _send(self, message: Any) -> None:
        with contextlib.suppress(ConnectionError):
            self.connection.send(message)

    def answer(self) -> Finished | Stopped | ZygoteLost | GpuLost | None:
        """Return what the worker says; None if it has died."""
        try:
            answer: Finished | Stopped | ZygoteLost | GpuLost = self.connection.recv()
        except (EOFError, OSError):
            return None
        return answer

    def await_end(self) -> None:
        """Read until the worker's end of the connection is closed: then it has gone."""
        with contextlib.suppress(EOFError, OSError):
            while self.connection.poll(_END_TIMEOUT_S):
                self.connection.recv_bytes()
        self.connection.close()


class WorkerPool:
    """Workers that grade submissions and write their files.

    Args:
        setups: What each worker is for.
        journal: Told what is handed out and who died.
        trust: Run without a sandbox where none can be made.
        accept_degraded: Make do with Landlock and seccomp.
        workers_lock: Inherited by every worker.
    """

    def __init__(
        self,
        setups: Sequence[WorkerSetup],
        *,
        journal: Journal,
        trust: bool,
        accept_degraded: bool,
        workers_lock: int,
    ) -> None:
        self._setups = setups
        self._journal = journal
        self._trust = trust
        self._accept_degraded = accept_degraded
        self._workers_lock = workers_lock
        self._workers: list[_Worker] = []
        self._server: _Server | None = None
        self._zygote: Zygote | None = None
        self._spawned: list[subprocess.Popen[bytes]] = []

    def start(self) -> str:
        """Start everybody; the zygote imports while the workers' process does. `stop` must follow in any case.

        Returns:
            The sandbox mode.

        Raises:
            GraderError: If the zygote or the workers cannot be started.
        """
        # All are started by this thread: it is this thread's end that they die with.
        self._server = _Server(self._workers_lock)
        self._workers = [self._hire(setup) for setup in self._setups]
        self._zygote = self._new_zygote()
        self._server.await_ready()
        failpoints.reach("workers.started")
        return self._zygote.mode

    def _new_zygote(self) -> Zygote:
        settings = self._setups[0].settings
        return Zygote(
            settings.assignment.student_dir,
            device=settings.device,
            trust=self._trust,
            accept_degraded=self._accept_degraded,
            on_spawn=self._spawned.append,
            bound=True,
            models=student_models(settings),
        )

    def _hire(self, setup: WorkerSetup) -> _Worker:
        assert self._server is not None
        try:
            return _Worker(self._server, setup)
        except ConnectionError:
            self._server.kill()
            self._server = _Server(self._workers_lock)
            self._server.await_ready()
            return _Worker(self._server, setup)

    def run(self, submissions: Sequence[Submission]) -> Iterator[tuple[Submission, Finished | str]]:
        """Grade submissions.

        Yields:
            Each submission with what came of it when its files are written; a sentence where processes died again
            and again while they graded it, or the GPU failed.

        Raises:
            AutograderError: If a worker cannot go on.
        """
        waiting = deque(submissions)
        for worker in self._workers[: len(submissions)]:
            self._feed(worker, waiting)
        while busy := [worker for worker in self._workers if worker.submission is not None]:
            ready = wait([worker.connection for worker in busy])
            for worker in [worker for worker in busy if worker.connection in ready]:
                submission, answer = worker.submission, worker.answer()
                assert submission is not None
                worker.submission = None
                if isinstance(answer, Stopped):
                    raise answer.error
                failpoints.reach("submission.returned")
                if isinstance(answer, Finished):
                    yield submission, answer
                elif (tried := self._died(submission)) < (
                    ZYGOTE_ATTEMPTS if isinstance(answer, ZygoteLost) else ATTEMPTS
                ):
                    waiting.appendleft(submission)
                else:
                    yield submission, _given_up(answer, tried)
                if answer is None or ends_worker(answer):
                    worker = self._replace(worker)
                self._feed(worker, waiting)

    def _died(self, submission: Submission) -> int:
        return self._journal.died(submission.folder_name)

    def _replace(self, worker: _Worker) -> _Worker:
        worker.connection.close()
        fresh = self._hire(worker.setup)
        self._workers[self._workers.index(worker)] = fresh
        return fresh

    def _feed(self, worker: _Worker, waiting: deque[Submission]) -> None:
        if not waiting:
            return
        assert self._zygote is not None
        if not self._zygote.is_alive():
            self._zygote.close()
            self._zygote = self._new_zygote()
        submission = waiting.popleft()
        self._journal.start(submission.folder_name)
        worker.give(submission, self._zygote, more=bool(waiting))
        failpoints.reach("submission.handed_out")

    def stop(self) -> None:
        """End all processes at once: what they were at has not been written down, and would not be used."""
        if self._server is not None:
            self._server.kill()
        for process in self._spawned:
            process.kill()
        for worker in self._workers:
            worker.await_end()
        if self._zygote is not None:
            self._zygote.close()
        self._workers, self._server, self._zygote = [], None, None


def _given_up(answer: ZygoteLost | GpuLost | None, times: int) -> str:
    """Say why a submission has no result."""
    if isinstance(answer, GpuLost):
        return f"It could not be graded on the GPU, {times} times: {answer.reason}."
    return f"The grading process ended {times} times while it graded this submission."
