"""The grader itself: its clock, its pipe to the kernels, its GPU. Kills, full disks, two graders: see the table."""

from __future__ import annotations

import contextlib
import itertools
import os
import time

import pytest
import torch

from autograder.errors import CallTimeoutError, SubmissionError
from autograder.execution.session import KernelSession
from autograder.execution.zygote_client import Zygote
from autograder.execution.zygote_link import ZygoteLink
from autograder.records import Limits

from .attacks import notebook, text_of
from .conftest import lacking

pytestmark = pytest.mark.sandbox

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.mark.attack("61", "the machine's clock jumps", layer="monotonic clock", control="time.time did jump")
def test_a_jumping_clock_changes_no_limit(zygote: Zygote, monkeypatch: pytest.MonkeyPatch) -> None:
    jumps = itertools.count(0, 86_400)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps) * (-1) ** next(jumps))
    assert abs(time.time() - time.time()) > 86_000

    cells = notebook("import time\ntime.sleep(0.2)", "def answer(): return 7\ndef waits(): time.sleep(9)")
    with KernelSession(zygote, cells, limits=Limits(cell_timeout_s=20), seed=1) as session:
        assert session.run().failures == ()
        assert session.call("answer", seed=1) == 7
        with pytest.raises(CallTimeoutError):
            session.call("waits", seed=1, timeout_s=0.3)


FILL = """
import os, sys
def originals():
    return [getattr(stream, "_original_stdstream_copy", None) for stream in (sys.stdout, sys.stderr)]
def fill():
    for number in originals():
        if number is not None:
            count = 0
            os.set_blocking(number, False)
            try:
                while count < 2**22:
                    count += os.write(number, bytes(4096))
            except BlockingIOError:
                return "full"
    return "never full"
print(fill())
"""
"""Found by reading ipykernel: it keeps the streams that it was started with."""


@pytest.mark.attack(
    "x10", "block the streams that all kernels share", layer="descriptors", control="without descriptors"
)
def test_a_kernel_cannot_block_the_streams_of_others(zygote: Zygote) -> None:
    def says(link: ZygoteLink) -> str:
        with KernelSession(link, notebook(FILL), limits=Limits(), seed=1) as session:
            return text_of(session.run(), 0)

    assert says(zygote) == says(zygote) == "never full\n"
    try:
        assert says(lacking(zygote, frozenset({"descriptors"}))) == "full\n"
    finally:
        _drain(zygote)


def _drain(zygote: Zygote) -> None:
    """Empty the pipe again: the zygote must not stop at it."""
    assert zygote._process is not None and zygote._process.stderr is not None
    pipe = zygote._process.stderr.fileno()
    os.set_blocking(pipe, False)
    with contextlib.suppress(BlockingIOError):
        while os.read(pipe, 65536):
            pass
    os.set_blocking(pipe, True)


@pytest.fixture(scope="module")
def gpu_zygote(arena):  # type: ignore[no-untyped-def]
    with Zygote(arena / "student_template", device="cuda") as running:
        yield running


HOARD = """
import torch
kept = []
def hoard():
    while True: kept.append(torch.empty(2**30, dtype=torch.uint8, device="cuda"))
def used(): return int(torch.ones(3, device="cuda").sum())
"""


@pytest.mark.gpu
@needs_gpu
@pytest.mark.attack("37", "take all GPU memory", layer="a kernel's end frees it", control="the GPU runs out")
def test_gpu_memory_taken_is_given_back(gpu_zygote: Zygote) -> None:
    free = torch.cuda.mem_get_info()[0]
    for _ in range(2):
        with KernelSession(gpu_zygote, notebook(HOARD), limits=Limits(), seed=1) as session:
            session.run()
            with pytest.raises(SubmissionError):
                session.call("hoard", seed=1)
    with KernelSession(gpu_zygote, notebook(HOARD), limits=Limits(), seed=1) as session:
        session.run()
        assert session.call("used", seed=1) == 3
    assert torch.cuda.mem_get_info()[0] > free - 2**30


LOSE = """
import torch
def lose():
    table = torch.zeros(3, device="cuda")
    return table[torch.tensor([99], device="cuda")].cpu()
def used(): return int(torch.ones(3, device="cuda").sum())
"""


@pytest.mark.gpu
@needs_gpu
@pytest.mark.attack(
    "62", "break the CUDA context", layer="a kernel of its own", control="the same kernel stays broken"
)
def test_a_broken_context_ends_with_its_kernel(gpu_zygote: Zygote) -> None:
    with KernelSession(gpu_zygote, notebook(LOSE), limits=Limits(), seed=1) as session:
        session.run()
        with pytest.raises(SubmissionError):
            session.call("lose", seed=1)
        with pytest.raises(SubmissionError):
            session.call("used", seed=1)
    with KernelSession(gpu_zygote, notebook(LOSE), limits=Limits(), seed=1) as session:
        session.run()
        assert session.call("used", seed=1) == 3
