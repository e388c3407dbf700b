"""Measure what grading costs beyond the student's own code, beside nbgrader and otter, and print a table.

    python benchmarks/speed.py [--students 60] [--sample 6] [--otter DIR]    the table
    python benchmarks/speed.py --students 1000 --no-peers                    a soak: growth and leftovers

The class is small on purpose: a notebook that imports torch, transformers and captum, loads a tiny model, and takes
a fraction of a second. What is measured is then the harness: its time a submission less what the same cells and
calls take in a warm, plain process. That is measured with one worker; several share the cores with their kernels,
and what they wait for each other is no work of the harness. The peers grade a sample of the same notebooks by the
asserts that students see, and are extrapolated: their time grows by the same amount with each notebook.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import nbformat
import peers
import watching

from autograder.authoring.notebook import build_assignment, solved_notebook
from autograder.checks.decorators import collect, points_by_task
from autograder.course.assignment import load_assignment

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SLUG = "saliency"
MB = 2**20
SIZES = (10, 100, 1000)
ALONE = 24
"""Submissions of the run with one worker, at most."""

OUR_KERNELS = "import os; os.environ['JUPYTER_DEFAULT_PROVISIONER_NAME'] = 'sandboxed-zygote'\n"


class Compute(NamedTuple):
    """What the student's own code takes in a warm process, in seconds."""

    wall: float
    cpu: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=60, help="submissions of the class")
    parser.add_argument("--sample", type=int, default=6, help="submissions that a peer grades")
    parser.add_argument("--jobs", type=int, default=2, help="workers of the harness")
    parser.add_argument("--no-peers", action="store_true", help="measure the harness alone")
    parser.add_argument(
        "--otter",
        type=Path,
        default=os.environ.get(peers.OTTER_VARIABLE),
        metavar="DIR",
        help=f"environment of otter-grader, made there if it is none ({peers.OTTER_VARIABLE})",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        scratch = Path(name)
        course = course_in(scratch / "course")
        handed_in = class_of(options.students, course, scratch / "submitted")
        compute = own_compute(course, handed_in[0])
        alone = watching.watched(course, SLUG, handed_in[:ALONE], scratch / "alone", 1)
        run = watching.watched(course, SLUG, [handed_in[0].parent], scratch / "out", options.jobs)
        check_grades(scratch / "out", options.students)
        show_harness(run, alone, options.students, compute)
        if not options.no_peers:
            show_peers(run, options, course, handed_in, scratch)


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


def own_compute(course: Path, notebook: Path) -> Compute:
    """Measure what the notebook's cells and the checks' calls take in a warm process without any harness.

    Several runs in one fresh process: the first pays for imports and is not counted; of the others the fastest is,
    so that the harness gets no credit for noise. The plot is drawn as a notebook draws it.
    """
    program = Path(__file__).with_name("own_compute.py")
    command = [sys.executable, str(program), str(course / "student_template"), str(notebook)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return Compute(*json.loads(answer.stdout.splitlines()[-1]))


def check_grades(out: Path, count: int) -> None:
    """A benchmark of wrong grades is worth nothing."""
    reports = [json.loads(path.read_text()) for path in (out / SLUG).glob("*/report.json")]
    full = sum(report["score"] == report["max_score"] > 0 for report in reports)
    if full != count:
        sys.exit(f"{full} of {count} submissions got full marks: these figures would mean nothing.")


def show_harness(run: watching.Run, alone: watching.Run, students: int, compute: Compute) -> None:
    """Print what the harness costs."""
    one, several = alone.median(), run.jobs * run.pace()
    # A box's init is small; what runs the notebook is the largest of its processes.
    kernels = [size / MB for size in run.kernels.values() if size > 8 * MB]
    later = max(run.coordinator[len(run.coordinator) // 2 :])
    growth = (later - run.coordinator[len(run.coordinator) // 10]) / MB
    print(
        f"{students} submissions, {run.jobs} workers: {run.seconds:.1f} s, the first after {run.done_at[0]:.1f} s"
    )
    line("student's own compute, warm process", compute.wall, f"({compute.cpu:.3f} s of CPU time)")
    line("one worker alone, median", one)
    line("harness overhead: one worker less own", one - compute.wall)
    line(
        f"one of {run.jobs} workers", several, f"({several - one:+.3f} s: {os.cpu_count()} cores are shared)"
    )
    for which in (alone, run):
        cpu = which.cpu()
        if cpu is not None:
            what = f"CPU time of all processes, {which.jobs} worker{'s' * (which.jobs > 1)}"
            line(what, cpu, f"({cpu - compute.cpu:.3f} s beyond own)")
    if kernels:
        sizes = f"{statistics.median(kernels):.0f} MB (median), {max(kernels):.0f} MB"
        print(f"private memory a kernel, largest seen:      {sizes}")
    print(
        f"coordinator:                                {max(run.coordinator) / MB:.0f} MB, growth {growth:+.1f} MB"
    )
    print(f"left behind:                                {', '.join(run.left) or 'nothing'}")


def line(what: str, seconds: float, remark: str = "") -> None:
    """Print one figure."""
    print(f"{what + ':':<43} {seconds:.3f} s a submission {remark}".rstrip())


def show_peers(
    run: watching.Run, options: argparse.Namespace, course: Path, handed_in: list[Path], scratch: Path
) -> None:
    """Grade a sample with nbgrader, in its kernels and in ours, and with otter; print all, extrapolated."""
    ours = run.pace()
    sizes = "".join(f"{size:>10}" for size in SIZES)
    print(f"\n{'':<36}{'a submission':>13}{'a minute':>10}{sizes}{'ratio':>8}")
    known = dict(enumerate(run.done_at, start=1))
    print(row(f"autograder grade ({options.students} graded)", ours, run.done_at[0], ours, known))
    for name, lines in (("nbgrader autograde", ""), ("nbgrader in our kernels", OUR_KERNELS)):
        start, slope = nbgrader_line(
            options.sample, course, handed_in, scratch / name.replace(" ", "-"), lines
        )
        print(row(f"{name} ({2 + options.sample} graded)", slope, start, ours))
    try:
        slope = peers.otter_seconds(
            course, SLUG, handed_in[: options.sample], scratch / "otter", options.otter
        )
        print(row(f"otter run ({options.sample} graded)", slope, 0.0, ours))
    except peers.Absent as reason:
        print(f"{'otter run':<36}skipped: {reason}")
    print("Seconds for classes of 10, 100 and 1000; ~ is extrapolated from those that were graded.")


def nbgrader_line(
    sample: int, course: Path, handed_in: list[Path], scratch: Path, lines: str
) -> tuple[float, float]:
    """Return nbgrader's seconds for its start and for each submission, from a class of two and one of more."""
    seconds = []
    for count in (2, 2 + sample):
        theirs = peers.nbgrader_course(course, SLUG, handed_in[:count], scratch / str(count), lines)
        seconds.append(peers.timed(lambda theirs=theirs: peers.autograde(theirs, SLUG)))
        graded = len(list((theirs / "autograded").glob("*/*/*.ipynb")))
        if graded < count:
            sys.exit(f"nbgrader graded {graded} of {count} notebooks: no ratio can be told from that.")
    slope = (seconds[1] - seconds[0]) / sample
    return max(0.0, seconds[0] - 2 * slope), slope


def row(name: str, slope: float, start: float, ours: float, known: dict[int, float] | None = None) -> str:
    """Return a line of the table; `known` are seconds that were measured, by the size of the class."""
    totals = "".join(
        f"{known[size]:>10.0f}" if known and size in known else f"{f'~{start + size * slope:.0f}':>10}"
        for size in SIZES
    )
    return f"{name:<36}{slope:>11.2f} s{60 / slope:>10.1f}{totals}{slope / ours:>8.1f}"


if __name__ == "__main__":
    main()
