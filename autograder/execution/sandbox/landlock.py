"""Landlock: what a process may do with paths, TCP, abstract sockets and signals, restricted by itself.

The kernel's interface has grown by versions. A ruleset handles all that the running kernel knows, and what it
handles is refused unless a rule allows it. Facts: the kernel's userspace documentation of Landlock.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from autograder.execution.sandbox import syscalls

EXECUTE = 1 << 0
WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
REMOVE_DIR = 1 << 4
REMOVE_FILE = 1 << 5
MAKE_CHAR = 1 << 6
MAKE_DIR = 1 << 7
MAKE_REG = 1 << 8
MAKE_SOCK = 1 << 9
MAKE_FIFO = 1 << 10
MAKE_BLOCK = 1 << 11
MAKE_SYM = 1 << 12
REFER = 1 << 13
TRUNCATE = 1 << 14
IOCTL_DEV = 1 << 15

READ = READ_FILE | READ_DIR
RUN = READ | EXECUTE
CHANGE = (
    READ
    | WRITE_FILE
    | TRUNCATE
    | REMOVE_DIR
    | REMOVE_FILE
    | MAKE_DIR
    | MAKE_REG
    | MAKE_SOCK
    | MAKE_FIFO
    | MAKE_SYM
    | REFER
)
"""A folder to work in: no devices, and nothing in it can be run as a program."""
DEVICE = READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEV

_FOR_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1
_ABSTRACT_SOCKETS, _SIGNALS = 1 << 0, 1 << 1

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture
_QUERY_VERSION = 1
_PATH_BENEATH = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """What a ruleset takes charge of, for one version of the interface."""

    files: int
    """Rights over files and folders."""

    network: int
    """Rights over TCP; there are no rules for these, so all are refused."""

    scopes: int
    """What may not leave the restricted processes."""

    version: int
    """Of the interface."""

    def packed(self) -> bytes:
        """Return the struct that this version knows."""
        if self.version < 4:
            return struct.pack("Q", self.files)
        if self.version < 6:
            return struct.pack("QQ", self.files, self.network)
        return struct.pack("QQQ", self.files, self.network, self.scopes)


def ruleset(version: int) -> Ruleset:
    """Return all that a version of the interface can take charge of.

    Args:
        version: 1 or more.
    """
    files = REFER - 1
    for since, right in ((2, REFER), (3, TRUNCATE), (5, IOCTL_DEV)):
        if version >= since:
            files |= right
    return Ruleset(
        files=files,
        network=_BIND_TCP | _CONNECT_TCP if version >= 4 else 0,
        scopes=_ABSTRACT_SOCKETS | _SIGNALS if version >= 6 else 0,
        version=version,
    )


def _create(attributes: bytes | None, size: int, flags: int) -> int:
    arguments = (attributes, ctypes.c_size_t(size), ctypes.c_uint(flags))
    return syscalls.system_call(_CREATE_RULESET, "Landlock: create a ruleset", *arguments)


def version() -> int:
    """Return the version of the running kernel's interface; 0 where there is none or it is switched off."""
    try:
        return _create(None, 0, _QUERY_VERSION)
    except OSError:
        return 0


def restrict(rules: Iterable[tuple[str, int]]) -> None:
    """Restrict this thread, and all that it starts, for good.

    Args:
        rules: Paths and what is allowed at and below them; paths that do not exist are left out.

    Raises:
        OSError: If the kernel refuses; it needs no_new_privs.
    """
    known = version()
    if known == 0:
        raise OSError(0, "Landlock: this kernel has none, or it is switched off")
    handled = ruleset(known)
    packed = handled.packed()
    fd = _create(packed, len(packed), 0)
    try:
        for path, rights in rules:
            _allow(fd, path, rights & handled.files)
        syscalls.system_call(_RESTRICT_SELF, "Landlock: restrict", ctypes.c_int(fd), ctypes.c_uint(0))
    finally:
        os.close(fd)


def _allow(ruleset_fd: int, path: str, rights: int) -> None:
    """Add a rule; one for a plain file may only name rights over files."""
    if not Path(path).exists():
        return
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _FOR_FILES
        packed = struct.pack("=Qi", rights, fd)
        head = (ctypes.c_int(ruleset_fd), ctypes.c_uint(_PATH_BENEATH))
        syscalls.system_call(_ADD_RULE, f"Landlock: allow {path}", *head, packed, ctypes.c_uint(0))
    finally:
        os.close(fd)
