"""Every public name of torch's GPU modules works without a GPU, or is listed here with the reason why it does not."""

from __future__ import annotations

import json
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("call_public_names.py")
ROOT = SCRIPT.parents[4]

GPU_CODE = "runs code or a library that is made for a GPU"
REPLAY = "replays a recorded graph, whose operations nobody recorded"
SEVERAL = "moves data between several GPUs"
TUNING = "tunes the kernels of a GPU"
PARAMETERS = "takes what no public function makes"
DIRECT = "reads files into GPU memory"
PROCESSES = "shares an event between processes"

EXCEPTIONS = {
    **dict.fromkeys(("cuda.cudart", "cuda.check_error"), GPU_CODE),
    **dict.fromkeys(("*PluggableAllocator", "*.change_current_allocator"), GPU_CODE),
    **dict.fromkeys(("mps.compile_shader", "mps.load_metallib"), GPU_CODE),
    **dict.fromkeys(("*.CUDAGraph", "*.XPUGraph", "*.Graph", "*.graph"), REPLAY),
    **dict.fromkeys(("cuda.comm.*", "cuda.nccl.*"), SEVERAL),
    "cuda.tunable.*": TUNING,
    "cuda.gds.*": DIRECT,
    **dict.fromkeys(("backends.cuda.can_use_*", "backends.cuda.SDPAParams"), PARAMETERS),
    "backends.cuda.cuFFTPlanCache*": PARAMETERS,
}
"""Patterns of names, and what a name does that nothing stands in for."""

MISSING = {"cuda.Event": {"from_ipc_handle": PROCESSES, "ipc_handle": PROCESSES}}
"""Members that stand-ins lack."""


@pytest.fixture(scope="module")
def found() -> tuple[dict[str, str], dict[str, list[str]]]:
    """What each public name raises ("" if nothing), and what each stand-in's type lacks."""
    done = subprocess.run(
        [sys.executable, SCRIPT],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    raised, missing = json.loads(done.stdout)
    return raised, missing


def test_every_public_name_works_or_is_an_exception(found) -> None:
    raised, _ = found

    assert len(raised) > 300
    assert {
        name: error
        for name, error in raised.items()
        if error and not any(fnmatch(name, pattern) for pattern in EXCEPTIONS)
    } == {}


def test_no_exception_is_out_of_date(found) -> None:
    raised, _ = found

    assert [
        pattern
        for pattern in EXCEPTIONS
        if not any(error and fnmatch(name, pattern) for name, error in raised.items())
    ] == []


def test_types_have_the_members_of_those_they_stand_for(found) -> None:
    _, missing = found

    assert {name: set(members) for name, members in missing.items() if members} == {
        name: set(members) for name, members in MISSING.items()
    }
