"""The reference against witnesses of other making."""

import copy
import math
import random

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.figure import Figure
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from autograder.comparison.tensors import distance


@pytest.fixture(params=[0, 1], ids=["shipped", "hidden"])
def loaded(setting, request):
    return setting.models[request.param]


@pytest.fixture
def ids(setting, loaded):
    return setting.checks.ids_of(loaded.tokenizer, setting.checks.pool(setting.assignment)[0].prompt)


def layer_norm(x, weight, bias, eps):
    moved = x - x.mean(dim=-1, keepdim=True)
    return moved / (moved.pow(2).mean(dim=-1, keepdim=True) + eps).sqrt() * weight + bias


def attention(x, weights, name, heads):
    """Attend to the past in plain float64."""
    query, key, value = (x @ weights[f"{name}.c_attn.weight"] + weights[f"{name}.c_attn.bias"]).chunk(
        3, dim=-1
    )
    tokens, width = x.shape
    split = [part.view(tokens, heads, -1).transpose(0, 1) for part in (query, key, value)]
    scores = split[0] @ split[1].transpose(1, 2) / math.sqrt(width // heads)
    future = torch.ones(tokens, tokens, dtype=torch.bool).triu(1)
    mixed = scores.masked_fill(future, float("-inf")).softmax(dim=-1) @ split[2]
    return (
        mixed.transpose(0, 1).reshape(tokens, width) @ weights[f"{name}.c_proj.weight"]
        + weights[f"{name}.c_proj.bias"]
    )


def by_hand(model, ids):
    """Compute GPT-2 and its lens from the weights alone: float64 matrix products, no module of the model is called."""
    weights = {name: value.double() for name, value in model.state_dict().items()}
    eps, heads = model.config.layer_norm_epsilon, model.config.n_head
    state = weights["transformer.wte.weight"][ids[0]] + weights["transformer.wpe.weight"][: ids.shape[1]]

    def norm(x, name):
        return layer_norm(x, weights[f"transformer.{name}.weight"], weights[f"transformer.{name}.bias"], eps)

    rows = []
    for number in range(model.config.n_layer):
        block = f"transformer.h.{number}"
        state = state + attention(norm(state, f"h.{number}.ln_1"), weights, f"{block}.attn", heads)
        inner = (
            norm(state, f"h.{number}.ln_2") @ weights[f"{block}.mlp.c_fc.weight"]
            + weights[f"{block}.mlp.c_fc.bias"]
        )
        bent = 0.5 * inner * (1 + torch.tanh(math.sqrt(2 / math.pi) * (inner + 0.044715 * inner**3)))
        state = state + bent @ weights[f"{block}.mlp.c_proj.weight"] + weights[f"{block}.mlp.c_proj.bias"]
        rows.append((norm(state, "ln_f") @ weights["lm_head.weight"].T).softmax(dim=-1))
    return torch.stack(rows)


def test_the_lens_is_that_of_plain_matrix_products(setting, loaded, ids, agrees):
    expected = by_hand(loaded.model, ids)
    actual = setting.module.layer_probabilities(loaded.model, ids)
    assert (
        actual.shape == expected.shape == (loaded.model.config.n_layer, ids.shape[1], len(loaded.tokenizer))
    )
    off = (actual.double() - expected).flatten(1).norm(dim=1) / expected.flatten(1).norm(dim=1)
    agrees("layer_probabilities", "float64 matrix products", off.max(), 1e-5)


@pytest.mark.long
def test_the_lens_is_nnsights(setting, loaded, ids, agrees):
    nnsight = pytest.importorskip("nnsight", reason="needs nnsight: make witnesses")
    traced, rows = nnsight.NNsight(loaded.model), []
    with traced.trace(ids):
        for block in traced.transformer.h:
            state = loaded.model.transformer.ln_f(block.output)
            rows.append(loaded.model.lm_head(state)[0].softmax(dim=-1).save())
    actual = setting.module.layer_probabilities(loaded.model, ids)
    agrees(
        "layer_probabilities", "nnsight", distance(actual, torch.stack(rows).detach(), "relative_l2", 0), 1e-5
    )


def hooked(model, blocks, norm, ids):
    """Catch each block's output and decode it in float64 by the parts that were named."""
    double = copy.deepcopy(model).double()
    kept = []
    for block in blocks(double):
        block.register_forward_hook(lambda module, inputs, output: kept.append(output))
    with torch.no_grad():
        logits = double(ids).logits[0]
        rows = [
            double.lm_head(norm(double)(state[0] if isinstance(state, tuple) else state))[0] for state in kept
        ]
    assert torch.allclose(rows[-1], logits)
    return torch.stack(rows).softmax(dim=-1)


def test_the_lens_knows_llamas_names(setting):
    torch.manual_seed(5)
    config = LlamaConfig(
        vocab_size=53, hidden_size=24, intermediate_size=40, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=32, tie_word_embeddings=False, initializer_range=0.5,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        model.model.norm.weight.uniform_(0.2, 3)
    ids = torch.randint(53, (1, 7))
    expected = hooked(model, lambda one: one.model.layers, lambda one: one.model.norm, ids)
    assert torch.allclose(setting.module.layer_probabilities(model, ids).double(), expected, atol=1e-5)


def test_the_lens_uses_an_unembedding_of_its_own(setting):
    torch.manual_seed(6)
    config = GPT2Config(
        vocab_size=31, n_embd=16, n_layer=3, n_head=2, n_positions=16, tie_word_embeddings=False
    )
    model = GPT2LMHeadModel(config).eval()
    ids = torch.randint(31, (1, 5))
    expected = hooked(model, lambda one: one.transformer.h, lambda one: one.transformer.ln_f, ids)
    assert torch.allclose(setting.module.layer_probabilities(model, ids).double(), expected, atol=1e-5)


def test_the_last_layer_is_the_models_own_prediction(setting, loaded, ids):
    with torch.no_grad():
        own = loaded.model(ids).logits[0].softmax(dim=-1)
    assert torch.allclose(setting.module.layer_probabilities(loaded.model, ids)[-1], own, atol=1e-6)


def test_a_call_leaves_the_model_as_it_was(setting, loaded, ids):
    weights = {name: value.clone() for name, value in loaded.model.state_dict().items()}
    before = ids.clone()
    setting.module.layer_probabilities(loaded.model, ids)
    assert torch.equal(before, ids) and not loaded.model.training
    assert all(torch.equal(weights[name], value) for name, value in loaded.model.state_dict().items())
    assert all(weight.grad is None for weight in loaded.model.parameters())


def test_no_probability_of_the_checks_underflows(setting, loaded):
    for fact in setting.checks.pool(setting.assignment):
        ids = setting.checks.ids_of(loaded.tokenizer, fact.prompt)
        assert float(setting.module.layer_probabilities(loaded.model, ids).min()) > 1e-30, fact


def test_words_and_largest_probabilities_by_hand(setting, loaded):
    probabilities = torch.full((2, 3, len(loaded.tokenizer)), 1e-4)
    chosen = [[3, 400, 7], [900, 5, 260]]
    for layer, row in enumerate(chosen):
        for token, number in enumerate(row):
            probabilities[layer, token, number] = 0.5 + 0.1 * token
    values, words = setting.module.top_predictions(probabilities, loaded.tokenizer)
    assert words == [[loaded.tokenizer.decode([number]) for number in row] for row in chosen]
    assert torch.allclose(values, torch.tensor([[0.5, 0.6, 0.7]] * 2))


@pytest.mark.parametrize(("target", "expected"), [(0, 3), (1, 0), (2, 1), (3, 1), (4, 4)])
def test_ranks_by_hand(setting, target, expected):
    last = torch.tensor([0.1, 0.4, 0.2, 0.2, 0.05])
    probabilities = torch.stack([torch.ones(5), last]).repeat(3, 1, 1)
    ranks = setting.module.target_rank(probabilities, target)
    assert ranks.tolist() == [expected] * 3 and ranks.dtype is torch.int64


def test_divergence_is_that_of_a_loop(setting):
    probabilities = setting.checks.with_zeros(random.Random(3), 3, 2, 40)
    actual = setting.module.divergence_from_final(probabilities)
    for layer in range(3):
        for token in range(2):
            total = 0.0
            for final, other in zip(
                probabilities[-1, token].tolist(), probabilities[layer, token].tolist(), strict=True
            ):
                total += final * math.log(final / other) if final else 0.0
            assert float(actual[layer, token]) == pytest.approx(total, abs=1e-6)


def test_divergence_is_that_of_torch(setting, loaded, ids):
    probabilities = setting.module.layer_probabilities(loaded.model, ids).double()
    final = probabilities[-1:].expand_as(probabilities)
    expected = torch.nn.functional.kl_div(probabilities.log(), final, reduction="none").sum(dim=-1)
    actual = setting.module.divergence_from_final(probabilities.float())
    assert torch.allclose(actual.double(), expected, atol=1e-5) and float(actual.min()) >= 0
    assert float(actual[-1].abs().max()) == 0


def test_the_picture_is_a_figure_of_words_on_cells(setting):
    values = torch.tensor([[0.1, 0.9], [0.4, 0.2], [0.8, 0.7]])
    words = [[" a", "$b$"], ["\n", " c"], [" d", "e"]]
    figure = setting.module.plot_lens(values, words, [" the", "$x$"])
    assert isinstance(figure, Figure)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["a", "$b$", "", "c", "d", "e"]
    assert [label.get_text() for label in axes.get_xticklabels()] == [" the", r"\$x\$"]
    assert axes.images[0].get_array().shape == (3, 2)
    plt.close(figure)


def test_the_file_imports_without_running_an_example(setting):
    names = vars(setting.module)
    assert "model" not in names and "input_ids" not in names
