"""The command line on classes of the small course, killed and started again as a person would."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from autograder.authoring.notebook import build_assignment
from autograder.checks.decorators import collect, points_by_task
from autograder.course.assignment import load_assignment

from .notebook_maker import submission

SLUG = "standardise"
DIED = -signal.SIGKILL
MARK = "AUTOGRADER_TEST_RUN"
ANSWERS = (
    {},
    {"centre": "def centre(values):\n    return values - values.mean()"},
    {"standardise": "def standardise(values):\n    raise KeyError('nope')"},
    {"standardise": "x = 1"},
)


def build(course: Path) -> Path:
    """Make the student notebook; return it."""
    assignment = load_assignment(course, SLUG)
    build_assignment(assignment, points_by_task(collect(assignment)))
    return assignment.template


def hand_in(template: Path, folder: Path, count: int, **cells: str) -> Path:
    """Write a class whose answers take turns; return its folder.

    Args:
        template: The student notebook.
        folder: Where to.
        count: How many.
        cells: Source by grade_id, for all of them.
    """
    for number in range(count):
        answer = {**ANSWERS[number % len(ANSWERS)], **cells}
        submission(template, folder / f"student{number:03d}.ipynb", answer)
    return folder


@dataclass(frozen=True, kw_only=True)
class Command:
    """`autograder grade` on one class."""

    course: Path
    submitted: Path
    out: Path
    jobs: int = 1

    def arguments(self, *more: str) -> list[str]:
        code = "from autograder.cli.main import main; main()"
        where = [str(self.submitted), "--out", str(self.out), "--course", str(self.course)]
        return [sys.executable, "-c", code, "grade", SLUG, *where, "--jobs", str(self.jobs), *more]

    @property
    def temporary(self) -> Path:
        """The folder for temporary files of all its runs."""
        return self.out.parent / f"{self.out.name}-tmp"

    def environment(self, failpoint: str = "") -> dict[str, str]:
        self.temporary.mkdir(exist_ok=True)
        own = {"AUTOGRADER_FAILPOINT": failpoint, MARK: str(self.out), "TMPDIR": str(self.temporary)}
        return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **own}

    def start(
        self, *more: str, failpoint: str = "", file_bytes: int = resource.RLIM_INFINITY
    ) -> subprocess.Popen[str]:
        """Start it in a process group of its own.

        Args:
            more: Further arguments.
            failpoint: Where its processes die.
            file_bytes: No file can grow larger: as if the disk were full.
        """

        def prepare() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
            # A shell's background job ignores it, and hands that on.
            signal.signal(signal.SIGINT, signal.default_int_handler)

        return subprocess.Popen(
            self.arguments(*more),
            env=self.environment(failpoint),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=prepare,
        )

    def run(self, *more: str, **how: Any) -> tuple[int, str]:
        """Run it to its end as `start` does; return the exit code and what it said."""
        process = self.start(*more, **how)
        said, _ = process.communicate(timeout=3600)
        return process.returncode, said

    def family(self) -> list[psutil.Process]:
        """All processes that the runs of this command have started and that still live."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            # Zygote and kernels have another environment; their command line names the course.
            return process.environ().get(MARK) == str(self.out) or f"{self.course}/" in " ".join(
                process.cmdline()
            )
        except psutil.Error:
            return False

    def zygotes(self) -> list[psutil.Process]:
        """The zygotes among them, and what they have forked."""
        return [process for process in self.family() if "kernel.zygote" in " ".join(process.cmdline())]

    def survivors(self) -> list[psutil.Process]:
        """Those that are still there when those that are about to end have ended."""
        return psutil.wait_procs(self.family(), timeout=10)[1]


def tree(out: Path) -> dict[str, bytes]:
    """All files of the results but the journal, without what differs from run to run: the timing."""
    files = {}
    for path in sorted((out / SLUG).rglob("*")):
        name = str(path.relative_to(out / SLUG))
        if path.is_dir() or name.startswith(".journal/"):
            continue
        files[name] = path.read_bytes()
        if path.name == "report.json":
            plain = json.loads(files[name])
            assert plain.pop("timing") is not None
            files[name] = json.dumps(plain, sort_keys=True).encode()
    return files
