"""A class of the course's own examples, as graded, and servers on it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder.course.assignment import load_assignment
from autograder.course.notebooks.reading import read_notebook
from autograder.course.notebooks.written_answers import written_answers
from autograder.errors import SubmissionError
from autograder.records import Assignment, GradeReport, Pending
from autograder.report import to_json, write_files

from ...conftest import ROOT
from ...report.conftest import make_report

SLUG = "token_attribution"
WORDS, BASELINE = "question-words", "question-baseline"
_SERVE = """
import sys
from pathlib import Path
from autograder.course.assignment import load_assignment
from autograder.marking.web.serve import serve
root, slug, folder, port, who = sys.argv[1:]
assignment = load_assignment(Path(root), slug)
serve(Path(folder), assignment, who=who, port=int(port), announce=lambda url: print(url, flush=True))
"""


def hand_in(report: GradeReport, folder: Path) -> None:
    """Write a report to where grading does."""
    place = folder / report.folder_name
    place.mkdir(parents=True, exist_ok=True)
    write_files({"report.json": to_json(report)}, place)


def with_answers(report: GradeReport, answers: tuple[Pending, ...]) -> GradeReport:
    return replace(
        report,
        pending=tuple(one for one in answers if one.answer),
        unanswered=tuple(one for one in answers if not one.answer),
    )


@pytest.fixture(scope="session")
def assignment() -> Assignment:
    return load_assignment(ROOT, SLUG)


@pytest.fixture(scope="session")
def example_reports(assignment: Assignment) -> list[GradeReport]:
    """The example class with its own answers; checks and plots are those of the tests of reports."""
    template = nbformat.read(assignment.template, as_version=4)
    reports = []
    for path in sorted((ROOT / "examples" / SLUG).glob("*.ipynb")):
        try:
            answers = written_answers(read_notebook(path), template, assignment.questions)
        except SubmissionError:
            continue
        reports.append(with_answers(replace(make_report(path.stem), assignment=SLUG), answers))
    return reports


@pytest.fixture
def results(tmp_path: Path, example_reports: list[GradeReport]) -> Path:
    """RESULTS/<slug> of the example class."""
    folder = tmp_path / "results" / SLUG
    for report in example_reports:
        hand_in(report, folder)
    return folder


@dataclass(kw_only=True)
class Server:
    """A running `serve`."""

    process: subprocess.Popen[str]
    url: str

    @property
    def base(self) -> str:
        return self.url.split("/?")[0]

    @property
    def port(self) -> int:
        return int(self.base.rpartition(":")[2])

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts servers, which end with the test."""
    running: list[Server] = []

    def start(folder: Path, who: str = "Ines", port: int = 0, root: Path = ROOT) -> Server:
        command = [sys.executable, "-c", _SERVE, str(root), folder.name, str(folder), str(port), who]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        server = Server(process=process, url=process.stdout.readline().strip())
        running.append(server)
        assert server.url.startswith("http://127.0.0.1:")
        return server

    yield start
    for server in running:
        server.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium = "/usr/bin/chromium" if Path("/usr/bin/chromium").exists() else shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium at /usr/bin/chromium or on PATH")
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield launched
        launched.close()
