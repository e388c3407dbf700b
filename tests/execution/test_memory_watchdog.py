"""The watchdog measures what a box really takes. Each bomb runs in a real kernel."""

from __future__ import annotations

import pytest

from autograder.execution.check_states import END
from autograder.execution.kernel_process import KernelProcess
from autograder.execution.memory_watchdog import tree_bytes

from .conftest import Runner

pytestmark = pytest.mark.sandbox

MB = 2**20
EXACT = 0
"""As a limit, it makes the measurement go to its end."""


def process_after(runner: Runner, source: str) -> KernelProcess:
    """Run a cell and return its kernel."""
    session = runner.session(source, file_bytes=512 * MB)
    assert session.run().failures == ()
    return session._kernels.after(END).process


def measured(runner: Runner, source: str) -> float:
    pid = process_after(runner, source).pid
    return tree_bytes(pid, EXACT, own_files=True, own_network=True) / MB


SETUP = "import mmap, os, multiprocessing.shared_memory as sm\nsize = 128 * 2**20\n"
TAKES_128_MB = {
    "heap": "hoard = bytearray(os.urandom(2**20)) * 128",
    "a shared map": "m = mmap.mmap(-1, size)\nfor at in range(0, size, 4096): m[at] = 1",
    "an open memory file": "fd = os.memfd_create('x')\nfor _ in range(128): os.write(fd, b'x' * 2**20)",
    "a memory file that is mapped": (
        "fd = os.memfd_create('x')\nos.ftruncate(fd, size)\nm = mmap.mmap(fd, size)\n"
        "for at in range(0, size, 4096): m[at] = 1"
    ),
    "a memory file that is mapped and closed": (
        "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.mmap.restype = ctypes.c_void_p\n"
        "libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]\n"
        "fd = os.memfd_create('x')\nos.ftruncate(fd, size)\nm = libc.mmap(None, size, 3, 1, fd, 0)\n"
        "os.close(fd)\nctypes.memset(m, 1, size)"
    ),
    "a file in /tmp": "f = open('/tmp/x', 'wb')\nfor _ in range(128): f.write(b'x' * 2**20)\nf.flush()",
    "a file in the box, deleted": (
        "f = open('x', 'wb')\nos.unlink('x')\nfor _ in range(128): f.write(b'x' * 2**20)\nf.flush()"
    ),
    "named shared memory": (
        "s = sm.SharedMemory(create=True, size=size)\nfor at in range(0, size, 4096): s.buf[at] = 1"
    ),
    "page tables": (
        "import numpy as np\nmaps = []\nfor _ in range(2):\n"
        "    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000\n"
        "    maps.append(mmap.mmap(-1, 2**35, flags=flags, prot=mmap.PROT_READ))\n    maps[-1].madvise(15)\n"
        "    np.frombuffer(maps[-1], dtype=np.uint8)[::2**21].sum()"
    ),
    "a child's memory file": (
        "r, w = os.pipe()\nif os.fork() == 0:\n    fd = os.memfd_create('x')\n"
        "    for _ in range(128): os.write(fd, b'x' * 2**20)\n    os.write(w, b'.')\n"
        "    while True: os.read(r, 0) or __import__('signal').pause()\n"
        "os.read(r, 1)"
    ),
}


@pytest.fixture(scope="module")
def plain_mb(zygote: object) -> float:
    """What a kernel takes that does nothing."""
    runner = Runner(zygote)  # type: ignore[arg-type]
    try:
        return measured(runner, SETUP)
    finally:
        for session in runner.open:
            session.close()


@pytest.mark.parametrize("kind", TAKES_128_MB)
def test_memory_is_counted_once_whatever_its_kind(runner: Runner, plain_mb: float, kind: str) -> None:
    more = measured(runner, SETUP + TAKES_128_MB[kind]) - plain_mb

    # What a fork or an import adds comes to some megabytes, and shares with other kernels shift.
    assert 110 < more < 190


FILL = """
import os, socket
kept = []
def fill(*ends):
    kept.append(ends)
    ends[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**27)
    ends[0].setblocking(False)
    queued = 0
    try:
        while True: queued += ends[0].send(bytes(2**16))
    except BlockingIOError:
        return queued
"""
QUEUES = {
    "socket pairs": "queued = sum(fill(*socket.socketpair()) for _ in range(200))",
    "datagrams": "queued = sum(fill(*socket.socketpair(type=socket.SOCK_DGRAM)) for _ in range(200))",
    "connections that nobody accepts, closed": """
queued, listener = 0, socket.socket(socket.AF_UNIX)
listener.bind("/tmp/listener"); listener.listen(4096)
for _ in range(400):
    sender = socket.socket(socket.AF_UNIX); sender.connect("/tmp/listener")
    queued += fill(sender); kept.clear(); sender.close()
""",
    "messages of many senders": """
queued, receivers = 0, []
for number in range(40):
    receivers.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)); receivers[-1].bind(f"/tmp/{number}")
    for _ in range(10):
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); sender.connect(f"/tmp/{number}")
        queued += fill(sender); kept.clear(); sender.close()
""",
    "sockets on their way": """
import array
queued, (first, second) = 0, socket.socketpair()
for _ in range(150):
    ends = socket.socketpair(); queued += fill(*ends); kept.clear()
    rights = array.array("i", [end.fileno() for end in ends])
    first.sendmsg([b"."], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    [end.close() for end in ends]
""",
    "UDP": """
queued = 0
for number in range(150):
    kept.append(socket.socket(type=socket.SOCK_DGRAM)); kept[-1].bind(("127.0.0.1", 5000 + number))
    sender = socket.socket(type=socket.SOCK_DGRAM)
    for _ in range(12): sender.sendto(bytes(2**14), ("127.0.0.1", 5000 + number))
    queued += 2**17
""",
}


@pytest.mark.parametrize("kind", QUEUES)
def test_what_waits_in_sockets_is_counted(runner: Runner, plain_mb: float, kind: str) -> None:
    session = runner.session(FILL + QUEUES[kind] + "\nprint(queued)")
    execution = session.run()
    assert execution.failures == ()
    queued_mb = int(execution.notebook["cells"][0]["outputs"][0]["text"]) / MB
    pid = session._kernels.after(END).process.pid

    assert queued_mb > 10
    assert tree_bytes(pid, EXACT, own_files=True, own_network=True) / MB > plain_mb + queued_mb - 20


@pytest.mark.parametrize("name", ["/tmp/a\\nb", "\\0a\\nb"], ids=["path", "abstract"])
def test_a_sockets_name_does_not_stop_the_watch(runner: Runner, name: str) -> None:
    hoard = "import time\nkept = bytearray(2**30)\nkept[::4096] = bytes(len(kept[::4096]))\ntime.sleep(5)"
    bind = f"import socket\nfirst = socket.socket(socket.AF_UNIX)\nfirst.bind('{name}')\ntime.sleep(0.6)"
    failures = runner.session("import time\n" + bind, hoard, memory_bytes=700 * MB).run().failures

    assert [failure.index for failure in failures] == [1]
    assert "it used more than 700 MB of memory" in failures[0].message


def test_a_bound_that_is_low_enough_is_taken(runner: Runner) -> None:
    process = process_after(runner, SETUP)
    bound = tree_bytes(process.pid, 8 * 2**30, own_files=True)

    assert tree_bytes(process.pid, EXACT, own_files=True) <= bound


def test_a_tree_that_ended_takes_nothing(runner: Runner) -> None:
    process = process_after(runner, "pass")
    process.kill()
    process.wait(5)
    process_id = process.pid

    assert tree_bytes(process_id, EXACT, own_files=True) == 0


def test_a_kernel_cannot_reach_the_boxs_init(runner: Runner) -> None:
    failures = runner.session("open('/proc/1/mem', 'r+b')", "open('/proc/1/environ').read()").run().failures

    assert [failure.message.split(":")[0] for failure in failures] == ["PermissionError"] * 2
