"""Watches the memory of a kernel's process tree from outside and ends it when it takes too much."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import psutil

from autograder.execution.kernel_process import KernelProcess

_INTERVAL_S = 0.25


class MemoryWatchdog:
    """A thread that polls one kernel.

    Args:
        process: Killed when its tree takes more than allowed.
        limit_bytes: Proportional set size of the tree, in bytes.
    """

    def __init__(self, process: KernelProcess, limit_bytes: int) -> None:
        self._process = process
        self._limit_bytes = limit_bytes
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory-watchdog", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(_INTERVAL_S) and self._process.is_alive():
            if tree_bytes(self._process.pid, self._limit_bytes) > self._limit_bytes:
                self._process.kill(f"it used more than {self._limit_bytes / 2**20:.0f} MB of memory")

    def close(self) -> None:
        """Stop watching; must come before the process is closed."""
        self._stop.set()
        self._thread.join()


def tree_bytes(pid: int, enough_bytes: int) -> int:
    """Measure a process tree's memory.

    The sum of resident sizes counts pages shared with the zygote many times over; it bounds the exact
    proportional size, which costs more to read, and is taken only where the bound is too high.

    Args:
        pid: The tree's root.
        enough_bytes: Where the bound stays below, the bound will do.

    Returns:
        Bytes; 0 if the tree has ended.
    """
    try:
        root = psutil.Process(pid)
        tree = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0
    resident = 0
    for process in tree:
        with contextlib.suppress(psutil.Error):
            resident += process.memory_info().rss
    if resident <= enough_bytes:
        return resident
    return sum(_proportional_bytes(process.pid) for process in tree)


def _proportional_bytes(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
