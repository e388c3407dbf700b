"""A function in a child process ends, and its result arrives."""

import os
import time

import pytest

from autograder.authoring.verify.mutation.child_processes import run_in_child
from autograder.authoring.verify.mutation.judging import Judgement
from autograder.authoring.verify.mutation.mutation_testing import MutantRun


def endless():
    while True:
        pass


def greedy():
    return len(bytearray(3 * 2**30))


def test_a_child_that_never_ends_is_ended():
    began = time.process_time()
    assert run_in_child(endless, cpu_s=1) is None
    assert time.process_time() - began < 1


def test_a_child_that_sleeps_is_ended():
    began = time.monotonic()
    assert run_in_child(lambda: time.sleep(600), cpu_s=1) is None
    assert time.monotonic() - began < 60


def test_a_child_that_takes_all_memory_is_ended():
    assert run_in_child(greedy, cpu_s=10, memory_bytes=2**29) is None


def test_a_child_that_dies_has_no_result():
    assert run_in_child(lambda: os._exit(3), cpu_s=5) is None


def test_an_error_of_ours_in_a_child_is_raised():
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        run_in_child(lambda: 1 // 0, cpu_s=5)


def test_a_record_arrives_as_it_was_sent():
    judgement = Judgement(score=1.5, max_score=4.0, lost=("test_a", "test_b"), diagnosed="overall_mean")
    sent = MutantRun(judgement=judgement, distance=float("inf"), detections=2)
    assert run_in_child(lambda: sent, cpu_s=5) == sent
