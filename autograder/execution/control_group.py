"""A control group for each kernel, where this machine lets the grader make some: Linux itself keeps its limits.

The memory limit then counts everything that Linux charges a process for, at once: pages, page tables, files in memory,
socket buffers. The kernel's processes together have the weight of one on the cores.

Facts: Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst of Linux.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

OWN_GROUPS = Path("/proc/self/cgroup")
MOUNTED = Path("/sys/fs/cgroup")

_PREFIX = "interp-autograder-"
_NUMBERS = itertools.count()
_LIMITS = ("memory.max", "memory.limit_in_bytes")
_NO_SWAP = {"memory.swap.max": "0", "memory.oom.group": "1"}
_EVENTS = ("memory.events", "memory.oom_control")
_SHARES = {"memory": _LIMITS, "cpu": ("cpu.weight", "cpu.shares")}
_NO_LIMIT_BYTES = 2**60
"""Version 1 writes a number above this one where there is no limit."""


class ControlGroup:
    """The groups of one kernel: one in version 2, one for each controller in version 1, none where none can be made.

    Args:
        limit_bytes: Memory of all processes in it, in bytes.

    Attributes:
        controllers: Of `memory` and `cpu`, what is controlled.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._ran_out = False
        self._folders: list[Path] = []
        self.controllers: frozenset[str] = frozenset()
        for controller, files in _SHARES.items():
            if controller not in self.controllers and (folder := _make_below(_parents(controller), files)):
                self._folders.append(folder)
                self.controllers |= {name for name, files in _SHARES.items() if _has(folder, files)}
        for folder in self._folders:
            self._limit(folder)

    def _limit(self, folder: Path) -> None:
        values = dict.fromkeys(_LIMITS, str(self._limit_bytes)) | _NO_SWAP
        values["memory.memsw.limit_in_bytes"] = str(
            self._limit_bytes
        )  # after the limit, which it may not undercut
        for name, value in values.items():
            if (folder / name).exists():
                with contextlib.suppress(OSError):
                    (folder / name).write_text(value)

    def add(self, pids: Iterable[int]) -> None:
        """Move processes into the group; what they start is in it, too."""
        for folder, pid in itertools.product(self._folders, pids):
            with contextlib.suppress(OSError):
                (folder / "cgroup.procs").write_text(str(pid))

    def why_ended(self) -> str:
        """Say that Linux ended a process for its memory; "" if it ended none."""
        for folder, name in itertools.product(self._folders, _EVENTS):
            with contextlib.suppress(OSError):
                counts = dict(line.split() for line in (folder / name).read_text().splitlines())
                self._ran_out = self._ran_out or int(counts.get("oom_kill", 0)) > 0
        return too_much_memory(self._limit_bytes) if self._ran_out else ""

    def close(self) -> None:
        """Remove the group; must come after its processes have ended."""
        self.why_ended()
        for folder in self._folders:
            with contextlib.suppress(OSError):
                folder.rmdir()
        self._folders = []


def too_much_memory(limit_bytes: int) -> str:
    """Return why a kernel was ended that took more than its limit, in bytes."""
    return f"it used more than {limit_bytes / 2**20:.0f} MB of memory"


def clear() -> None:
    """Remove what graders that were killed have left; groups with processes in them stay."""
    parents = {parent for controller in _SHARES for parent in _parents(controller)}
    for folder in (folder for parent in parents for folder in parent.glob(f"{_PREFIX}*")):
        maker = folder.name.removeprefix(_PREFIX).split("-")[0]
        if not (maker.isdigit() and psutil.pid_exists(int(maker))):
            with contextlib.suppress(OSError):
                folder.rmdir()


def machine_limit(groups: Path = OWN_GROUPS, root: Path = MOUNTED) -> int | None:
    """Return the memory limit of this process's control group or of one above it, in bytes; None: there is none.

    Args:
        groups: This process's groups, by hierarchy.
        root: Where the hierarchies are mounted.
    """
    limits = [_NO_LIMIT_BYTES]
    for top, own in _own("memory", groups, root):
        for folder in [own, *own.parents][: len(own.relative_to(top).parts) + 1]:
            for name in _LIMITS:
                with contextlib.suppress(OSError, ValueError):
                    limits.append(int((folder / name).read_text()))
    return min(limits) if min(limits) < _NO_LIMIT_BYTES else None


def _own(controller: str, groups: Path = OWN_GROUPS, root: Path = MOUNTED) -> Iterator[tuple[Path, Path]]:
    """Yield the top of each hierarchy that may hold a controller, and this process's group in it."""
    for line in groups.read_text().splitlines() if groups.is_file() else ():
        _, controllers, path = line.split(":", 2)
        if not controllers or controller in controllers.split(","):
            top = root / controller if controllers else root
            yield top, top / path.strip("/")


def _parents(controller: str) -> list[Path]:
    """List the folders in which a group may be made, the best one first.

    In version 2 a group that holds processes has no groups with controllers below it, but may have one beside it.
    """
    return [
        folder for top, own in _own(controller) for folder in ([own, own.parent] if own != top else [own])
    ]


def _make_below(parents: Iterable[Path], files: Iterable[str]) -> Path | None:
    """Make a group in the first folder where a new one has one of the files, and can take a process."""
    for parent in parents:
        folder = parent / f"{_PREFIX}{os.getpid()}-{next(_NUMBERS)}"
        if os.access(parent / "cgroup.procs", os.W_OK):
            with contextlib.suppress(OSError):
                folder.mkdir()
                if _has(folder, files):
                    return folder
                folder.rmdir()
    return None


def _has(folder: Path, files: Iterable[str]) -> bool:
    return any((folder / name).exists() for name in files)
