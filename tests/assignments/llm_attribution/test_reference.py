"""The reference against witnesses of other making."""

import copy

import numpy as np
import pytest
import torch
from captum.attr import (
    FeatureAblation,
    LayerIntegratedGradients,
    LLMAttribution,
    LLMGradientAttribution,
    ShapleyValues,
    TextTemplateInput,
    TextTokenInput,
)

from autograder.comparison.tensors import relative_l2

from .by_hand import ByHand


@pytest.fixture(params=[0, 1], ids=["shipped", "hidden"])
def loaded(setting, request):
    return setting.models[request.param]


@pytest.fixture
def witness(loaded):
    return ByHand(loaded)


@pytest.fixture(scope="module")
def inputs(setting):
    texts, fillings, shots = setting.checks.pool(setting.assignment)
    return texts[1], fillings[2], shots[0]


def ask(setting, loaded, name, *arguments):
    return getattr(setting.module, name)(loaded.model, loaded.tokenizer, *arguments)


def test_one_tokenizer_puts_a_token_in_front_and_the_other_does_not(setting):
    fronts = []
    for loaded in setting.models:
        ids = loaded.tokenizer("Nora lives")["input_ids"]
        assert loaded.tokenizer.bos_token_id is not None
        fronts.append(ids[0] == loaded.tokenizer.bos_token_id)
    assert fronts == [True, False]


def test_effects_of_tokens_are_those_of_plain_products(setting, loaded, witness, inputs, agrees):
    text = inputs[0]
    actual = ask(setting, loaded, "ablate_tokens", *text.arguments)
    expected = witness.ablate_tokens(*text.arguments)
    assert actual.shape == expected.shape
    agrees("ablate_tokens", "float64 matrix products", relative_l2(actual, expected), 2e-5)


def test_features_and_groups_are_replaced_as_by_hand(setting, loaded, witness, inputs, agrees):
    filling = inputs[1]
    full = witness.score(filling.template.format(*filling.values), filling.target)

    def without(places):
        values = [filling.baselines[n] if n in places else value for n, value in enumerate(filling.values)]
        return full - witness.score(filling.template.format(*values), filling.target)

    alone = torch.tensor([without({place}) for place in range(len(filling.values))])
    off = relative_l2(ask(setting, loaded, "ablate_template", *filling.features), alone)
    agrees("ablate_template", "float64 matrix products", off, 1e-5)
    together = torch.tensor(
        [without({n for n, other in enumerate(filling.mask) if other == group}) for group in filling.mask]
    )
    off = relative_l2(ask(setting, loaded, "ablate_groups", *filling.arguments), together)
    agrees("ablate_groups", "float64 matrix products", off, 1e-5)


def test_shapley_values_are_the_mean_over_all_orders(setting, loaded, witness, inputs, agrees):
    filling = inputs[1]

    def prompt_of(some):
        chosen = [
            filling.values[n] if group in some else filling.baselines[n]
            for n, group in enumerate(filling.mask)
        ]
        return filling.template.format(*chosen)

    expected = witness.shapley(max(filling.mask) + 1, prompt_of, filling.target)[filling.mask]
    actual = ask(setting, loaded, "shapley_groups", *filling.arguments)
    agrees("shapley_groups", "the mean over all orders", relative_l2(actual, expected), 1e-5)


def test_examples_are_left_out_of_the_prompt_in_all_orders(setting, loaded, witness, inputs, agrees):
    shots = inputs[2]

    def prompt_of(some):
        lines = [shots.examples[n] for n in sorted(some)]
        last = f"Review: {shots.review} Label:"
        return "\n".join(["Reviews and their labels:", *lines, last]) if lines else last

    expected = witness.shapley(len(shots.examples), prompt_of, shots.target)
    off = relative_l2(ask(setting, loaded, "attribute_examples", *shots.arguments), expected)
    agrees("attribute_examples", "the mean over all orders", off, 2e-5)


def test_integrated_gradients_are_those_of_plain_autograd(setting, loaded, witness, inputs, agrees):
    text = inputs[0]
    nodes, weights = np.polynomial.legendre.leggauss(50)
    expected = witness.integrated_gradients(*text.arguments, (nodes + 1) / 2, weights / 2)
    actual = ask(setting, loaded, "integrated_gradients", *text.arguments)
    assert actual.shape == expected.shape
    agrees("integrated_gradients", "float64 autograd, node by node", relative_l2(actual, expected), 1e-5)


def test_integrated_gradients_add_up_to_the_difference_along_the_path(setting, loaded, witness, inputs):
    text = inputs[0]
    ids, front = witness.ids(text.prompt)
    ends = witness.ends(text.target)
    empty = [*ids[:front], *[0] * (len(ids) - front)]
    difference = float((witness.token_scores(ids, ends) - witness.token_scores(empty, ends)).sum())
    actual = ask(setting, loaded, "integrated_gradients", *text.arguments)
    # The path has bends, where it comes near to the origin: fifty nodes miss up to a few per mille there.
    assert float(actual.sum()) == pytest.approx(difference, abs=5e-3 * float(actual.abs().sum()))


# Captum


def tokens_by_captum(loaded, text, **options):
    skipped = [loaded.tokenizer.bos_token_id]
    given = TextTokenInput(text.prompt, loaded.tokenizer, skip_tokens=skipped)
    explained = LLMAttribution(FeatureAblation(loaded.model), loaded.tokenizer)
    return explained.attribute(given, target=text.target, **options)


def test_captum_without_cached_outputs_agrees(setting, loaded, inputs):
    expected = ask(setting, loaded, "ablate_tokens", *inputs[0].arguments)
    for options in ({"use_cached_outputs": False}, {"forward_in_tokens": False}):
        found = tokens_by_captum(loaded, inputs[0], **options)
        assert relative_l2(found.token_attr, expected) < 2e-5
        assert torch.allclose(found.token_attr.sum(dim=0), found.seq_attr, atol=1e-4)


def test_captum_with_cached_outputs_is_right_in_the_first_row_alone(setting, loaded, inputs):
    """The library's default: should this fail, the mistake has gone from the library."""
    expected = ask(setting, loaded, "ablate_tokens", *inputs[0].arguments)
    found = tokens_by_captum(loaded, inputs[0]).token_attr
    assert relative_l2(found[0], expected[0]) < 2e-5
    assert relative_l2(found[1:], expected[1:]) > 0.1


@pytest.mark.long
def test_captum_agrees_on_groups_and_their_shapley_values(setting, loaded, inputs):
    filling = inputs[1]
    given = TextTemplateInput(
        filling.template, values=filling.values, baselines=filling.baselines, mask=filling.mask
    )
    for name, method in (("ablate_groups", FeatureAblation), ("shapley_groups", ShapleyValues)):
        explained = LLMAttribution(method(loaded.model), loaded.tokenizer)
        found = explained.attribute(given, target=filling.target, forward_in_tokens=False).seq_attr
        assert relative_l2(found, ask(setting, loaded, name, *filling.arguments)) < 1e-5


@pytest.mark.long
def test_captum_agrees_on_integrated_gradients(setting, loaded, inputs):
    text = inputs[0]
    skipped = [loaded.tokenizer.bos_token_id]
    given = TextTokenInput(text.prompt, loaded.tokenizer, skip_tokens=skipped)
    layer = LayerIntegratedGradients(loaded.model, loaded.model.get_input_embeddings())
    found = LLMGradientAttribution(layer, loaded.tokenizer).attribute(given, target=text.target).seq_attr
    assert relative_l2(found, ask(setting, loaded, "integrated_gradients", *text.arguments)) < 1e-5


# Sampling


@pytest.mark.long
def test_sampled_values_come_near_the_exact_ones_and_repeat(setting, loaded, inputs):
    arguments = inputs[1].arguments
    exact = ask(setting, loaded, "shapley_groups", *arguments)
    few, many, again = (
        ask(setting, loaded, "shapley_sampled", *arguments, count, 5) for count in (20, 20_000, 20)
    )
    assert torch.equal(few, again)
    assert relative_l2(many, exact) < 0.02 and 0 < relative_l2(few, exact) < 0.5
    assert not torch.equal(few, ask(setting, loaded, "shapley_sampled", *arguments, 20, 6))


def test_one_sample_is_one_order(setting, loaded, inputs, witness):
    filling = inputs[1]
    once = ask(setting, loaded, "shapley_sampled", *filling.arguments, 1, 0)[filling.members].double()
    total = setting.checks.whole_effect(loaded, filling)
    assert float(once.sum()) == pytest.approx(total, abs=1e-3)


# What a call leaves behind


@pytest.mark.parametrize("trained", [False, True], ids=["frozen", "weights with gradients"])
def test_a_call_leaves_the_model_and_the_random_state_as_they_were(setting, loaded, inputs, trained):
    model = copy.deepcopy(loaded.model).requires_grad_(trained)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    text, filling, shots = inputs
    for name, question in (
        ("ablate_tokens", text.arguments),
        ("ablate_template", filling.features),
        ("ablate_groups", filling.arguments),
        ("shapley_groups", filling.arguments),
        ("shapley_sampled", (*filling.arguments, 3, 1)),
        ("attribute_examples", shots.arguments),
        ("integrated_gradients", text.arguments),
    ):
        before = copy.deepcopy(question)
        with torch.no_grad():
            result = getattr(setting.module, name)(model, loaded.tokenizer, *question)
        assert before == question and not result.requires_grad and result.dtype is torch.float32
    assert torch.equal(state, torch.get_rng_state()) and not model.training
    assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_the_few_shot_prompt_has_its_first_line_only_with_examples(setting):
    prompt = setting.module.few_shot_prompt
    assert prompt([], "Fine.") == "Review: Fine. Label:"
    assert prompt(["a", "b"], "Fine.") == "Reviews and their labels:\na\nb\nReview: Fine. Label:"


def test_the_file_imports_without_running_an_example(setting):
    names = vars(setting.module)
    assert "model" not in names and "prompt" not in names
