"""Norms may be those of the student's own attention and vectors, unless these are a trick."""

import pytest
import torch

MATRICES, VECTORS = "attention_matrices", "transformed_vectors"
NORMS = ("weighted_norms", "summed_norms")


def of_norms(model, inputs, *, heads):
    c, n = model.config, inputs["input_ids"].shape[1]
    return (c.num_hidden_layers, c.num_attention_heads, n, n) if heads else (c.num_hidden_layers, n, n)


def zero_norms():
    return {name: lambda *a, heads=name == NORMS[0]: torch.zeros(of_norms(*a, heads=heads)) for name in NORMS}


def ones(model, inputs):
    return torch.ones(of_norms(model, inputs, heads=True))


def nothing(function):
    return lambda *args: torch.zeros_like(function(*args))


def from_call(number, function):
    """Answer right until the given call, with zeros from then on."""
    calls = []

    def answer(*args):
        calls.append(1)
        right = function(*args)
        return right if len(calls) < number else torch.zeros_like(right)

    return answer


@pytest.mark.parametrize("task", [MATRICES, VECTORS])
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7, 8])
def test_zeros_built_on_zeros_earn_nothing(setting, task, number):
    own = from_call(number, getattr(setting.module, task))
    results = setting.grade(**{task: own}, **zero_norms())

    assert [setting.points(name, results) for name in NORMS] == [0, 0]


def test_norms_of_constants_earn_nothing(setting):
    def own(model, inputs):
        return torch.ones_like(setting.module.transformed_vectors(model, inputs))

    def weighted(model, inputs):
        return setting.checks.weigh(ones(model, inputs), own(model, inputs)).float()

    results = setting.grade(**{MATRICES: ones, VECTORS: own, "weighted_norms": weighted})
    assert setting.points("weighted_norms", results) == 0


def test_attention_that_changes_with_who_asks_counts_for_nothing(setting):
    """The right attention is given to its own checks, and halves to whoever comes later."""
    calls = []

    def attention(model, inputs):
        calls.append(1)
        right = setting.module.attention_matrices(model, inputs)
        return right if len(calls) <= 8 else right / 2

    def weighted(model, inputs):
        return setting.module.weighted_norms(model, inputs) / 2

    results = setting.grade(**{MATRICES: attention, "weighted_norms": weighted})
    assert results["test_attention_of_unseen_questions"].outcome == "passed"
    assert results["test_norms_of_unseen_questions"].points == 0


def test_norms_of_own_attention_count_on_every_unseen_input(setting):
    def attention(model, inputs):
        return setting.module.attention_matrices(model, inputs).transpose(-1, -2).contiguous()

    def weighted(model, inputs):
        return setting.checks.weigh(
            attention(model, inputs), setting.module.transformed_vectors(model, inputs)
        ).float()

    results = setting.grade(**{MATRICES: attention, "weighted_norms": weighted})
    assert results["test_attention_of_unseen_questions"].points == 0
    assert setting.points("weighted_norms", results) == setting.possible("weighted_norms")
