"""Limits on what a worker itself spends on one submission: CPU time and memory of its checks and pages.

Each of a student's texts, figures and answers is bounded where it is read. These limits hold for what those bounds
missed: the submission needs review, and the batch goes on.
"""

from __future__ import annotations

import contextlib
import math
import os
import resource
import signal
import threading
import time
from pathlib import Path
from types import FrameType, TracebackType

_REPEAT = 0.1
"""Share of the limit after which the worker is stopped once more, where a callback has swallowed the first stop."""

_INTERVAL_S = 0.25
_REMEDY = "Look for very long texts, outputs or answers in the notebook, or raise {name} in [limits]."


class OverBudget(KeyboardInterrupt):
    """A worker has spent too much on a submission.

    A KeyboardInterrupt, so that neither pytest nor asyncio nor an `except Exception` takes it for an error of a check.
    """


class OwnWork:
    """Stops a block that takes the worker too much, with `OverBudget` in its main thread.

    The CPU time is the worker's alone: what kernels take, and what other processes keep the cores from doing, does not
    count. A library that does not come back to Python cannot be stopped so: at twice the limit Linux ends the process.

    Args:
        cpu_s: CPU time of the block, in seconds.
        resident_bytes: What resident memory may grow by; None: not watched, as where `limit_address_space` holds.

    Attributes:
        reason: Why the block was stopped, for people; empty if it was not.
    """

    def __init__(self, *, cpu_s: float, resident_bytes: int | None = None) -> None:
        self.reason = ""
        self._cpu_s = cpu_s
        self._resident_bytes = resident_bytes
        self._left = threading.Event()
        self._watch: threading.Thread | None = None

    def __enter__(self) -> OwnWork:
        self._handler = signal.signal(signal.SIGPROF, self._stop)
        self._before = resource.getrlimit(resource.RLIMIT_CPU)
        last_s = math.ceil(time.process_time() + 2 * self._cpu_s) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (_at_most(last_s, self._before[1]), self._before[1]))
        if self._resident_bytes is not None:
            limit_bytes = _resident_bytes() + self._resident_bytes
            self._watch = threading.Thread(target=self._watch_memory, args=(limit_bytes,), daemon=True)
            self._watch.start()
        signal.setitimer(signal.ITIMER_PROF, self._cpu_s, max(_REPEAT * self._cpu_s, 0.2))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        signal.setitimer(signal.ITIMER_PROF, 0)
        if self._watch is not None:
            self._watch.join()
        # Ignoring drops a signal on its way: the handler before may be the default one, which ends the process.
        signal.signal(signal.SIGPROF, signal.SIG_IGN)
        signal.signal(signal.SIGPROF, self._handler)
        resource.setrlimit(resource.RLIMIT_CPU, self._before)

    def out_of_memory(self) -> None:
        """Take note that memory was refused."""
        self.reason = self.reason or _sentence("more memory than it may use", "grader_memory_bytes")

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        if self._left.is_set():
            return
        spent = f"more than {self._cpu_s:g} s of computing time of its own"
        self.reason = self.reason or _sentence(spent, "grader_cpu_s")
        raise OverBudget

    def _watch_memory(self, limit_bytes: int) -> None:
        while not self._left.wait(_INTERVAL_S):
            if _resident_bytes() > limit_bytes:
                self.out_of_memory()
                with contextlib.suppress(ProcessLookupError):
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGPROF)
                self._left.wait(5)


def limit_address_space(more_bytes: int) -> None:
    """Let this process map so much more than it does now; beyond that it gets a MemoryError.

    Not where CUDA is used, which reserves address space without end.
    """
    soft_now = _statm(0)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_at_most(soft_now + more_bytes, hard), hard))


def _sentence(spent: str, setting: str) -> str:
    return f"The grader needed {spent} for this submission's checks and pages. {_REMEDY.format(name=setting)}"


def _at_most(limit: int, hard: int) -> int:
    return limit if hard == resource.RLIM_INFINITY else min(limit, hard)


def _resident_bytes() -> int:
    return _statm(1)


def _statm(column: int) -> int:
    """Return this process's address space (0) or resident memory (1), in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[column]) * os.sysconf("SC_PAGE_SIZE")
