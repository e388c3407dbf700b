"""Every known mistake is told from the reference and from every other mistake, on what the checks ask."""

import random
from itertools import combinations

import pytest
import torch

from autograder.comparison.structures import structure_distance
from autograder.comparison.tensors import as_tensor, distance

SCORES = "compute_feature_attribution_scores"
IN_THE_PREDICTIONS = {"predictions_as_probabilities", "predictions_as_classes", "results_swapped"}


def of_task(setting, task):
    return [known for known in setting.misconceptions if known.task == task]


@pytest.mark.parametrize("task", ["build_baseline", "token_importance", "merge_subtokens"])
def test_every_mistake_loses_points_and_is_named(setting, task):
    for known in of_task(setting, task):
        results = setting.mistaken(known)
        named = [result.diagnosis.misconception for result in results.values() if result.diagnosis]
        assert setting.points(task, results) < setting.possible(task), known.id
        assert set(named) == {known.id}, known.id
        assert not any(result.fault for result in results.values()), known.id


@pytest.mark.long  # `autograder verify` asks the same
def test_every_mistake_in_the_attributions_loses_points_and_is_named(setting):
    for known in of_task(setting, SCORES):
        results = setting.mistaken(known)
        named = {result.diagnosis.misconception for result in results.values() if result.diagnosis}
        assert setting.points(SCORES, results) <= setting.possible(SCORES) - 2, known.id
        assert named == {known.id}, known.id
        assert not any(result.fault for result in results.values()), known.id


def test_mistakes_in_the_attributions_are_told_apart_on_what_everybody_is_asked(setting):
    tau = setting.tolerances["attributions"].tau
    loaded = setting.models[0]
    known = [one for one in of_task(setting, SCORES) if one.id not in IN_THE_PREDICTIONS]
    batch = setting.checks.batch_of(setting.checks.telling(setting.assignment), loaded.tokenizer)
    results = {one.id: one.run(setting.reference, batch, loaded.model, loaded.tokenizer)[0] for one in known}
    for one, other in combinations(results, 2):
        assert distance(results[one], results[other], "relative_l2", 0) > 3 * tau, (one, other)


def test_hints_do_not_give_the_title_away(setting):
    for known in setting.misconceptions:
        assert known.hint != known.title and len(known.hint) > 30, known.id


def test_ids_of_mistakes_are_unique(setting):
    ids = [known.id for known in setting.misconceptions]
    assert len(ids) == len(set(ids))


def test_a_mistake_leaves_its_arguments_alone(setting):
    rng = random.Random(1)
    scores, mask = setting.checks.masked_scores(rng)
    tokens = setting.checks.pieces_of(rng)
    numbers = setting.checks.scores_for(tokens, rng)
    before = scores.clone(), mask.clone(), list(tokens), list(numbers)
    for known in of_task(setting, "token_importance"):
        known.run(setting.reference, scores, mask)
    for known in of_task(setting, "merge_subtokens"):
        known.run(setting.reference, tokens, numbers)
    assert torch.equal(before[0], scores) and torch.equal(before[1], mask)
    assert before[2:] == (tokens, numbers)


@pytest.mark.parametrize("seed", range(12))
def test_inputs_of_the_pure_tasks_show_every_mistake(setting, seed):
    checks, reference, rng = setting.checks, setting.reference, random.Random(seed)
    scores, mask = checks.masked_scores(rng)
    expected = reference.token_importance(scores, mask)
    for known in of_task(setting, "token_importance"):
        off = distance(as_tensor(known.run(reference, scores, mask)), expected, "relative_l2", 0)
        assert off > 3 * setting.tolerances["importance"].tau, known.id
    sentence, windows = checks.pieces_of(rng, twice=True), checks.windows_of(rng)
    with_own_input = {
        "leading_piece_dropped": windows[0],
        "piece_joined_to_special_token": windows[1],
        "special_tokens_merged": windows[1],
    }
    for known in of_task(setting, "merge_subtokens"):
        tokens = with_own_input.get(known.id, sentence)
        numbers = checks.scores_for(tokens, rng)
        off = structure_distance(
            known.run(reference, tokens, numbers), reference.merge_subtokens(tokens, numbers), "relative_l2"
        )
        assert off > 3 * setting.tolerances["merged"].tau, known.id


def test_accepted_rules_lie_near_the_contracts_own(setting):
    checks = setting.checks
    # Of each family the roughest: the accepted rules of more steps lie nearer.
    families = ("riemann_left", "riemann_right", "riemann_middle", "trapezoid", "captum_trapezoid")
    rules = (*checks.CONTRACT, *(getattr(checks.quadrature, name)(50) for name in families))
    drawn = random.Random(1).sample(checks.ordinary(setting.assignment, setting.models), 10)
    for loaded in setting.models:
        batch = checks.batch_of([*checks.telling(setting.assignment), *drawn], loaded.tokenizer)
        baseline = setting.reference.build_baseline(batch["input_ids"], loaded.tokenizer)
        first, *others = checks.integrate(batch, loaded.model, baseline, rules)
        assert max(distance(other, first, "relative_l2", 0) for other in others) < checks.NEAR / 3


def test_each_row_of_a_hidden_batch_tells_the_label_from_the_prediction(setting):
    checks = setting.checks
    for loaded in setting.models:
        for sentences in (checks.telling(setting.assignment), checks.pool(setting.assignment)[:20]):
            batch = checks.batch_of(sentences, loaded.tokenizer)
            intents = torch.tensor([checks.INTENTS.index(one.intent) for one in sentences])
            assert not bool((batch["labels"].argmax(dim=-1) == intents).any())
