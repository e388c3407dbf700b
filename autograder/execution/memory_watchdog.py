"""Watches a kernel's process tree from outside: ends it when it takes too much memory, restrains it on the cores."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Collection
from pathlib import Path

import psutil

from autograder.execution import crowding
from autograder.execution.control_group import too_much_memory
from autograder.execution.kernel_process import KernelProcess
from autograder.execution.sandbox.runtime_tree import WRITABLE

_INTERVAL_S = 0.25
_BLOCK_BYTES = 512
_NAMELESS = "/memfd:"
_SOCKET = "socket:"

FREE_SOCKETS = 64
"""Unix sockets of a tree that are not counted: a kernel has some 30, each worker of a DataLoader a few more."""

_DATAGRAM = "0002"
_DATAGRAM_SENDERS = 12  # one more than Linux keeps messages for a receiver, each of another sender

_QUEUES = ("tcp", "tcp6", "udp", "udp6")


class MemoryWatchdog:
    """A thread that polls one kernel.

    Args:
        process: Killed when its tree takes more than allowed.
        limit_bytes: Memory of the tree, in bytes.
        own_files: Whether the box has file systems in memory of its own.
        own_network: Whether it has a network of its own.
    """

    def __init__(
        self, process: KernelProcess, limit_bytes: int, *, own_files: bool, own_network: bool
    ) -> None:
        self._process = process
        self._limit_bytes = limit_bytes
        self._own_files = own_files
        self._own_network = own_network
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory-watchdog", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(_INTERVAL_S) and self._process.is_alive():
            tree = _tree(self._process.pid)
            used = _measured(
                tree, self._limit_bytes, own_files=self._own_files, own_network=self._own_network
            )
            if used > self._limit_bytes:
                self._process.kill(too_much_memory(self._limit_bytes))
            if self._process.group is not None and (ending := self._process.group.why_ended()):
                self._process.kill(ending)
            if crowding.count_sessions(tree) > crowding.MOST_SESSIONS:
                self._process.kill(
                    f"it ran processes in more than {crowding.MOST_SESSIONS} sessions (setsid)"
                )
            crowding.restrain(tree, self._process.student_pid)

    def close(self) -> None:
        """Stop watching; must come before the process is closed."""
        self._stop.set()
        self._thread.join()


def tree_bytes(pid: int, enough_bytes: int, *, own_files: bool, own_network: bool = False) -> int:
    """Measure a process tree's memory: own pages, swapped or not, page tables, shared maps, files in memory, sockets.

    The sum of resident sizes counts shared pages many times over, and mapped files again; it bounds the exact
    sum, which costs more to read, and is taken only where the bound is too high.

    Args:
        pid: The tree's root.
        enough_bytes: Where the bound stays below, the bound will do.
        own_files: Whether the tree has file systems in memory of its own, mounted at `runtime_tree.WRITABLE`.
        own_network: Whether the tree has a network of its own, whose sockets are all its own.

    Returns:
        Bytes; 0 if the tree has ended.
    """
    return _measured(_tree(pid), enough_bytes, own_files=own_files, own_network=own_network)


def _tree(pid: int) -> list[psutil.Process]:
    """Return a process and all below it; none if it has ended."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _measured(tree: list[psutil.Process], enough_bytes: int, *, own_files: bool, own_network: bool) -> int:
    """Measure what `tree_bytes` says of a tree."""
    if not tree:
        return 0
    nameless, sockets = _open_files(tree)
    others = sum(nameless.values()) + (_file_system_bytes(tree) if own_files else 0)
    others += sum(_status_bytes(process.pid, "VmPTE", "HugetlbPages") for process in tree)
    others += _socket_bytes(tree, sockets, own_network=own_network)
    others += _queued_bytes(tree) if own_network else 0
    resident = 0
    for process in tree:
        with contextlib.suppress(psutil.Error):
            resident += process.memory_info().rss + _status_bytes(process.pid, "VmSwap")
    if resident + others <= enough_bytes:
        return resident + others
    proportional = sum(_proportional_bytes(process.pid) for process in tree)
    if proportional + others <= enough_bytes:
        return proportional + others
    folders = WRITABLE if own_files else ()
    mapped = sum(_mapped_bytes(process.pid, nameless.keys(), folders) for process in tree)
    return proportional - mapped + others


def _socket_bytes(tree: list[psutil.Process], opened: int, *, own_network: bool) -> int:
    """Bound what the tree's Unix sockets hold: their queues belong to no process, and nothing tells their size.

    seccomp keeps the buffers at the machine's default; Linux stops a sender when its last message has exceeded it.
    Listed in a network of its own are also sockets that nobody has accepted yet, or that are on their way to another
    process. A few are free.

    Args:
        tree: The processes.
        opened: Sockets that they hold open: what counts where the network is the machine's.
        own_network: Whether it is not.
    """
    listed = [""] * opened
    if own_network:
        # A name at a line's end is the student's, line breaks and all: a part of a line counts as a socket, too.
        listed = ["".join(line.split()[4:5]) for line in _of_network(tree, "unix")[1:]]
    senders = sum(_DATAGRAM_SENDERS if kind == _DATAGRAM else 1 for kind in listed)
    return max(0, senders - FREE_SOCKETS) * 2 * _buffer_bytes()


def _buffer_bytes() -> int:
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/proc/sys/net/core/wmem_default").read_text())
    return 212_992


def _of_network(tree: list[psutil.Process], protocol: str) -> list[str]:
    """Return the lines of /proc/PID/net/PROTOCOL, seen through the first process that shows them."""
    for process in reversed(tree):
        with contextlib.suppress(OSError):
            return Path(f"/proc/{process.pid}/net/{protocol}").read_text(errors="replace").splitlines()
    return []


def _queued_bytes(tree: list[psutil.Process]) -> int:
    """Measure what waits in the queues of the tree's IP sockets, whose buffers Linux makes larger by itself."""
    # The lists take milliseconds to read, and are nearly always empty.
    counts = [*_of_network(tree, "sockstat"), *_of_network(tree, "sockstat6")]
    used = [line.split(":")[0].lower() for line in counts if int(line.split()[2]) > 0]
    queues = [
        line.split()[4].split(":")
        for protocol in _QUEUES
        if protocol in used
        for line in _of_network(tree, protocol)[1:]
    ]
    return sum(int(sent, 16) + int(received, 16) for sent, received in queues)


def _status_bytes(pid: int, *names: str) -> int:
    """Sum up sizes that /proc/PID/status states in kB; 0 where it cannot be read."""
    total = 0
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name in names:
                total += int(value.split()[0]) * 1024
    return total


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


def _open_files(tree: list[psutil.Process]) -> tuple[dict[int, int], int]:
    """Measure the files without a name (memfd_create) that the tree holds open, by inode, and count its sockets."""
    sizes: dict[int, int] = {}
    sockets: set[str] = set()
    for process in tree:
        with contextlib.suppress(OSError):
            for entry in os.scandir(f"/proc/{process.pid}/fd"):
                with contextlib.suppress(OSError):
                    target = str(Path(entry.path).readlink())
                    if target.startswith(_SOCKET):
                        sockets.add(target)
                    elif target.startswith(_NAMELESS):
                        status = entry.stat()
                        sizes[status.st_ino] = status.st_blocks * _BLOCK_BYTES
    return sizes, len(sockets)


def _proportional_bytes(pid: int) -> int:
    """Measure a process's share of memory; where that cannot be read, all of it: nobody escapes by hiding."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("Pss:", "SwapPss:")))
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
