"""What the checks give for right answers in every form, and for wrong forms."""

import random
from collections import namedtuple
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from autograder.checks.decorators import collect
from autograder.seeds import seed_for

from ..setting import stored_by_ids, stored_by_shape
from .test_misconceptions import ANSWER, CONDUCTANCE, CORNERS, EMBEDDINGS, ENTROPY, INPUTS, PARTS, TASKS, TOP


def lost(results):
    return {
        name: result.detail or result.feedback
        for name, result in results.items()
        if result.outcome != "passed"
    }


def test_points_sum_to_those_of_the_assignment(setting):
    assert sum(info.points for info in collect(setting.assignment)) == setting.assignment.points == 40


def test_every_function_has_a_visible_and_a_hidden_check(setting):
    found = {(info.task, info.visibility) for info in collect(setting.assignment)}
    assert found == {(task, kind) for task in TASKS for kind in ("visible", "hidden")}


@pytest.mark.parametrize("student", ["ana", pytest.param("李雷", marks=pytest.mark.long)])
def test_the_reference_has_full_marks_without_a_remark(setting, student):
    results = setting.grade(student=student)
    assert lost(results) == {}
    assert sum(result.points for result in results.values()) == 40
    assert not any(result.remarks or result.measured for result in results.values())


def in_form(form, function):
    """Return the function with its result in another form."""
    Triple = namedtuple("Triple", "token index score")

    def change(value):
        if isinstance(value, dict):
            return {name: change(one) for name, one in value.items()}
        if isinstance(value, (tuple, list)):
            changed = [change(one) for one in value]
            return tuple(changed) if form == "numpy" else changed if len(changed) != 3 else Triple(*changed)
        if isinstance(value, float) and form in ("float64", "numpy"):
            return torch.tensor(value, dtype=torch.float64) if form == "float64" else np.float64(value)
        if isinstance(value, int) and form == "float64":
            return torch.tensor(value, dtype=torch.int32)
        if not isinstance(value, torch.Tensor):
            return value
        floats = value.is_floating_point()
        return {
            "float64": lambda: value.double() if floats else value.int(),
            "numpy": lambda: value.numpy(),
            "gradient": lambda: (value * 1.0).requires_grad_() if floats else value,
            "strided": lambda: torch.stack([value, value], dim=-1)[..., 0],
        }[form]()

    return lambda *args: change(function(*args))


@pytest.mark.parametrize(
    "form",
    ["float64", *(pytest.param(form, marks=pytest.mark.long) for form in ("numpy", "gradient", "strided"))],
)
def test_a_right_answer_never_loses_for_its_form(setting, form):
    functions = {name: in_form(form, run) for name, run in setting.functions().items()}
    assert lost(setting.grade(**functions)) == {}


@pytest.mark.long
@pytest.mark.parametrize("form", ["shape", "other kind of number", "nan", "text", "none", "number"])
@pytest.mark.parametrize("task", TASKS)
def test_a_wrong_form_earns_nothing_and_is_no_fault_of_ours(setting, task, form):
    right = getattr(setting.reference, task)

    def spoil(value):
        if isinstance(value, dict):
            return {name: spoil(one) for name, one in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(spoil(one) for one in value)
        if not isinstance(value, torch.Tensor):
            return None
        return {
            "shape": lambda: value[:, :-1] if value.dim() == 2 else value[:-1],
            "other kind of number": lambda: value.long() if value.is_floating_point() else value.float(),
            "nan": lambda: value.float() * float("nan"),
        }[form]()

    def wrong(*args):
        if form in ("text", "none", "number"):
            return {"text": "an answer", "none": None, "number": 3}[form]
        return spoil(right(*args))

    results = setting.grade(only={task}, plots=(), **{task: wrong})
    assert setting.points(task, results) == 0
    assert not [result.detail for result in results.values() if result.fault]


@pytest.mark.long
def test_a_mistake_in_one_function_costs_no_other(setting):
    wrong = {
        name: partial(next(one for one in setting.misconceptions if one.id == mistake).run, setting.reference)
        for name, mistake in {INPUTS: "all_padding", EMBEDDINGS: "gradient_only"}.items()
    }
    results = setting.grade(**wrong)
    assert {result.task for result in results.values() if result.outcome != "passed"} == set(wrong)


def test_dropout_left_on_is_found_and_said(setting):
    def noisy(model, inputs, position):
        model.train()
        try:
            return setting.module.embedding_attributions(model, inputs, position)
        finally:
            model.eval()

    results = setting.grade(only={EMBEDDINGS}, **{EMBEDDINGS: noisy})
    assert setting.points(EMBEDDINGS, results) == 0
    assert "Is the model in eval mode?" in results["test_scores_have_length_one"].feedback


@pytest.mark.long
def test_stored_outputs_of_the_shipped_model_earn_no_hidden_point(setting):
    loaded, one = setting.models[0], setting.checks.shown(setting.assignment)
    inputs = setting.checks.inputs_of(setting.reference, loaded, one)
    for task in (EMBEDDINGS, PARTS, CONDUCTANCE):
        stored = getattr(setting.reference, task)(loaded.model, inputs, one.position)
        results = setting.grade(only={task}, plots=(), **{task: lambda *args, stored=stored: stored})
        hidden = [result for result in results.values() if result.task == task and not result.points]
        assert 0 < setting.points(task, results) == 2 and len(hidden) >= 1


def later(*values):
    """Return parameters that only the long run takes."""
    return [pytest.param(value, marks=pytest.mark.long) for value in values]


@pytest.mark.parametrize("task", [EMBEDDINGS, PARTS, CONDUCTANCE])
def test_everyone_is_asked_the_same_questions_and_each_student_one_of_their_own(setting, task):
    def shape(loaded, one):
        inputs = setting.checks.inputs_of(setting.reference, loaded, one)
        return inputs["input_ids"].shape, one.position

    common, own = set(), {"shipped": set(), "hidden": set()}
    for student in range(50):
        rng = random.Random(seed_for("key", str(student)))
        drawn = list(setting.checks.unseen_questions(setting.models, setting.assignment, rng, task))
        assert [loaded.spec.role for loaded, _ in drawn] == ["shipped"] * 3 + ["hidden"] * 3
        common.add((*drawn[:2], *drawn[3:5]))
        for loaded, one in (drawn[2], drawn[5]):
            own[loaded.spec.role].add(one)
    (everyone,) = common
    first, second = ({shape(*each) for each in pair} for pair in (everyone[:2], everyone[2:]))
    # What was stored under a shape is asked for another input of one model; the other has a start and an end.
    assert sorted(map(len, (first, second))) == [1, 2]
    assert {position for _, position in max(first, second, key=len)} == {"start", "end"}
    assert all(len(found) >= 5 for found in own.values())


@pytest.mark.parametrize("task", CORNERS)
def test_a_corner_costs_its_own_half_point_alone(setting, task):
    for known in setting.misconceptions:
        if known.id in CORNERS[task]:
            results = setting.mistaken(known)
            lost_checks = [one for one in results.values() if one.task == task and one.outcome == "failed"]
            assert setting.points(task, results) == setting.possible(task) - 0.5, known.id
            assert sorted(one.max_points for one in lost_checks) == [0, 0.5], known.id


def test_zero_times_the_logarithm_of_zero_costs_half_a_point(setting):
    def textbook(layer_scores, bins):
        shares = torch.stack([torch.histc(row, bins=bins) for row in layer_scores]) / layer_scores.shape[1]
        return -(shares * shares.log2()).sum(dim=1)

    results = setting.grade(only={ENTROPY}, **{ENTROPY: textbook})
    assert setting.points(ENTROPY, results) == setting.possible(ENTROPY) - 0.5
    assert results["test_entropy_of_unseen_scores_with_empty_bins"].outcome == "failed"


def test_corners_are_worth_a_quarter_of_their_functions_hidden_points_at_most(setting):
    corners = {
        ANSWER: "test_answers_in_word_pieces",
        INPUTS: "test_inputs_of_unseen_texts_with_special_tokens",
        TOP: "test_equal_scores_of_unseen_lists",
        ENTROPY: "test_entropy_of_unseen_scores_with_empty_bins",
    }
    for task, check in corners.items():
        hidden = {
            info.id: info.points
            for info in collect(setting.assignment)
            if (info.task, info.visibility) == (task, "hidden")
        }
        assert len(hidden) == 2
        assert 0 < 4 * hidden[check] <= sum(hidden.values()), task


@pytest.mark.parametrize("student", ["ana", *later("ben", "eva")])
@pytest.mark.parametrize("task", [TOP, ENTROPY, CONDUCTANCE, *later(EMBEDDINGS, PARTS)])
def test_answers_stored_by_shape_fail_the_hidden_check(setting, task, student):
    own = stored_by_shape(getattr(setting.reference, task))
    results = replace(setting, misconceptions=()).grade(student=student, only={task}, **{task: own})
    hidden = [
        info.id for info in collect(setting.assignment) if (info.task, info.visibility) == (task, "hidden")
    ]
    assert {results[name].outcome for name in hidden} == {"failed"}


@pytest.mark.parametrize("task", [EMBEDDINGS, PARTS, CONDUCTANCE])
def test_answers_stored_by_ids_alone_fail_the_hidden_check(setting, task):
    own = stored_by_ids(getattr(setting.reference, task))
    results = setting.grade(only={task}, **{task: own})
    assert setting.outcomes(task, "visible", results) == {"passed"}
    assert setting.outcomes(task, "hidden", results) == {"failed"}


@pytest.mark.parametrize("student", ["ana", *later("ben", "eva")])
def test_answers_stored_by_question_alone_fail_the_hidden_check(setting, student):
    stored = {}

    def own(model, tokenizer, *question):
        if question not in stored:
            stored[question] = setting.reference.predict_answer(model, tokenizer, *question)
        return stored[question]

    results = replace(setting, misconceptions=()).grade(student=student, only={ANSWER}, **{ANSWER: own})
    assert results["test_answers_to_unseen_questions"].outcome == "failed"


@pytest.mark.parametrize("spelling", [" lis  bon", "lisbon\n"])
def test_white_space_in_an_answer_does_not_count(setting, spelling):
    plain = setting.checks.plain_answer
    assert plain((3, torch.tensor(4), spelling)) == plain([3, 4, "lisbon"])


@pytest.mark.parametrize("result", [(3.0, 4, "x"), (3, 4), "x", (3, True, "x"), (3, 4, ["x"]), ([3], 4, "x")])
def test_other_forms_of_an_answer_do(setting, result):
    assert setting.checks.plain_answer(result) != setting.checks.plain_answer((3, 4, "x"))


@pytest.mark.long
def test_the_visible_checks_say_what_is_wrong(setting):
    known = {one.id: one for one in setting.misconceptions}
    said = {
        "path_from_padding": (
            "test_scores_have_length_one",
            "input and baseline agree at position 0 ('[CLS]')",
        ),
        "not_normalised": ("test_scores_have_length_one", "the L2 norm of the scores must be 1, found"),
        "one_norm_for_all_rows": ("test_conductance_has_a_row_for_each_layer", "in row"),
        "embeddings_as_a_row": ("test_conductance_has_a_row_for_each_layer", "expected shape (4, "),
        "smallest": ("test_best_of_a_small_list", "the list: expected 'does' at [0][0], found 'where'."),
        "sep_not_kept": ("test_inputs_of_a_shown_question", "['baseline_ids'][0]"),
    }
    for mistake, (check, words) in said.items():
        assert words in setting.mistaken(known[mistake])[check].feedback, mistake


def test_hidden_checks_show_no_value_and_no_strip(setting):
    known = next(known for known in setting.misconceptions if known.id == "gradient_only")
    results = setting.mistaken(known)
    hidden = results["test_scores_of_unseen_questions"]
    assert (hidden.feedback, hidden.hint, hidden.strips) == ("", known.hint, ())


@pytest.mark.parametrize("name", [ANSWER, TOP, ENTROPY])
def test_every_function_that_needs_no_path_is_called_on_lists_of_other_lengths(setting, name):
    lengths = set()

    def watched(*args):
        first = args[0] if name != ANSWER else torch.zeros(len(args[2]))
        lengths.add(tuple(torch.as_tensor(first).shape))
        return getattr(setting.reference, name)(*args)

    setting.grade(only={name}, **{name: watched})
    assert len(lengths) >= 3
