"""What the benchmarks compare with: nbgrader, and otter where it is installed, on the same notebooks."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import nbformat

OTTER = "otter-grader==7.0.0"
OTTER_VARIABLE = "AUTOGRADER_BENCH_OTTER"
_PROGRAM = "from otter.cli import cli; cli()"


class Absent(Exception):
    """A peer that cannot be compared with; the text says why."""


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


def otter_seconds(
    course: Path, slug: str, notebooks: Sequence[Path], folder: Path, environment: Path | None
) -> float:
    """Return what `otter run` takes for one notebook.

    Args:
        course: Has student_template.
        slug: The assignment, whose visible asserts are the tests.
        notebooks: What is handed in.
        folder: For the autograder's zip and the results; made.
        environment: Of otter; made if it is none.

    Raises:
        Absent: If there is no otter, or it does not grade.
    """
    python = _otter_python(environment)
    (folder / "tests").mkdir(parents=True)
    (folder / "out").mkdir()
    template = course / "student_template"
    needed = [path for path in template.iterdir() if path.suffix != ".ipynb"]
    for path in needed:
        (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / path.name)
    for name, text in _otter_tests(template / f"{slug}.ipynb").items():
        (folder / "tests" / f"{name}.py").write_text(text)
    shown = [str(path) for path in sorted(folder.rglob("*")) if path.is_file() and "tests" not in path.parts]
    files = [str(Path(path).relative_to(folder)) for path in shown if "__pycache__" not in path]
    plain = ["--no-requirements", "--no-environment", "--no-config"]
    _otter(python, folder, "generate", "-t", "tests", "-o", "autograder.zip", *plain, *files)
    total = 0.0
    for notebook in notebooks:
        total += timed(
            lambda notebook=notebook: _otter(
                python, folder, "run", "-a", "autograder.zip", "-o", "out", "--no-logo", str(notebook)
            )
        )
        tests = json.loads((folder / "out" / "results.json").read_text())["tests"]
        if not any(test.get("score") for test in tests):
            raise Absent(f"it gave {notebook.name} no points: these figures would mean nothing")
    return total / len(notebooks)


def _otter_python(environment: Path | None) -> Path:
    """Return the Python of an environment with otter, made if there is none; notebooks find our libraries in it.

    Raises:
        Absent: If none was named, or otter cannot be installed.
    """
    if environment is None:
        raise Absent(f"name a folder for its environment, --otter DIR or {OTTER_VARIABLE}")
    python = environment.absolute() / "bin" / "python"
    if not (environment / "bin" / "otter").is_file():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        site = next((environment / "lib").glob("python3*/site-packages"))
        ours = [path for path in sys.path if Path(path).name == "site-packages"]
        (site / "ours.pth").write_text("\n".join(ours) + "\n")
        install = [str(python), "-m", "pip", "install", "--quiet", OTTER]
        done = subprocess.run(install, check=False, capture_output=True, text=True)
        if done.returncode:
            raise Absent(f"{OTTER} cannot be installed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return python


def _otter_tests(notebook: Path) -> dict[str, str]:
    """Return otter's test files: the asserts that students see, one file a check cell."""
    tests = {}
    for cell in nbformat.read(notebook, as_version=4).cells:
        marks = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and marks.get("grade") and not marks.get("solution"):
            name = marks["grade_id"].replace("-", "_")
            case = {"code": _as_doctest(cell.source), "hidden": False, "locked": False}
            suite = {"cases": [case], "scored": True, "setup": "", "teardown": "", "type": "doctest"}
            test = {"name": name, "points": float(marks["points"]), "suites": [suite]}
            tests[name] = f"OK_FORMAT = True\ntest = {test!r}\n"
    return tests


def _as_doctest(source: str) -> str:
    """Return statements as somebody would have typed them at a prompt."""
    lines = []
    for statement in ast.parse(source).body:
        first, *rest = ast.unparse(statement).splitlines()
        lines += [f">>> {first}", *(f"... {line}" for line in rest)]
    return "\n".join(lines) + "\n"


def _otter(python: Path, folder: Path, *arguments: str) -> None:
    """Run an otter command.

    Raises:
        Absent: If it fails.
    """
    command = [str(python), "-c", _PROGRAM, *arguments]
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "?").splitlines()[-1]
        raise Absent(f"otter {arguments[0]} failed: {said}")


def grade(course: Path, slug: str, paths: Sequence[Path], out: Path, *options: str) -> subprocess.Popen[str]:
    """Start this harness in a process of its own, as a user would; lines of progress on its stdout."""
    command = [sys.executable, "-u", "-c", "from autograder.cli.main import main; main()", "grade", slug]
    return subprocess.Popen(
        [*command, *map(str, paths), "--out", str(out), "--course", str(course), *options],
        stdout=subprocess.PIPE,
        text=True,
    )
