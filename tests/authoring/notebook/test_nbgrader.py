"""nbgrader itself accepts what is built: its validator, and a course tree from release to autograded."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import nbformat
import nbgrader
import pytest
from nbgrader.api import Gradebook
from nbgrader.validator import Validator

from autograder.authoring.notebook import build_notebook, render, solved_notebook, source_notebook
from autograder.records import Assignment

from ...conftest import ROOT

pytestmark = pytest.mark.nbgrader

Course = Callable[..., Assignment]
Points = Mapping[str, float]


def save(path: Path, notebook: nbformat.NotebookNode) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(notebook), encoding="utf-8")
    return path


def run_nbgrader(folder: Path, *arguments: str) -> None:
    # nbgrader calls the command `alembic`, which lies beside the interpreter or where nbgrader was installed.
    scripts = (Path(sys.executable).parent, Path(nbgrader.__file__).parents[4] / "bin")
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        env=os.environ | {"PATH": os.pathsep.join([*map(str, scripts), os.environ["PATH"]])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_validator_asks_for_the_missing_solutions_alone(
    course: Course, points: Points, tmp_path: Path
) -> None:
    results = Validator().validate(str(save(tmp_path / "demo.ipynb", build_notebook(course(), points))))
    assert list(results) == ["failed"]
    errors = [(item["source"], item["raw_error"].splitlines()[-1]) for item in results["failed"]]
    assert [source for source, _ in errors] == [
        "assert double(2) == 4",
        "assert halve(2) == 1",
        "**Why does it work?**\n\nYOUR ANSWER HERE",
        "**What else?**\n\nYOUR ANSWER HERE",
    ]
    assert "NotImplementedError" in errors[0][1]


def test_the_validator_passes_the_solved_notebook(course: Course, points: Points, tmp_path: Path) -> None:
    solved = solved_notebook(course(), points)
    solved.cells[-1].source += "\n\nSubtraction."
    assert Validator().validate(str(save(tmp_path / "demo.ipynb", solved))) == {}


def test_a_course_releases_and_autogrades_it(course: Course, points: Points, tmp_path: Path) -> None:
    assignment = course()
    tree = tmp_path / "tree"
    save(tree / "source" / "demo" / "demo.ipynb", source_notebook(assignment, points))
    (tree / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = 'demo'\n")
    run_nbgrader(tree, "generate_assignment", "demo")
    released = nbformat.read(tree / "release" / "demo" / "demo.ipynb", as_version=4)
    built = build_notebook(assignment, points)
    assert [(c.source, c.metadata) for c in released.cells] == [(c.source, c.metadata) for c in built.cells]

    save(tree / "submitted" / "ana" / "demo" / "demo.ipynb", solved_notebook(assignment, points))
    save(tree / "submitted" / "ben" / "demo" / "demo.ipynb", built)
    run_nbgrader(tree, "autograde", "demo", "--create")
    with Gradebook(f"sqlite:///{tree / 'gradebook.db'}") as gradebook:
        scores = {
            student: gradebook.find_submission_notebook("demo", "demo", student).code_score
            for student in ("ana", "ben")
        }
        assert gradebook.find_notebook("demo", "demo").max_code_score == 3.5
        assert gradebook.find_notebook("demo", "demo").max_written_score == 4
    assert scores == {"ana": 3.5, "ben": 0}


@pytest.mark.sandbox
@pytest.mark.long
def test_one_line_of_configuration_gives_nbgrader_sandboxed_kernels(
    course: Course, points: Points, tmp_path: Path
) -> None:
    assignment = course()
    tree = tmp_path / "tree"
    save(tree / "source" / "demo" / "demo.ipynb", source_notebook(assignment, points))
    line = "import os; os.environ['JUPYTER_DEFAULT_PROVISIONER_NAME'] = 'sandboxed-zygote'\n"
    config = "c = get_config()\nc.CourseDirectory.course_id = 'demo'\n"
    (tree / "nbgrader_config.py").write_text(config)
    run_nbgrader(tree, "generate_assignment", "demo")
    spy = nbformat.v4.new_code_cell(
        f"import os\nprint(os.getcwd(), os.path.exists({str(tree / 'source')!r}))", id="spy"
    )
    seen = {}
    for name, lines in (("plain", config), ("boxed", config + line)):
        (tree / "nbgrader_config.py").write_text(lines)
        solved = solved_notebook(assignment, points)
        solved.cells.append(spy)
        save(tree / "submitted" / name / "demo" / "demo.ipynb", solved)
        run_nbgrader(tree, "autograde", "demo", "--create", "--student", name)
        graded = nbformat.read(tree / "autograded" / name / "demo" / "demo.ipynb", as_version=4)
        seen[name] = graded.cells[-1].outputs[0].text.split()
        with Gradebook(f"sqlite:///{tree / 'gradebook.db'}") as gradebook:
            assert gradebook.find_submission_notebook("demo", "demo", name).code_score == 3.5
    assert seen["plain"][1] == "True", "the control: without the line a submission reads the solutions"
    assert seen["boxed"] == ["/box", "False"]


@pytest.mark.long
def test_the_recipe_of_the_readme_releases_all_that_students_need(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    recipe = text[text.index("    mkdir -p source/token_attribution") : text.index("    nbgrader autograde")]
    for name in ("assignments", "reference", "student_template"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = 'demo'\n")
    *lines, last = [line.split("#")[0].strip() for line in recipe.splitlines()]
    scripts = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(
        ["bash", "-ec", "\n".join(lines)], cwd=tmp_path, env=os.environ | {"PATH": scripts}, check=True
    )
    run_nbgrader(tmp_path, *last.split()[1:])

    released = {
        path.relative_to(tmp_path / "release/token_attribution").as_posix()
        for path in (tmp_path / "release/token_attribution").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    needed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT / "student_template", check=True, capture_output=True, text=True
    ).stdout.split()
    assert released == {name for name in needed if not name.endswith(".ipynb")} | {"token_attribution.ipynb"}
