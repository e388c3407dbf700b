"""Keeps a kernel's processes from crowding the cores that other submissions run on.

Linux shares a core by weight. Where it groups processes by session (autogroups), a kernel's processes weigh as much as
any other kernel, however many they are, unless each opens a session of its own. Where it does not, each weighs as much
as the neighbour's whole kernel.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

MOST_SESSIONS = 4
"""Sessions of one kernel, its own included; a `!command` opens one while it runs."""

FREE_TASKS = 4
"""Busy threads and processes of a kernel, its main thread not counted, that weigh as usual."""

_APART_S = 0.05
"""Seconds between two looks: a kernel's own threads wake for a moment, and on a loaded machine wait for a core."""

_STEP = 1.25  # between the weights of two neighbouring nice values
_NICEST = 19


def count_sessions(tree: Sequence[psutil.Process]) -> int:
    """Count the sessions that a kernel's processes belong to; those that have ended do not count."""
    found = set()
    for process in tree:
        with contextlib.suppress(OSError, psutil.Error):
            session = os.getsid(process.pid)
            if session not in found and process.status() != psutil.STATUS_ZOMBIE:
                found.add(session)
    return len(found)


def restrain(tree: Sequence[psutil.Process], main: int) -> None:
    """Lower the priority of a kernel's busy tasks if they are many: together they then weigh as much as one.

    A lower priority stays, also for what the task starts: only root may raise it again.

    Args:
        tree: The kernel's processes.
        main: The process whose main thread runs the cells; that one keeps its priority.
    """
    busy = _busy_tasks(tree, main)
    if len(busy) <= FREE_TASKS:
        return
    time.sleep(_APART_S)
    busy = _busy_tasks(tree, main)
    if len(busy) <= FREE_TASKS:
        return
    nice = min(_NICEST, round(math.log(len(busy), _STEP)))
    for task in busy:
        with contextlib.suppress(OSError):
            if os.getpriority(os.PRIO_PROCESS, task) < nice:
                os.setpriority(os.PRIO_PROCESS, task, nice)


def _busy_tasks(tree: Sequence[psutil.Process], main: int) -> set[int]:
    """Return the threads of the processes that run or wait for a core now, the main one not counted."""
    return {task for process in tree for task in _runnable(process.pid) if task != main}


def _runnable(pid: int) -> Iterator[int]:
    """Yield the threads of a process that run or wait for a core."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError, IndexError):
                # The name before the state, in brackets, may hold anything.
                state = Path(f"{entry.path}/stat").read_text(errors="replace").rpartition(") ")[2][0]
                if state == "R":
                    yield int(entry.name)
