"""Exhausting: time, processes, memory, disk, output. What is too much costs the cell or the question, nobody else."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from autograder.errors import CallTimeoutError, KernelDiedError, StudentCodeError, SubmissionError
from autograder.execution.check_states import END
from autograder.execution.session import KernelSession
from autograder.execution.zygote_client import Zygote
from autograder.records import Limits

from .attacks import notebook, text_of
from .conftest import lacking

pytestmark = pytest.mark.sandbox

_MB = 2**20
_TIGHT = {"memory_bytes": 700 * _MB}


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """An attack by a cell that takes too much; the control allows as much, and it ends well."""

    number: str
    title: str
    layer: str
    cell: str
    limits: Mapping[str, Any]
    held: str
    enough: Mapping[str, Any] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    hole: str = ""

    def as_param(self) -> Any:
        """Return a parameter of a test."""
        control = f"without {', '.join(sorted(self.without))}" if self.without else "more allowed"
        marks = [pytest.mark.attack(self.number, self.title, layer=self.layer, control=control)]
        if self.hole:
            marks.append(pytest.mark.xfail(strict=True, reason=self.hole))
        return pytest.param(self, id=f"{self.number}-{self.title.replace(' ', '-')}", marks=marks)


EXCESSES = (
    Excess(
        number="24",
        title="sleep for ever",
        layer="wall clock",
        cell="import time\ntime.sleep(0.9)",
        limits={"cell_timeout_s": 0.4},
        # On a busy machine the interrupt may come too late to be seen.
        held=r"The cell ran longer than 0\.4 s and (was interrupted|ignored its interrupt)\.",
    ),
    Excess(
        number="25",
        title="ignore SIGINT and SIGTERM, swallow everything",
        layer="wall clock, SIGKILL of the box",
        cell="""
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_IGN)
end = time.monotonic() + 2.5
while time.monotonic() < end:
    try:
        time.sleep(0.05)
    except BaseException:
        pass
""",
        limits={"cell_timeout_s": 0.4},
        held=r"The cell ran longer than 0\.4 s and ignored its interrupt\.",
    ),
    Excess(
        number="x8",
        title="stop oneself with SIGSTOP",
        layer="wall clock, SIGKILL of the box",
        cell="""
import os, signal, time
kernel = os.getpid()
if os.fork() == 0:
    time.sleep(2.5)
    os.kill(kernel, signal.SIGCONT)
    os._exit(0)
os.kill(kernel, signal.SIGSTOP)
""",
        limits={"cell_timeout_s": 0.4},
        held=r"The cell ran longer than 0\.4 s and ignored its interrupt\.",
    ),
    Excess(
        number="26",
        title="fork bomb",
        layer="process limit",
        cell="import os, time\nfor _ in range(30):\n    if os.fork() == 0:\n        time.sleep(60)",
        limits={"processes": 24},
        held="BlockingIOError: .*",
    ),
    Excess(
        number="28",
        title="thread bomb",
        layer="process limit",
        cell=(
            "import threading, time\nfor _ in range(30):\n"
            "    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
        ),
        limits={"processes": 24},
        held="RuntimeError: can't start new thread",
    ),
    Excess(
        number="29",
        title="heap bomb",
        layer="memory watchdog",
        cell="import time\nhoard = bytearray(2**30)\nhoard[::4096] = bytes(len(hoard[::4096]))\ntime.sleep(1.5)",
        limits=_TIGHT,
        held=r".*it was stopped: it used more than 700 MB of memory\.",
    ),
    Excess(
        number="30",
        title="shared-map bomb",
        layer="memory watchdog",
        cell=(
            "import mmap, time\nhoard = mmap.mmap(-1, 2**30)\n"
            "for at in range(0, 2**30, 2**24): hoard[at:at + 2**24] = bytes(2**24)\ntime.sleep(1.5)"
        ),
        limits=_TIGHT,
        held=r".*it was stopped: it used more than 700 MB of memory\.",
    ),
    Excess(
        number="31",
        title="memfd bomb",
        layer="memory watchdog",
        cell="""
import os, time
block, kept = bytes(2**24), []
for _ in range(20):
    kept.append(os.memfd_create("bomb"))
    for _ in range(3):
        os.write(kept[-1], block)
time.sleep(1.5)
""",
        limits=_TIGHT,
        held=r".*it was stopped: it used more than 700 MB of memory\.",
    ),
    Excess(
        number="64",
        title="page tables of memory that is never there",
        layer="memory watchdog",
        cell="""
import mmap, time
import numpy as np
maps = []
for _ in range(12):
    # Read-only and private: a table of 4 kB for each 2 MB, and no page of its own.
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000
    maps.append(mmap.mmap(-1, 2**35, flags=flags, prot=mmap.PROT_READ))
    maps[-1].madvise(15)
    np.frombuffer(maps[-1], dtype=np.uint8)[::2**21].sum()
time.sleep(1.5)
""",
        limits=_TIGHT,
        held=r".*it was stopped: it used more than 700 MB of memory\.",
    ),
    Excess(
        number="65",
        title="messages that nobody reads",
        layer="memory watchdog",
        cell="""
import os, socket, time
for _ in range(10):
    if os.fork() == 0:
        pairs = [socket.socketpair() for _ in range(200)]
        for pair in pairs:
            for end in pair:
                end.setblocking(False)
                try:
                    while True: end.send(bytes(2**15))
                except BlockingIOError:
                    pass
        time.sleep(60)
time.sleep(4)
""",
        limits=_TIGHT,
        held=r".*it was stopped: it used more than 700 MB of memory\.",
    ),
    Excess(
        number="65",
        title="large socket buffers",
        layer="seccomp ignores their sizes",
        cell="""
import socket
first, second = socket.socketpair()
first.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**22)
first.setblocking(False)
queued = 0
try:
    while True: queued += first.send(bytes(2**15))
except BlockingIOError:
    assert queued > 2**19, "small"
""",
        limits={},
        held="AssertionError: small",
        without=frozenset({"seccomp"}),
    ),
    Excess(
        number="72",
        title="crowd the cores from many sessions",
        layer="session limit",
        cell="""
import os, time
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        time.sleep(60)
time.sleep(1.5)
""",
        limits={},
        held=r".*it was stopped: it ran processes in more than 4 sessions \(setsid\)\.",
        without=frozenset({"memory"}),
    ),
    Excess(
        number="32",
        title="huge file",
        layer="file size limit",
        cell="with open('big', 'wb') as file:\n    for _ in range(4): file.write(bytes(2**20))",
        limits={"file_bytes": 2 * _MB},
        held=r"OSError: \[Errno 27\] File too large",
    ),
    Excess(
        number="32",
        title="fill the disk with many files",
        layer="writable folders of its own",
        cell="for n in range(9):\n    open(f'big{n}', 'wb').write(bytes(2**25))",
        limits={},
        held=r"OSError: \[Errno 28\] No space left on device.*",
        without=frozenset({"mounts", "user", "landlock"}),
    ),
    Excess(
        number="33",
        title="many inodes",
        layer="writable folders of its own",
        cell="for n in range(17000): open(str(n), 'w').close()",
        limits={},
        held=r"OSError: \[Errno 28\] No space left on device.*",
        without=frozenset({"mounts", "user", "landlock"}),
    ),
    Excess(
        number="38",
        title="wait for input()",
        layer="input() returns an empty line",
        cell="raise OSError(repr(input('name?')))",
        limits={"cell_timeout_s": 5},
        held="OSError: ''",
        enough={"none": "a notebook without a person cannot be answered"},
    ),
    Excess(
        number="x9",
        title="open descriptors without end",
        layer="descriptor limit",
        cell="kept = [open('/dev/null') for _ in range(600)]",
        limits={},
        held=r"OSError: \[Errno 24\] Too many open files.*",
        without=frozenset({"rlimits"}),
    ),
)


@pytest.mark.parametrize("excess", [excess.as_param() for excess in EXCESSES])
def test_excess(excess: Excess, zygote: Zygote, bare_zygote: Zygote) -> None:
    if "none" not in excess.enough:
        bare = excess.without & {"mounts"} and os.geteuid() == 0
        if not excess.without or os.geteuid() == 0:
            link = lacking(bare_zygote if bare else zygote, excess.without)
            with KernelSession(
                link, notebook(excess.cell), limits=Limits(**excess.enough), seed=1
            ) as session:
                assert session.run().failures == (), "the control did not win"
    with KernelSession(zygote, notebook(excess.cell), limits=Limits(**excess.limits), seed=1) as session:
        failures = session.run().failures
    assert failures, f"{excess.title}: nothing held it"
    assert re.fullmatch(excess.held, failures[0].message), failures[0].message


DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        with open("daemon", "w") as file:
            file.write(str(os.getpid()))
        os.rename("daemon", "daemon.pid")
        time.sleep(30)
    os._exit(0)
while not os.path.exists("daemon.pid"):
    time.sleep(0.01)
"""


@pytest.mark.attack("27", "leave a daemon behind", layer="pid namespace", control="plain process")
def test_a_daemon_ends_with_its_box(zygote: Zygote, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", DAEMON], cwd=tmp_path, check=True, timeout=30)
    daemon = psutil.Process(int((tmp_path / "daemon.pid").read_text()))
    assert daemon.is_running()
    daemon.kill()

    with KernelSession(zygote, notebook(DAEMON), limits=Limits(), seed=1) as session:
        assert session.run().failures == ()
        tree = psutil.Process(session._kernels.after(END).process.pid).children(recursive=True)
        assert len(tree) >= 2
    assert psutil.wait_procs(tree, timeout=3)[1] == []


HANG = """
import atexit, threading, time
atexit.register(time.sleep, 3)
threading.Thread(target=time.sleep, args=(3,)).start()
class Slow:
    def __del__(self): time.sleep(3)
slow = Slow()
"""


@pytest.mark.attack(
    "28", "threads, atexit and __del__ that hang", layer="SIGKILL of the box", control="plain process"
)
@pytest.mark.long
def test_what_hangs_at_the_end_is_not_waited_for(zygote: Zygote) -> None:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", HANG], check=True, timeout=60)
    assert time.monotonic() - began >= 3

    session = KernelSession(zygote, notebook(HANG), limits=Limits(), seed=1)
    assert session.run().failures == ()
    began = time.monotonic()
    session.close()
    assert time.monotonic() - began < 2.5


@pytest.mark.attack(
    "34,35", "floods of print and of one repr", layer="output limit", control="a little is kept whole"
)
def test_floods_of_output_are_cut(zygote: Zygote) -> None:
    cells = (
        "print('x' * 100)",
        "for _ in range(300): print('x' * 20_000)",
        "'y' * 10 * 2**20",
        "'z' * 100 * 2**20",
        "1",
    )
    process = psutil.Process()
    with KernelSession(zygote, notebook(*cells), limits=Limits(output_bytes=_MB), seed=1) as session:
        before = process.memory_info().rss
        execution = session.run()
        grown = process.memory_info().rss - before
    kept = [len(text_of(execution, number)) for number in range(5)]

    assert kept[0] == 101
    assert sum(kept) <= 2 * _MB
    assert execution.remarks == ("Your notebook printed more than 1 MB; the rest was not kept.",)
    assert grown < 300 * _MB


FLOOD = """
kernel = get_ipython().kernel
text = "x" * (24 * 2**20)
for _ in range(40):
    kernel.session.send(kernel.iopub_socket, "stream", {"name": "stdout", "text": text}, parent=kernel.get_parent())
"""


@pytest.mark.slow
@pytest.mark.attack(
    "34",
    "a gigabyte of messages",
    layer="message limit, high-water mark",
    control="none: it takes a gigabyte",
)
def test_a_gigabyte_of_messages_stays_in_the_kernel(zygote: Zygote) -> None:
    process, peak = psutil.Process(), 0
    import threading

    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            peak = max(peak, process.memory_info().rss)

    before = process.memory_info().rss
    thread = threading.Thread(target=watch)
    thread.start()
    try:
        with KernelSession(zygote, notebook(FLOOD), limits=Limits(cell_timeout_s=20), seed=1) as session:
            session.run()
    finally:
        done.set()
        thread.join()
    assert peak - before < 700 * _MB


ASKED = """
import collections.abc, os, sys, time, torch
def fine(): return 1
class Endless(collections.abc.Mapping):
    def __iter__(self):
        while True: yield "key"
    def __len__(self): return 1
    def __getitem__(self, key): return 1
class SlowToGo:
    def __del__(self): time.sleep(3)
def slow_to_encode(): return Endless()
def slow_to_delete(): SlowToGo(); return 1
def loops():
    me = []
    me.append(me)
    return me
def many(): return [0] * 10**7
def leave(): os._exit(3)
def crash(): os.kill(os.getpid(), 11)
def quits(): quit()
def exits(): sys.exit(4)
def hoards(): x = bytearray(2**30); x[::4096] = bytes(len(x[::4096])); time.sleep(8)
def stops(): os.kill(os.getpid(), 19); time.sleep(3)
"""
ASKS = {
    "slow_to_encode": ("36", "an answer that never ends being encoded", CallTimeoutError),
    "slow_to_delete": ("36", "a __del__ that sleeps", CallTimeoutError),
    "loops": ("36", "a list in itself", SubmissionError),
    "many": ("36", "an answer of ten million items", SubmissionError),
    "leave": ("39", "os._exit in a function", KernelDiedError),
    "crash": ("39", "a segmentation fault in a function", KernelDiedError),
    "exits": ("39", "sys.exit in a function", StudentCodeError),
    "hoards": ("29", "a heap bomb in a function", KernelDiedError),
    "stops": ("x8", "SIGSTOP in a function", CallTimeoutError),
}


@pytest.fixture(scope="module")
def asked(zygote: Zygote) -> Any:
    limits = Limits(call_timeout_s=1.2, memory_bytes=700 * _MB)
    with KernelSession(zygote, notebook(ASKED), limits=limits, seed=1) as session:
        session.run()
        yield session


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=pytest.mark.attack(
                number, title, layer="costs that question alone", control="the next one is answered"
            ),
        )
        for name, (number, title, _) in ASKS.items()
    ],
)
def test_an_excess_costs_that_question_alone(asked: KernelSession, name: str) -> None:
    with pytest.raises(ASKS[name][2]):
        asked.call(name, seed=1, timeout_s=10 if name == "hoards" else None)
    assert asked.call("fine", seed=1) == 1


@pytest.mark.attack(
    "39", "quit() in a function", layer="costs that question alone", control="the next one is answered"
)
def test_quit_costs_that_question_alone(asked: KernelSession) -> None:
    with contextlib.suppress(SubmissionError):
        assert asked.call("quits", seed=1) is None
    assert asked.call("fine", seed=1) == 1
