"""Rewritten functions give the same values, and are written otherwise."""

import ast
import random

import pytest
import torch

from autograder.authoring.verify.metamorphic import wrappers
from autograder.authoring.verify.metamorphic.rewriting import REWRITES, replace_names, rewritten

SOURCE = '''
def work(values, k):
    """Do a little of everything."""
    offset = 2
    names = ("a", "b")

    def scaled(value, by):
        return value * by

    squares = [scaled(value, value) for row in values for value in row if value > 0]
    total, rows = 0, []
    for number, value in enumerate(squares):
        total += value
        rows.append([value + offset for _ in range(number % k)])
    return {name: sum(row) for name, row in zip(names, rows)}, total, [len(row) for row in rows]
'''
CAPTUM = """
def work(forward, layer, ids):
    method = LayerIntegratedGradients(forward, layer)
    return method.attribute(ids, n_steps=50), FeatureAblation(forward).attribute(ids)
"""


def run(source, *args):
    names = {"torch": torch}
    exec(compile(source, "<test>", "exec"), names)
    return names["work"](*args)


@pytest.mark.parametrize("way", [name for name in REWRITES if name != "chunked steps"])
def test_each_way_keeps_the_values(way):
    source, taken = rewritten(SOURCE, random.Random(1), 1, only=[way])
    assert taken == [way]
    assert source != ast.unparse(ast.parse(SOURCE))
    assert run(source, [[1, -2, 3], [4]], 2) == run(SOURCE, [[1, -2, 3], [4]], 2)


def test_all_ways_together_keep_the_values():
    for seed in range(20):
        source, _ = rewritten(SOURCE, random.Random(seed), 7)
        assert run(source, [[5, 1], [2, -1]], 3) == run(SOURCE, [[5, 1], [2, -1]], 3)


def test_steps_are_chunked_where_captum_takes_steps():
    source, taken = rewritten(CAPTUM, random.Random(1), 1, only=["chunked steps"])
    assert taken == ["chunked steps"]
    assert source.count("internal_batch_size=") == 1
    assert "FeatureAblation(forward).attribute(ids)" in source


def test_other_names_are_read_and_the_own_definition_stays():
    source = replace_names("def f(x):\n    return g(x)\n", {"g": "_plain_g", "f": "_plain_f"})
    assert source == "def f(x):\n    return _plain_g(x)"


def answer(batch, model):
    with torch.no_grad():
        scores = model(batch["x"])
    return scores, [("a", 1.5)]


def wrapped(name):
    names = {"answer": answer}
    exec(wrappers.PREAMBLE + "\n" + wrappers.applied("answer", [name]), names)
    return names["answer"]


class Mlp(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.classifier_in = torch.nn.Linear(3, 8)
        self.classifier_out = torch.nn.Linear(8, 2)

    def forward(self, x):
        return self.classifier_out(self.classifier_in(x).relu())


@pytest.mark.parametrize("name", wrappers.WRAPPERS)
def test_each_wrapper_keeps_the_values_and_the_model(name):
    torch.manual_seed(0)
    model, batch = Mlp(), {"x": torch.randn(4, 3)}
    if name in ("float64 inside", "permuted hidden units"):
        model = model.eval()
    before = [value.clone() for value in model.state_dict().values()]
    expected, _ = answer(batch, model)
    if name == "row by row":
        names = {"answer": lambda batch, model: answer(batch, model)[0]}
        exec(wrappers.PREAMBLE + "\n" + wrappers.applied("answer", [name]), names)
        got, pairs = names["answer"](batch, model), [("a", 1.5)]
    else:
        got, pairs = wrapped(name)(batch, model)
    got = torch.as_tensor(got).detach()
    assert got.shape == expected.shape
    assert torch.allclose(got.double(), expected.double(), atol=1e-6)
    (pair,) = pairs
    assert (pair[0], float(pair[1])) == ("a", 1.5)
    assert all(torch.equal(*both) for both in zip(before, model.state_dict().values(), strict=True))


def test_hidden_units_are_permuted():
    names = {}
    exec(wrappers.PREAMBLE, names)
    model = Mlp()
    before = model.classifier_in.weight.detach().clone()
    names["_permuted"](model)
    assert not torch.equal(before, model.classifier_in.weight)
    assert torch.equal(before.sort(dim=0).values, model.classifier_in.weight.sort(dim=0).values)
