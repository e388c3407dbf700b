"""A second kernel, for functions that later cells changed: forged fingerprints, its time, what it could learn."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import nbformat
import psutil
import pytest

from autograder.errors import KernelDiedError, SubmissionError
from autograder.execution.session import KernelSession
from autograder.execution.zygote_client import Zygote
from autograder.records import Limits

from .attacks import text_of

pytestmark = pytest.mark.sandbox

PROBE = """
from tornado.ioloop import IOLoop
owners = [getattr(handler, "__self__", None) for _, handler in IOLoop.current().handlers.values()]
(probe,) = [owner for owner in owners if type(owner).__name__ == "Probe"]
kept = probe._serve
"""
F = "def f(x): return [x, len([])]"
CHECK = "assert f(1) == [1, 0]"
LATER = "def len(x): return 9"


class Sessions:
    """Opens sessions of cells; one given as (name, source) is that function's check cell."""

    def __init__(self, zygote: Zygote) -> None:
        self._zygote = zygote
        self._open: list[KernelSession] = []

    def run(self, *cells: str | tuple[str, str], **limits: Any) -> tuple[KernelSession, Any]:
        made, checks = [], {}
        for number, cell in enumerate(cells):
            name, source = cell if isinstance(cell, tuple) else ("", cell)
            identity = f"cell-{number}"
            if name:
                checks[name] = identity
            made.append(nbformat.v4.new_code_cell(source, id=identity))
        content = dict(nbformat.v4.new_notebook(cells=made))
        session = KernelSession(self._zygote, content, limits=Limits(**limits), seed=1, check_cells=checks)
        self._open.append(session)
        return session, session.run()

    def close(self) -> None:
        for session in self._open:
            session.close()


@pytest.fixture
def sessions(zygote: Zygote) -> Iterator[Sessions]:
    opened = Sessions(zygote)
    yield opened
    opened.close()


FORGED = {
    "nothing": "None",
    "no table": "[1, 2]",
    "odd claims": "{'f': [1, 2], 'g': None, 'h': ['a'], '': ['x', {}]}",
    "other types": "{'f': ['x', [1, None, [], 'y']]}",
    "a megabyte": "{'f': ['x' * 2**20, ['y' * 1000] * 5000]}",
    "never twice the same": "{'f': [str(__import__('time').monotonic_ns()), []]}",
    "undefined each time": "{'f': ['x', [str(__import__('time').monotonic_ns())]]}",
    "a function without check": "{'__init__': ['x', []], 'probe': ['y', []]}",
}


@pytest.mark.attack(
    "105",
    "forge fingerprints of every form",
    layer="claims choose a state",
    control="a true one is different",
)
@pytest.mark.parametrize("name", FORGED)
def test_forged_fingerprints_choose_a_state_at_most(sessions: Sessions, name: str) -> None:
    forge = f"""{PROBE}
def lie(request, tensors, fds):
    if request["op"] == "fingerprint":
        return {{"status": "ok", "fingerprints": {FORGED[name]}}}, {{}}
    return kept(request, tensors, fds)
probe._serve = lie
"""
    session, execution = sessions.run(forge, F, ("f", CHECK), LATER)
    assert execution.failures == ()
    assert session.call("f", (5,), seed=1) in ([5, 0], [5, 9])
    assert session.early_runs <= 1

    honest, _ = sessions.run(F, ("f", CHECK), LATER)
    assert honest.call("f", (5,), seed=1) == [5, 0]
    assert honest.early_runs == 1


HOSTILE_GLOBALS = {
    "a class that raises": """
class Proxy:
    @property
    def __class__(self): raise RuntimeError("working outside of a context")
thing = Proxy()
""",
    "a number of too many digits": "thing = 10 ** 5000",
    "numbers of too many digits in a set": "thing = {10 ** 5000, 3}",
    "a metaclass that raises": """
class Meta(type):
    def __getattribute__(cls, name): raise RuntimeError(name)
class thing(metaclass=Meta): pass
""",
    "a default that raises": """
class Table(dict):
    def items(self): raise RuntimeError
    __iter__ = keys = values = __len__ = items
thing = Table(a=1)
""",
    "a module that raises": """
import types, sys
class Module(types.ModuleType):
    def __getattribute__(self, name): raise RuntimeError(name)
thing = Module("thing")
""",
}


@pytest.mark.attack(
    "106",
    "globals on which the walk raises",
    layer="no fingerprint, no second state",
    control="the global raises",
)
@pytest.mark.parametrize("name", HOSTILE_GLOBALS)
def test_a_global_that_raises_costs_no_kernel(sessions: Sessions, name: str) -> None:
    cells = [HOSTILE_GLOBALS[name] + "\ndef f(x):\n    thing\n    return x", ("f", "f(1)")]
    began = time.monotonic()
    session, execution = sessions.run(*cells, "print(callable(f))")

    assert execution.failures == () and text_of(execution, 2) == "True\n"
    assert session.call("f", (7,), seed=1) == 7
    assert time.monotonic() - began < 5  # no request went without its answer


WALKS = {
    "a million objects": "thing = [[n] for n in range(10**6)]",
    "a chain": "thing = []\nfor _ in range(10**5): thing = [thing]",
    "a circle": "thing = {}\nthing['a'] = thing\nthing['b'] = [thing] * 1000",
    "a million numbers": "thing = list(range(2 * 10**6))",
    "many tensors": "import torch\nthing = [torch.zeros(16000) for _ in range(5000)]",
    "long texts": "thing = ['x' * 10**6 + str(n) for n in range(300)]",
    "all attributes of a function": "thing = [lambda: thing for _ in range(10**4)]",
}


@pytest.mark.attack(
    "107", "a walk without end", layer="bounded walk, time limit", control="it is larger than the bound"
)
@pytest.mark.parametrize("name", WALKS)
def test_a_walk_ends(sessions: Sessions, name: str) -> None:
    cells = [WALKS[name] + "\ndef f(x):\n    thing\n    return x", ("f", "f(1)"), ("g", "0"), ("h", "0")]
    began = time.monotonic()
    session, execution = sessions.run(*cells, cell_timeout_s=20)
    assert execution.failures == ()
    assert session.call("f", (7,), seed=1) == 7
    assert time.monotonic() - began < 120  # however busy the machine is


@pytest.mark.attack(
    "108",
    "a state of its own for each function, slow cells",
    layer="one more budget",
    control="one is not slow",
)
@pytest.mark.long
def test_states_have_the_time_of_one_more_notebook(sessions: Sessions) -> None:
    cells: list[str | tuple[str, str]] = ["import time\nv = 0"]
    for number in range(6):
        # Each later cell changes what all functions before it depend on.
        cells += [f"v = {number}\ntime.sleep(0.3)\ndef f{number}(): return v", (f"f{number}", "0")]
    cells.append("v = 99")
    limit_s = 4
    session, execution = sessions.run(*cells, submission_timeout_s=limit_s)
    assert execution.failures == ()
    began = time.monotonic()
    for _ in range(2):
        for number in range(6):
            try:
                session.call(f"f{number}", seed=1)
            except SubmissionError:
                continue
    assert time.monotonic() - began < 4 * 2 * limit_s  # a busy machine may stretch each of both budgets
    assert session.early_runs <= 6


KEEP = """
import glob, os
def kept(): return sorted(glob.glob("/*/kept") + glob.glob("/dev/shm/kept"))
def learn(x):
    for folder in ("/box", "/tmp", "/dev/shm", "/run"):
        try: open(f"{folder}/kept", "w").write(str(x))
        except OSError: pass
    return [*kept(), len([])]
"""
PEEK = "def peek(): return [kept(), len([])]"


@pytest.mark.attack(
    "109",
    "learn in one kernel, use it in the other",
    layer="a box a kernel",
    control="the same kernel finds it",
)
@pytest.mark.parametrize("early", ["peek", "learn"])
def test_the_two_kernels_share_nothing(sessions: Sessions, early: str) -> None:
    session, _ = sessions.run(KEEP, PEEK, (early, "0"), LATER)
    assert any("kept" in str(place) for place in session.call("learn", ("LEAK1",), seed=1))
    assert session.call("peek", seed=1)[0] == []
    assert session.call("learn", ("LEAK1",), seed=1)
    assert session.call("peek", seed=1)[0] == []
    assert session.early_runs == 1


@pytest.mark.attack(
    "110",
    "print and note in the second run",
    layer="the first run is shown",
    control="the first run is shown",
)
def test_what_the_second_run_prints_is_nowhere(sessions: Sessions) -> None:
    # The box's clock is all that tells the runs apart.
    tell = """
import time
print("told", time.monotonic_ns())
get_ipython().notes.add("install", 1, f"pip install told{time.monotonic_ns()}")
"""
    session, execution = sessions.run(tell, F, ("f", CHECK), LATER)
    before = (text_of(execution, 0), execution.remarks, execution.missing_modules)
    assert "told" in before[0] and any("told" in remark for remark in before[1])
    assert session.call("f", (5,), seed=1) == [5, 0]
    assert (text_of(execution, 0), execution.remarks, execution.missing_modules) == before
    assert session.side_effects == []


@pytest.mark.attack(
    "111", "end the kernel in each call", layer="the submission's clock", control="each call starts a kernel"
)
@pytest.mark.long
def test_kernels_that_end_in_each_call_are_bounded_by_the_clock(sessions: Sessions) -> None:
    slow = "import time, os\ntime.sleep(0.5)\ndef f(x): os._exit(len([]))\ndef g(x): os._exit(0)"
    session, _ = sessions.run(slow, ("f", "0"), LATER, submission_timeout_s=5)
    began = time.monotonic()
    for number in range(30):
        with pytest.raises(SubmissionError) as raised:
            session.call("fg"[number % 2], (1,), seed=1)
        assert number > 1 or isinstance(raised.value, KernelDiedError)
    assert time.monotonic() - began < 4 * 2 * 5
    assert session.early_runs == 1


HOARD = """
import torch
kept = []
def hoard(size): kept.append(torch.ones(size * 2**18)); return len([])
def more(size): kept.append(torch.ones(size * 2**18)); return 0
"""


@pytest.mark.attack(
    "130",
    "fill the memory of many states",
    layer="two kernels at most, a watch each",
    control="two hold as much as one may",
)
def test_no_third_state_holds_memory(sessions: Sessions) -> None:
    # What hoard() gives differs at its own check cell, at that of more(), and at the end.
    between = "def more(size): return hoard(size) + len([])\ndef len(x): return 5"
    cells = [HOARD, ("hoard", "0"), between, ("more", "0"), LATER]
    session, _ = sessions.run(*cells, "def hoard(size): return len([])", memory_bytes=700 * 2**20)

    def boxes() -> int:
        running = session._kernels._running.values()
        return sum(kernel.process.is_alive() for kernel in running)

    assert session.call("hoard", (300,), seed=1) == 0 and boxes() == 2
    assert session.call("more", (300,), seed=1) == 10 and boxes() == 2
    assert session.call("hoard", (300,), seed=1) == 0 and boxes() == 2
    with pytest.raises(SubmissionError):
        session.call("hoard", (600,), seed=1)


@pytest.mark.attack(
    "112", "leave a process in each kernel", layer="pid namespace", control="it runs while the kernel does"
)
def test_no_process_outlives_the_two_kernels(sessions: Sessions) -> None:
    leave = """
import os, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)  # leftover-attack"], start_new_session=True)
"""

    def left() -> int:
        return sum(
            "leftover-attack" in " ".join(each.info["cmdline"] or ())
            for each in psutil.process_iter(["cmdline"])
        )

    session, _ = sessions.run(leave, F, ("f", CHECK), LATER)
    assert session.call("f", (5,), seed=1) == [5, 0]
    assert left() == 2
    session.close()
    deadline = time.monotonic() + 5
    while left() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left() == 0


@pytest.mark.attack(
    "113",
    "hidden inputs told to the state's fingerprint",
    layer="taken before calls",
    control="the digest moves",
)
def test_states_are_chosen_before_the_first_call(sessions: Sessions) -> None:
    """What a function learns in a call cannot choose where it is called next."""
    learn = "SEEN = []\ndef f(x):\n    SEEN.append(x)\n    return [list(SEEN), len([])]"
    session, _ = sessions.run(learn, ("f", "0"), LATER)
    first = session.call("f", (1,), seed=1)
    second = session.call("f", (2,), seed=1)
    assert first == [[1], 0] and second == [[1, 2], 0]
    assert session.early_runs == 1
