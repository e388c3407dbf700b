"""`autograder mark` serves the pages, and the results follow what is decided."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2
import pytest

from autograder.marking.errors import MarkingError
from autograder.marking.web.desk import student_key
from autograder.marking.web.refresher import Refresher
from autograder.marking.web.serve import serve
from autograder.records import Assignment, GradeReport

from ...conftest import ROOT
from .conftest import BASELINE, WORDS


def _posted(client: httpx2.Client, path: str, **form: str) -> None:
    token = re.search(r'name="csrf" value="(\w+)"', client.get("/").text)
    assert token and client.post(path, data={"csrf": token[1], **form}).status_code == 200


def test_the_command_serves_and_the_results_follow(results: Path, example_reports: list[GradeReport]) -> None:
    student = next(report.student for report in example_reports if len(report.pending) == 2)
    command = [sys.executable, "-c", "from autograder.cli.main import main; main()"]
    command += ["mark", str(results.parent), "--as", "Ines", "--course", str(ROOT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1]
        with httpx2.Client(base_url=url.split("/?")[0], follow_redirects=True) as client:
            client.get(url)
            for question in (WORDS, BASELINE):
                path = f"/q/{question}/{student_key(results.name, student)}"
                _posted(client, path, adjustment="4", comment="Well told.")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    place = next(report.folder_name for report in example_reports if report.student == student)
    grade = json.loads((results / place / "grade.json").read_text())
    assert (grade["written"], grade["answers"][0]["points"]) == (8, 4)
    assert "Well told." in (results / place / "feedback.html").read_text()
    (row,) = [row for row in csv.DictReader((results / "grades.csv").open()) if row["student"] == student]
    assert row["written"] == "8"


def test_a_port_that_is_taken_is_a_sentence(results: Path, assignment: Assignment) -> None:
    def again(url: str) -> None:
        serve(results, assignment, who="Ines", port=int(url.split(":")[2].split("/")[0]), announce=print)

    with pytest.raises(MarkingError, match=r"Port \d+ cannot be used"):
        serve(results, assignment, who="Ines", announce=again)


def test_one_refresh_does_for_many_decisions_and_its_failure_is_told() -> None:
    done, failing = threading.Event(), True
    calls: list[float] = []

    def work() -> None:
        calls.append(time.monotonic())
        done.set()
        if failing:
            raise OSError("disk full")

    refresher = Refresher(work)
    for _ in range(100):
        refresher.wake()
    assert done.wait(10)
    refresher.wake()
    refresher.close()
    assert len(calls) == 2 and "disk full" in refresher.problem
