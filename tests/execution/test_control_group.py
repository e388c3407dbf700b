"""Control groups of kernels: what Linux limits by itself, and what is left where no group can be made."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from autograder.errors import KernelDiedError
from autograder.execution import control_group
from autograder.execution.control_group import ControlGroup

from .conftest import Runner

MB = 2**20


def _available() -> frozenset[str]:
    group = ControlGroup(100 * MB)
    group.close()
    return group.controllers


with_memory = pytest.mark.skipif(
    "memory" not in _available(), reason="no control groups for memory can be made here"
)
with_cpu = pytest.mark.skipif(
    "cpu" not in _available(), reason="no control groups for the cores can be made here"
)


@pytest.fixture
def group() -> Iterator[ControlGroup]:
    made = ControlGroup(100 * MB)
    yield made
    made.close()


def start(code: str) -> subprocess.Popen[bytes]:
    """Start Python, which waits for a line before it runs the code."""
    return subprocess.Popen(
        [sys.executable, "-c", f"input()\n{code}"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def end(process: subprocess.Popen[bytes]) -> int:
    process.communicate(b"\n", timeout=60)
    return process.returncode


@with_memory
def test_linux_ends_a_process_at_the_limit_of_its_group(group: ControlGroup) -> None:
    hoarder, modest, outside = (start(f"b'x' * ({size} * 2**20)") for size in (200, 10, 200))
    group.add([modest.pid])
    assert (end(modest), group.why_ended()) == (0, "")
    group.add([hoarder.pid])
    assert end(hoarder) == -9
    assert group.why_ended() == "it used more than 100 MB of memory"
    assert end(outside) == 0
    group.close()
    assert group.why_ended() == "it used more than 100 MB of memory"


@with_memory
def test_nothing_is_left_of_a_group(group: ControlGroup) -> None:
    def made() -> set[Path]:
        return set(control_group.MOUNTED.glob(f"**/interp-autograder-{os.getpid()}-*"))

    before = made()
    another = ControlGroup(100 * MB)
    assert len(made() - before) in (1, 2)
    another.close()
    assert made() == before


@with_memory
def test_groups_of_graders_that_were_killed_are_removed() -> None:
    code = "import os; from autograder.execution.control_group import *; ControlGroup(2**20); os._exit(0)"
    gone = subprocess.Popen([sys.executable, "-c", code])
    gone.wait()
    left = list(control_group.MOUNTED.glob(f"**/interp-autograder-{gone.pid}-*"))
    mine = ControlGroup(100 * MB)
    assert left
    control_group.clear()
    assert not any(folder.exists() for folder in left)
    still = list(control_group.MOUNTED.glob(f"**/interp-autograder-{os.getpid()}-*"))
    mine.close()
    assert still


@with_cpu
def test_many_processes_of_a_group_weigh_as_much_as_one() -> None:
    core = {next(iter(os.sched_getaffinity(0)))}
    groups = [ControlGroup(1000 * MB) for _ in range(2)]
    crowd, neighbour = [start("while True: pass") for _ in range(9)], start("while True: pass")
    try:
        groups[0].add(process.pid for process in crowd)
        groups[1].add([neighbour.pid])
        for process in (*crowd, neighbour):
            os.sched_setaffinity(process.pid, core)
            assert process.stdin
            process.stdin.write(b"\n")
            process.stdin.flush()
        time.sleep(0.3)
        began = _cpu_s([*crowd, neighbour])
        time.sleep(2)
        spent = [after - before for after, before in zip(_cpu_s([*crowd, neighbour]), began, strict=True)]
        assert spent[-1] / sum(spent) > 0.35  # a tenth, if every process weighed the same
    finally:
        for process in (*crowd, neighbour):
            process.kill()
            process.communicate()
        for one in groups:
            one.close()


def _cpu_s(processes: list[subprocess.Popen[bytes]]) -> list[float]:
    return [sum(psutil.Process(process.pid).cpu_times()[:2]) for process in processes]


@with_memory
@pytest.mark.sandbox
def test_a_kernel_that_grows_faster_than_the_watchdog_looks_is_told_why(runner: Runner) -> None:
    grow = "def f():\n    kept = [bytes(2**20) + b'x' for _ in range(3000)]\n    return len(kept)"
    session = runner.running(grow, memory_bytes=600 * MB)
    with pytest.raises(KernelDiedError, match="it used more than 600 MB of memory"):
        session.call("f", (), seed=1)


def test_a_user_who_may_make_none_has_none() -> None:
    code = (
        "import os; from autograder.execution.control_group import ControlGroup\n"
        "os.geteuid() or os.setresuid(65534, 65534, 65534)\n"
        "group = ControlGroup(2**20); group.add([os.getpid()])\n"
        "print(sorted(group.controllers), group.why_ended()); group.close()"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[] \n"
