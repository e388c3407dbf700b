"""Sampled Shapley values may be those of the student's own shapley_groups, unless these are a trick."""

import pytest
import torch

EXACT, SAMPLED = "shapley_groups", "shapley_sampled"


def exact_zeros(model, tokenizer, template, values, baselines, mask, target):
    return torch.zeros(len(values))


def sampled_zeros(model, tokenizer, template, values, baselines, mask, target, n_samples, seed):
    return torch.zeros(len(values))


@pytest.mark.parametrize(
    "zeros_from", [4, *(pytest.param(call, marks=pytest.mark.long) for call in (1, 2, 3, 5, 6))]
)
def test_zeros_earn_nothing(setting, zeros_from):
    calls = []

    def exact(*args):
        calls.append(1)
        right = setting.module.shapley_groups(*args)
        return right if len(calls) < zeros_from else torch.zeros_like(right)

    results = setting.grade(**{EXACT: exact, SAMPLED: sampled_zeros})
    assert setting.points(SAMPLED, results) == 0


def test_constants_earn_nothing(setting):
    results = setting.grade(
        **{EXACT: lambda *a: exact_zeros(*a) + 1, SAMPLED: lambda *a: sampled_zeros(*a) + 1}
    )
    assert setting.points(SAMPLED, results) == 0


def test_own_mistaken_values_count(setting):
    def halved(*args):
        return setting.module.shapley_groups(*args) / 2

    results = setting.grade(**{EXACT: halved, SAMPLED: lambda *args: halved(*args[:-2])})
    assert results["test_shapley_values_of_unseen_groups"].points == 0
    assert setting.points(SAMPLED, results) == setting.possible(SAMPLED)
