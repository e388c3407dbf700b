"""Killing without mercy: every named step alone, and random processes of a large class. Run by `make torture`."""

from __future__ import annotations

import os
import random
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from ..conftest import MINI
from ..mini_class import DIED, Command, build, hand_in, tree

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

COUNT = int(os.environ.get("AUTOGRADER_TORTURE_COUNT", "500"))
KILLS = int(os.environ.get("AUTOGRADER_TORTURE_KILLS", "30"))
SEED = int(os.environ.get("AUTOGRADER_TORTURE_SEED", "1"))

PAGES = ("feedback.html", "instructor.html", "grade.json", "executed.ipynb", "executed.html", "report.json")
CLASS_FILES = ("grades.csv", "leaderboard.csv", "class.html")
STEPS = ("written", "synced", "renamed")
COORDINATOR = (
    *("results.locked", "journal.opened", "journal.scheduling", "schedule.recorded", "workers.started"),
    *("submission.handed_out", "submission.handed_out:3", "submission.returned", "submission.returned:3"),
    *("journal.changing:1", "journal.changing:2", "journal.changing:3", "journal.changing:6"),
    *("submission.recorded", "submission.recorded:3", "class.writing", "class.written"),
    *(f"{name}.{step}" for name in CLASS_FILES for step in STEPS),
)
WORKER = (
    *("worker.started", "worker.received", "worker.graded", "worker.written"),
    *(f"{name}.{step}" for name in PAGES for step in STEPS),
)


@pytest.fixture(scope="module")
def calm(tmp_path_factory) -> Command:
    """A class of three, graded undisturbed."""
    return graded_calmly(tmp_path_factory.mktemp("calm"), 3)


def graded_calmly(base: Path, count: int, **cells: str) -> Command:
    shutil.copytree(MINI, base / "course")
    submitted = hand_in(build(base / "course"), base / "submitted", count, **cells)
    command = Command(course=base / "course", submitted=submitted, out=base / "calm", jobs=2)
    code, said = command.run()
    assert code == 0, said
    return command


def elsewhere(command: Command, out: Path) -> Command:
    """Return the same command with another folder of results."""
    return Command(course=command.course, submitted=command.submitted, out=out, jobs=command.jobs)


@pytest.mark.parametrize("point", COORDINATOR)
def test_a_coordinator_killed_at_a_step_goes_on_to_the_same_files(calm, tmp_path, point):
    command = elsewhere(calm, tmp_path / "results")
    code, said = command.run(failpoint=point)
    assert code == DIED, said
    assert command.survivors() == []
    code, said = command.run()
    assert code == 0, said
    assert tree(command.out) == tree(calm.out)


def test_workers_killed_at_every_step_are_replaced_and_write_the_same_files(tmp_path):
    calm = graded_calmly(tmp_path, len(WORKER) + 2)
    command = Command(course=calm.course, submitted=calm.submitted, out=tmp_path / "results")
    once = tmp_path / "once"
    # The start has no second time in one worker.
    points = [f"{point}:{1 if point == 'worker.started' else 2}@{once}" for point in WORKER]
    code, said = command.run(failpoint=",".join(points))
    assert code == 0, said
    assert sorted(path.name for path in once.iterdir()) == sorted(WORKER)
    assert tree(command.out) == tree(calm.out)


def test_a_worker_that_dies_each_time_leaves_its_submission_for_review_and_the_next_run_tries_again(
    calm, tmp_path
):
    command = Command(course=calm.course, submitted=calm.submitted, out=tmp_path / "results")
    code, said = command.run(failpoint="worker.graded")
    assert code == 3
    assert said.count("needs review: The grading process ended 2 times while it graded this submission.") == 3
    code, said = command.run()
    assert code == 0, said
    assert "0 of 3 already graded and unchanged; to grade: 3 in need of review." in said
    assert tree(command.out) == tree(calm.out)


def test_a_full_disk_is_a_sentence_and_with_space_the_same_command_goes_on(calm, tmp_path):
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        pytest.skip("a file system of a chosen size needs the right to mount")
    out = tmp_path / "results"
    out.mkdir()
    script = (
        f"mount -t tmpfs -o size=8m none {out} && head -c 7950k /dev/zero > {out}/ballast; "
        f'"$@"; echo "ended with $?"; rm {out}/ballast; "$@"; echo "ended with $?"; cp -r {out} {tmp_path}/saved'
    )
    command = Command(course=calm.course, submitted=calm.submitted, out=out)
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", *command.arguments()],
        env=command.environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "No space left on device" in done.stderr or "disk is full" in done.stderr, done
    assert "the same command goes on" in done.stderr
    assert "Traceback" not in done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("ended")] == [
        "ended with 2",
        "ended with 0",
    ]
    assert tree(tmp_path / "saved") == tree(calm.out)


class Torturer:
    """Runs a command again and again until it ends well, and kills what belongs to it at random moments."""

    def __init__(self, command: Command, rng: random.Random) -> None:
        self.command = command
        self.rng = rng
        self.killed: Counter[str] = Counter()
        self.runs = 0
        self.said: list[str] = []
        self.lines = 0
        self._left = KILLS

    def torture(self) -> None:
        while self._run() != 0:
            assert self.runs < KILLS + 10, self.said[-30:]

    def _run(self) -> int:
        self.runs += 1
        process = self.command.start()
        if self._left and self.rng.random() < 0.25:
            # Killed while everybody still imports, or soon after.
            self._read(process, lines=COUNT, timeout_s=self.rng.uniform(0, 10))
            self._kill(process, "coordinator")
        while self._left and self._read(
            process, lines=self.rng.randint(3, max(4, 3 * COUNT // (2 * KILLS) - 3))
        ):
            self._read(process, lines=COUNT, timeout_s=self.rng.uniform(0, 0.7))
            self._kill(process, self.rng.choice(["coordinator", "worker", "worker", "zygote", "server"]))
        self._read(process, lines=COUNT)
        code = process.wait(timeout=60)
        assert self.command.survivors() == []
        return code

    def _read(self, process, *, lines: int, timeout_s: float = 120.0) -> bool:
        """Read until so many submissions are done, or time is up; return whether the command still speaks."""
        deadline = time.monotonic() + timeout_s
        wanted = self.lines + lines
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while self.lines < wanted and selector.select(max(0.0, deadline - time.monotonic())):
                data = os.read(process.stdout.fileno(), 2**16).decode(errors="replace")
                if not data:
                    return False
                self.said.append(data)
                self.lines += sum(line.startswith("[") for line in data.splitlines())
        return True

    def _kill(self, process, kind: str) -> None:
        victims = self._kinds(process).get(kind)
        if victims:
            victim = self.rng.choice(victims)
            try:
                victim.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                return
            self.killed[kind] += 1
            self._left -= 1

    def _kinds(self, process) -> dict[str, list[psutil.Process]]:
        try:
            coordinator = psutil.Process(process.pid)
            children = coordinator.children()
            servers = [
                child for child in children if "autograder.grading.worker" in " ".join(child.cmdline())
            ]
            zygotes = [child for child in children if "execution.zygote" in " ".join(child.cmdline())]
            workers = [worker for server in servers for worker in server.children()]
        except psutil.Error:
            return {}
        return {"coordinator": [coordinator], "server": servers, "zygote": zygotes, "worker": workers}


def test_random_kills_lose_nothing_corrupt_nothing_and_change_nothing(tmp_path, capsys):
    began = time.monotonic()
    calm = graded_calmly(tmp_path, COUNT, **{"plot-table": "pass"})
    calm_s = time.monotonic() - began
    torturer = Torturer(elsewhere(calm, tmp_path / "results"), random.Random(SEED))
    torturer.torture()
    with capsys.disabled():
        killed = ", ".join(f"{number} {kind}" for kind, number in sorted(torturer.killed.items()))
        print(
            f"\n{COUNT} submissions, {sum(torturer.killed.values())} kills ({killed}), {torturer.runs} runs, "
            f"{time.monotonic() - began - calm_s:.0f} s; undisturbed: {calm_s:.0f} s",
            file=sys.stdout,
        )
    assert sum(torturer.killed.values()) >= KILLS
    expected, actual = tree(calm.out), tree(torturer.command.out)
    assert len(actual) == 6 * COUNT + 3
    assert [name for name in expected.keys() | actual.keys() if expected.get(name) != actual.get(name)] == []
    assert [path.name for path in torturer.command.temporary.iterdir() if "torch" not in path.name] == []
