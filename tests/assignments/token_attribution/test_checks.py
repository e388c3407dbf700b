"""What the checks give for right answers in every form, for accepted variants, and for wrong forms."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from captum.attr import LayerIntegratedGradients

from autograder.checks.decorators import collect
from autograder.errors import StudentCodeError

from ..setting import stored_by_ids

BASELINE, SCORES, OWN = "build_baseline", "compute_feature_attribution_scores", "my_attribution"


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
    tasks = {task.name for task in setting.assignment.tasks}
    assert found == {(task, kind) for task in tasks for kind in ("visible", "hidden")}


@pytest.mark.parametrize("student", ["ana", "李雷", "jörg"])
def test_the_reference_has_full_marks_without_a_remark(setting, student):
    results = setting.grade(student=student)
    assert lost(results) == {}
    assert sum(result.points for result in results.values()) == 40
    assert not any(result.remarks or result.measured for result in results.values())


CORNERS = {
    "test_baseline_of_unknown_and_masked_words",
    "test_baseline_of_ids_from_other_vocabularies",
    "test_importance_with_holes_in_the_mask",
    "test_merging_of_repeated_words",
    "test_merging_of_windows",
}


def test_ordinary_inputs_carry_most_and_corners_a_quarter_at_most(setting):
    found = collect(setting.assignment)
    assert {info.id for info in found} >= CORNERS
    for task in setting.assignment.tasks:
        hidden = [info for info in found if info.task == task.name and info.visibility == "hidden"]
        corners = sum(info.points for info in hidden if info.id in CORNERS)
        assert corners <= setting.possible(task.name) / 4
        assert corners <= sum(info.points for info in hidden) / 3


def lost_points(setting, **replaced):
    """Return the points that the only function given loses."""
    ((task, _),) = replaced.items()
    return setting.possible(task) - setting.points(task, setting.grade(only={task}, **replaced))


def test_who_asks_the_tokenizer_for_special_tokens_loses_one_corner(setting):
    def by_special_tokens(input_ids, tokenizer):
        rows = [
            tokenizer.get_special_tokens_mask(row, already_has_special_tokens=True)
            for row in input_ids.tolist()
        ]
        return torch.where(torch.tensor(rows).bool(), input_ids, tokenizer.pad_token_id)

    assert lost_points(setting, build_baseline=by_special_tokens) == 0.5


def test_who_knows_only_words_of_whole_sentences_loses_one_corner(setting):
    def to_the_word_before(tokens, scores):
        words = []
        for token, score in zip(tokens, scores, strict=True):
            if token.startswith("##") and words:
                words[-1] = (words[-1][0] + token[2:], words[-1][1] + score)
            else:
                words.append((token, score))
        return words

    def in_a_dictionary(tokens, scores):
        return list(dict(setting.module.merge_subtokens(tokens, scores)).items())

    assert lost_points(setting, merge_subtokens=to_the_word_before) == 0.5
    assert lost_points(setting, merge_subtokens=in_a_dictionary) == 0.5


def published_scores(batch, model, tokenizer):
    """As the published tutorial: from [PAD] throughout, as floats, step by step, mask and labels in a dictionary."""
    ids = batch["input_ids"]

    def forward(ids, extra):
        return model({"input_ids": ids.long(), **extra})

    extra = {name: batch[name] for name in ("attention_mask", "labels")}
    logits = forward(ids, extra)
    vectors = LayerIntegratedGradients(forward, model.embedding_model.embeddings).attribute(
        ids,
        baselines=torch.zeros(ids.shape),
        target=logits.argmax(dim=1),
        additional_forward_args=extra,
        n_steps=50,
        internal_batch_size=1,
    )
    return vectors.sum(dim=2), logits


def published_importance(attributions, attention_mask):
    """As the published tutorial: a softmax over the first tokens, as many as the mask has ones."""
    importance = torch.zeros(attributions.shape)
    for row, scores in enumerate(attributions):
        length = int(attention_mask[row].sum())
        importance[row, :length] = scores[:length].softmax(dim=0)
    return importance


@pytest.mark.parametrize(
    ("task", "program", "remark"),
    [(SCORES, published_scores, "begins at [PAD]"), ("token_importance", published_importance, "holes")],
)
def test_the_published_tutorials_functions_have_full_marks_and_a_remark(setting, task, program, remark):
    results = setting.grade(only={task, "build_baseline"}, **{task: program})
    assert setting.points(task, results) == setting.possible(task), lost(results)
    assert any(remark in said for result in results.values() for said in (*result.remarks, *result.measured))


def in_form(form, function):
    """Return the function with its result in another form."""

    def change(value):
        if isinstance(value, tuple):
            return [change(one) for one in value]
        if isinstance(value, list):
            return tuple((word, np.float64(score)) for word, score in value)
        floats = value.is_floating_point()
        return {
            "float64": lambda: value.double() if floats else value.int(),
            "numpy": lambda: value.numpy(),
            "gradient": lambda: (value * 1.0).requires_grad_() if floats else value,
            "strided": lambda: torch.stack([value, value], dim=-1)[..., 0],
        }[form]()

    return lambda *args: change(function(*args))


@pytest.mark.parametrize("form", ["float64", "numpy", "gradient", "strided"])
def test_a_right_answer_never_loses_for_its_form(setting, form):
    functions = {name: in_form(form, run) for name, run in setting.functions().items()}
    assert lost(setting.grade(**functions)) == {}


@pytest.mark.parametrize("form", ["shape", "integers", "nan", "text", "none"])
@pytest.mark.parametrize(
    "task", ["build_baseline", SCORES, "token_importance", "merge_subtokens", "my_attribution"]
)
def test_a_wrong_form_earns_nothing_and_is_no_fault_of_ours(setting, task, form):
    right = getattr(setting.reference, task)

    def spoil(value):
        return {
            "shape": lambda: value[:, :-1],
            "integers": lambda: value.float() if not value.is_floating_point() else value.long(),
            "nan": lambda: value.float() * float("nan"),
            "text": lambda: "scores",
            "none": lambda: None,
        }[form]()

    def spoil_words(value):
        words = [word for word, _ in value]
        return {
            "shape": value[:-1],
            "integers": words,
            "nan": [(word, float("nan")) for word in words],
            "text": "scores",
            "none": None,
        }[form]

    def wrong(*args):
        value = right(*args)
        if isinstance(value, list):
            return spoil_words(value)
        return tuple(spoil(one) for one in value) if isinstance(value, tuple) else spoil(value)

    results = setting.grade(only={task}, **{task: wrong})
    assert setting.points(task, results) == 0
    assert not any(result.fault for result in results.values()), [
        r.detail for r in results.values() if r.fault
    ]


@pytest.mark.long
def test_accepted_variants_keep_their_points_and_get_a_remark(setting):
    for variant in setting.variants:
        run = partial(variant.run, setting.reference)
        results = setting.grade(only={variant.task, "build_baseline"}, **{variant.task: run})
        assert setting.points(variant.task, results) == setting.possible(variant.task), (
            variant.id,
            lost(results),
        )
        if variant.task == SCORES:
            assert any(result.remarks or result.measured for result in results.values()), variant.id


def test_a_wrong_baseline_costs_one_function(setting):
    mistake = next(known for known in setting.misconceptions if known.id == "sep_not_kept")
    baseline = partial(mistake.run, setting.reference)

    right = next(known for known in setting.misconceptions if known.id == "path_without_sep")
    results = setting.grade(build_baseline=baseline, **{SCORES: partial(right.run, setting.reference)})
    assert setting.points("build_baseline", results) == 0
    assert setting.points(SCORES, results) == setting.possible(SCORES), lost(results)
    remarks = [remark for result in results.values() for remark in (*result.remarks, *result.measured)]
    assert any("your build_baseline" in remark for remark in remarks)


def test_the_same_path_without_the_wrong_baseline_costs_its_own_function(setting):
    known = next(known for known in setting.misconceptions if known.id == "path_without_sep")
    results = setting.mistaken(known)
    assert setting.points("build_baseline", results) == setting.possible("build_baseline")
    assert setting.points(SCORES, results) < setting.possible(SCORES)


def test_dropout_left_on_is_found_and_said(setting):
    def noisy(batch, model, tokenizer):
        model.train()
        try:
            return setting.module.compute_feature_attribution_scores(batch, model, tokenizer)
        finally:
            model.eval()

    results = setting.grade(only={SCORES, "build_baseline"}, **{SCORES: noisy})
    assert setting.points(SCORES, results) == 0
    assert "is the model in eval mode?" in results["test_attributions_are_complete"].feedback


def test_hidden_checks_show_no_value_and_no_strip(setting):
    known = next(known for known in setting.misconceptions if known.id == "mean_over_hidden")
    results = setting.mistaken(known)
    hidden = results["test_attributions_of_unseen_sentences"]
    assert (hidden.feedback, hidden.hint, hidden.strips) == ("", known.hint, ())
    visible = results["test_attributions_are_complete"]
    assert len(visible.strips) == 2 and len(visible.strips[0].actual) == len(visible.strips[0].tokens)


def occlusion(batch, model, tokenizer):
    """Take one token away at a time."""
    ids, mask = batch["input_ids"], batch["attention_mask"]
    scores = torch.zeros(ids.shape)
    with torch.no_grad():
        full = model({"input_ids": ids, "attention_mask": mask}).softmax(dim=-1)
        target = full.argmax(dim=-1)
        for place in range(1, int(mask.sum(dim=-1).max()) - 1):
            without_ids, without_mask = ids.clone(), mask.clone()
            without_ids[:, place], without_mask[:, place] = tokenizer.pad_token_id, 0
            left = model({"input_ids": without_ids, "attention_mask": without_mask}).softmax(dim=-1)
            scores[:, place] = (full - left).gather(1, target[:, None])[:, 0]
    return scores


def gradient_times_input(setting):
    known = next(known for known in setting.misconceptions if known.id == "gradient_times_input")
    return lambda *args: known.run(setting.module, *args)[0]


def integrated_gradients(setting):
    return lambda *args: setting.module.compute_feature_attribution_scores(*args)[0]


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2fnuz, torch.complex64])
def test_scores_in_an_odd_dtype_are_judged_and_no_fault_of_the_graders(setting, dtype):
    def method(batch, model, tokenizer):
        return setting.module.my_attribution(batch, model, tokenizer).to(dtype)

    results = setting.grade(only={"my_attribution"}, my_attribution=method)
    assert not any(result.fault for result in results.values())
    assert (setting.points("my_attribution", results) > 0) == dtype.is_floating_point


def percentile_of(results):
    return results["test_my_attribution_is_faithful"].metrics["faithfulness_percentile"]


@pytest.mark.long
@pytest.mark.parametrize("method", ["occlusion", "gradient times input", "integrated gradients"])
def test_usual_methods_have_full_points_on_the_shipped_model(setting, method):
    run = {
        "occlusion": lambda: occlusion,
        "gradient times input": lambda: gradient_times_input(setting),
        "integrated gradients": lambda: integrated_gradients(setting),
    }[method]()
    results = setting.grade(only={"my_attribution"}, my_attribution=run)
    assert setting.points("my_attribution", results) == 10, percentile_of(results)


@pytest.mark.parametrize(
    "student", ["ana", *(pytest.param(name, marks=pytest.mark.long) for name in ("ben", "eva"))]
)
def test_constant_scores_have_no_points(setting, student):
    def constant(batch, model, tokenizer):
        return torch.ones(batch["input_ids"].shape)

    results = setting.grade(only={"my_attribution"}, student=student, my_attribution=constant)
    assert setting.points("my_attribution", results) == 0, percentile_of(results)
    assert percentile_of(results) == pytest.approx(50, abs=8)


@pytest.mark.parametrize("name", ["gradient times input", pytest.param("constant", marks=pytest.mark.long)])
def test_a_method_has_the_same_percentile_under_every_name(setting, name):
    def constant(batch, model, tokenizer):
        return torch.ones(batch["input_ids"].shape)

    method = constant if name == "constant" else gradient_times_input(setting)
    found = {
        percentile_of(setting.grade(only={"my_attribution"}, student=student, my_attribution=method))
        for student in ("ana", "李雷")
    }
    assert len(found) == 1, found


def test_rankings_stored_for_the_sentences_of_everybody_have_no_points(setting):
    reference, rng = setting.module, setting.checks.random.Random(1)
    known, _ = setting.checks.chosen_sentences(setting.assignment, setting.models[0], rng)
    tokenizer = setting.models[0].tokenizer
    rows = {tuple(row.tolist()) for row in setting.checks.batch_of(known, tokenizer)["input_ids"]}

    def knows_them(batch, model, tokenizer):
        mine = torch.tensor([tuple(row.tolist()) in rows for row in batch["input_ids"]])
        generator = torch.Generator().manual_seed(1)
        noise = torch.rand(batch["input_ids"].shape, generator=generator)
        return torch.where(mine[:, None], reference.my_attribution(batch, model, tokenizer), noise)

    results = setting.grade(only={"my_attribution"}, my_attribution=knows_them)
    assert setting.points("my_attribution", results) <= 1, percentile_of(results)


@pytest.mark.parametrize("task", [SCORES, OWN])
def test_answers_stored_by_ids_alone_fail_the_hidden_checks(setting, task):
    own = stored_by_ids(getattr(setting.reference, task))
    results = setting.grade(only={task, BASELINE}, **{task: own})
    assert setting.outcomes(task, "visible", results) <= {"passed"}
    assert setting.outcomes(task, "hidden", results) == {"failed"}


def test_a_method_that_ignores_the_model_loses_a_quarter(setting):
    results = setting.grade(only={OWN}, **{OWN: stored_by_ids(setting.reference.my_attribution)})
    assert setting.points(OWN, results) == 7.5
    found = results["test_my_attribution_is_faithful"]
    assert any("ask the model that is passed" in sentence for sentence in found.measured)


@pytest.mark.parametrize("task", [SCORES, OWN])
def test_answers_of_the_shipped_model_fail_the_hidden_checks(setting, task):
    shipped = setting.models[0]

    def own(batch, model, tokenizer):
        return getattr(setting.reference, task)(batch, shipped.model, shipped.tokenizer)

    results = setting.grade(only={task, BASELINE}, **{task: own})
    assert setting.outcomes(task, "hidden", results) == {"failed"}


def test_who_looks_for_cls_loses_nothing_for_ids_of_another_vocabulary(setting):
    def framed(function):
        def answer(batch, model, tokenizer):
            if not bool((batch["input_ids"][:, 0] == tokenizer.cls_token_id).all()):
                raise StudentCodeError(function, "ValueError", "no [CLS]")
            return getattr(setting.reference, function)(batch, model, tokenizer)

        return answer

    assert lost(setting.grade(**{task: framed(task) for task in (SCORES, OWN)})) == {}


@pytest.mark.long
def test_the_order_of_methods(setting):
    def random_scores(batch, model, tokenizer):
        return torch.rand(batch["input_ids"].shape)

    methods = {
        "reference": setting.module.my_attribution,
        "gradient": gradient_times_input(setting),
        "random": random_scores,
        "reversed": lambda *args: -occlusion(*args),
    }
    reached = {
        name: percentile_of(setting.grade(only={"my_attribution"}, my_attribution=run))
        for name, run in methods.items()
    }
    assert reached["reference"] > reached["gradient"] > reached["random"] > reached["reversed"], reached
    assert reached["reversed"] < 15 and 35 < reached["random"] < 65, reached


def test_a_baseline_written_into_its_argument_is_said_and_costs_one_point(setting):
    right = setting.reference.build_baseline

    def in_place(input_ids, tokenizer):
        return input_ids.copy_(right(input_ids, tokenizer))

    results = setting.grade(only={"build_baseline"}, build_baseline=in_place)
    own = [result for result in results.values() if result.task == "build_baseline"]
    assert {result.outcome for result in own} == {"passed"}
    assert sum(result.points for result in own) == setting.possible("build_baseline") - 1
    said = "build_baseline() changed its arguments, which costs one point. Let it work on copies."
    assert [remark for result in own for remark in (*result.remarks, *result.measured)] == [said]


@pytest.mark.parametrize(
    "plots", [(), (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x05\x00\x00\x00\x05",)]
)
def test_a_missing_or_tiny_figure_is_said_and_costs_nothing(setting, plots):
    results = setting.grade(only=set(), plots=plots)
    assert results["test_plot_is_a_figure"].outcome == "failed"
    assert results["test_plot_is_a_figure"].max_points == 0
    assert "figure" in results["test_plot_is_a_figure"].feedback


def test_what_the_reference_itself_misses_of_a_sum_costs_nobody_points(setting):
    strict = replace(setting.tolerances["completeness"], tau=1e-6, right=0.0)
    coarse = replace(setting, tolerances={**setting.tolerances, "completeness": strict})
    (opposite,) = (one for one in setting.misconceptions if one.id == "opposite_sign")
    found = coarse.grade(only={SCORES, "build_baseline"})
    assert found["test_attributions_are_complete"].outcome == "passed"
    assert coarse.mistaken(opposite)["test_attributions_are_complete"].outcome == "failed"
