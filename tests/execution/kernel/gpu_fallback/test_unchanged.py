"""Code that never asks for a GPU behaves with the fallback as without it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("call_everything.py")
ROOT = SCRIPT.parents[4]


@pytest.fixture(scope="module")
def outcomes() -> list[tuple[dict[str, object], dict[str, object]]]:
    """What calls come to without and with the fallback, by kind of call."""
    modes = ("native", "fallback")
    running = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", SCRIPT, mode],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for mode in modes
    ]
    printed = [process.communicate(timeout=300)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    return list(zip(*map(json.loads, printed), strict=True))


@pytest.mark.parametrize(("kind", "at_least"), [(0, 5), (1, 1), (2, 10), (3, 500)])
def test_results_errors_warnings_and_counts_of_calls_are_the_same(outcomes, kind: int, at_least: int) -> None:
    native, fallback = outcomes[kind]

    assert len(native) >= at_least
    assert {name: (native[name], fallback[name]) for name in native if native[name] != fallback[name]} == {}


def test_nothing_of_it_counts_as_asking(outcomes) -> None:
    assert outcomes[4] == ({"asked": []}, {"asked": []})
