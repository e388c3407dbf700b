"""Measure what grading costs beyond the student's own code, beside nbgrader, and print a table.

    python benchmarks/speed.py [--students 60] [--sample 6]      the table
    python benchmarks/speed.py --students 1000 --no-peers        a soak: growth and leftovers

The class is small on purpose: a notebook that imports torch, transformers and captum, loads a tiny model, and takes
a fraction of a second. What is measured is then the harness. nbgrader grades a sample of the same notebooks, and
is extrapolated: its time grows by the same amount with each notebook.
"""

from __future__ import annotations

import argparse
import copy
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import peers
import psutil

from autograder.assignments import load_assignment
from autograder.build import build_assignment, solved_notebook
from autograder.checks.marks import collect, points_by_task

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SLUG = "saliency"
MB = 2**20
OUR_KERNELS = "import os; os.environ['JUPYTER_DEFAULT_PROVISIONER_NAME'] = 'sandboxed-zygote'\n"


@dataclass
class Run:
    """What one run of the harness came to."""

    seconds: float = 0.0
    """From the command's start to its end."""

    done_at: list[float] = field(default_factory=list)
    """Seconds after the start at which each submission was done."""

    coordinator: list[int] = field(default_factory=list)
    """Resident bytes of the coordinator, sampled."""

    kernels: dict[int, int] = field(default_factory=dict)
    """Largest private bytes of each kernel seen, by process."""

    left: list[str] = field(default_factory=list)
    """Processes and temporary files that are still there."""

    def marginal(self, jobs: int) -> float:
        """Return the seconds a submission costs one worker, once all are at work."""
        warm = self.done_at[2 * jobs :]
        return jobs * (warm[-1] - warm[0]) / (len(warm) - 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=60, help="submissions of the class")
    parser.add_argument("--sample", type=int, default=6, help="submissions that the peer grades")
    parser.add_argument("--jobs", type=int, default=2, help="workers of the harness")
    parser.add_argument("--no-peers", action="store_true", help="measure the harness alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        course = course_in(Path(scratch) / "course")
        handed_in = class_of(options.students, course, Path(scratch) / "submitted")
        compute = own_compute(course, handed_in[0])
        run = watched(course, handed_in, Path(scratch) / "out", options.jobs)
        check_grades(Path(scratch) / "out", options.students)
        show_harness(run, options, compute)
        if not options.no_peers:
            show_peers(run, options, course, handed_in, Path(scratch))


def course_in(folder: Path) -> Path:
    """Copy the benchmark's course, with the project's model, and build its notebook."""
    shutil.copytree(HERE / "course", folder)
    template = ROOT / "student_template"
    ignored = shutil.ignore_patterns("*.ipynb", "__pycache__")
    shutil.copytree(template, folder / "student_template", ignore=ignored)
    assignment = load_assignment(folder, SLUG)
    build_assignment(assignment, points_by_task(collect(assignment)))
    return folder


def class_of(count: int, course: Path, folder: Path) -> list[Path]:
    """Write as many right notebooks, no two alike."""
    assignment = load_assignment(course, SLUG)
    solved = solved_notebook(assignment, points_by_task(collect(assignment)))
    folder.mkdir()
    paths = []
    for number in range(count):
        notebook = copy.deepcopy(solved)
        for cell in notebook.cells:
            if cell.metadata.nbgrader.solution and cell.cell_type == "code":
                cell.source += f"\n\n# student {number}"
        path = folder / f"student{number:04}.ipynb"
        nbformat.write(notebook, path)
        paths.append(path)
    return paths


def own_compute(course: Path, notebook: Path) -> float:
    """Return what the notebook's cells and the checks' calls take in a warm process without any harness, in seconds.

    Two runs in one fresh process: the first pays for imports, the second is counted, its plot drawn as a
    notebook draws it.
    """
    program = Path(__file__).with_name("own_compute.py")
    command = [sys.executable, str(program), str(course / "student_template"), str(notebook)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(answer.stdout.splitlines()[-1]))


def watched(course: Path, paths: list[Path], out: Path, jobs: int) -> Run:
    """Grade, and look at the processes meanwhile."""
    run = Run()
    before = {path.name for path in Path(tempfile.gettempdir()).glob("autograder*")}
    started = time.perf_counter()
    process = peers.grade(course, SLUG, [paths[0].parent], out, "--jobs", str(jobs))
    with sampling(process.pid, run):
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("["):
                run.done_at.append(time.perf_counter() - started)
        if process.wait():
            sys.exit(f"autograder grade ended with {process.returncode}.")
    run.seconds = time.perf_counter() - started
    after = {path.name for path in Path(tempfile.gettempdir()).glob("autograder*")}
    run.left = sorted(after - before) + [
        " ".join(found.info["cmdline"])[:80]
        for found in psutil.process_iter(["cmdline"])
        if str(course) in " ".join(found.info["cmdline"] or [])
    ]
    return run


@contextmanager
def sampling(pid: int, run: Run) -> Iterator[None]:
    """Sample the coordinator and the kernels below it until the block ends."""
    over = threading.Event()

    def sample() -> None:
        while not over.wait(0.2):
            try:
                coordinator = psutil.Process(pid)
                run.coordinator.append(coordinator.memory_info().rss)
                look_at_kernels(coordinator, run)
            except psutil.Error:
                continue

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def look_at_kernels(coordinator: psutil.Process, run: Run) -> None:
    """Note the private memory of the processes that the zygote has forked."""
    for child in coordinator.children():
        if "autograder.execution.zygote" not in " ".join(child.cmdline()):
            continue
        for kernel in child.children(recursive=True):
            private = kernel.memory_full_info().uss
            run.kernels[kernel.pid] = max(run.kernels.get(kernel.pid, 0), private)


def check_grades(out: Path, count: int) -> None:
    """A benchmark of wrong grades is worth nothing."""
    reports = [json.loads(path.read_text()) for path in (out / SLUG).glob("*/report.json")]
    full = sum(report["score"] == report["max_score"] > 0 for report in reports)
    if full != count:
        sys.exit(f"{full} of {count} submissions got full marks: these figures would mean nothing.")


def show_harness(run: Run, options: argparse.Namespace, compute: float) -> None:
    """Print what the harness costs."""
    marginal = run.marginal(options.jobs)
    start = run.done_at[0]
    # A box's init is small; what runs the notebook is the largest of its processes.
    kernels = [size / MB for size in run.kernels.values() if size > 8 * MB]
    growth = (
        max(run.coordinator[len(run.coordinator) // 2 :]) - run.coordinator[len(run.coordinator) // 10]
    ) / MB
    print(
        f"{options.students} submissions, {options.jobs} workers: {run.seconds:.1f} s, the first after {start:.1f} s"
    )
    print(f"student's own compute, warm process:        {compute:.3f} s a submission")
    print(f"one worker's time, all at work:             {marginal:.3f} s a submission")
    print(f"harness overhead:                           {marginal - compute:.3f} s a submission")
    if kernels:
        sizes = f"{statistics.median(kernels):.0f} MB (median), {max(kernels):.0f} MB"
        print(f"private memory a kernel, largest seen:      {sizes}")
    print(
        f"coordinator:                                {max(run.coordinator) / MB:.0f} MB, growth {growth:+.1f} MB"
    )
    print(f"left behind:                                {', '.join(run.left) or 'nothing'}")


def show_peers(
    run: Run, options: argparse.Namespace, course: Path, handed_in: list[Path], scratch: Path
) -> None:
    """Grade a sample with nbgrader, in its kernels and in ours, and print all at 10, 100 and 1000 submissions."""
    ours = run.marginal(options.jobs) / options.jobs
    print(f"\n{'':<36}{'a submission':>13}{'a minute':>10}{'10':>9}{'100':>9}{'1000':>9}{'ratio':>8}")
    print(row(f"autograder grade ({options.students} graded)", ours, run.done_at[0], ours))
    for name, lines in (("nbgrader autograde", ""), ("nbgrader in our kernels", OUR_KERNELS)):
        start, slope = nbgrader_line(
            options.sample, course, handed_in, scratch / name.replace(" ", "-"), lines
        )
        print(row(f"{name} ({2 + options.sample} graded)", slope, start, ours))
    print("Seconds for 10, 100 and 1000 are extrapolated from the classes that were graded.")


def nbgrader_line(
    sample: int, course: Path, handed_in: list[Path], scratch: Path, lines: str
) -> tuple[float, float]:
    """Return nbgrader's seconds for its start and for each submission, from a class of two and one of more."""
    seconds = []
    for count in (2, 2 + sample):
        theirs = peers.nbgrader_course(course, SLUG, handed_in[:count], scratch / str(count), lines)
        started = time.perf_counter()
        graded = peers.autograde(theirs, SLUG)
        seconds.append(time.perf_counter() - started)
        if graded < count:
            sys.exit(f"nbgrader graded {graded} of {count} notebooks: no ratio can be told from that.")
    slope = (seconds[1] - seconds[0]) / sample
    return max(0.0, seconds[0] - 2 * slope), slope


def row(name: str, slope: float, start: float, ours: float) -> str:
    """Return a line of the table."""
    totals = "".join(f"{start + count * slope:>9.0f}" for count in (10, 100, 1000))
    return f"{name:<36}{slope:>11.2f} s{60 / slope:>10.1f}{totals}{slope / ours:>8.1f}"


if __name__ == "__main__":
    main()
