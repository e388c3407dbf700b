"""Time as a kernel was given it: what it spent waiting for a core is the grader's load, not the student's code."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.execution.kernel_process import KernelProcess

STRETCH = 4.0
"""A limit ends after so many times its length, however busy the machine is."""


@dataclass(slots=True)
class Pause:
    """How long a clock has stood still."""

    seconds: float = 0.0
    """Known at the end of the pause."""


class FairClock:
    """Counts a limit down for a cell, a call or a whole submission.

    Args:
        limit_s: How long the kernel may take when it need not wait for a core, in seconds.
        process: The kernel that it holds for; None: `follow` tells.
    """

    def __init__(self, limit_s: float, process: KernelProcess | None = None) -> None:
        self._limit_s = limit_s
        self._began = time.monotonic()
        self._process: KernelProcess | None = None
        self._credit_s = 0.0
        if process is not None:
            self.follow(process)

    def follow(self, process: KernelProcess) -> None:
        """Go on with another kernel; what the one before has waited stays counted."""
        self.bank()
        self._process = process
        self._before_s = waited_s(process.student_pid)

    def bank(self) -> None:
        """Count what the present kernel has waited until now: once it has ended, Linux no longer tells."""
        self._credit_s += self._waiting_s()
        if self._process is not None:
            self._before_s = waited_s(self._process.student_pid)

    @contextlib.contextmanager
    def paused(self) -> Iterator[Pause]:
        """Stand still within a `with` block, which gets to know how long that was when it has ended."""
        self.bank()
        began, pause = time.monotonic(), Pause()
        try:
            yield pause
        finally:
            pause.seconds = time.monotonic() - began
            self._began += pause.seconds

    def left_s(self) -> float:
        """Return the seconds until the limit is worth looking at again; 0 or less: it is over."""
        elapsed_s = time.monotonic() - self._began
        if elapsed_s < self._limit_s:
            return self._limit_s - elapsed_s
        waited = self._credit_s + self._waiting_s()
        return min(self._limit_s + waited, STRETCH * self._limit_s) - elapsed_s

    def _waiting_s(self) -> float:
        if self._process is None:
            return 0.0
        return max(0.0, waited_s(self._process.student_pid) - self._before_s)


def waited_s(pid: int) -> float:
    """Return how long a process' main thread has been ready to run and has waited for a core, in seconds.

    Linux counts it in /proc/PID/schedstat (second number, nanoseconds). 0.0 where there is no such count, or
    no such process: the wall clock alone counts then.
    """
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
