"""What the checks give for right answers in every form, for what builds on wrong ones, and for wrong forms."""

import random
from dataclasses import replace
from functools import partial

import pytest
import torch

from autograder.checks.decorators import collect
from autograder.errors import SubmissionError
from autograder.seeds import seed_for

from ..setting import stored_by_ids, stored_by_shape

TASKS = (
    "attention_matrices",
    "head_norm",
    "attention_attributions",
    "transformed_vectors",
    "weighted_norms",
    "summed_norms",
)
MATRICES, HEAD_NORM, CONDUCTANCE, VECTORS, WEIGHTED, SUMMED = TASKS


def lost(results):
    return {
        name: result.detail or result.feedback
        for name, result in results.items()
        if result.outcome != "passed"
    }


def known_as(setting, name):
    return next(known for known in setting.misconceptions if known.id == name)


def test_points_sum_to_those_of_the_assignment(setting):
    assert sum(info.points for info in collect(setting.assignment)) == setting.assignment.points == 40


def test_every_function_has_a_visible_and_a_hidden_check(setting):
    found = {(info.task, info.visibility) for info in collect(setting.assignment)}
    assert found == {(task, kind) for task in TASKS for kind in ("visible", "hidden")}


def later(*values):
    """Return parameters that only the long run takes."""
    return [pytest.param(value, marks=pytest.mark.long) for value in values]


@pytest.mark.parametrize("student", ["ana", *later("李雷", "jörg")])
def test_the_reference_has_full_marks_without_a_remark(setting, student):
    results = setting.grade(student=student)
    assert lost(results) == {}
    assert sum(result.points for result in results.values()) == 40
    assert not any(result.remarks or result.measured for result in results.values())


def in_form(form, function):
    """Return the function with its result in another form."""

    def change(value):
        return {
            "float64": lambda: value.double(),
            "numpy": lambda: value.numpy(),
            "gradient": lambda: (value * 1.0).requires_grad_(),
            "strided": lambda: torch.stack([value, value], dim=-1)[..., 0],
            "lists": lambda: value.tolist(),
        }[form]()

    return lambda *args: change(function(*args))


@pytest.mark.parametrize("form", ["numpy", *later("float64", "gradient", "strided", "lists")])
def test_a_right_answer_never_loses_for_its_form(setting, form):
    functions = {name: in_form(form, run) for name, run in setting.functions().items()}
    results = setting.grade(**functions)
    assert lost(results) == {}
    assert not any(result.remarks or result.measured for result in results.values())


@pytest.mark.parametrize("form", ["nan", *later("shape", "integers", "text", "none", "number")])
@pytest.mark.parametrize("task", TASKS)
def test_a_wrong_form_earns_nothing_and_is_no_fault_of_ours(setting, task, form):
    right = getattr(setting.reference, task)

    def wrong(*args):
        value = right(*args)
        return {
            "shape": lambda: value[:-1],
            "integers": lambda: value.long(),
            "nan": lambda: value * float("nan"),
            "text": lambda: "attention",
            "none": lambda: None,
            "number": lambda: 3.0,
        }[form]()

    results = setting.grade(only={task}, plots=(), **{task: wrong})
    assert setting.points(task, results) == 0
    assert not [result.detail for result in results.values() if result.fault]


def built_on(setting, **own):
    """Return weighted_norms and summed_norms that use a student's own earlier functions."""

    def parts(model, inputs):
        return (own.get(name, getattr(setting.module, name))(model, inputs) for name in (MATRICES, VECTORS))

    def weighted_norms(model, inputs):
        matrices, vectors = parts(model, inputs)
        return matrices * vectors.norm(dim=-1)[:, :, None]

    def summed_norms(model, inputs):
        matrices, vectors = parts(model, inputs)
        return torch.einsum("lhqk,lhkd->lqkd", matrices, vectors).norm(dim=-1)

    return own | {WEIGHTED: weighted_norms, SUMMED: summed_norms}


@pytest.mark.parametrize(
    ("task", "mistake"),
    [
        (MATRICES, "matrices_transposed"),
        (MATRICES, "scores_before_the_softmax"),
        (VECTORS, "value_bias_missing"),
        (VECTORS, "of_the_layers_outputs"),
    ],
)
def test_one_mistake_costs_one_function(setting, task, mistake):
    own = {task: partial(known_as(setting, mistake).run, setting.module)}
    results = setting.grade(**built_on(setting, **own))
    assert {result.task for result in results.values() if result.outcome != "passed"} == {task}
    for built in (WEIGHTED, SUMMED):
        remarks = {
            remark
            for result in results.values()
            if result.task == built
            for remark in (*result.remarks, *result.measured)
        }
        assert remarks and all(f"builds on what your {task} gives" in remark for remark in remarks)


def test_mistakes_in_both_earlier_functions_cost_these_two(setting):
    mistakes = {MATRICES: "matrices_transposed", VECTORS: "value_bias_missing"}
    own = {task: partial(known_as(setting, name).run, setting.module) for task, name in mistakes.items()}
    results = setting.grade(**built_on(setting, **own))
    assert {result.task for result in results.values() if result.outcome != "passed"} == {MATRICES, VECTORS}


def test_a_right_answer_beside_a_wrong_earlier_one_is_right_without_a_remark(setting):
    run = partial(known_as(setting, "value_bias_missing").run, setting.module)
    results = setting.grade(**{VECTORS: run})
    assert {result.task for result in results.values() if result.outcome != "passed"} == {VECTORS}
    assert not any(result.remarks or result.measured for result in results.values())


def test_an_earlier_function_that_raises_costs_no_later_one(setting):
    def broken(model, inputs):
        raise SubmissionError("transformed_vectors() raised ValueError: no")

    results = setting.grade(**{VECTORS: broken})
    assert {result.task for result in results.values() if result.outcome != "passed"} == {VECTORS}


@pytest.mark.parametrize(
    ("task", "check"),
    [
        (MATRICES, "test_rows_are_distributions"),
        (CONDUCTANCE, "test_no_path_no_conductance"),
        (VECTORS, "test_vectors_add_up_to_the_layers_output"),
        (SUMMED, "test_heads_together_are_no_longer_than_apart"),
    ],
)
def test_dropout_left_on_is_found_and_said(setting, task, check):
    def noisy(model, *args):
        model.train()
        try:
            return getattr(setting.module, task)(model, *args)
        finally:
            model.eval()

    results = setting.grade(only={task, MATRICES, VECTORS}, **{task: noisy})
    assert setting.points(task, results) == 0
    said = results[check].feedback
    # Attention with dropout has no row that sums to 1: that is said first.
    assert "Is the model in eval mode?" in said or (task == MATRICES and "sum to 1" in said)


def test_stored_outputs_of_the_shipped_model_earn_no_hidden_point(setting):
    checks, loaded = setting.checks, setting.models[0]
    inputs = checks.inputs_of(setting.module, loaded.tokenizer, checks.SHOWN)
    stored = setting.module.attention_matrices(loaded.model, inputs)
    results = setting.grade(only={MATRICES}, **{MATRICES: lambda model, given: stored})
    assert results["test_rows_are_distributions"].outcome == "passed"
    assert results["test_attention_of_unseen_questions"].outcome == "failed"


def test_hidden_checks_show_no_value_and_no_strip(setting):
    known = known_as(setting, "gradient_at_the_later_node")
    hidden = setting.mistaken(known)["test_conductances_of_unseen_questions"]
    assert (hidden.feedback, hidden.hint, hidden.strips) == ("", known.hint, ())


def test_everyone_is_asked_the_same_questions_and_each_student_one_of_their_own(setting):
    common, own = set(), {"shipped": set(), "hidden": set()}
    for student in range(50):
        rng = random.Random(seed_for("key", str(student)))
        drawn = list(
            setting.checks.unseen_questions(setting.reference, setting.models, setting.assignment, rng)
        )
        assert [loaded.spec.role for loaded, *_ in drawn] == ["shipped"] * 3 + ["hidden"] * 3
        plain = [(tuple(inputs["input_ids"].flatten().tolist()), position) for _, inputs, position in drawn]
        assert len(set(plain)) == 6
        common.add((*plain[:2], *plain[3:5]))
        for (loaded, *_), one in zip(drawn[2::3], plain[2::3], strict=True):
            own[loaded.spec.role].add(one)
    (everyone,) = common
    shapes = [{(len(ids), position) for ids, position in pair} for pair in (everyone[:2], everyone[2:])]
    # What was stored under a shape is asked for another input of one model; the other has a start and an end.
    assert sorted(map(len, shapes)) == [1, 2]
    different = max(shapes, key=len)
    assert [len({each[part] for each in different}) for part in (0, 1)] == [2, 2]
    assert all(len(found) >= 5 for found in own.values())


def test_the_hidden_check_asks_each_model_for_these(setting):
    asked = []

    def heard(model, inputs, position):
        asked.append((model, inputs["input_ids"].shape, position))
        return setting.reference.attention_attributions(model, inputs, position)

    setting.grade(only={CONDUCTANCE}, **{CONDUCTANCE: heard})
    hidden = asked[-8:-2]
    assert [model for model, *_ in hidden] == [setting.models[number].model for number in (0, 0, 0, 1, 1, 1)]
    assert {position for *_, position in hidden} == {"start", "end"}
    assert len(set(hidden)) >= 3


@pytest.mark.parametrize("student", ["ana", *later("ben", "eva")])
@pytest.mark.parametrize("task", [HEAD_NORM, VECTORS, *later(MATRICES, CONDUCTANCE, WEIGHTED, SUMMED)])
def test_answers_stored_by_shape_fail_the_hidden_check(setting, task, student):
    own = stored_by_shape(getattr(setting.reference, task))
    results = replace(setting, misconceptions=()).grade(
        student=student, only={task, MATRICES, VECTORS}, **{task: own}
    )
    hidden = [
        info.id for info in collect(setting.assignment) if (info.task, info.visibility) == (task, "hidden")
    ]
    assert [results[name].outcome for name in hidden] == ["failed"]


@pytest.mark.parametrize("task", [MATRICES, CONDUCTANCE, VECTORS, WEIGHTED, SUMMED])
def test_answers_stored_by_ids_alone_fail_the_hidden_check(setting, task):
    own = stored_by_ids(getattr(setting.reference, task))
    results = setting.grade(only={task, MATRICES, VECTORS}, **{task: own})
    assert setting.outcomes(task, "visible", results) == {"passed"}
    assert setting.outcomes(task, "hidden", results) == {"failed"}


@pytest.mark.parametrize("plots", [()])
def test_a_missing_plot_is_said_and_costs_nothing(setting, plots):
    results = setting.grade(only=set(), plots=plots)
    assert results["test_plot_is_a_figure"].outcome == "failed"
    assert results["test_plot_is_a_figure"].max_points == 0
