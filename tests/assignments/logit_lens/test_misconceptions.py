"""Every known mistake is told from the reference and from every other mistake, on what the checks ask."""

import random
from collections import Counter
from itertools import combinations

import pytest
import torch

from autograder.comparison.tensors import as_tensor, distance

TASKS = ("layer_probabilities", "top_predictions", "target_rank", "divergence_from_final", "plot_lens")
LENS, TOP, RANK, DIVERGENCE, PLOT = TASKS

DEEP = {"ranks_cut_at_100", "ranks_cut_at_99", "none_behind_the_first_100"}
"""What shows where a target has a rank above 100, which tables of 200 tokens do not have."""

CORNER = {"ties_counted": 1, "place_after_sorting": 1, **dict.fromkeys(DEEP, 1)}
"""What a mistake costs that shows in a corner case alone."""


def of_task(setting, task):
    return [known for known in setting.misconceptions if known.task == task]


@pytest.mark.long
@pytest.mark.parametrize("task", TASKS)
def test_every_mistake_loses_points_and_is_named(setting, task):
    for known in of_task(setting, task):
        results = setting.mistaken(known)
        named = {result.diagnosis.misconception for result in results.values() if result.diagnosis}
        assert setting.points(task, results) <= setting.possible(task) - CORNER.get(known.id, 2), known.id
        assert named == {known.id}, known.id
        assert not any(result.fault for result in results.values()), known.id


@pytest.mark.parametrize("number", [0, 1], ids=["shipped", "hidden"])
def test_mistakes_with_the_lens_are_told_apart_on_what_everyone_is_asked(setting, number):
    tau, loaded = setting.tolerances["probabilities"].tau, setting.models[number]
    *everyone, _ = setting.checks.asked(setting.assignment, random.Random(5))
    farthest = Counter()
    for fact in everyone:
        ids = setting.checks.ids_of(loaded.tokenizer, fact.prompt)
        results = {
            known.id: known.run(setting.reference, loaded.model, ids) for known in of_task(setting, LENS)
        }
        results["the reference"] = setting.reference.layer_probabilities(loaded.model, ids)
        for pair in combinations(results, 2):
            one, other = (results[name] for name in pair)
            farthest[pair] = max(farthest[pair], distance(one, other, "relative_l2", 0))
    assert len(farthest) > 200 and min(farthest.values()) > 3 * tau, farthest.most_common()[-1]


def test_mistakes_behind_the_hundredth_rank_show_on_what_everyone_is_asked(setting):
    everyones, _ = setting.checks.tables(random.Random(5))
    shown = {one.id: False for one in of_task(setting, RANK) if one.id in DEEP}
    for vocabulary in (200, 320):
        table, target = setting.checks.with_ties(everyones, 4, 3, vocabulary)
        for known in of_task(setting, RANK):
            right = setting.reference.target_rank(table, target)
            if known.id in DEEP:
                shown[known.id] |= not torch.equal(known.run(setting.reference, table, target), right)
    assert len(shown) == len(DEEP) and all(shown.values())


@pytest.mark.parametrize("seed", range(6))
def test_made_up_probabilities_show_every_mistake(setting, seed):
    checks, reference = setting.checks, setting.reference
    table, target = checks.with_ties(random.Random(seed), 4, 3, 200)
    ranks = reference.target_rank(table, target)
    for known in of_task(setting, RANK):
        if known.id in DEEP:
            continue
        made = known.run(reference, table, target)
        assert made.is_floating_point() or not torch.equal(made, ranks), known.id
    table = checks.with_zeros(random.Random(seed), 4, 3, 200)
    expected = reference.divergence_from_final(table)
    for known in of_task(setting, DIVERGENCE):
        off = distance(as_tensor(known.run(reference, table)), expected, "relative_l2", 0)
        assert off > 3 * setting.tolerances["divergence"].tau, known.id


def test_hints_do_not_give_the_title_away(setting):
    for known in setting.misconceptions:
        assert known.hint != known.title and len(known.hint) > 30, known.id


def test_ids_of_mistakes_are_unique(setting):
    ids = [known.id for known in setting.misconceptions]
    assert len(ids) == len(set(ids))


def test_a_mistake_leaves_its_arguments_alone(setting):
    table = setting.checks.with_zeros(random.Random(1), 4, 3, 200)
    drawn = setting.checks.picture_input(random.Random(1), 4, 3)
    before = table.clone(), [drawn[0].clone(), [list(row) for row in drawn[1]], list(drawn[2])]
    for known in of_task(setting, RANK):
        known.run(setting.reference, table, 5)
    for known in of_task(setting, DIVERGENCE):
        known.run(setting.reference, table)
    for known in of_task(setting, PLOT):
        known.run(setting.reference, *drawn)
    assert torch.equal(before[0], table)
    assert torch.equal(before[1][0], drawn[0]) and before[1][1:] == list(drawn[1:])


def test_mistakes_know_llamas_names(setting):
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(2)
    config = LlamaConfig(
        vocab_size=41, hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=2,
        max_position_embeddings=32, initializer_range=0.4,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        # Without weights of its own a norm changes nothing the second time.
        model.model.norm.weight.uniform_(0.3, 3)
    ids = torch.randint(41, (1, 6))
    right = setting.reference.layer_probabilities(model, ids)
    for known in of_task(setting, LENS):
        made = known.run(setting.reference, model, ids)
        assert made.shape != right.shape or distance(made, right, "relative_l2", 0) > 1e-2, known.id
