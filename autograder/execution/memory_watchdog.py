"""Watches the memory of a kernel's process tree from outside and ends it when it takes too much."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Collection
from pathlib import Path

import psutil

from autograder.execution.kernel_process import KernelProcess
from autograder.execution.sandbox.runtime_tree import WRITABLE

_INTERVAL_S = 0.25
_BLOCK_BYTES = 512
_NAMELESS = "/memfd:"


class MemoryWatchdog:
    """A thread that polls one kernel.

    Args:
        process: Killed when its tree takes more than allowed.
        limit_bytes: Memory of the tree, in bytes.
        own_files: Whether the box has file systems in memory of its own.
    """

    def __init__(self, process: KernelProcess, limit_bytes: int, *, own_files: bool) -> None:
        self._process = process
        self._limit_bytes = limit_bytes
        self._own_files = own_files
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory-watchdog", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(_INTERVAL_S) and self._process.is_alive():
            used = tree_bytes(self._process.pid, self._limit_bytes, own_files=self._own_files)
            if used > self._limit_bytes:
                self._process.kill(f"it used more than {self._limit_bytes / 2**20:.0f} MB of memory")

    def close(self) -> None:
        """Stop watching; must come before the process is closed."""
        self._stop.set()
        self._thread.join()


def tree_bytes(pid: int, enough_bytes: int, *, own_files: bool) -> int:
    """Measure a process tree's memory: its own pages, shared maps, files in memory, mapped or not.

    The sum of resident sizes counts shared pages many times over, and mapped files again; it bounds the exact
    sum, which costs more to read, and is taken only where the bound is too high.

    Args:
        pid: The tree's root.
        enough_bytes: Where the bound stays below, the bound will do.
        own_files: Whether the tree has file systems in memory of its own, mounted at `runtime_tree.WRITABLE`.

    Returns:
        Bytes; 0 if the tree has ended.
    """
    try:
        root = psutil.Process(pid)
        tree = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0
    nameless = _memory_files(tree)
    files = sum(nameless.values()) + (_file_system_bytes(tree) if own_files else 0)
    resident = 0
    for process in tree:
        with contextlib.suppress(psutil.Error):
            resident += process.memory_info().rss
    if resident + files <= enough_bytes:
        return resident + files
    proportional = sum(_proportional_bytes(process.pid) for process in tree)
    if proportional + files <= enough_bytes:
        return proportional + files
    folders = WRITABLE if own_files else ()
    mapped = sum(_mapped_bytes(process.pid, nameless.keys(), folders) for process in tree)
    return proportional - mapped + files


def _file_system_bytes(tree: list[psutil.Process]) -> int:
    """Measure what lies in the box's own file systems, seen through the first process that shows them."""
    for process in reversed(tree):
        with contextlib.suppress(OSError):
            total = 0
            for folder in WRITABLE:
                status = os.statvfs(f"/proc/{process.pid}/root{folder}")
                total += (status.f_blocks - status.f_bfree) * status.f_frsize
            return total
    return 0


def _memory_files(tree: list[psutil.Process]) -> dict[int, int]:
    """Measure the files without a name (memfd_create) that the tree holds open, by their inodes."""
    sizes: dict[int, int] = {}
    for process in tree:
        with contextlib.suppress(OSError):
            for entry in os.scandir(f"/proc/{process.pid}/fd"):
                with contextlib.suppress(OSError):
                    if str(Path(entry.path).readlink()).startswith(_NAMELESS):
                        status = entry.stat()
                        sizes[status.st_ino] = status.st_blocks * _BLOCK_BYTES
    return sizes


def _proportional_bytes(pid: int) -> int:
    """Measure a process's share of memory; where that cannot be read, all of it: nobody escapes by hiding."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        return 0
    except (OSError, ValueError, IndexError):
        with contextlib.suppress(psutil.Error):
            return int(psutil.Process(pid).memory_info().rss)
    return 0


def _mapped_bytes(pid: int, nameless: Collection[int], folders: Collection[str]) -> int:
    """Measure a process's share of the maps whose files have been counted as files.

    Args:
        pid: The process.
        nameless: Inodes of counted files without a name; one that is mapped and closed is not among them.
        folders: Where the box's own file systems are.

    Returns:
        Bytes; 0 where it cannot be read.
    """
    mapped = 0
    counted = False
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/smaps").read_text(errors="replace").splitlines():
            parts = line.split(maxsplit=5)
            if not parts[0].endswith(":"):  # a map: addresses, rights, offset, device, inode, name
                name = parts[5] if len(parts) > 5 else ""
                counted = (name.startswith(_NAMELESS) and int(parts[4]) in nameless) or name.startswith(
                    tuple(f"{folder}/" for folder in folders)
                )
            elif counted and parts[0] == "Pss:":
                mapped += int(parts[1]) * 1024
    return mapped
