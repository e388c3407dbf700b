"""One class, whose grading is killed at many points, interrupted, and ended: then it is as if nothing had been."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest

from autograder.cli.main import main

from ..conftest import MINI
from ..mini_class import DIED, Command, build, hand_in, tree

pytestmark = [pytest.mark.sandbox, pytest.mark.long]

COUNT = 9
BEFORE_GRADING = ("results.locked", "schedule.recorded")
IN_WORKERS = ("worker.received", "worker.graded", "report.json.synced", "worker.written")
AFTER_GRADING = ("grades.csv.written", "class.written")
# A start of Python takes some 0.02 s on a machine that is not busy with other things.
BUSY = 20


@dataclass
class Story:
    """What was seen on the way."""

    undisturbed: dict[str, bytes]
    command: Command
    ended: dict[str, int] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    survivors: dict[str, list[psutil.Process]] = field(default_factory=dict)
    once: list[str] = field(default_factory=list)
    interrupt_s: float = 0.0
    python_s: float = 0.0
    after: dict[str, bytes] = field(default_factory=dict)
    at_last: dict[str, bytes] = field(default_factory=dict)

    def run(self, name: str, *more: str, **how: Any) -> None:
        self.ended[name], self.said[name] = self.command.run(*more, **how)
        self.survivors[name] = self.command.survivors()


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> Story:
    base = tmp_path_factory.mktemp("resume")
    shutil.copytree(MINI, base / "course")
    submitted = hand_in(build(base / "course"), base / "submitted", COUNT)
    calm = Command(course=base / "course", submitted=submitted, out=base / "calm", jobs=2)
    code, said = calm.run()
    assert code == 0, said
    told = Story(tree(calm.out), Command(course=base / "course", submitted=submitted, out=base / "results"))
    for point in BEFORE_GRADING:
        told.run(point, failpoint=point)
    told.run("submission.handed_out", failpoint="submission.handed_out:2")
    interrupted(told)
    once = base / "once"
    told.run("workers", failpoint=",".join(f"{point}:2@{once}" for point in IN_WORKERS))
    told.once = sorted(path.name for path in once.iterdir())
    told.after = tree(told.command.out)
    for point in AFTER_GRADING:
        told.run(point, failpoint=point)
    told.run("full disk", file_bytes=2000)
    told.run("at last")
    told.at_last = tree(told.command.out)
    again(told)
    return told


def again(told: Story) -> None:
    """Let one student hand in again and another one withdraw, and ask for a third to be graded again."""
    submitted = told.command.submitted
    (submitted / "student000.ipynb").write_bytes((submitted / "student001.ipynb").read_bytes())
    (submitted / "student008.ipynb").unlink()
    told.run("again", "--regrade", "student002")


def interrupted(told: Story) -> None:
    """Kill the zygote under a running batch, let a second grader try, press Ctrl-C."""
    process = told.command.start()
    lines = []

    def read_until(mark: str) -> None:
        while not lines or mark not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1], lines

    read_until("[1/")
    # What follows may take longer than the whole class: nothing is handed out meanwhile.
    process.send_signal(signal.SIGSTOP)
    told.ended["second"], told.said["second"] = told.command.run()
    began = time.monotonic()
    subprocess.run([sys.executable, "-S", "-c", ""], check=True)
    told.python_s = time.monotonic() - began
    for zygote in told.command.zygotes():
        zygote.kill()
    process.send_signal(signal.SIGCONT)
    read_until("[3/")  # the second one may have been done before the zygote died
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    told.ended["interrupted"] = process.wait(timeout=60)
    told.interrupt_s = time.monotonic() - began
    told.said["interrupted"] = "".join(lines) + process.stdout.read()
    told.survivors["interrupted"] = told.command.survivors()


@pytest.mark.parametrize("point", [*BEFORE_GRADING, "submission.handed_out", *AFTER_GRADING])
def test_the_coordinator_died_there(story, point):
    assert story.ended[point] == DIED, story.said[point]


def test_a_worker_died_at_each_of_its_steps_and_was_replaced(story):
    assert story.once == sorted(IN_WORKERS)
    assert story.ended["workers"] == 0, story.said["workers"]


def test_in_the_end_the_files_are_those_of_an_undisturbed_run(story):
    assert len(story.undisturbed) == 6 * COUNT + 3
    assert story.after.keys() == story.undisturbed.keys()
    assert [name for name, data in story.after.items() if data != story.undisturbed[name]] == []
    assert story.at_last == story.after


def test_what_was_done_is_not_done_again(story):
    assert "1 of 9 already graded and unchanged; to grade: 8 not finished." in story.said["interrupted"]
    assert "9 of 9 already graded and unchanged." in story.said["at last"]
    assert "[1/" not in story.said["at last"]
    until = [said for name, said in story.said.items() if name != "again"]
    graded = [line for said in until for line in said.splitlines() if line.startswith("[")]
    students = [line.split()[1] for line in graded]
    assert len(students) == len(set(students))


def test_a_dead_zygote_costs_nobody_points_and_is_replaced(story):
    said = story.said["interrupted"]
    assert "[2/8]" in said
    assert "needs review" not in said


def test_ctrl_c_ends_within_a_second_and_says_how_to_go_on(story):
    assert story.ended["interrupted"] == 130
    said = story.said["interrupted"]
    assert "of 9 submissions are graded; the same command goes on from there." in said
    assert "Traceback" not in said
    assert story.interrupt_s < max(1.0, BUSY * story.python_s)


def test_a_second_grader_on_the_same_folder_is_refused(story):
    assert story.ended["second"] == 2
    assert "another autograder is grading into this folder" in story.said["second"]


def test_no_process_outlives_its_coordinator(story):
    assert {name: left for name, left in story.survivors.items() if left} == {}


def test_no_temporary_file_is_left(story):
    # torch makes the one and keeps it.
    assert [path.name for path in story.command.temporary.iterdir() if "torch" not in path.name] == []
    names = {path.name for path in (story.command.out / "standardise" / ".journal").iterdir()}
    assert names == {"journal.sqlite", "lock", "workers-lock"}
    assert [path for path in story.command.out.rglob(".*") if path.name != ".journal"] == []


def test_a_full_disk_is_a_sentence(story):
    assert story.ended["full disk"] == 2, story.said["full disk"]
    assert "the same command goes on" in story.said["full disk"]
    assert "Traceback" not in story.said["full disk"]


def test_only_what_changed_or_was_asked_for_is_graded_again_and_the_change_is_told(story):
    said = story.said["again"]
    assert story.ended["again"] == 0, said
    assert "6 of 8 already graded and unchanged; to grade: 1 changed, 1 asked for." in said
    assert "Graded again: 2; changed: 1." in said
    assert "student000: 6 of 6 -> 0 of 6" in said
    assert "test_centre_shape: passed 1 -> failed (overall_mean) 0" in said


def test_results_of_a_student_who_is_gone_from_the_input_are_kept_and_mentioned(story):
    assert "Kept from earlier runs, not among these submissions: student008." in story.said["again"]
    assert "student008/report.json" in tree(story.command.out)
    assert "student008" in (story.command.out / "standardise" / "grades.csv").read_text()


def test_diff_tells_two_results_folders_apart(story, monkeypatch, capsys):
    def diff(one, other):
        monkeypatch.setattr(sys, "argv", ["autograder", "diff", str(one), str(other)])
        with pytest.raises(SystemExit) as caught:
            main()
        return caught.value.code, capsys.readouterr().out

    calm = story.command.out.parent / "calm"
    assert diff(calm, calm) == (0, "9 submissions compared: 9 the same, 0 differ.\n")
    code, said = diff(calm, story.command.out)
    assert code == 1
    assert "standardise: student000: 6 of 6 -> 0 of 6\n" in said
    assert "9 submissions compared: 8 the same, 1 differ.\n" in said
