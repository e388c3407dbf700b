"""What a GPU has to give, by scripted measurements: the arithmetic needs no GPU."""

import itertools
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from autograder.errors import GraderError
from autograder.execution.devices import CONTEXT_BYTES, GpuBudget, is_out_of_memory
from autograder.execution.gpu_watchdog import GpuWatchdog

GB = 2**30


def budget(*free, total=16 * GB, limit=4 * GB, shared_by=1, own=0):
    """Return a budget whose free bytes are these, one measurement after the other; the last one stays."""
    seen = itertools.chain(free, itertools.repeat(free[-1]))
    return GpuBudget(
        limit_bytes=limit, shared_by=shared_by, memory=lambda: (next(seen), total), own=lambda: own
    )


def test_a_submission_waits_until_its_predecessor_has_gone():
    budget(1 * GB, 1 * GB, 5 * GB).wait(timeout_s=5)


def test_a_full_gpu_is_no_fault_of_the_student():
    with pytest.raises(GraderError, match=r"only 1\.0 GB free, and a submission may use 4\.0 GB"):
        budget(1 * GB).wait(timeout_s=0.1)


def test_a_gpu_too_small_for_all_who_share_it_is_said_with_the_way_out():
    with pytest.raises(GraderError, match=r"Give --per-gpu 3\."):
        budget(16 * GB, shared_by=4).check_size()
    with pytest.raises(GraderError, match="smaller gpu_memory_bytes"):
        budget(16 * GB, total=4 * GB).check_size()
    budget(16 * GB, shared_by=3).check_size()


def test_the_allocators_share_is_the_limit():
    assert budget(16 * GB).share == 0.25
    assert budget(16 * GB, limit=99 * GB).share == 1.0


class Kernel:
    """A process that lives until it is killed."""

    def __init__(self):
        self.killed = ""

    def is_alive(self):
        return not self.killed

    def kill(self, reason):
        self.killed = reason


def watched(measured, ticks=8):
    kernel = Kernel()
    watchdog = GpuWatchdog(kernel, measured)
    watchdog._thread.join(0.3 * ticks if not kernel.killed else None)
    watchdog.close()
    return kernel, watchdog


def test_what_takes_more_than_its_share_is_ended_from_outside():
    kernel, watchdog = watched(budget(14 * GB, 12 * GB, 2 * GB))
    assert kernel.killed == "it used more than 4.0 GB of GPU memory"
    assert watchdog.gpu_bytes == 12 * GB


def test_cudas_own_needs_come_on_top():
    kernel, _ = watched(budget(14 * GB, 14 * GB - 4 * GB - CONTEXT_BYTES), ticks=3)
    assert not kernel.killed


def test_what_the_grader_itself_takes_is_not_the_students():
    taken = iter([1 * GB, 9 * GB])
    measured = replace(budget(14 * GB, 6 * GB), own=lambda: next(taken, 9 * GB))
    kernel, watchdog = watched(measured, ticks=3)
    assert not kernel.killed and watchdog.gpu_bytes == 0


def test_among_several_nobody_is_blamed_for_what_is_missing():
    kernel, _ = watched(budget(14 * GB, 1 * GB, shared_by=2), ticks=3)
    assert not kernel.killed


def test_an_error_of_memory_is_told_from_others():
    assert is_out_of_memory("OutOfMemoryError", "CUDA out of memory. Tried to allocate 20.00 GiB.")
    assert is_out_of_memory("RuntimeError", "CUDA error: out of memory")
    assert not is_out_of_memory("MemoryError", "out of memory")
    assert not is_out_of_memory("RuntimeError", "CUDA error: device-side assert triggered")


def test_a_seat_is_taken_before_cuda_starts():
    program = (
        "import os, torch; from autograder.execution import devices;"
        "devices.take_seat('3'); devices.limit_allocator(0.5);"
        "print(os.environ['CUDA_VISIBLE_DEVICES'], os.environ['CUBLAS_WORKSPACE_CONFIG'],"
        "torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32,"
        "torch.are_deterministic_algorithms_enabled(), torch.cuda.is_initialized())"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["3", ":4096:8", "False", "False", "True", "False"]


def test_kernels_of_the_cpu_know_nothing_of_gpus():
    from autograder.execution.zygote_client import scrubbed_environment

    assert scrubbed_environment(gpu=False)["CUDA_VISIBLE_DEVICES"] == ""
    assert "CUBLAS_WORKSPACE_CONFIG" not in scrubbed_environment(gpu=False)
    assert scrubbed_environment(gpu=True)["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_a_report_on_a_gpu_that_had_too_little_says_nothing(monkeypatch):
    from autograder.execution import devices
    from autograder.grading import worker
    from autograder.grading.pipeline import Raised

    monkeypatch.setattr(devices, "fault_of_device", lambda: "")
    full = [Raised(exception="OutOfMemoryError", message="CUDA out of memory.")]
    link = SimpleNamespace(await_ends=lambda: None)
    assert "other programs" in worker._void(full, link, budget(1 * GB))
    # The student's allowance is all there again: the student used it up.
    assert worker._void(full, link, budget(9 * GB)) == ""
    monkeypatch.setattr(devices, "fault_of_device", lambda: "CUDA error: unknown error")
    assert worker._void(full, link, budget(9 * GB)) == "the GPU failed: CUDA error: unknown error"
