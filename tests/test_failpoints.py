"""Where a process dies on purpose, and where it does not."""

import os

import pytest

from autograder.execution.zygote_client import scrubbed_environment
from autograder.failpoints import VARIABLE, reach

from .grading.test_journal import in_child

DIED = -9


def walk(*steps):
    def action():
        for step in steps:
            reach(step)

    return action


@pytest.mark.parametrize(
    ("asked", "steps", "ended"),
    [
        ("", ["a"], 0),
        ("a", ["a"], DIED),
        ("a", ["b", "ab", "a.b"], 0),
        ("a:2", ["a", "b"], 0),
        ("a:2", ["a", "b", "a"], DIED),
        ("a:3,b:2", ["a", "b", "a", "b"], DIED),
        ("a:3,b:2", ["a", "b", "a"], 0),
    ],
)
def test_a_process_dies_at_the_step_and_time_that_is_asked(monkeypatch, asked, steps, ended):
    monkeypatch.setenv(VARIABLE, asked)
    assert in_child(walk(*steps)) == ended


def test_with_a_folder_only_the_first_process_dies(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, f"a@{tmp_path}/once,b@{tmp_path}/once")
    assert [in_child(walk("a")), in_child(walk("a")), in_child(walk("a", "b")), in_child(walk("a", "b"))] == [
        DIED,
        0,
        DIED,
        0,
    ]


def test_kernels_never_see_the_variable(monkeypatch):
    monkeypatch.setenv(VARIABLE, "a")
    assert VARIABLE in os.environ
    assert VARIABLE not in scrubbed_environment(gpu=False)
