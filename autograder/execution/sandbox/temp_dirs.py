"""Temporary folders whose names say which process they belong to, so that a later one can clear them away.

A process that is killed cannot tidy up. Its folders are taken away by the next one that starts, and only if
the owner is surely gone: same table of processes, no process of that number and start.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

_PREFIX = "autograder"
_KINDS = ("root", "box", "run", "try")


def make_folder(kind: str) -> str:
    """Make a temporary folder that belongs to this process.

    Args:
        kind: What it is for; one of `root`, `box`, `run`, `try`.

    Returns:
        Its path.
    """
    if kind not in _KINDS:
        raise ValueError(f"{kind}: folders are made for {', '.join(_KINDS)}")
    pid = os.getpid()
    return tempfile.mkdtemp(prefix=f"{_PREFIX}-{kind}-{_table()}-{pid}-{_start_of(pid)}-")


def clear(first_own_uid: int) -> None:
    """Take away the folders of processes that have ended.

    Args:
        first_own_uid: Users from here on are kernels'; root takes their folders away too.
    """
    for kind in _KINDS:
        for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}-{kind}-*"):
            # Another process may clear at the same time.
            with contextlib.suppress(OSError):
                if _is_ours(path.lstat(), first_own_uid) and _owner_is_gone(path.name):
                    _remove(path, kind)


def _remove(path: Path, kind: str) -> None:
    """Remove a folder; roots are empty but for what was mounted in a namespace that is gone."""
    if kind == "root":
        path.rmdir()
    else:
        shutil.rmtree(path, ignore_errors=True)


def _is_ours(status: os.stat_result, first_own_uid: int) -> bool:
    owner = status.st_uid
    own = owner == os.geteuid() or (os.geteuid() == 0 and owner >= first_own_uid)
    return own and stat.S_ISDIR(status.st_mode)


def _owner_is_gone(name: str) -> bool:
    """Tell whether the process named in a folder's name has ended; False where that cannot be known."""
    parts = name.split("-")
    if len(parts) < 6 or parts[2] != _table() or not parts[3].isdigit():
        return False
    return _start_of(int(parts[3])) != parts[4]


def _table() -> str:
    """Return the number of this process's table of processes."""
    return str(Path("/proc/self/ns/pid").stat().st_ino)


def _start_of(pid: int) -> str:
    """Return when a process started, in clock ticks since the machine did; "" if there is none."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    # The name, in parentheses, may hold anything; the start is the 20th field after it.
    return line.rpartition(")")[2].split()[19]
