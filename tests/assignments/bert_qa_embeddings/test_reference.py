"""The reference against witnesses of other making: BERT by matrix products in float64, integrals by plain loops."""

import math
import random
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch

ALL_TABLES = ("word_embeddings", "token_type_embeddings", "position_embeddings")
NEAR = 1e-4
"""Relative L2 distance that float32 explains."""


@pytest.fixture(params=[0, 1], ids=["shipped", "hidden"])
def loaded(setting, request):
    return setting.models[request.param]


@pytest.fixture(params=["start", pytest.param("end", marks=pytest.mark.long)])
def position(request):
    return request.param


@pytest.fixture
def inputs(setting, loaded, position):
    rows = [row for row in setting.checks.pool(setting.assignment) if row.position == position]
    return setting.module.build_inputs(loaded.tokenizer, rows[2].question, rows[2].text)


class ByHand:
    """BERT for question answering from its weights alone; no module of the model is called."""

    def __init__(self, model):
        self.weights = {name: value.double() for name, value in model.state_dict().items()}
        self.eps, self.heads = model.config.layer_norm_eps, model.config.num_attention_heads
        self.layers = model.config.num_hidden_layers

    def table(self, name, ids):
        return self.weights[f"bert.embeddings.{name}.weight"][ids[0]]

    def linear(self, x, name):
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, x, name):
        moved = x - x.mean(dim=-1, keepdim=True)
        scaled = moved / (moved.pow(2).mean(dim=-1, keepdim=True) + self.eps).sqrt()
        return scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def attention(self, x, name):
        tokens, width = x.shape
        query, key, value = (
            self.linear(x, f"{name}.self.{part}").view(tokens, self.heads, -1).transpose(0, 1)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(1, 2) / math.sqrt(width // self.heads)
        mixed = (scores.softmax(dim=-1) @ value).transpose(0, 1).reshape(tokens, width)
        return self.norm(self.linear(mixed, f"{name}.output.dense") + x, f"{name}.output.LayerNorm")

    def embedded(self, *parts):
        return self.norm(sum(parts), "bert.embeddings.LayerNorm")

    def run(self, x):
        """Return each layer's output and the logits (token,) by position."""
        outputs = []
        for number in range(self.layers):
            name = f"bert.encoder.layer.{number}"
            x = self.attention(x, f"{name}.attention")
            inner = self.linear(x, f"{name}.intermediate.dense")
            bent = inner * (1 + torch.erf(inner / math.sqrt(2))) / 2
            x = self.norm(self.linear(bent, f"{name}.output.dense") + x, f"{name}.output.LayerNorm")
            outputs.append(x)
        start, end = self.linear(x, "qa_outputs").unbind(dim=-1)
        return outputs, {"start": start, "end": end}


def nodes_of(count):
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return [(float(node) / 2 + 0.5, float(weight) / 2) for node, weight in zip(nodes, weights, strict=True)]


def on_the_way(start, end, share):
    return (start + share * (end - start)).detach().requires_grad_()


def unit(vectors):
    scores = torch.tensor([sum(row) for row in vectors.tolist()], dtype=torch.float64)
    return scores / math.sqrt(sum(value * value for value in scores.tolist()))


def off(actual, expected):
    return float((actual.double() - expected).norm() / expected.norm())


def test_the_answer_is_that_of_plain_matrix_products(setting, loaded):
    bert = ByHand(loaded.model)
    for row in setting.checks.pool(setting.assignment)[:6]:
        ids = loaded.tokenizer(row.question, row.text, return_tensors="pt")
        parts = [
            bert.table("word_embeddings", ids["input_ids"]),
            bert.table("token_type_embeddings", ids["token_type_ids"]),
            bert.table("position_embeddings", torch.arange(ids["input_ids"].shape[1])[None]),
        ]
        _, logits = bert.run(bert.embedded(*parts))
        start, end, answer = setting.module.predict_answer(
            loaded.model, loaded.tokenizer, row.question, row.text
        )
        assert (start, end) == (int(logits["start"].argmax()), int(logits["end"].argmax()))
        assert type(start) is type(end) is int
        assert answer.replace(" ", "") in row.text.lower().replace(" ", "") and answer


def test_embedding_attributions_are_those_of_a_loop(setting, loaded, inputs, position, agrees):
    bert = ByHand(loaded.model)
    others = [
        bert.table("token_type_embeddings", inputs["token_type_ids"]),
        bert.table("position_embeddings", inputs["position_ids"]),
    ]
    start, end = (
        bert.embedded(bert.table("word_embeddings", inputs[name]), *others)
        for name in ("baseline_ids", "input_ids")
    )
    total = torch.zeros_like(end)
    for node, weight in nodes_of(50):
        point = on_the_way(start, end, node)
        largest = max(bert.run(point)[1][position], key=torch.Tensor.item)
        total += weight * torch.autograd.grad(largest, point)[0]
    actual = setting.module.embedding_attributions(loaded.model, inputs, position)
    agrees(
        "embedding_attributions",
        "float64 autograd, node by node",
        off(actual, unit((end - start) * total)),
        NEAR,
    )


def test_subembedding_attributions_are_those_of_a_loop(setting, loaded, inputs, position, agrees):
    bert = ByHand(loaded.model)
    names = (
        ("baseline_ids", "input_ids"),
        *((f"baseline_{n}", n) for n in ("token_type_ids", "position_ids")),
    )
    starts, ends = (
        [bert.table(table, inputs[pair[side]]) for table, pair in zip(ALL_TABLES, names, strict=True)]
        for side in (0, 1)
    )
    totals = [torch.zeros_like(one) for one in ends]
    for node, weight in nodes_of(50):
        points = [on_the_way(start, end, node) for start, end in zip(starts, ends, strict=True)]
        largest = max(bert.run(bert.embedded(*points))[1][position], key=torch.Tensor.item)
        for total, gradient in zip(totals, torch.autograd.grad(largest, points), strict=True):
            total += weight * gradient
    actual = setting.module.subembedding_attributions(loaded.model, inputs, position)
    assert list(actual) == ["word", "token_type", "position"]
    for scores, start, end, total in zip(actual.values(), starts, ends, totals, strict=True):
        found = off(scores, unit((end - start) * total))
        agrees("subembedding_attributions", "float64 autograd, node by node", found, NEAR)


def test_layer_conductance_is_that_of_a_loop(setting, loaded, inputs, position, agrees):
    bert = ByHand(loaded.model)
    others = [
        bert.table("token_type_embeddings", inputs["token_type_ids"]),
        bert.table("position_embeddings", inputs["position_ids"]),
    ]
    start, end = (bert.table("word_embeddings", inputs[name]) for name in ("baseline_ids", "input_ids"))
    seen = []
    for node, _ in nodes_of(51):
        outputs, logits = bert.run(bert.embedded(on_the_way(start, end, node), *others))
        gradients = torch.autograd.grad(max(logits[position], key=torch.Tensor.item), outputs)
        seen.append(([one.detach() for one in outputs], gradients))
    actual = setting.module.layer_conductance(loaded.model, inputs, position)
    assert actual.shape == (loaded.model.config.num_hidden_layers, inputs["input_ids"].shape[1])
    for layer, row in enumerate(actual):
        steps = [(after[0][layer] - before[0][layer]) * before[1][layer] for before, after in pairwise(seen)]
        agrees("layer_conductance", "float64 autograd, node by node", off(row, unit(sum(steps))), NEAR)


def test_integrated_gradients_add_up_before_they_are_normalised(setting, loaded, inputs, position):
    """The scores are those of integrated gradients up to a factor: the factor that completeness gives."""
    model, names = loaded.model, ("token_type_ids", "position_ids", "attention_mask")
    others = {name: inputs[name] for name in names}
    with torch.no_grad():
        full, empty = (
            float(model(input_ids=inputs[name], **others)[f"{position}_logits"].max())
            for name in ("input_ids", "baseline_ids")
        )
    mistakes = {known.id: known for known in setting.misconceptions}
    raw = mistakes["not_normalised"].run(setting.reference, model, inputs, position)
    assert abs(float(raw.sum()) - (full - empty)) < 0.02 * float(raw.abs().sum())


def test_inputs_by_hand(setting, loaded):
    tokenizer = loaded.tokenizer
    inputs = setting.module.build_inputs(tokenizer, "Who is ☃?", "[MASK] ran.")
    tokens = tokenizer.convert_ids_to_tokens(inputs["input_ids"][0])
    assert tokens[:6] == ["[CLS]", "who", "is", "[UNK]", "?", "[SEP]"] and tokens[6] == "[MASK]"
    baseline = tokenizer.convert_ids_to_tokens(inputs["baseline_ids"][0])
    assert baseline == [token if token in ("[CLS]", "[SEP]") else "[PAD]" for token in tokens]
    length = len(tokens)
    assert inputs["token_type_ids"].tolist() == [[0] * 6 + [1] * (length - 6)]
    assert inputs["position_ids"].tolist() == [list(range(length))]
    assert inputs["attention_mask"].tolist() == [[1] * length]
    for name in ("baseline_token_type_ids", "baseline_position_ids"):
        assert inputs[name].tolist() == [[0] * length]
    assert {values.dtype for values in inputs.values()} == {torch.int64}


def test_best_tokens_by_hand(setting):
    scores = torch.tensor([0.25, -3.0, 0.5, 0.25, 0.75, 0.25])
    found = setting.module.top_tokens(scores, ["z", "y", "x", "a", "[SEP]", "z"], 5)
    assert found == [("[SEP]", 4, 0.75), ("x", 2, 0.5), ("z", 0, 0.25), ("a", 3, 0.25), ("z", 5, 0.25)]
    assert [type(value) for value in found[0]] == [str, int, float]


@pytest.mark.parametrize("bins", [2, 7, 16])
def test_entropy_is_that_of_counting(setting, bins):
    scores = setting.checks.spread(random.Random(bins), 3, 60, max(bins, 5), gaps=True)
    actual = setting.module.attribution_entropy(scores, bins)
    for row, entropy in zip(scores.double().tolist(), actual.tolist(), strict=True):
        low, high = min(row), max(row)
        places = Counter(min(int((value - low) / (high - low) * bins), bins - 1) for value in row)
        shares = [count / len(row) for count in places.values()]
        assert entropy == pytest.approx(-sum(share * math.log2(share) for share in shares), abs=1e-6)
        counts, _ = np.histogram(np.array(row), bins=bins)
        filled = counts[counts > 0] / len(row)
        assert entropy == pytest.approx(float(-(filled * np.log2(filled)).sum()), abs=1e-6)


def test_a_call_leaves_model_and_inputs_as_they_were(setting, loaded, inputs, position):
    weights = {name: value.clone() for name, value in loaded.model.state_dict().items()}
    before = {name: values.clone() for name, values in inputs.items()}
    for name in ("embedding_attributions", "subembedding_attributions", "layer_conductance"):
        getattr(setting.module, name)(loaded.model, inputs, position)
    assert all(torch.equal(before[name], values) for name, values in inputs.items())
    assert all(torch.equal(weights[name], value) for name, value in loaded.model.state_dict().items())
    assert all(weight.grad is None for weight in loaded.model.parameters()) and not loaded.model.training


def test_the_file_imports_without_running_an_example(setting):
    names = vars(setting.module)
    assert "model" not in names and "inputs" not in names
