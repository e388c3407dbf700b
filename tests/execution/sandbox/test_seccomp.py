from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.execution.sandbox import seccomp, syscalls

ALLOW, KILL = 0x7FFF0000, 0x80000000
MACHINES = ("x86_64", "aarch64")
ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "i386": 0x40000003}


def refusal(number: int = errno.EPERM) -> int:
    return 0x00050000 | number


def run(program: seccomp.Program, number: int, arch: int, *arguments: int) -> int:
    """Interpret a filter as the kernel does, from the instruction set's description."""
    data = {0: number, 4: arch} | {16 + 8 * place: value for place, value in enumerate(arguments)}
    accumulator, at = 0, 0
    while True:
        code, if_true, if_false, operand = program[at]
        at += 1
        match code:
            case 0x20:
                accumulator = data.get(operand, 0) & 0xFFFFFFFF
            case 0x54:
                accumulator &= operand
            case 0x06:
                return operand
            case 0x15 | 0x35 | 0x45:
                holds = {
                    0x15: accumulator == operand,
                    0x35: accumulator >= operand,
                    0x45: bool(accumulator & operand),
                }[code]
                at += if_true if holds else if_false
            case _:
                raise AssertionError(f"no such instruction: {code:#x}")


def answer(machine: str, call: str, *arguments: int, offline: bool = False) -> int:
    numbers = {**seccomp.NUMBERS, **seccomp.FILTERED}[call]
    number = numbers[MACHINES.index(machine)]
    assert number is not None
    return run(seccomp.program(machine, offline=offline), number, ARCH[machine], *arguments)


@pytest.mark.parametrize("machine", MACHINES)
def test_what_no_notebook_needs_is_refused(machine: str) -> None:
    column = MACHINES.index(machine)
    refused = [
        name
        for name, numbers in seccomp.NUMBERS.items()
        if numbers[column] is not None and answer(machine, name) == refusal()
    ]
    there = [name for name, numbers in seccomp.NUMBERS.items() if numbers[column] is not None]
    assert refused == there
    assert {"ptrace", "process_vm_readv", "mount", "setns", "keyctl", "io_uring_setup", "bpf"} <= set(refused)


@pytest.mark.parametrize("machine", MACHINES)
def test_ordinary_calls_pass(machine: str) -> None:
    program = seccomp.program(machine, offline=False)
    ordinary = {"x86_64": (0, 1, 9, 59, 202, 257, 319), "aarch64": (63, 64, 222, 221, 98, 56, 279)}
    for number in ordinary[machine]:  # read, write, mmap, execve, futex, openat, memfd_create
        assert run(program, number, ARCH[machine]) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_clone_is_refused_with_namespace_flags_only(machine: str) -> None:
    threads = 0x3D0F00  # what the C library's threads ask for
    assert answer(machine, "clone", threads) == ALLOW
    assert answer(machine, "clone", 17) == ALLOW
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert answer(machine, "clone", flag | 17) == refusal()
    assert answer(machine, "clone3") == refusal(errno.ENOSYS)


@pytest.mark.parametrize("machine", MACHINES)
def test_sockets_by_family(machine: str) -> None:
    for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6):
        assert answer(machine, "socket", family, socket.SOCK_STREAM, 0) == ALLOW
    assert answer(machine, "socket", socket.AF_NETLINK, 3, 0) == ALLOW
    assert answer(machine, "socket", socket.AF_NETLINK, 3, 12) == refusal()  # netfilter
    for family in (socket.AF_VSOCK, socket.AF_PACKET, 38, 0, 44):  # 38: the kernel's cryptography
        assert answer(machine, "socket", family, socket.SOCK_STREAM, 0) == refusal()
    assert answer(machine, "socket", socket.AF_INET, socket.SOCK_STREAM, 132) == refusal()  # SCTP
    assert answer(machine, "socketpair", socket.AF_UNIX, socket.SOCK_DGRAM) == ALLOW
    assert answer(machine, "connect") == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_sizes_of_socket_buffers_are_ignored_and_nothing_else_of_a_socket(machine: str) -> None:
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF, 32, 33):
        assert answer(machine, "setsockopt", 5, socket.SOL_SOCKET, option) == refusal(0)
        assert answer(machine, "setsockopt", 5, socket.IPPROTO_TCP, option) == ALLOW
    for option in (socket.SO_REUSEADDR, socket.SO_LINGER, socket.SO_PASSCRED, socket.SO_RCVTIMEO):
        assert answer(machine, "setsockopt", 5, socket.SOL_SOCKET, option) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_offline_no_socket_reaches_anybody(machine: str) -> None:
    def told(call: str, *arguments: int) -> int:
        return answer(machine, call, *arguments, offline=True)

    assert told("socket", socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) == ALLOW
    assert told("socketpair", socket.AF_UNIX, socket.SOCK_STREAM) == ALLOW
    assert told("socket", socket.AF_NETLINK, 3, 0) == ALLOW
    assert told("socket", socket.AF_INET, socket.SOCK_STREAM, 0) == refusal()
    assert told("socket", socket.AF_INET6, socket.SOCK_DGRAM, 17) == refusal()
    assert told("socket", socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) == refusal()
    assert told("socketpair", socket.AF_UNIX, socket.SOCK_DGRAM) == refusal()
    assert told("connect") == refusal()


def test_another_machines_calls_end_the_process() -> None:
    program = seccomp.program("x86_64", offline=False)
    assert run(program, 26, ARCH["i386"]) == KILL
    assert run(program, 0, ARCH["aarch64"]) == KILL
    assert run(program, 0x40000000 | 101, ARCH["x86_64"]) == refusal(errno.ENOSYS)


def test_an_unknown_machine_is_refused_in_words() -> None:
    with pytest.raises(OSError, match="the system call numbers of riscv64 are not known"):
        seccomp.program("riscv64", offline=False)


HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_are_those_of_the_kernels_headers(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip(f"{HEADERS[machine]} is not installed")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", HEADERS[machine].read_text())
    known = {name: int(number) for name, number in found}
    numbers = {**seccomp.NUMBERS, **seccomp.FILTERED}
    column = MACHINES.index(machine)
    ours = {name: pair[column] for name, pair in numbers.items() if name in known}
    assert len(ours) > 50
    assert ours == {name: known[name] for name in ours}
    if machine == "aarch64":
        assert not {name for name, pair in numbers.items() if pair[1] is None} & known.keys()


def in_child(action: Callable[[], None]) -> int:
    """Run an action under the filter in a forked process; return its errno, or 0."""
    pid = os.fork()
    if pid == 0:
        code = 255
        try:
            syscalls.forbid_new_privileges()
            seccomp.install(offline=False)
            code = 0
            action()
        except OSError as error:
            code = error.errno or 254
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_the_running_kernel_takes_the_filter() -> None:
    def make_child() -> None:
        pid = os.fork()
        os._exit(0) if pid == 0 else os.waitpid(pid, 0)

    def use_memory_file() -> None:
        os.write(os.memfd_create("x"), b"x")

    assert in_child(lambda: None) == 0
    assert in_child(make_child) == 0
    assert in_child(use_memory_file) == 0
    assert in_child(lambda: syscalls.unshare(0)) == errno.EPERM
    assert in_child(lambda: syscalls.mount("none", "/", flags=syscalls.MS_SLAVE)) == errno.EPERM
    assert in_child(lambda: socket.socket(socket.AF_VSOCK).close()) == errno.EPERM
    assert in_child(lambda: socket.socket(socket.AF_INET).close()) == 0


def test_nobody_installs_it_by_accident() -> None:
    syscalls.unshare(0)  # this process goes on without a filter
