"""The same references, checks and example classes on weights that were trained on the world's text."""

import subprocess
import sys

import nbformat
import pytest

from autograder.assignments import load_assignment
from autograder.build import solved_notebook
from autograder.checks.marks import collect, points_by_task
from tests.examples.lens_table import CHECKS as LENS_CHECKS
from tests.examples.lens_table import CLASS as LENS_CLASS
from tests.examples.llm_table import CHECKS as LLM_CHECKS
from tests.examples.llm_table import CLASS as LLM_CLASS
from tests.real_models.weights import MINILM, SMOLLM2

pytestmark = pytest.mark.real_model


def lost(report):
    return {check["id"] for check in report["checks"] if check["outcome"] != "passed"}


def names(report):
    return {
        check["task"]: check["diagnosis"]["misconception"]
        for check in report["checks"]
        if check.get("diagnosis") is not None
    }


def reads_gpt2s_modules(course_root, student) -> bool:
    """Tell whether a lens is written for GPT-2's module names, as the contract allows."""
    path = course_root / "examples" / "further" / "logit_lens" / f"{student}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    lenses = [cell.source for cell in cells if "def layer_probabilities(" in cell.source]
    return any(".transformer." in source or "ln_f" in source for source in lenses)


def test_the_lens_reads_smollm2(weights, graded, course_root):
    rows = [row for row in LENS_CLASS if not reads_gpt2s_modules(course_root, row.student)]
    reports = graded("logit_lens", weights / SMOLLM2, [row.student for row in rows])
    reference = reports.pop("reference")
    assert (reference["score"], lost(reference)) == (reference["max_score"], set())
    assert reference["provenance"]["models"][0] == f"shipped: {SMOLLM2}"
    assert rows, "some lenses find their modules in any architecture"
    for row in rows:
        expected = {LENS_CHECKS[short] for short in row.lost.split()}
        assert lost(reports[row.student]) == expected, row.student
        named = {task: name for task, name in row.wrong.items() if name not in ("nameless", "missing")}
        assert names(reports[row.student]) == named, row.student


def test_the_lens_settles_on_paris_late(weights, course_root):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from tests.assignments.setting import load_setting

    reference = load_setting("logit_lens", plot_cell="plot-lens-of-a-fact").reference
    tokenizer = AutoTokenizer.from_pretrained(weights / SMOLLM2)
    model = AutoModelForCausalLM.from_pretrained(weights / SMOLLM2).eval()
    ids = tokenizer("The Eiffel Tower is in the city of", return_tensors="pt")["input_ids"]
    ranks = reference.target_rank(
        reference.layer_probabilities(model, ids), tokenizer(" Paris")["input_ids"][0]
    )
    first = next(layer for layer in range(len(ranks)) if bool((ranks[layer:] == 0).all()))
    assert 20 <= first < 30, ranks.tolist()


def test_attributions_of_an_intent_classifier_on_minilm(weights, course_root, tmp_path):
    """All checks but the one for faithfulness, which needs a hundred rankings of forty sentences: hours here."""
    classifier = tmp_path / "classifier"
    train = [sys.executable, "-m", "training.intent_de.on_encoder", "--sentences", "300"]
    options = ["--encoder", str(weights / MINILM), "--out", str(classifier)]
    subprocess.run([*train, *options], check=True, cwd=course_root)
    assignment = load_assignment(course_root, "token_attribution")
    solved = tmp_path / "reference.ipynb"
    nbformat.write(solved_notebook(assignment, points_by_task(collect(assignment))), solved)
    command = [sys.executable, "-m", "pytest", "assignments/token_attribution", "-k", "not is_faithful"]
    options = ["--submission", str(solved), "--profile", str(classifier), "-p", "no:xdist"]
    done = subprocess.run([*command, *options], cwd=course_root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert f"{len(collect(assignment)) - 1} passed, 1 deselected" in done.stdout


def test_smollm2_is_explained(weights, graded):
    # Those who ask many texts at once: Captum's wrapper goes token by token, more than eight minutes of processor time.
    students = ("Dalia Cohen", "Goran Ilić")
    rows = [row for row in LLM_CLASS if row.student in students]
    reports = graded("llm_attribution", weights / SMOLLM2, [row.student for row in rows])
    reference = reports.pop("reference")
    assert (reference["score"], lost(reference)) == (reference["max_score"], set())
    assert len(rows) == len(students)
    for row in rows:
        assert lost(reports[row.student]) == {LLM_CHECKS[short] for short in row.lost.split()}, row.student
        assert names(reports[row.student]) == dict(row.wrong), row.student
