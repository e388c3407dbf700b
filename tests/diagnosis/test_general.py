"""Mistakes that a function of any assignment can make are named, where no known mistake is."""

import copy
import types

import pytest
import torch
from torch import nn

from autograder.checks.answer_cache import MemoisedReference
from autograder.checks.comparing import Mismatch, assert_tensor_close
from autograder.checks.diagnosing import Passed, explained
from autograder.checks.submission_proxy import Call
from autograder.diagnosis import Misconception
from autograder.records import Tolerance

torch.manual_seed(3)
TAU = Tolerance(metric="relative_l2", tau=1e-4, origin="test", right=1e-7)


def loaded(width):
    model = nn.Sequential(nn.Linear(4, width), nn.Dropout(0.5), nn.Linear(width, 4)).eval()
    return types.SimpleNamespace(model=model, tokenizer=types.SimpleNamespace(scale=float(width)), spec=None)


MODELS = [loaded(8), loaded(5)]
SHIPPED, HIDDEN = MODELS
reference = types.ModuleType("reference")


def outputs(model, tokenizer, rows):
    with torch.no_grad():
        return (model(rows.to(next(model.parameters()).dtype)) * tokenizer.scale).float()


reference.outputs = outputs
ROWS, EARLIER = torch.randn(3, 4), torch.randn(3, 4)


def named(answer, loaded=HIDDEN, rows=ROWS, passed=(), misconceptions=(), seed=7):
    memo = MemoisedReference(reference)
    args = (loaded.model, loaded.tokenizer, rows)
    with pytest.raises(Mismatch) as error:
        assert_tensor_close(answer, outputs(*args), TAU, name="outputs", axes=("row", "column"))
    found = explained(
        error.value,
        Call("outputs", args, {}, seed=seed),
        misconceptions=misconceptions,
        reference=memo,
        models=MODELS,
        passed=passed,
        mistaken={},
    )
    return found.diagnosis.misconception if found.diagnosis else None


def test_the_notebooks_own_model_is_named():
    assert named(outputs(SHIPPED.model, HIDDEN.tokenizer, ROWS)) == "notebooks_own_model"


def test_the_notebooks_own_tokenizer_is_named():
    assert named(outputs(HIDDEN.model, SHIPPED.tokenizer, ROWS)) == "notebooks_own_tokenizer"


def test_the_notebooks_own_model_and_tokenizer_are_named():
    assert named(outputs(SHIPPED.model, SHIPPED.tokenizer, ROWS)) == "notebooks_own_model_and_tokenizer"


def passed_before(*every, loaded=HIDDEN):
    found = []
    for rows in every:
        args = (loaded.model, loaded.tokenizer, rows)
        right = outputs(*args)
        found.append(
            Passed(Call("outputs", args, {}), lambda given, right=right: float((given - right).norm()), 1e-4)
        )
    return found


@pytest.mark.parametrize(
    ("model", "tokenizer", "name"),
    [
        (SHIPPED.model, HIDDEN.tokenizer, "notebooks_own_model"),
        (HIDDEN.model, SHIPPED.tokenizer, "notebooks_own_tokenizer"),
        (SHIPPED.model, SHIPPED.tokenizer, "notebooks_own_model_and_tokenizer"),
    ],
)
def test_they_are_named_after_right_answers_about_the_notebooks_own(model, tokenizer, name):
    passed = passed_before(EARLIER, loaded=SHIPPED)
    assert named(outputs(model, tokenizer, ROWS), passed=passed) == name
    # The control: it was right about the other model before.
    assert named(outputs(model, tokenizer, ROWS), passed=passed_before(EARLIER)) != name


def test_the_answer_to_an_earlier_call_is_named():
    passed = passed_before(EARLIER, torch.randn(3, 4))
    answer = outputs(HIDDEN.model, HIDDEN.tokenizer, EARLIER)
    assert named(answer, passed=passed) == "answer_to_an_earlier_call"
    # The control: no earlier call had this answer.
    assert named(answer, passed=passed[1:]) is None


def test_dropout_under_the_calls_own_seed_is_named():
    torch.manual_seed(7)
    model = copy.deepcopy(HIDDEN.model).train()
    answer = outputs(model, HIDDEN.tokenizer, ROWS)
    assert named(answer) == "model_in_training_mode"
    assert not HIDDEN.model.training
    assert named(answer, seed=8) is None


def test_bfloat16_is_named():
    model = copy.deepcopy(HIDDEN.model).bfloat16()
    assert named(outputs(model, HIDDEN.tokenizer, ROWS)) == "computed_in_bfloat16"
    assert next(HIDDEN.model.parameters()).dtype is torch.float32


def test_a_known_mistake_keeps_its_name():
    known = Misconception(
        id="own", task="outputs", title="t.", hint="h.",
        run=lambda reference, model, tokenizer, rows: reference.outputs(SHIPPED.model, tokenizer, rows),
    )  # fmt: skip
    assert named(outputs(SHIPPED.model, HIDDEN.tokenizer, ROWS), misconceptions=[known]) == "own"


def test_nothing_general_is_named_for_another_mistake():
    assert named(outputs(HIDDEN.model, HIDDEN.tokenizer, ROWS).sin(), passed=passed_before(EARLIER)) is None
