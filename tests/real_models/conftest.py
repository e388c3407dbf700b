"""Real weights, and a grading on them through the real pipeline."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest

from autograder.authoring.notebook import solved_notebook
from autograder.checks.decorators import collect, points_by_task
from autograder.course.assignment import load_assignment
from autograder.grading.batch import Options, grade_class
from autograder.records import Submission
from tests.real_models.weights import MINILM, SMOLLM2

VARIABLE = "AUTOGRADER_REAL_MODELS"
CLASSIFIER = "intent-minilm"


@pytest.fixture(scope="session")
def weights() -> Path:
    """The folder that `tests.real_models.weights` has filled."""
    folder = Path(os.environ.get(VARIABLE, ""))
    if not os.environ.get(VARIABLE) or not ((folder / SMOLLM2).is_dir() and (folder / MINILM).is_dir()):
        pytest.skip(f"needs real weights: python -m tests.real_models.weights FOLDER, then {VARIABLE}=FOLDER")
    return folder.resolve()


@pytest.fixture
def classifier(weights, course_root) -> Path:
    """An intent classifier on MiniLM's encoder, and what random rankings reach on it; made once, below the weights."""
    folder = weights / CLASSIFIER
    if not (folder / "chance.json").is_file():
        train = [
            "-m",
            "training.intent_de.on_encoder",
            "--encoder",
            str(weights / MINILM),
            "--out",
            str(folder),
        ]
        measure = ["-m", "training.intent_de.make_chances", "--profile", str(folder)]
        for command in (train, measure):
            subprocess.run([sys.executable, *command], check=True, cwd=course_root)
    return folder


@pytest.fixture
def graded(course_root, tmp_path):
    """Grade the reference and example submissions on a model's folder; returns reports by student."""

    def grade(slug: str, model: Path, examples: Sequence[str]) -> dict[str, dict]:
        assignment = load_assignment(course_root, slug)
        reference = tmp_path / "reference.ipynb"
        nbformat.write(solved_notebook(assignment, points_by_task(collect(assignment))), reference)
        paths = {"reference": reference}
        for name in examples:
            (path,) = (course_root / "examples").glob(f"**/{slug}/{name}.ipynb")
            paths[name] = path
        submissions = [Submission(student=name, path=path, origin=str(path)) for name, path in paths.items()]
        grade_class(submissions, assignment, tmp_path, Options(profile=str(model), jobs=0))
        reports = (tmp_path / slug).glob("*/report.json")
        found = (json.loads(path.read_text(encoding="utf-8")) for path in reports)
        return {report["student"]: report for report in found}

    return grade
