"""A kernel with many busy processes weighs no more than one. Each crowd is started by a real kernel."""

import time

import psutil
import pytest

from autograder.execution import crowding
from autograder.execution.check_states import END

from .conftest import Runner

pytestmark = pytest.mark.sandbox

CROWD = """
import os, threading, time
read, write = os.pipe()
children = []
for _ in range({processes}):
    children.append(os.fork())
    if children[-1] == 0:
        {first}
        os.write(write, b".")
        while {busy}: pass
        time.sleep(60)
for _ in range({processes}):
    os.read(read, 1)
"""
AWAIT_DEATH = "for child in children: os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)\n"


def crowd(runner: Runner, processes: int, *, first: str = "pass", busy: bool = True, last: str = ""):
    """Return the processes of a kernel that has started some more, and the one that runs its cells."""
    session = runner.session(CROWD.format(processes=processes, first=first, busy=busy) + last)
    assert session.run().failures == ()
    kernel = session._kernels.after(END).process
    root = psutil.Process(kernel.pid)
    if not busy:
        until_asleep(psutil.Process(kernel.student_pid).children())
    return [root, *root.children(recursive=True)], kernel.student_pid


def until_asleep(processes: list[psutil.Process]) -> None:
    """Wait until none of them runs or waits for a core: they report before they fall asleep."""
    deadline = time.monotonic() + 10
    while any(process.status() == psutil.STATUS_RUNNING for process in processes):
        assert time.monotonic() < deadline, "They are still running."
        time.sleep(0.01)


def priorities(tree: list[psutil.Process], main: int) -> set[int]:
    return {int(process.nice()) for process in tree if process.ppid() == main}


def test_many_busy_processes_weigh_as_much_as_one(runner: Runner) -> None:
    tree, main = crowd(runner, 12)
    crowding.restrain(tree, main)

    (nice,) = priorities(tree, main)
    assert 0.7 < 12 / 1.25**nice < 1.4
    assert psutil.Process(main).nice() == 0


def test_a_few_busy_processes_and_many_idle_ones_weigh_as_usual(runner: Runner) -> None:
    for processes, busy in ((3, True), (12, False)):
        tree, main = crowd(runner, processes, busy=busy)
        crowding.restrain(tree, main)
        assert priorities(tree, main) == {0}


def test_busy_threads_are_restrained_but_not_the_main_one(runner: Runner) -> None:
    source = """
import threading, torch
table = torch.randn(2000, 2000)
def loop():
    while True: table @ table
for _ in range(8): threading.Thread(target=loop, daemon=True).start()
"""
    session = runner.session(source)
    assert session.run().failures == ()
    main = session._kernels.after(END).process.student_pid
    crowding.restrain([psutil.Process(main)], main)

    nice = {thread.id: psutil.Process(thread.id).nice() for thread in psutil.Process(main).threads()}
    assert nice[main] == 0
    assert sum(value > 4 for value in nice.values()) >= 5


def test_sessions_are_counted_and_those_of_the_dead_are_not(runner: Runner) -> None:
    tree, _ = crowd(runner, 3, first="os.setsid()", busy=False)
    assert crowding.count_sessions(tree) == 4
    tree, _ = crowd(runner, 3, first="os.setsid(); os.write(write, b'.'); os._exit(0)", last=AWAIT_DEATH)
    assert crowding.count_sessions(tree) == 1
