"""A class whose notebooks ran on Colab, Kaggle and laptops: what does not exist here costs no point."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest

from autograder.authoring.notebook import build_assignment
from autograder.checks.decorators import collect, points_by_task
from autograder.course.assignment import load_assignment
from autograder.course.submissions import discover
from autograder.grading.batch import Options, grade_class

from ..conftest import MINI
from ..notebook_maker import submission

pytestmark = pytest.mark.sandbox

NUMPY = "import numpy as np\n"
USES_NUMPY = "def centre(values):\n    return values - torch.as_tensor(np.asarray(values).mean(axis=0))"
FIRST_CELLS = {
    "pip": "!pip install captum\n!pip install numpy\n%pip install datasets\n!apt-get install x\n" + NUMPY,
    "pandas": "import no_such_pandas as pd\n" + NUMPY,
    "file": "rows = open('data.csv').read()\n" + NUMPY,
    "prompt": "name = input('Name: ')\n" + NUMPY,
    "widget": "%matplotlib widget\n%load_ext no_such\n" + NUMPY,
    "colab": "from google.colab import drive\ndrive.mount('/content/drive')\n" + NUMPY,
    "awaits": "import asyncio\nawait asyncio.sleep(0)\n" + NUMPY,
    "leaves": NUMPY + "exit()",
}
ANSWERS = {
    "coroutine": "async def centre(values):\n    return values - values.mean(dim=0)",
    "prints": "import sys\ndef centre(values):\n    sys.stdout.writelines(['x'])\n    return values - values.mean(0)",
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory):
    base = tmp_path_factory.mktemp("elsewhere")
    assignment = load_assignment(shutil.copytree(MINI, base / "course"), "standardise")
    build_assignment(assignment, points_by_task(collect(assignment)))
    handed_in = base / "submitted"
    for name, cell in FIRST_CELLS.items():
        submission(assignment.template, handed_in / f"{name}.ipynb", {"centre": USES_NUMPY}, extra=[cell])
    for name, answer in ANSWERS.items():
        submission(assignment.template, handed_in / f"{name}.ipynb", {"centre": answer})
    submission(assignment.template, handed_in / "dies.ipynb", extra=["import os\nos._exit(1)"])
    add_to_a_locked_cell(submission(assignment.template, handed_in / "added.ipynb", {"centre": USES_NUMPY}))
    found = discover([handed_in], "standardise", base / "scratch")
    return {r.student: r for r in grade_class(found, assignment, base / "out", Options(jobs=2))}


def add_to_a_locked_cell(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    locked = next(
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("locked")
    )
    locked.source += "\nimport numpy as np"
    nbformat.write(notebook, path)


@pytest.mark.parametrize("name", [*FIRST_CELLS, "added", "dies", "prints"])
def test_the_answer_keeps_its_points(graded, name: str) -> None:
    report = graded[name]
    assert [(check.id, check.feedback) for check in report.checks if check.outcome != "passed"] == []
    assert report.score == report.max_score


def test_a_coroutine_earns_its_own_points(graded) -> None:
    outcomes = {check.id: check.outcome for check in graded["coroutine"].checks if "centre" in check.id}
    assert set(outcomes.values()) == {"passed"}


def test_the_reasons_are_told(graded) -> None:
    assert any("no_such_pandas" in remark for remark in graded["pandas"].remarks)
    assert any("`pip install captum`" in remark for remark in graded["pip"].remarks)
    assert [failure.kind for failure in graded["dies"].failures] == ["died"]
