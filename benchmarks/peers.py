"""What the benchmarks compare with: nbgrader, and otter where it is installed, on the same notebooks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path


def timed(work: Callable[[], object]) -> float:
    """Return the wall time of a call in seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def nbgrader_course(
    course: Path, slug: str, notebooks: Sequence[Path], folder: Path, lines: str = ""
) -> Path:
    """Lay out an nbgrader course: source, submitted, and what the notebooks need beside them.

    Args:
        course: Has student_template.
        slug: The assignment.
        notebooks: What is handed in, one a student.
        folder: Where to; made.
        lines: More lines of nbgrader_config.py.
    """
    template = course / "student_template"
    needed = [path for path in template.iterdir() if path.suffix != ".ipynb"]
    places = {folder / "source" / slug: template / f"{slug}.ipynb"}
    places |= {folder / "submitted" / f"student{n:03}" / slug: path for n, path in enumerate(notebooks)}
    for place, notebook in places.items():
        place.mkdir(parents=True)
        shutil.copy(notebook, place / f"{slug}.ipynb")
        for path in needed:
            (shutil.copytree if path.is_dir() else shutil.copy)(path, place / path.name)
    config = "c = get_config()\nc.CourseDirectory.course_id = 'bench'\nc.ExecutePreprocessor.timeout = 120\n"
    (folder / "nbgrader_config.py").write_text(config + lines)
    made = run_nbgrader(folder, "generate_assignment", slug, "--force")
    if made.returncode:
        sys.exit(f"nbgrader generate_assignment failed:\n{made.stderr[-2000:]}")
    return folder


def autograde(course: Path, slug: str) -> int:
    """Run `nbgrader autograde` and return how many notebooks it graded."""
    run_nbgrader(course, "autograde", slug, "--force")
    return len(list((course / "autograded").glob("*/*/*.ipynb")))


def run_nbgrader(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run an nbgrader command and return how it ended; what it graded is counted afterwards."""
    # nbgrader calls alembic by its name.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "-m", "nbgrader", *arguments]
    environment = {**os.environ, "PATH": path}
    return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)


def grade(course: Path, slug: str, paths: Sequence[Path], out: Path, *options: str) -> subprocess.Popen[str]:
    """Start this harness in a process of its own, as a user would; lines of progress on its stdout."""
    command = [sys.executable, "-u", "-c", "from autograder.cli import main; main()", "grade", slug]
    return subprocess.Popen(
        [*command, *map(str, paths), "--out", str(out), "--course", str(course), *options],
        stdout=subprocess.PIPE,
        text=True,
    )
