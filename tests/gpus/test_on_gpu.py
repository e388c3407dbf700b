"""The same class on the CPU and on a GPU; needs one."""

import contextlib
import os
import socket

import pytest
import torch

from autograder.course.submissions import discover
from autograder.errors import SubmissionError
from autograder.execution.devices import GpuBudget, fault_of_device
from autograder.execution.session import KernelSession
from autograder.execution.zygote_client import Zygote
from autograder.execution.zygote_link import ZygoteLink
from autograder.grading.batch import Options, grade_class
from autograder.records import Limits
from autograder.report.difference import compare_folders

from ..conftest import MINI, ROOT
from ..execution.conftest import notebook

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.sandbox,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


@pytest.mark.parametrize(
    ("slug", "per_gpu"),
    [
        ("token_attribution", 1),
        ("token_attribution", 2),
        ("llm_attribution", 1),
        ("bert_qa_embeddings", 1),
        ("bert_qa_attention", 1),
        ("logit_lens", 1),
        ("logit_lens", 2),
    ],
)
def test_the_verdicts_are_the_cpus(tmp_path, slug, per_gpu):
    from autograder.course.assignment import load_assignment

    assignment = load_assignment(ROOT, slug)
    places = [ROOT / "examples" / slug, ROOT / "examples" / "further" / slug]
    handed_in = [place for place in places if place.is_dir()]
    for device in ("cpu", "cuda"):
        found = discover(handed_in, slug, tmp_path / f"scratch-{device}")
        assert len(found) >= 10
        options = Options(jobs=2, device=device, per_gpu=per_gpu)
        grade_class(found, assignment, tmp_path / device, options)
    assert compare_folders(tmp_path / "cpu", tmp_path / "cuda").changes == ()


TAKE = """
import torch
kept = []
def take(megabytes):
    kept.append(torch.zeros(int(megabytes) * 2**20, dtype=torch.uint8, device="cuda"))
    return torch.cuda.device_count()
def take_past_torch(megabytes):
    import ctypes
    torch.ones(1, device="cuda")
    pointer = ctypes.c_void_p()
    library = ctypes.CDLL("libcudart.so.12")
    for _ in range(int(megabytes) // 512):
        library.cudaMalloc(ctypes.byref(pointer), ctypes.c_size_t(512 * 2**20))
    import time
    time.sleep(3)
"""


@pytest.fixture
def session():
    limits = Limits(gpu_memory_bytes=2**30)
    with Zygote(MINI / "student_template", device="cuda") as zygote:
        link = ZygoteLink(
            socket.socket(fileno=os.dup(zygote.handle())),
            student_dir=zygote.student_dir,
            device="cuda",
            mode=zygote.mode,
            gpu="0",
            gpu_budget=GpuBudget(limit_bytes=limits.gpu_memory_bytes),
        )
        with (
            contextlib.closing(link),
            KernelSession(link, notebook(TAKE), limits=limits, seed=1) as running,
        ):
            running.run()
            yield running


def test_a_kernel_gets_its_share_and_no_more(session):
    assert session.call("take", (512,), seed=1) == 1
    with pytest.raises(SubmissionError, match="out of memory"):
        session.call("take", (900,), seed=1)
    assert session.gpu_bytes > 512 * 2**20


def test_memory_taken_past_torch_is_seen_from_outside(session):
    with pytest.raises(SubmissionError, match=r"used more than 1\.0 GB of GPU memory|loading|cudart"):
        session.call("take_past_torch", (4096,), seed=1)


def test_a_sound_gpu_has_no_fault():
    assert fault_of_device() == ""
