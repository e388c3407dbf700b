"""A new assignment, from the command that begins it to a graded class: what the documentation tells an instructor."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from autograder.authoring.notebook import is_stale, solved_notebook
from autograder.authoring.scaffold import create
from autograder.authoring.verify.gate import verify
from autograder.authoring.verify.mutation.mutation_testing import run_mutation_tests
from autograder.checks.course_context import load_course
from autograder.checks.decorators import collect, points_by_task
from autograder.cli.main import app
from autograder.comparison.tolerances import load_tolerances
from autograder.course.assignment import load_assignment
from autograder.errors import AssignmentError
from autograder.grading.batch import Options, grade_class
from autograder.records import Submission

SLUG = "gradient_times_input"


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """A course that the command has begun in an empty folder."""
    folder = tmp_path_factory.mktemp("course")
    done = CliRunner().invoke(app, ["new", SLUG, "--course", str(folder), "--title", "Gradient times input"])
    assert done.exit_code == 0, done.output
    assert "autograder verify gradient_times_input" in done.output
    return folder


def test_the_command_makes_all_that_an_assignment_is(course):
    made = {
        str(path.relative_to(course))
        for path in course.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert made == {
        f"assignments/{SLUG}/assignment.toml",
        f"assignments/{SLUG}/checks.py",
        f"assignments/{SLUG}/misconceptions.py",
        f"assignments/{SLUG}/generated/calibration.json",
        f"assignments/{SLUG}/generated/distances.json",
        f"assignments/{SLUG}/verification/equivalents.py",
        f"reference/{SLUG}.py",
        "student_template/README.md",
        f"student_template/{SLUG}.ipynb",
        "tests/test_assignments.py",
    }


def test_the_notebook_is_current_and_the_title_is_in_it(course):
    assignment = load_assignment(course, SLUG)
    assert assignment.title == "Gradient times input"
    assert not is_stale(assignment, points_by_task(collect(assignment)))
    assert (
        nbformat.read(assignment.template, as_version=4).cells[0].source.startswith("# Gradient times input")
    )


def test_its_tolerances_are_measured(course):
    found = load_tolerances(load_assignment(course, SLUG).generated_dir)
    assert found.keys() == {"scores", "normalised"}
    for tolerance in found.values():
        assert tolerance.right < tolerance.tau < tolerance.wrong
        assert tolerance.wrong >= 1000 * tolerance.right


@pytest.mark.sandbox
def test_it_verifies_as_it_is(course):
    findings = list(verify(load_assignment(course, SLUG)))
    assert [f"{found.kind} {found.name}: {found.problem}" for found in findings if not found.good] == []
    kinds = [found.kind for found in findings]
    assert (kinds.count("misconception"), kinds.count("equivalent")) == (5, 2)


@pytest.mark.long
def test_no_mutant_survives_unexplained(course):
    results = list(run_mutation_tests(load_course(load_assignment(course, SLUG))))
    assert len(results) > 80
    assert [(result.name, result.reason) for result in results if not result.good] == []


@pytest.mark.sandbox
@pytest.mark.long
def test_it_grades_a_right_and_a_wrong_submission(course, tmp_path):
    assignment = load_assignment(course, SLUG)
    right = solved_notebook(assignment, points_by_task(collect(assignment)))
    nbformat.write(right, tmp_path / "ana.ipynb")
    text = (
        (tmp_path / "ana.ipynb")
        .read_text()
        .replace("(values * gradients).sum(dim=1)", "(values * gradients).mean(-1)")
    )
    (tmp_path / "ben.ipynb").write_text(text)
    submissions = [
        Submission(student=name, path=tmp_path / f"{name}.ipynb", origin=f"{name}.ipynb")
        for name in ("ana", "ben")
    ]
    ana, ben = grade_class(submissions, assignment, tmp_path / "results", Options(jobs=1))
    assert (ana.score, ana.max_score) == (10, 10)
    assert ben.score == 4  # the second function is asked with the reference's scores
    report = json.loads((tmp_path / "results" / SLUG / "ben" / "report.json").read_text())
    named = {check["diagnosis"]["misconception"] for check in report["checks"] if check.get("diagnosis")}
    assert named == {"mean_over_hidden"}


RENAMED = {
    SLUG: "path_products",
    "Gradient times input": "Products along a path",
    "attribute": "multiply_out",
    "normalise": "to_length_one",
    "Scores of length one": "Products of length one",
    "question-sign": "question-zero",
    "What does a negative score say?": "What does a product of zero say?",
    "plot-scores": "plot-products",
    "scores": "products",
    "normalised": "shortened",
    "unseen": "drawn",
    "absolute_values": "without_signs",
    "mean_over_hidden": "averaged",
    "gradient_only": "one_factor",
    "by_the_sum_of_magnitudes": "by_another_norm",
    "by_the_largest": "by_the_maximum",
    "by_einsum": "in_one_step",
    "by_torchs_own": "as_in_torch",
}
"""What docs/new_assignment.md has an instructor rename, and the names that they choose freely."""


def renamed(text: str) -> str:
    for old, new in RENAMED.items():
        text = re.sub(rf"(?<![a-z]){re.escape(old)}(?![a-z])", new, text)
    return text.replace("test_scores_of_", "test_products_of_").replace("test_normalised_", "test_shortened_")


@pytest.fixture(scope="module")
def renamed_course(course, tmp_path_factory) -> Path:
    """The course after an instructor has renamed everything, as docs/new_assignment.md says, and built it anew."""
    folder = tmp_path_factory.mktemp("renamed") / "course"
    shutil.copytree(course, folder, ignore=shutil.ignore_patterns("__pycache__"))
    new = RENAMED[SLUG]
    (folder / "assignments" / SLUG).rename(folder / "assignments" / new)
    (folder / "reference" / f"{SLUG}.py").rename(folder / "reference" / f"{new}.py")
    (folder / "student_template" / f"{SLUG}.ipynb").unlink()
    written = [path for path in (folder / "assignments" / new).rglob("*") if path.suffix in (".py", ".toml")]
    for path in [*written, folder / "reference" / f"{new}.py"]:
        path.write_text(renamed(path.read_text()))
    for command in ("build", "calibrate"):
        done = CliRunner().invoke(app, [command, new, "--course", str(folder)])
        assert done.exit_code == 0, done.output
    return folder


def run(course: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=course, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


PYTEST = ("pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "tests")


@pytest.mark.long
def test_its_tests_pass(course):
    assert "5 passed" in run(course, *PYTEST)


@pytest.mark.sandbox
@pytest.mark.long
def test_its_tests_pass_unchanged_after_everything_is_renamed(renamed_course):
    assert "5 passed" in run(renamed_course, *PYTEST)


def test_nothing_of_the_example_is_left_after_everything_is_renamed(renamed_course):
    files = [path for path in renamed_course.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    found = {
        (str(path.relative_to(renamed_course)), old)
        for path in files
        for old in RENAMED
        if re.search(rf"(?<![a-z]){re.escape(old)}(?![a-z])", f"{path.name} {path.read_text()}")
    }
    assert found == set()


@pytest.mark.sandbox
@pytest.mark.long
def test_its_tests_fail_for_a_mistake_that_loses_no_points(renamed_course, tmp_path):
    slug = RENAMED[SLUG]
    folder = shutil.copytree(renamed_course, tmp_path / "course")
    mistakes = folder / "assignments" / slug / "misconceptions.py"
    mistakes.write_text(
        mistakes.read_text().replace("(values * gradients).mean(dim=-1)", "(values * gradients).sum(dim=-1)")
    )
    command = [sys.executable, "-m", *PYTEST, "-k", slug]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "1 failed, 4 passed" in done.stdout, done.stdout + done.stderr
    assert "averaged: it loses no points" in done.stdout


def test_what_is_there_is_not_overwritten(tmp_path):
    first = create(tmp_path, "lens")
    first[0].write_text("mine")
    with pytest.raises(AssignmentError, match=r"is there already. Choose another name"):
        create(tmp_path, "lens")
    assert first[0].read_text() == "mine"


def test_a_second_assignment_leaves_what_the_course_has_as_it_is(tmp_path):
    create(tmp_path, "lens")
    tests, readme = tmp_path / "tests" / "test_assignments.py", tmp_path / "student_template" / "README.md"
    tests.write_text("mine")
    readme.unlink()
    written = create(tmp_path, "probe")
    assert tests.read_text() == "mine" and not readme.exists()
    assert {path.parent.name for path in written} == {"probe", "verification", "reference"}


@pytest.mark.parametrize("slug", ["My-Lens", "1lens", "../lens", ""])
def test_a_name_that_is_no_slug_is_refused_before_anything_is_written(tmp_path, slug):
    with pytest.raises(AssignmentError, match="is no slug"):
        create(tmp_path, slug)
    assert not any(tmp_path.iterdir())


def test_a_title_that_would_break_the_configuration_is_refused(tmp_path):
    with pytest.raises(AssignmentError, match="leave them out"):
        create(tmp_path, "lens", title='The "lens"')
    assert not any(tmp_path.iterdir())
