"""Kernels that are started before there is anybody to use them."""

import os
import time

import psutil
import pytest

from autograder.execution.check_states import END
from autograder.execution.session import KernelSession
from autograder.execution.zygote_link import ZygoteLink
from autograder.records import Limits

from .conftest import notebook

pytestmark = pytest.mark.sandbox

DRAW = """
import random, numpy, torch
first = [random.random(), float(numpy.random.rand()), float(torch.rand(1))]
def stored(): return first
"""


@pytest.fixture
def link(zygote):
    import socket

    made = ZygoteLink(
        socket.socket(fileno=os.dup(zygote.handle())),
        student_dir=zygote.student_dir,
        device="cpu",
        mode=zygote.mode,
        hurried=True,
    )
    yield made
    made.close()


def drawn(link, seed, *, ahead=False):
    with KernelSession(link, notebook(DRAW), limits=Limits(), seed=seed, ahead=ahead) as session:
        session.run()
        return session.call("stored", seed=0), session._kernels.after(END).process.pid


def keepers(zygote):
    return psutil.Process(zygote._process.pid).children()


def test_a_kernel_that_was_ready_draws_the_same_numbers(link):
    fresh, _ = drawn(link, 7)
    drawn(link, 3, ahead=True)
    waiting = link._spare
    again, _ = drawn(link, 7, ahead=True)
    assert waiting is not None and again == fresh
    assert drawn(link, 8)[0] != fresh


def test_the_next_submission_takes_it(link):
    drawn(link, 1, ahead=True)
    spare = link._spare.await_ready()
    link._spare = type("Ready", (), {"await_ready": lambda self: spare, "limits": Limits()})()
    assert drawn(link, 1)[1] == spare.pid


def test_one_with_other_limits_is_not_taken(link):
    drawn(link, 1, ahead=True)
    with KernelSession(
        link, notebook("import resource\ndef limit(): return resource.getrlimit(resource.RLIMIT_FSIZE)[0]"),
        limits=Limits(file_bytes=12345678), seed=1,
    ) as session:  # fmt: skip
        session.run()
        assert session.call("limit", seed=0) == 12345678
    assert link._spare is None


def test_one_that_died_while_it_waited_is_replaced(link):
    expected, _ = drawn(link, 1, ahead=True)
    psutil.Process(link._spare.await_ready().pid).kill()
    # Its sockets have been read to the end by now: what is left of it looks like a kernel that never started.
    assert drawn(link, 1)[0] == expected


def settled(zygote):
    """Return the number of kernels once it stays the same: those of other tests may be ending."""
    count, since = len(keepers(zygote)), time.monotonic()
    while time.monotonic() - since < 1.0:
        time.sleep(0.05)
        if len(keepers(zygote)) != count:
            count, since = len(keepers(zygote)), time.monotonic()
    return count


@pytest.mark.parametrize("how", ["closed", "lost"])
def test_nobody_leaves_one_behind(zygote, link, how):
    base = settled(zygote)
    drawn(link, 1, ahead=True)
    link.await_ends()
    assert settled(zygote) == base + 1
    if how == "closed":
        link.close()
    else:  # as when a worker is killed: its sockets are closed, and nobody says a word
        link._spare.control.close()
        link._spare.probe.close()
        link._spare = None
    deadline = time.monotonic() + 10
    while len(keepers(zygote)) > base and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(keepers(zygote)) == base
