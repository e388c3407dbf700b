"""The same references, checks and example classes on weights that were trained on the world's text."""

import nbformat
import pytest

from tests.examples.class_table import CHECKS as TOKEN_CHECKS
from tests.examples.class_table import CLASS as TOKEN_CLASS
from tests.examples.lens_table import CHECKS as LENS_CHECKS
from tests.examples.lens_table import CLASS as LENS_CLASS
from tests.examples.llm_table import CHECKS as LLM_CHECKS
from tests.examples.llm_table import CLASS as LLM_CLASS
from tests.examples.row import UNNAMED
from tests.real_models.weights import SMOLLM2

pytestmark = pytest.mark.real_model

OF_BOS = "tokens_with_bos"
"""No mistake here: neither SmolLM2's tokenizer nor the hidden model's puts a BOS in front."""

NOT_TOLD_APART = "tokens_cached"
"""Gives what it gives together with `OF_BOS`, so that neither is named."""


def lost(report):
    return {check["id"] for check in report["checks"] if check["outcome"] != "passed"}


def names(report):
    return {
        check["task"]: check["diagnosis"]["misconception"]
        for check in report["checks"]
        if check.get("diagnosis") is not None
    }


def named(row):
    """Return the mistakes of a row that have a name, by the function."""
    return {task: name for task, name in row.wrong.items() if name not in UNNAMED}


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
        assert names(reports[row.student]) == named(row), row.student


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


def test_the_class_on_minilm(classifier, graded):
    rows = [row for row in TOKEN_CLASS if not row.problem]
    reports = graded("token_attribution", classifier, [row.student for row in rows])
    reference = reports.pop("reference")
    assert (reference["score"], lost(reference)) == (reference["max_score"], set())
    own = {"full": "", "some": "", "none": "own2", "missing": "own1 own2"}
    found, expected = {}, {}
    for row in rows:
        uncertain = {TOKEN_CHECKS["own2"]} if row.mine == "some" else set()
        found[row.student] = lost(reports[row.student]) - uncertain, names(reports[row.student])
        expected[row.student] = (
            {TOKEN_CHECKS[short] for short in f"{row.lost} {own[row.mine]}".split()},
            named(row),
        )
    assert found == expected


def test_the_class_on_smollm2(weights, graded):
    reports = graded("llm_attribution", weights / SMOLLM2, [row.student for row in LLM_CLASS])
    reference = reports.pop("reference")
    assert (reference["score"], lost(reference)) == (reference["max_score"], set())
    found, expected = {}, {}
    for row in LLM_CLASS:
        found[row.student] = lost(reports[row.student]), names(reports[row.student])
        right = {task for task, name in row.wrong.items() if name == OF_BOS}
        checks = set() if right else {LLM_CHECKS[short] for short in row.lost.split()}
        expected[row.student] = (
            checks,
            {task: name for task, name in named(row).items() if name not in (OF_BOS, NOT_TOLD_APART)},
        )
    assert found == expected
