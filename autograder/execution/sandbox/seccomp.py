"""A filter of system calls, written as a classic BPF program and given to the kernel without any library.

It forbids what no notebook needs and what kernels have been broken through: other processes' memory, mounts,
namespaces, keys, tracing, modules, clocks, asynchronous rings, unusual sockets. What it forbids fails with
EPERM, as it would for any plain user; the C library falls back from clone3, whose flags lie in memory where a
filter cannot look, to clone.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from autograder.execution.sandbox import syscalls

_ALLOW = 0x7FFF0000
_KILL = 0x80000000
_ERRNO = 0x00050000

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_MASK = 0x54  # BPF_ALU | BPF_AND | BPF_K
_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K

_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16  # in struct seccomp_data

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x40000000
_SET_MODE_FILTER = 1
_SPEC_ALLOW = 1 << 2  # else older kernels slow every branch of a filtered process down

_NAMESPACE_FLAGS = 0x7E020000  # mnt, cgroup, uts, ipc, user, pid, net
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_SOCK_DGRAM, _SOCK_TYPE_MASK = 2, 0xF
_NETLINK_ROUTE = 0  # libzmq ends the process if it cannot have this one
_INET_PROTOCOLS = (0, 6, 17)  # any, TCP, UDP

_SOL_SOCKET = 1
_BUFFER_SIZES = (7, 8, 32, 33)  # SO_SNDBUF, SO_RCVBUF, SO_SNDBUFFORCE, SO_RCVBUFFORCE

NUMBERS: dict[str, tuple[int | None, int | None]] = {
    # other processes
    **{"ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271)},
    **{"kcmp": (312, 272), "pidfd_getfd": (438, 438), "process_madvise": (440, 440)},
    **{"process_mrelease": (448, 448), "migrate_pages": (256, 238), "move_pages": (279, 239)},
    # file systems
    **{"mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51)},
    **{"open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431)},
    **{
        "fsmount": (432, 432),
        "fspick": (433, 433),
        "mount_setattr": (442, 442),
        "open_tree_attr": (467, 467),
    },
    **{"name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "fanotify_init": (300, 262)},
    **{"quotactl": (179, 60), "quotactl_fd": (443, 443), "swapon": (167, 224), "swapoff": (168, 225)},
    # namespaces
    **{"unshare": (272, 97), "setns": (308, 268)},
    # keys, rings, tracing
    **{"add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219)},
    **{"io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427)},
    **{"bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282)},
    # memory that no process's size shows: secret files, and System V objects nobody is attached to
    **{"memfd_secret": (447, 447), "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186)},
    # the machine
    **{"kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142), "acct": (163, 89)},
    **{"init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106)},
    **{"syslog": (103, 116), "settimeofday": (164, 170), "clock_settime": (227, 112)},
    **{"adjtimex": (159, 171), "clock_adjtime": (305, 266), "vhangup": (153, 58)},
    **{"sethostname": (170, 161), "setdomainname": (171, 162)},
    **{"iopl": (172, None), "ioperm": (173, None), "modify_ldt": (154, None)},
}
"""Forbidden calls and their numbers on x86_64 and aarch64; None where there is no such call."""

FILTERED: dict[str, tuple[int, int]] = {
    **{"clone": (56, 220), "clone3": (435, 435)},
    **{"socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203)},
    "setsockopt": (54, 208),
    "seccomp": (317, 277),
}
"""Calls that are allowed by their arguments, or needed here."""

_MACHINES = tuple(_AUDIT_ARCH)

Program = list[tuple[int, int, int, int]]
"""Instructions: code, jump if true, jump if false, operand."""


def program(machine: str, *, offline: bool) -> Program:
    """Write the filter.

    Args:
        machine: As `os.uname().machine`.
        offline: Also refuse IP sockets, connecting, and Unix datagrams: where the kernel shares the machine's
            network and sees its sockets.

    Raises:
        OSError: If the machine's numbers are not known here.
    """
    if machine not in _MACHINES:
        raise OSError(0, f"seccomp: the system call numbers of {machine} are not known")
    column = _MACHINES.index(machine)
    denied = [numbers[column] for numbers in NUMBERS.values()]
    filtered = {name: numbers[column] for name, numbers in FILTERED.items()}
    steps: Program = [
        (_LOAD, 0, 0, _ARCH_AT),
        (_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        _answer(_KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    if machine == "x86_64":
        steps += [(_AT_LEAST, 0, 1, _X32_BIT), _refuse(errno.ENOSYS)]
    steps += _when(filtered["clone"], [_argument(0), (_ANY_BIT, 0, 1, _NAMESPACE_FLAGS), _refuse(), _allow()])
    steps += _when(filtered["clone3"], [_refuse(errno.ENOSYS)])
    steps += _when(filtered["socket"], _socket_rule(offline=offline))
    steps += _when(filtered["socketpair"], _unix_rule(offline=offline))
    steps += _when(filtered["setsockopt"], _buffer_rule())
    if offline:
        steps += _when(filtered["connect"], [_refuse()])
    for number in denied:
        if number is not None:
            steps += _when(number, [_refuse()])
    return [*steps, _allow()]


def _answer(value: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, value)


def _allow() -> tuple[int, int, int, int]:
    return _answer(_ALLOW)


def _refuse(number: int = errno.EPERM) -> tuple[int, int, int, int]:
    return _answer(_ERRNO | number)


def _argument(index: int) -> tuple[int, int, int, int]:
    """Load the low half of an argument; those looked at here are ints, or flags in the low half."""
    return (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * index)


def _when(value: int, body: Program) -> Program:
    """Run a body, which must answer in every case, if what is loaded equals a value."""
    return [(_EQUAL, 0, len(body), value), *body]


def _socket_rule(*, offline: bool) -> Program:
    """Allow Unix, IP and route sockets, of which IP not if offline."""
    one_of = [step for protocol in _INET_PROTOCOLS for step in _when(protocol, [_allow()])]
    ip = [_refuse()] if offline else [_argument(2), *one_of, _refuse()]
    return [
        _argument(0),
        *_when(_AF_INET, ip),
        *_when(_AF_INET6, ip),
        *_when(_AF_NETLINK, [_argument(2), *_when(_NETLINK_ROUTE, [_allow()]), _refuse()]),
        *_unix_rule(offline=offline),
    ]


def _unix_rule(*, offline: bool) -> Program:
    """Allow Unix sockets, of which datagrams, that need no connect to reach any path, not if offline."""
    no_datagrams = [_argument(1), (_MASK, 0, 0, _SOCK_TYPE_MASK), *_when(_SOCK_DGRAM, [_refuse()]), _allow()]
    return [_argument(0), *_when(_AF_UNIX, no_datagrams if offline else [_allow()]), _refuse()]


def _buffer_rule() -> Program:
    """Ignore sizes of buffers, as a kernel may: what lies in them belongs to no process, and no watch sees it."""
    ignored = [step for size in _BUFFER_SIZES for step in _when(size, [_answer(_ERRNO | 0)])]
    return [_argument(1), *_when(_SOL_SOCKET, [_argument(2), *ignored, _allow()]), _allow()]


class _Filter(ctypes.Structure):
    """Struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def install(*, offline: bool) -> None:
    """Filter this thread's system calls, and those of all that it starts, for good.

    Args:
        offline: As of `program`.

    Raises:
        OSError: If the kernel refuses; it needs no_new_privs.
    """
    machine = os.uname().machine
    steps = program(machine, offline=offline)
    packed = b"".join(struct.pack("HBBI", *step) for step in steps)
    number = FILTERED["seccomp"][_MACHINES.index(machine)]
    syscalls.system_call(
        number,
        "seccomp",
        ctypes.c_uint(_SET_MODE_FILTER),
        ctypes.c_uint(_SPEC_ALLOW),
        ctypes.byref(_Filter(len(steps), packed)),
    )
