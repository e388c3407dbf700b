"""The harness graded a class, looked at from outside: when each submission was done, memory, what it left behind."""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import peers
import psutil


@dataclass
class Run:
    """What one run of the harness came to."""

    jobs: int
    """Workers."""

    seconds: float = 0.0
    """From the command's start to its end."""

    done_at: list[float] = field(default_factory=list)
    """Seconds after the start at which each submission was done."""

    cpu_at: list[float] = field(default_factory=list)
    """CPU seconds that its processes, kernels too, had taken by then; empty where the machine does not tell."""

    coordinator: list[int] = field(default_factory=list)
    """Resident bytes of the coordinator, sampled."""

    kernels: dict[int, int] = field(default_factory=dict)
    """Largest private bytes of each kernel seen, by process."""

    left: list[str] = field(default_factory=list)
    """Processes and temporary files that are still there."""

    def pace(self) -> float:
        """Return the seconds between one submission done and the next, once all workers are at work."""
        warm = self.done_at[2 * self.jobs :]
        return (warm[-1] - warm[0]) / (len(warm) - 1)

    def median(self) -> float:
        """Return the median of a submission's seconds; with one worker, whose submissions follow one another."""
        assert self.jobs == 1
        return statistics.median(after - before for before, after in pairwise(self.done_at))

    def cpu(self) -> float | None:
        """Return the CPU seconds that a submission takes of all processes together; None if unknown."""
        warm = self.cpu_at[2 * self.jobs :]
        return (warm[-1] - warm[0]) / (len(warm) - 1) if warm else None


def watched(course: Path, slug: str, paths: list[Path], out: Path, jobs: int) -> Run:
    """Grade, and look at the processes meanwhile."""
    run = Run(jobs)
    before = {path.name for path in Path(tempfile.gettempdir()).glob("autograder*")}
    started = time.perf_counter()
    process = peers.grade(course, slug, paths, out, "--jobs", str(jobs))
    meter = CpuMeter(process.pid)
    with sampling(process.pid, run):
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("["):
                run.done_at.append(time.perf_counter() - started)
                run.cpu_at += meter.read()
        if process.wait():
            sys.exit(f"autograder grade ended with {process.returncode}.")
    run.seconds = time.perf_counter() - started
    meter.close()
    after = {path.name for path in Path(tempfile.gettempdir()).glob("autograder*")}
    run.left = sorted(after - before) + [
        " ".join(found.info["cmdline"])[:80]
        for found in psutil.process_iter(["cmdline"])
        if str(course) in " ".join(found.info["cmdline"] or [])
    ]
    return run


class CpuMeter:
    """Adds up the CPU time of a process and of all that come from it, in a control group (version 2) of their own.

    That many of them end unwaited for, in a few tenths of a second, makes every other way miss some.

    Args:
        pid: The process, just started.
    """

    def __init__(self, pid: int) -> None:
        self._group: Path | None = None
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
        for place in [Path(fields[1]) for fields in mounts if fields[2] == "cgroup2"]:
            with contextlib.suppress(OSError):  # not root, or not allowed
                group = place / f"autograder-bench-{pid}"
                group.mkdir()
                (group / "cgroup.procs").write_text(str(pid))
                self._group = group

    def read(self) -> list[float]:
        """Return the seconds until now; nothing where no group could be had."""
        if self._group is None:
            return []
        words = (self._group / "cpu.stat").read_text().split()
        return [int(words[words.index("usage_usec") + 1]) / 1e6]

    def close(self) -> None:
        """Remove the group, which is empty."""
        if self._group is not None:
            with contextlib.suppress(OSError):
                self._group.rmdir()


@contextmanager
def sampling(pid: int, run: Run) -> Iterator[None]:
    """Sample the coordinator and the kernels below it until the block ends."""
    over = threading.Event()

    def sample() -> None:
        while not over.wait(0.2):
            try:
                coordinator = psutil.Process(pid)
                run.coordinator.append(coordinator.memory_info().rss)
                look_at_kernels(coordinator, run)
            except psutil.Error:
                continue

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def look_at_kernels(coordinator: psutil.Process, run: Run) -> None:
    """Note the private memory of the processes that the zygote has forked."""
    for child in coordinator.children():
        if "autograder.execution.kernel.zygote" not in " ".join(child.cmdline()):
            continue
        for kernel in child.children(recursive=True):
            private = kernel.memory_full_info().uss
            run.kernels[kernel.pid] = max(run.kernels.get(kernel.pid, 0), private)
