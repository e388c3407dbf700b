"""Functions in child processes end, and send records."""

import os
import time

import pytest

from autograder.authoring.verify.mutation.child_processes import run_in_children
from autograder.authoring.verify.mutation.judging import Judgement
from autograder.authoring.verify.mutation.mutation_testing import MutantRun


def endless():
    while True:
        pass


def greedy():
    return len(bytearray(3 * 2**30))


def test_a_child_that_never_ends_is_ended_and_the_others_answer():
    began = time.process_time()
    assert run_in_children([lambda: 1, endless, lambda: [2.5, "a"]], cpu_s=1, at_once=2) == [
        1,
        None,
        [2.5, "a"],
    ]
    assert time.process_time() - began < 1


def test_a_child_that_takes_all_memory_is_ended():
    assert run_in_children([greedy, lambda: 3], cpu_s=10, memory_bytes=2**29) == [None, 3]


def test_a_fault_of_ours_in_a_child_is_told():
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        run_in_children([lambda: 1 // 0], cpu_s=5)


def test_records_arrive_as_they_were_sent():
    judgement = Judgement(score=1.5, max_score=4.0, lost=("test_a", "test_b"), diagnosed="overall_mean")
    sent = MutantRun(judgement=judgement, distance=float("inf"), detections=2)
    assert run_in_children([lambda: sent], cpu_s=5) == [sent]


def test_a_child_that_dies_has_no_result():
    assert run_in_children([lambda: os._exit(3), lambda: 1], cpu_s=5) == [None, 1]
