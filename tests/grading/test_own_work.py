"""A worker's own work is stopped when it takes too much, and only then."""

import resource
import signal
import time

import pytest

from autograder.grading.own_work import OverBudget, OwnWork


def test_work_within_the_limits_is_left_alone_and_leaves_no_trace():
    before = signal.getsignal(signal.SIGPROF), resource.getrlimit(resource.RLIMIT_CPU)
    with OwnWork(cpu_s=50, resident_bytes=2**30) as work:
        sum(range(10**6))
    assert work.reason == ""
    assert (signal.getsignal(signal.SIGPROF), resource.getrlimit(resource.RLIMIT_CPU)) == before
    assert signal.getitimer(signal.ITIMER_PROF)[0] == 0


def test_waiting_does_not_count():
    with OwnWork(cpu_s=0.2) as work:
        time.sleep(0.5)
    assert work.reason == ""


def loop() -> None:
    while True:
        pass


def loop_on() -> None:
    try:
        loop()
    except BaseException:
        loop()


def test_work_is_stopped_after_its_cpu_time_even_where_errors_are_swallowed():
    began = time.process_time()
    work = OwnWork(cpu_s=0.3)
    with pytest.raises(OverBudget), work:
        loop_on()
    assert 0.3 <= time.process_time() - began < 3
    assert work.reason.startswith("The grader needed more than 0.3 s of computing time of its own for this")
    assert "grader_cpu_s" in work.reason


def hoard() -> None:
    kept = []
    while True:
        kept.append(bytes(2**20) + b"x")
        time.sleep(0.001)


def test_work_is_stopped_when_it_takes_too_much_memory_where_that_is_watched():
    work = OwnWork(cpu_s=60, resident_bytes=100 * 2**20)
    with pytest.raises(OverBudget), work:
        hoard()
    assert "more memory than it may use" in work.reason and "grader_memory_bytes" in work.reason
