"""Grade the same notebooks with this harness and with `nbgrader autograde`, one after the other, and print both.

    python benchmarks/against_nbgrader.py [SLUG] [--students N]

Only notebooks that end by themselves take part: nbgrader has no limit on a call, and one endless loop would decide the
figure. nbgrader runs the notebook and its visible asserts alone; the harness also asks the hidden checks on two models
and writes the reports.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
ENDLESS = "while True"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slug", nargs="?", default="token_attribution")
    parser.add_argument("--students", type=int, default=8, help="how many notebooks (default: 8)")
    arguments = parser.parse_args()
    notebooks = chosen(arguments.slug, arguments.students)
    with tempfile.TemporaryDirectory() as scratch:
        ours, theirs = Path(scratch) / "ours", Path(scratch) / "nbgrader"
        harness = timed(lambda: with_harness(arguments.slug, notebooks, ours))
        course = nbgrader_course(arguments.slug, notebooks, theirs)
        nbgrader = timed(lambda: with_nbgrader(arguments.slug, course))
        graded = len(list((course / "autograded").glob("*/*/*.ipynb")))
    if graded < len(notebooks):
        sys.exit(f"nbgrader graded {graded} of {len(notebooks)} notebooks: no ratio can be told from that.")
    print(f"{'':<34}{'seconds':>9}{'a notebook':>12}")
    count = len(notebooks)
    print(f"{f'autograder grade ({count} notebooks)':<34}{harness:>9.1f}{harness / count:>12.2f}")
    print(f"{f'nbgrader autograde ({graded} graded)':<34}{nbgrader:>9.1f}{nbgrader / count:>12.2f}")
    print(f"ratio nbgrader / autograder, start-up included: {nbgrader / harness:.2f}")


def chosen(slug: str, count: int) -> list[Path]:
    """Return the notebooks of the example class that end by themselves."""
    found = []
    for path in sorted((ROOT / "examples" / slug).glob("*.ipynb")):
        try:
            notebook = nbformat.read(path, as_version=4)
        except Exception:
            continue  # the corrupt one
        if not any(ENDLESS in cell.source for cell in notebook.cells):
            found.append(path)
    return found[:count]


def timed(work) -> float:
    """Return the wall time of a call in seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def with_harness(slug: str, notebooks: list[Path], out: Path) -> None:
    """Grade with this harness."""
    command = [sys.executable, "-c", "from autograder.cli import main; main()", "grade", slug]
    subprocess.run([*command, *map(str, notebooks), "--out", str(out)], cwd=ROOT, check=True)


def nbgrader_course(slug: str, notebooks: list[Path], folder: Path) -> Path:
    """Lay out an nbgrader course: source, submitted, and what the notebooks need beside them."""
    needed = [path for path in (ROOT / "student_template").iterdir() if path.suffix != ".ipynb"]
    places = {folder / "source" / slug: ROOT / "student_template" / f"{slug}.ipynb"}
    places |= {folder / "submitted" / f"student{n:03}" / slug: path for n, path in enumerate(notebooks)}
    for place, notebook in places.items():
        place.mkdir(parents=True)
        shutil.copy(notebook, place / f"{slug}.ipynb")
        for path in needed:
            (shutil.copytree if path.is_dir() else shutil.copy)(path, place / path.name)
    config = "c = get_config()\nc.CourseDirectory.course_id = 'bench'\nc.ExecutePreprocessor.timeout = 120\n"
    (folder / "nbgrader_config.py").write_text(config)
    made = run_nbgrader(folder, "generate_assignment", slug, "--force")
    if made.returncode:
        sys.exit(f"nbgrader generate_assignment failed:\n{made.stderr[-2000:]}")
    return folder


def with_nbgrader(slug: str, course: Path) -> None:
    """Grade with nbgrader."""
    run_nbgrader(course, "autograde", slug)


def run_nbgrader(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run an nbgrader command and return how it ended; what it graded is counted afterwards."""
    # nbgrader calls alembic by its name.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "-m", "nbgrader", *arguments]
    environment = {**os.environ, "PATH": path}
    return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)


if __name__ == "__main__":
    main()
