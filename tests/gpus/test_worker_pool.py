"""What the worker pool makes of a worker whose GPU fails; workers are scripted, journal and queue are real."""

from multiprocessing import Pipe
from pathlib import Path

import pytest

from autograder.execution.devices import Seat
from autograder.grading.journal import Entry, Journal
from autograder.grading.worker import Finished, GpuLost, WorkerSetup
from autograder.grading.worker_pool import WorkerPool
from autograder.records import Submission

LOST = GpuLost(reason="the GPU failed: CUDA error: unknown error")
DONE = Finished(report=None, digest="", files=())  # type: ignore[arg-type]


class Zygote:
    mode = "full"

    def is_alive(self):
        return True


class Scripted:
    """A worker that answers at once with the next of the script."""

    def __init__(self, setup, script):
        self.setup, self.submission, self._script = setup, None, script
        self.connection, self._theirs = Pipe()

    def give(self, submission, zygote, *, more):
        self.submission = submission
        self._theirs.send(b"answered")

    def answer(self):
        self.connection.recv()
        return self._script.pop(0)


def pool(journal, script, hired):
    class Rehearsed(WorkerPool):
        def _hire(self, setup):
            hired.append(setup.seat)
            return Scripted(setup, script)

    seat = Seat(device="cuda", gpu="1")
    setup = WorkerSetup(settings=None, folder=Path(), seat=seat)
    made = Rehearsed([setup], journal=journal, trust=False, accept_degraded=False, workers_lock=0)
    made._workers, made._zygote = [made._hire(setup)], Zygote()
    return made


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path) as opened:
        opened.schedule([Entry(folder="ada", student="ada", key="k")])
        yield opened


def test_a_lost_gpu_costs_a_worker_and_no_grade(journal):
    hired = []
    one = Submission(student="ada", path=Path("ada.ipynb"), origin="ada.ipynb")
    outcome = list(pool(journal, [LOST, DONE], hired).run([one]))
    assert outcome == [(one, DONE)]
    assert [seat.gpu for seat in hired] == ["1", "1"]


def test_a_gpu_that_fails_again_leaves_the_submission_for_review(journal):
    one = Submission(student="ada", path=Path("ada.ipynb"), origin="ada.ipynb")
    ((_, said),) = pool(journal, [LOST, LOST], []).run([one])
    assert said == "It could not be graded on the GPU, 2 times: the GPU failed: CUDA error: unknown error."
