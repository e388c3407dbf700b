"""Points for a later function whose own earlier one is made so that almost nothing is left to do."""

from __future__ import annotations

import pytest
import torch

from ..assignments.setting import Setting, load_setting

TINY = 1e-200
"""A float64 that no float32 holds, and whose square is zero."""


@pytest.fixture(scope="module")
def tokens() -> Setting:
    return load_setting(
        "token_attribution", plot_cell="plot-attributions", needed=frozenset({"build_baseline"})
    )


@pytest.fixture(scope="module")
def norms() -> Setting:
    return load_setting(
        "bert_qa_attention",
        plot_cell="plot-attention-and-norms",
        needed=frozenset({"attention_matrices", "transformed_vectors"}),
    )


@pytest.fixture(scope="module")
def shapley() -> Setting:
    return load_setting(
        "llm_attribution", plot_cell="plot-attributions", needed=frozenset({"shapley_groups"})
    )


def one_hot(place, baseline):
    """Attribute the whole difference of the logits to one token: nothing is integrated, and it is complete."""

    def scores(batch, model, tokenizer):
        ids, mask = batch["input_ids"], batch["attention_mask"]
        with torch.no_grad():
            full = model({"input_ids": ids, "attention_mask": mask})
            empty = model({"input_ids": baseline(ids, tokenizer), "attention_mask": mask})
        found = torch.zeros(ids.shape)
        found[:, place] = (full - empty).gather(1, full.argmax(-1, keepdim=True))[:, 0]
        return found, full

    return scores


WORD = pytest.mark.attack("100", "a baseline that changes one word", layer="checks", control="it is complete")
CLS = pytest.mark.attack("101", "a baseline equal but for [CLS]", layer="checks", control="it is complete")


@pytest.mark.parametrize(
    "place", [pytest.param(1, id="word", marks=WORD), pytest.param(0, id="cls", marks=CLS)]
)
def test_a_path_that_moves_one_token_needs_no_integral(tokens: Setting, place: int) -> None:
    def baseline(ids, tokenizer):
        changed = ids.clone()
        changed[:, place] = tokenizer.unk_token_id
        return changed

    attribute = one_hot(place, baseline)
    loaded = tokens.models[0]
    batch = tokens.checks.shown_twice(tokens.assignment, loaded.tokenizer)
    whole = tokens.checks.integrate(batch, loaded.model, baseline(batch["input_ids"], loaded.tokenizer))[0]
    assert torch.allclose(whole, attribute(batch, loaded.model, loaded.tokenizer)[0], atol=1e-2)

    results = tokens.grade(build_baseline=baseline, compute_feature_attribution_scores=attribute)
    assert results["test_attributions_are_complete"].points == 0
    assert results["test_attributions_of_unseen_sentences"].points == 0


@pytest.mark.attack("102", "attention of noise that underflows", layer="checks", control="it is not constant")
def test_norms_of_vanishing_noise_are_no_zeros(norms: Setting) -> None:
    def attention(model, inputs):
        right = norms.module.attention_matrices(model, inputs)
        return right.double() * TINY

    def zeros(function):
        return lambda model, inputs: torch.zeros_like(getattr(norms.module, function)(model, inputs))

    loaded = norms.models[0]
    inputs = norms.checks.inputs_of(norms.module, loaded.tokenizer, norms.checks.SHOWN)
    assert len(torch.unique(attention(loaded.model, inputs))) > 2
    results = norms.grade(
        attention_matrices=attention,
        weighted_norms=zeros("weighted_norms"),
        summed_norms=zeros("summed_norms"),
    )
    assert norms.points("weighted_norms", results) == norms.points("summed_norms", results) == 0


@pytest.mark.attack("103", "Shapley values of noise that underflows", layer="checks", control="not constant")
@pytest.mark.long
def test_zeros_sample_no_vanishing_noise(shapley: Setting) -> None:
    def noise(*args):
        right = shapley.module.shapley_groups(*args).double()
        return right * TINY

    def zeros(model, tokenizer, template, values, *rest):
        return torch.zeros(len(values))

    assert float(noise(*_asked(shapley)).abs().max()) > 0
    results = shapley.grade(shapley_groups=noise, shapley_sampled=zeros)
    assert shapley.points("shapley_sampled", results) == 0


def _asked(shapley: Setting) -> tuple:
    loaded = shapley.models[0]
    return (loaded.model, loaded.tokenizer, *shapley.checks.SHOWN.arguments)


@pytest.mark.attack("104", "attention of three values", layer="checks", control="two values are refused")
def test_norms_of_three_values_earn_nothing(norms: Setting) -> None:
    def attention(model, inputs):
        found = torch.zeros_like(norms.module.attention_matrices(model, inputs))
        found[..., 0, 0], found[..., 1, 0] = 1, 0.5
        return found

    def vectors(model, inputs):
        found = torch.zeros_like(norms.module.transformed_vectors(model, inputs))
        found[..., 0], found[..., 1, 0] = 1, 2
        return found

    def weighted(model, inputs):
        return attention(model, inputs)

    results = norms.grade(attention_matrices=attention, transformed_vectors=vectors, weighted_norms=weighted)
    assert norms.points("weighted_norms", results) == 0
