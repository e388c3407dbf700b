"""A limit counts the time that the kernel got: a busy machine costs nobody points, a busy student does."""

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from autograder.execution.cpu_clock import STRETCH, FairClock, waited_s


class Process:
    """What the clock needs to know of a kernel."""

    def __init__(self, pid: int) -> None:
        self.student_pid = pid


def spin(started, cores) -> None:
    os.sched_setaffinity(0, cores)
    started.set()
    while True:
        pass


@pytest.fixture
def one_core():
    """Start spinning processes on one core; all end with the test."""
    cores = {min(os.sched_getaffinity(0))}
    running = []

    def start():
        started = multiprocessing.Event()
        process = multiprocessing.Process(target=spin, args=(started, cores))
        process.start()
        running.append(process)
        started.wait()
        return process

    yield start
    for process in running:
        process.kill()
        process.join()


def run_down(clock: FairClock) -> float:
    began = time.monotonic()
    while (left_s := clock.left_s()) > 0:
        time.sleep(left_s)
    return time.monotonic() - began


def test_waiting_for_a_core_does_not_count(one_core):
    kernel = one_core()
    if waited_s(kernel.pid) == 0.0 and not Path(f"/proc/{kernel.pid}/schedstat").exists():
        pytest.skip("this kernel does not count it")
    for _ in range(3):
        one_core()
    assert run_down(FairClock(0.4, Process(kernel.pid))) > 2 * 0.4, "it had a quarter of a core"


def test_a_sleeping_kernel_is_given_no_more(one_core):
    sleeper = multiprocessing.Process(target=time.sleep, args=(60,))
    sleeper.start()
    try:
        for _ in range(2):
            one_core()
        assert run_down(FairClock(0.4, Process(sleeper.pid))) < 1.5 * 0.4
    finally:
        sleeper.kill()
        sleeper.join()


def test_a_limit_ends_however_busy_the_machine_is(one_core):
    kernel = one_core()
    for _ in range(11):
        one_core()
    assert run_down(FairClock(0.2, Process(kernel.pid))) < (STRETCH + 1) * 0.2


def test_the_wall_clock_counts_for_an_unknown_process():
    assert waited_s(2**22 + 1) == 0.0
    assert run_down(FairClock(0.1, Process(2**22 + 1))) < 0.2
