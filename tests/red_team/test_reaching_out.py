"""Reaching out: networks, sockets, signals, privileges."""

from __future__ import annotations

import pytest

from .attacks import Attack
from .conftest import Field

pytestmark = pytest.mark.sandbox

_NET = "network namespace"

ATTACKS = (
    Attack(
        number="15",
        title="TCP to a service of the machine",
        layer=_NET,
        without=frozenset({"network", "landlock"}),
        cell="attempt(lambda: socket.create_connection(('127.0.0.1', G['tcp']), timeout=2).getpeername())",
        held="HELD (ConnectionRefusedError|PermissionError)",
    ),
    Attack(
        number="15",
        title="TCP to the world",
        layer=_NET,
        cell="attempt(lambda: socket.create_connection(('192.0.2.1', 80), timeout=1).getpeername())",
        held="HELD (OSError|PermissionError)",
        safe="nothing outside may be asked",
    ),
    Attack(
        number="16",
        title="UDP to a service of the machine",
        layer=_NET,
        without=frozenset({"network"}),
        cell="""
def send():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", G["udp"]))
        sender.send(b"x")
        time.sleep(0.05)
        sender.send(b"x")  # a closed port has said so by now
    return "sent"
attempt(send)
""",
        held="HELD ConnectionRefusedError",
    ),
    Attack(
        number="16",
        title="DNS",
        layer=_NET,
        cell="""
def ask():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        return sender.sendto(b"x", ("192.0.2.53", 53))
attempt(ask)
""",
        held="HELD (OSError|PermissionError)",
        safe="nothing outside may be asked",
    ),
    Attack(
        number="17",
        title="Unix socket by path",
        layer="read-only tree",
        without=frozenset({"mounts", "user"}),
        cell="attempt(lambda: socket.socket(socket.AF_UNIX).connect(G['unix']) or 'connected')",
        held="HELD FileNotFoundError",
    ),
    Attack(
        number="18",
        title="abstract Unix socket",
        layer=_NET,
        without=frozenset({"network", "landlock"}),
        cell="attempt(lambda: socket.socket(socket.AF_UNIX).connect(chr(0) + ''.join(G['abstract'])) or 'in')",
        held="HELD (ConnectionRefusedError|PermissionError)",
    ),
    Attack(
        number="19",
        title="vsock to the hypervisor",
        layer="seccomp",
        without=frozenset({"seccomp"}),
        cell="attempt(lambda: socket.socket(40, socket.SOCK_STREAM).fileno())",
        held="HELD (PermissionError|OSError)",
        needs_full=True,
    ),
    Attack(
        number="19",
        title="io_uring",
        layer="seccomp",
        without=frozenset({"seccomp"}),
        cell="attempt(lambda: syscall(425, 1, ctypes.create_string_buffer(256)))",
        held="HELD (PermissionError|OSError)",
        needs_full=True,
    ),
    Attack(
        number="19",
        title="netlink beyond routes",
        layer="seccomp",
        without=frozenset({"seccomp"}),
        cell="attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15).fileno())",
        held="HELD (PermissionError|OSError)",
        needs_full=True,
    ),
    Attack(
        number="19",
        title="raw packets",
        needs_root=True,
        layer="no capabilities",
        without=frozenset({"capabilities", "seccomp"}),
        cell="attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).fileno())",
        held="HELD (PermissionError|OSError)",
    ),
    Attack(
        number="20",
        title="signal a process of the grader",
        layer="pid namespace",
        without=frozenset({"pid", "landlock", "user"}),
        cell="attempt(lambda: os.kill(G['victim'], signal.SIGCONT) or 'sent')",
        held="HELD ProcessLookupError",
    ),
    Attack(
        number="20",
        title="kill everybody",
        layer="pid namespace",
        cell="attempt(lambda: os.kill(-1, signal.SIGKILL) or 'sent' if in_a_box() else 'not tried')",
        held="HELD ProcessLookupError",
        safe="it would end the machine's processes",
    ),
    Attack(
        number="20",
        title="kill or stop its own init",
        layer="pid namespace",
        cell="""
import contextlib
if in_a_box():
    for signum in (signal.SIGSTOP, signal.SIGHUP, signal.SIGKILL):
        with contextlib.suppress(PermissionError):  # Landlock refuses what the namespace would ignore
            os.kill(1, signum)
time.sleep(0.05)
print("HELD alive" if in_a_box() else "WON not tried")
""",
        held="HELD alive",
        safe="it would end the machine",
    ),
    Attack(
        number="20",
        title="open a pidfd of the grader",
        layer="pid namespace",
        without=frozenset({"pid"}),
        cell="attempt(lambda: os.pidfd_open(G['grader']))",
        held="HELD ProcessLookupError",
    ),
    Attack(
        number="21",
        title="keys of the kernel's keyring",
        layer="seccomp",
        without=frozenset({"seccomp"}),
        cell="attempt(lambda: syscall(248, b'user', b'red-team', b'x', 1, ctypes.c_int(-2)))",
        held="HELD (PermissionError|OSError)",
        needs_full=True,
    ),
    Attack(
        number="22",
        title="nested user namespace",
        layer="seccomp",
        without=frozenset({"seccomp"}),
        cell="attempt(lambda: in_a_child(lambda: syscall(272, 0x10000000)))",
        held="HELD PermissionError",
        needs_full=True,
    ),
    Attack(
        number="22",
        title="nested user namespace by clone3",
        layer="seccomp",
        without=frozenset({"seccomp"}),
        cell="""
def clone():
    arguments = (ctypes.c_uint64 * 11)(0x10000000, 0, 0, 0, 17)
    if syscall(435, ctypes.byref(arguments), 88) == 0:
        os._exit(0)
attempt(lambda: in_a_child(clone))
""",
        held="HELD (PermissionError|OSError)",
        needs_full=True,
    ),
    Attack(
        number="22",
        title="mount over the course",
        layer="no capabilities, seccomp",
        without=frozenset({"capabilities", "seccomp", "landlock"}),
        cell="""
if not in_a_box():
    ctypes.CDLL(None).unshare(0x10020000)  # the control's own mounts, so that the machine's stay
def mount():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) != 0:
        raise OSError(ctypes.get_errno(), "mount")
    return "mounted"
attempt(mount)
""",
        held="HELD PermissionError",
    ),
    Attack(
        number="23",
        title="run a setuid program",
        needs_root=True,
        layer="nosuid mount, no new privileges",
        cell="""
import subprocess
program = "data/who" if in_a_box() else G["who"]
if not in_a_box():
    os.setresuid(65534, 65534, 65534)
attempt(lambda: subprocess.run([program, "-u"], capture_output=True, text=True).stdout.strip() == "0")
""",
        held="HELD (nothing|PermissionError)",
    ),
    Attack(
        number="x5",
        title="bpf, perf, userfaultfd",
        layer="seccomp",
        cell="""
def any_of():
    opened = []
    for number, arguments in ((321, (0, None, 0)), (298, (None, 0, -1, -1, 0)), (323, (0x80000,))):
        try:
            opened.append(syscall(number, *arguments))
        except OSError as error:
            if error.errno not in (1, 38):
                opened.append(f"{number}: errno {error.errno}")  # past the filter
    return opened
attempt(any_of)
""",
        held="HELD nothing",
        needs_full=True,
    ),
)


@pytest.mark.parametrize("attack", [attack.as_param() for attack in ATTACKS])
def test_reaching_out(attack: Attack, field_of: Field) -> None:
    field_of.judge(attack)
