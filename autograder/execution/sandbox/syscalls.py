"""The Linux system calls that Python 3.11 has no function for: mounts, namespaces, capabilities."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_NOSYMFOLLOW = 0x100
MS_BIND = 0x1000
MS_REC = 0x4000
MS_SLAVE = 0x80000
MNT_DETACH = 0x2

ATTR_RDONLY = 0x1
ATTR_NOSUID = 0x2
ATTR_NODEV = 0x4

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4

_SYS_MOUNT_SETATTR = 442  # the same number on every architecture
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_CAPABILITY_VERSION_3 = 0x20080522
_SIOCSIFFLAGS = 0x8914
_IFF_UP_RUNNING = 0x41
_MADV_COLLAPSE = 25
_HUGE_PAGE_BYTES = 2**21


def _libc() -> ctypes.CDLL:
    """Return the C library of this process, with errno kept."""
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    """Raise OSError with the call's errno if it failed."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def system_call(number: int, what: str, *arguments: object) -> int:
    """Make a system call that the C library may not know.

    Args:
        number: Of the call on this machine.
        what: For the error.
        arguments: ctypes values, bytes or None.

    Returns:
        What it returned, 0 or more.

    Raises:
        OSError: If it failed.
    """
    result: int = _libc().syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        _check(result, what)
    return result


def unshare(flags: int) -> None:
    """Move this process into new namespaces.

    Raises:
        OSError: If the kernel or its configuration forbids it.
    """
    _check(_libc().unshare(flags), "unshare")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount a file system or bind a folder.

    Raises:
        OSError: As mount(2).
    """
    result = _libc().mount(
        source.encode(),
        target.encode(),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        data.encode() or None,
    )
    _check(result, f"mount {source} on {target}")


def lock_mount(target: str, *, attributes: int, recursive: bool = True) -> None:
    """Add attributes to a mount and, if recursive, to all mounts below it; none is ever taken away.

    Raises:
        OSError: As mount_setattr(2), which Linux has since 5.12.
    """
    request = struct.pack("QQQQ", attributes, 0, 0, 0)
    result = _libc().syscall(
        ctypes.c_long(_SYS_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        target.encode(),
        ctypes.c_uint(_AT_RECURSIVE if recursive else 0),
        request,
        ctypes.c_size_t(len(request)),
    )
    _check(result, f"mount_setattr {target}")


def pivot_root(new_root: str, old_root: str) -> None:
    """Make `new_root` the root of this mount namespace and put the old one at `old_root`.

    Raises:
        OSError: As pivot_root(2).
    """
    number = _SYS_PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise OSError(0, f"pivot_root: unknown machine {os.uname().machine}")
    result = _libc().syscall(ctypes.c_long(number), new_root.encode(), old_root.encode())
    _check(result, "pivot_root")


def detach(target: str) -> None:
    """Unmount lazily, with all that lies below.

    Raises:
        OSError: As umount2(2).
    """
    _check(_libc().umount2(target.encode(), MNT_DETACH), f"umount {target}")


def _prctl(option: int, *values: int) -> None:
    arguments = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    _check(_libc().prctl(ctypes.c_int(option), *arguments), f"prctl {option}")


def die_with_parent(signum: int) -> None:
    """Ask for a signal when the parent ends; a change of credentials forgets it."""
    _prctl(_PR_SET_PDEATHSIG, signum)


def show_memory(shown: bool) -> None:
    """Let processes of the same user, this one too, get at this one's files in /proc, or not.

    A change of user or capabilities hides them.

    Args:
        shown: Whether they may.
    """
    _prctl(_PR_SET_DUMPABLE, int(shown))


def adopt_orphans() -> None:
    """Become the parent of descendants whose parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def forbid_new_privileges() -> None:
    """Make setuid programs and file capabilities void for this process and its children."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Give up every capability for good, in the bounding and ambient sets too.

    A process that has none may not lower its bounding set either; no_new_privs makes that one void.
    """
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in range(last + 1):
        try:
            _prctl(_PR_CAPBSET_DROP, capability)
        except PermissionError:
            break
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    _check(_libc().capset(header, bytes(24)), "capset")


def map_ids(uid: int, gid: int) -> None:
    """Map one user and one group of the parent namespace to the same numbers here."""
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def raise_loopback() -> None:
    """Bring up the loopback interface of this network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP_RUNNING))


def gather_memory() -> None:
    """Move this process's own memory into huge pages: a fork copies a table entry for each page.

    Linux does it since 6.1, as far as it finds room; elsewhere nothing happens.
    """
    libc = _libc()
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, rights, _, _, inode, *name = line.split(maxsplit=5)
        if not rights.startswith("rw-p") or inode != "0" or (name and name[0].strip() != "[heap]"):
            continue
        start, end = (int(address, 16) for address in addresses.split("-"))
        first = -(-start // _HUGE_PAGE_BYTES) * _HUGE_PAGE_BYTES
        length = (end - first) // _HUGE_PAGE_BYTES * _HUGE_PAGE_BYTES
        if length > 0:
            libc.madvise(ctypes.c_void_p(first), ctypes.c_size_t(length), ctypes.c_int(_MADV_COLLAPSE))
