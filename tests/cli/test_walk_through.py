"""An instructor's whole way by the command line: `new`, another subject with a model of its own, and a graded class.

The model's class, the script that trains it and its tables in assignment.toml are those of docs/new_assignment.md.
"""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.long, pytest.mark.sandbox]

SLUG = "linear_probe"
SUBJECT = Path(__file__).parent / SLUG
DOCS = Path(__file__).parents[2] / "docs" / "new_assignment.md"
EXAMPLE = ("attribute", "normalise", "question-sign", "plot-scores", "mean_over_hidden", "gradient")


def autograder(course: Path, *command: str | Path) -> str:
    done = subprocess.run(
        [Path(sys.executable).with_name("autograder"), *map(str, command)],
        cwd=course,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def documented(marker: str) -> str:
    """Return the block of code of the documentation that holds a text."""
    blocks = re.findall(r"```\w+\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)
    (found,) = [block for block in blocks if marker in block]
    return found


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `autograder new` began, made into a linear probe of an MLP."""
    folder = tmp_path_factory.mktemp("course")
    autograder(folder, "new", SLUG)
    assignment, student = folder / "assignments" / SLUG, folder / "student_template"
    for name in ("checks.py", "misconceptions.py"):
        shutil.copy(SUBJECT / name, assignment)
    shutil.copy(SUBJECT / "equivalents.py", assignment / "verification")
    shutil.copy(SUBJECT / "reference" / f"{SLUG}.py", folder / "reference" / f"{SLUG}.py")
    settings = (SUBJECT / "assignment.toml").read_text(encoding="utf-8") + documented(
        "[profiles.tiny.shipped]"
    )
    (assignment / "assignment.toml").write_text(settings, encoding="utf-8")
    for path, marker in (
        (student / "course" / "mlp.py", "class SmallMLP"),
        (folder / "training" / "make_mlp.py", "def make("),
    ):
        path.parent.mkdir()
        path.write_text(documented(marker), encoding="utf-8")
    subprocess.run([sys.executable, "training/make_mlp.py"], cwd=folder, check=True)
    for command in ("build", "calibrate"):
        autograder(folder, command, SLUG)
    return folder


def test_the_new_subject_verifies(course: Path) -> None:
    said = autograder(course, "verify", SLUG)
    assert "FAULT" not in said
    assert (said.count("diagnosed"), said.count("equivalent "), said.count("accepted variant")) == (7, 2, 1)


def test_nothing_of_the_example_is_left(course: Path) -> None:
    files = [path for path in course.rglob("*") if path.suffix in (".py", ".toml", ".json", ".ipynb")]
    assert [
        (path.name, old) for path in files for old in EXAMPLE if old in path.read_text(encoding="utf-8")
    ] == []


CHANGED = {
    "ana_right": ("", ""),
    "ben_transposed": ("torch.stack(found)", "torch.stack(found).transpose(0, 1)"),
    "dora_crash": ("torch.linalg.solve(gram, ", "torch.linalg.inv(features, "),
}
"""Submissions by name: a place of the reference's solutions, and what the student wrote there."""


def test_a_class_is_graded(course: Path, tmp_path: Path) -> None:
    submitted = tmp_path / "submitted"
    submitted.mkdir()
    autograder(course, "build", SLUG, "--nbgrader-source", tmp_path / "source")
    solved = (tmp_path / "source" / SLUG / f"{SLUG}.ipynb").read_text(encoding="utf-8")
    for name, (old, new) in CHANGED.items():
        assert old in solved
        (submitted / f"{name}.ipynb").write_text(
            solved.replace(old, new) if old else solved, encoding="utf-8"
        )
    shutil.copy(course / "student_template" / f"{SLUG}.ipynb", submitted / "cem_untouched.ipynb")
    autograder(course, "grade", SLUG, submitted, "--out", tmp_path / "results")
    results = tmp_path / "results" / SLUG
    with (results / "grades.csv").open(encoding="utf-8", newline="") as file:
        scores = {row["student"]: float(row["score"]) for row in csv.DictReader(file)}
    assert scores == {"ana_right": 12, "ben_transposed": 8, "cem_untouched": 0, "dora_crash": 8}
    report = json.loads((results / "ben_transposed" / "report.json").read_text(encoding="utf-8"))
    named = {check["diagnosis"]["misconception"] for check in report["checks"] if check.get("diagnosis")}
    assert named == {"examples_first"}
    assert report["needs_review"] == []
