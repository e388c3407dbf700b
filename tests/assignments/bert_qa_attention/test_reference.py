"""The reference against witnesses of other making."""

import math

import pytest
import torch
from captum.attr import LayerConductance
from transformers import BertConfig, BertForQuestionAnswering

from autograder.comparison.tensors import distance
from autograder.course.assignment import load_assignment, load_reference

from ..setting import ROOT
from .witness import Plain

NAMES = ("input_ids", "token_type_ids", "position_ids", "attention_mask")


@pytest.fixture
def plain(loaded):
    return Plain(loaded.model)


@pytest.fixture
def found(plain, inputs):
    return plain.run(plain.words(inputs["input_ids"]), inputs["token_type_ids"][0])


def off(actual, expected):
    return distance(actual, expected, "relative_l2", 0)


def test_the_witness_is_the_model(loaded, inputs, found):
    with torch.no_grad():
        output = loaded.model(**{name: inputs[name] for name in NAMES})
    assert torch.allclose(output.start_logits[0].double(), found["start"], atol=1e-4)
    assert torch.allclose(output.end_logits[0].double(), found["end"], atol=1e-4)


def test_attention_is_that_of_plain_matrix_products(setting, loaded, inputs, found, agrees):
    actual = setting.module.attention_matrices(loaded.model, inputs)
    agrees("attention_matrices", "float64 matrix products", off(actual, found["matrices"]), 1e-5)


def test_vectors_are_those_of_an_einsum(setting, loaded, inputs, found, plain, agrees):
    actual = setting.module.transformed_vectors(loaded.model, inputs)
    agrees("transformed_vectors", "einsum", off(actual, plain.transformed(found["inputs"])), 1e-5)


def test_weighted_vectors_and_the_output_bias_add_up_to_the_attentions_output(
    setting, loaded, inputs, found, agrees
):
    matrices = setting.module.attention_matrices(loaded.model, inputs).double()
    vectors = setting.module.transformed_vectors(loaded.model, inputs).double()
    for number, layer in enumerate(loaded.model.bert.encoder.layer):
        bias = layer.attention.output.dense.bias.detach().double()
        summed = sum(alpha @ f for alpha, f in zip(matrices[number], vectors[number], strict=True)) + bias
        missing = distance(summed, found["outputs"][number], "relative_l2")
        agrees("transformed_vectors", "the attention layer's output", missing, 1e-5)


def test_norms_are_those_of_every_single_vector(setting, loaded, inputs, found, plain, agrees):
    vectors = plain.transformed(found["inputs"])
    flows = torch.einsum("lhqk,lhkd->lhqkd", found["matrices"], vectors)
    weighted = off(setting.module.weighted_norms(loaded.model, inputs), flows.pow(2).sum(-1).sqrt())
    agrees("weighted_norms", "Kobayashi's sum, vector by vector", weighted, 1e-5)
    summed = flows.sum(dim=1).pow(2).sum(-1).sqrt()
    agrees(
        "summed_norms",
        "Kobayashi's sum, vector by vector",
        off(setting.module.summed_norms(loaded.model, inputs), summed),
        1e-5,
    )


@pytest.mark.parametrize("position", ["start", "end"])
def test_conductance_is_that_of_one_backward_pass_a_node(setting, loaded, plain, position, agrees):
    role = loaded.spec.role
    asked = next(
        one for one in setting.checks.pool(setting.assignment) if one.path(role, position) == "moves"
    )
    inputs = setting.checks.inputs_of(setting.module, loaded.tokenizer, asked)
    actual = setting.module.attention_attributions(loaded.model, inputs, position)
    expected = plain.conductance(inputs, position)
    agrees("attention_attributions", "float64 autograd, node by node", off(actual, expected), 1e-3)


def test_gradients_of_the_witness_are_those_of_differences(inputs, plain):
    """What an attention weight does to the logit, by changing it a little."""
    words, types = plain.words(inputs["input_ids"]), inputs["token_type_ids"][0]
    tokens, step = len(types), 1e-6
    shape = (plain.layers, plain.heads, tokens, tokens)
    added = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(plain.run(words, types, added)["start"].max(), added)
    places = slope.abs().flatten().topk(5).indices.tolist()
    for place in places:
        moved = torch.zeros(shape, dtype=torch.float64)
        moved.view(-1)[place] = step
        above, below = (float(plain.run(words, types, sign * moved)["start"].max()) for sign in (1, -1))
        assert (above - below) / (2 * step) == pytest.approx(float(slope.flatten()[place]), rel=1e-4)


@pytest.mark.parametrize("position", ["start", "end"])
def test_conductance_is_captums(setting, loaded, inputs, position):
    model = loaded.model

    def forward(points, types, positions, mask):
        output = model(
            inputs_embeds=points, token_type_ids=types, position_ids=positions, attention_mask=mask
        )
        return getattr(output, f"{position}_logits").max(dim=-1).values

    table = model.bert.embeddings.word_embeddings
    start, end = (table(inputs[name]).detach() for name in ("baseline_ids", "input_ids"))
    given = tuple(inputs[name] for name in NAMES[1:])
    actual = setting.module.attention_attributions(model, inputs, position)
    for number, layer in enumerate(model.bert.encoder.layer):
        _, expected = LayerConductance(forward, layer.attention.self).attribute(
            end, baselines=start, additional_forward_args=given, n_steps=50
        )
        assert distance(actual[number], expected[0].detach(), "relative_l2") < 1e-4


def test_a_path_that_goes_nowhere_conducts_nothing(setting, loaded, inputs):
    still = inputs | {"input_ids": inputs["baseline_ids"]}
    assert float(setting.module.attention_attributions(loaded.model, still, "end").abs().max()) == 0


def test_with_one_head_both_norms_are_the_same(setting):
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=50, hidden_size=12, intermediate_size=20, num_hidden_layers=2, num_attention_heads=1,
        max_position_embeddings=20, attn_implementation="eager", initializer_range=0.4,
    )  # fmt: skip
    model = BertForQuestionAnswering(config).eval()
    ids = torch.randint(4, 50, (1, 7))
    inputs = {
        "input_ids": ids,
        "token_type_ids": torch.zeros_like(ids),
        "position_ids": torch.arange(7)[None],
        "attention_mask": torch.ones_like(ids),
    }
    apart, together = setting.module.weighted_norms(model, inputs), setting.module.summed_norms(model, inputs)
    assert apart.shape == (2, 1, 7, 7) and torch.allclose(apart[:, 0], together, atol=1e-6)
    assert torch.allclose(setting.module.head_norm(apart), together, atol=1e-6)


def test_norms_of_a_layer_are_no_longer_than_those_of_its_heads(setting, loaded, inputs):
    apart = setting.module.weighted_norms(loaded.model, inputs).sum(dim=1)
    together = setting.module.summed_norms(loaded.model, inputs)
    assert bool((together <= apart + 1e-5).all()) and float((apart - together).max()) > 0.1


def test_head_norm_is_that_of_a_loop(setting):
    matrices = torch.rand((2, 3, 4, 4), generator=torch.Generator().manual_seed(1))
    actual = setting.module.head_norm(matrices)
    assert actual.shape == (2, 4, 4)
    for layer in range(2):
        for query in range(4):
            for key in range(4):
                wanted = math.sqrt(sum(float(matrices[layer, head, query, key]) ** 2 for head in range(3)))
                assert float(actual[layer, query, key]) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("frozen", [False, True], ids=["free", "frozen"])
def test_a_call_leaves_model_and_inputs_as_they_were(setting, loaded, inputs, frozen):
    model, module = loaded.model, setting.module
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    before = {name: value.clone() for name, value in inputs.items()}
    model.requires_grad_(not frozen)
    try:
        with torch.no_grad():
            module.attention_attributions(model, inputs, "start")
        for name in ("attention_matrices", "transformed_vectors", "weighted_norms", "summed_norms"):
            assert not getattr(module, name)(model, inputs).requires_grad
    finally:
        model.requires_grad_(True)
    assert not model.training and all(weight.grad is None for weight in model.parameters())
    assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())
    assert all(torch.equal(before[name], value) for name, value in inputs.items())


def test_inputs_are_those_of_the_first_part(setting, loaded):
    first = load_reference(load_assignment(ROOT, "bert_qa_embeddings"))
    for one in setting.checks.pool(setting.assignment)[:4]:
        ours, theirs = (
            source.build_inputs(loaded.tokenizer, one.question, one.text)
            for source in (setting.module, first)
        )
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) and ours[name].dtype is torch.int64 for name in ours)


def test_both_models_differ_in_layers_heads_and_width(setting):
    sizes = [
        (
            one.model.config.num_hidden_layers,
            one.model.config.num_attention_heads,
            one.model.config.hidden_size,
        )
        for one in setting.models
    ]
    assert all(first != second for first, second in zip(*sizes, strict=True))


def test_no_bias_is_small_beside_what_it_is_added_to(setting, loaded, inputs):
    """Else to forget a bias would not show."""
    right = setting.module.transformed_vectors(loaded.model, inputs)
    for name in ("value_bias_missing", "output_bias_added", "output_bias_shared"):
        known = next(one for one in setting.misconceptions if one.id == name)
        assert off(known.run(setting.module, loaded.model, inputs), right) > 0.02, name


def test_the_file_imports_without_running_an_example(setting):
    assert "model" not in vars(setting.module) and "inputs" not in vars(setting.module)
