"""Every known mistake is told from the reference and from every other mistake, on what the checks ask."""

import random
from itertools import combinations

import pytest
import torch

from autograder.comparison.tensors import as_tensor, distance

TASKS = (
    "ablate_tokens",
    "ablate_template",
    "ablate_groups",
    "shapley_groups",
    "shapley_sampled",
    "attribute_examples",
    "integrated_gradients",
)
KEYS = {
    "ablate_tokens": "tokens",
    "ablate_template": "effects",
    "ablate_groups": "effects",
    "shapley_groups": "shapley",
    "attribute_examples": "examples",
    "integrated_gradients": "gradients",
}
CORNER = {"tokens_first_dropped": 1, "gradients_first_dropped": 1, "groups_in_order_of_appearance": 1}
"""What a mistake costs that shows in a corner case alone."""


def of_task(setting, task):
    return [known for known in setting.misconceptions if known.task == task]


def questions(setting, task):
    """Return all inputs of a task."""
    texts, fillings, shots = setting.checks.pool(setting.assignment)
    if task in ("ablate_tokens", "integrated_gradients"):
        return [one.arguments for one in texts]
    if task == "attribute_examples":
        return [one.arguments for one in shots]
    return [one.features if task == "ablate_template" else one.arguments for one in fillings]


@pytest.mark.long
@pytest.mark.parametrize("task", TASKS)
def test_every_mistake_loses_points_and_is_named(setting, task):
    for known in of_task(setting, task):
        results = setting.mistaken(known)
        named = {result.diagnosis.misconception for result in results.values() if result.diagnosis}
        assert setting.points(task, results) <= setting.possible(task) - CORNER.get(known.id, 2), known.id
        assert named == {known.id}, known.id
        assert not any(result.fault for result in results.values()), known.id


@pytest.mark.parametrize("known", ["groups_split"])
def test_some_mistakes_lose_points_and_are_named(setting, known):
    (found,) = [one for one in setting.misconceptions if one.id == known]
    results = setting.mistaken(found)
    named = {result.diagnosis.misconception for result in results.values() if result.diagnosis}
    assert named == {known} and setting.points(found.task, results) <= setting.possible(found.task) - 2


@pytest.mark.long
@pytest.mark.parametrize("task", KEYS)
@pytest.mark.parametrize("number", [0, 1], ids=["shipped", "hidden"])
def test_mistakes_are_told_apart_on_every_input(setting, number, task):
    """By at least one of the inputs' models for what only a BOS shows; from the right answer and from each other."""
    tau, loaded = setting.tolerances[KEYS[task]].tau, setting.models[number]
    fronted = loaded.tokenizer("a")["input_ids"][0] == loaded.tokenizer.bos_token_id
    for question in random.Random(5).sample(questions(setting, task), 3):
        results = {
            known.id: known.run(setting.reference, loaded.model, loaded.tokenizer, *question)
            for known in of_task(setting, task)
        }
        silent = {"first_dropped"} if fronted else {"bos"}
        results = {name: value for name, value in results.items() if not any(part in name for part in silent)}
        results["the reference"] = getattr(setting.reference, task)(loaded.model, loaded.tokenizer, *question)
        for one, other in combinations(results, 2):
            assert distance(results[one], results[other], "relative_l2") > 3 * tau, (one, other, question)


def test_hints_do_not_give_the_title_away(setting):
    for known in setting.misconceptions:
        assert known.hint != known.title and len(known.hint) > 30, known.id


def test_ids_of_mistakes_are_unique(setting):
    ids = [known.id for known in setting.misconceptions]
    assert len(ids) == len(set(ids)) >= 90


def test_a_mistake_leaves_its_arguments_and_the_model_alone(setting):
    loaded = setting.models[0]
    weights = {name: value.clone() for name, value in loaded.model.state_dict().items()}
    for task in ("ablate_template", "ablate_groups"):
        question = questions(setting, task)[0]
        before = [list(part) if isinstance(part, list) else part for part in question]
        for known in of_task(setting, task):
            made = as_tensor(known.run(setting.reference, loaded.model, loaded.tokenizer, *question))
            assert made is not None and not made.requires_grad, known.id
        assert before == list(question)
    assert all(torch.equal(weights[name], value) for name, value in loaded.model.state_dict().items())


def test_weights_that_count_features_are_no_pair_of_other_mistakes(setting):
    (found,) = [one for one in setting.misconceptions if one.id == "shapley_weights_of_features"]
    fillings = setting.checks.pool(setting.assignment)[1]
    filling = next(one for one in fillings if len(one.mask) == max(one.mask) + 2)
    small = min(setting.models, key=lambda loaded: sum(each.numel() for each in loaded.model.parameters()))
    arguments = (small.model, small.tokenizer, *filling.arguments)
    wrong = found.run(setting.reference, *arguments)
    assert distance(wrong, setting.reference.shapley_groups(*arguments), "relative_l2") > 0.05
    results = setting.mistaken(found)
    assert {one.diagnosis.misconception for one in results.values() if one.diagnosis} == {found.id}


def test_the_instructor_reads_the_bound_that_sampled_values_are_judged_by(setting):
    def off(*arguments):
        return setting.reference.shapley_groups(*arguments[:-2]) + 5

    results = setting.grade(only={"shapley_sampled", *setting.needed}, shapley_sampled=off)
    detail = results["test_sampled_values_of_unseen_groups"].detail
    assert "off the exact" in detail and "honest sampling stays within" in detail and "allowed" not in detail
