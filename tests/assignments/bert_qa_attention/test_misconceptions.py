"""Every known mistake is told from the reference and from every other mistake, on what the checks ask."""

from itertools import combinations

import pytest
import torch

from autograder.comparison.tensors import distance
from autograder.course.assignment import load_module

from .test_checks import CONDUCTANCE, HEAD_NORM, MATRICES, SUMMED, TASKS, VECTORS, WEIGHTED

TOLERANCES = dict(
    zip(TASKS, ("attention", "head_norm", "conductance", "vectors", "weighted", "summed"), strict=True)
)


def of_task(setting, task):
    return [known for known in setting.misconceptions if known.task == task]


def arguments_of(setting, task, loaded, number=0):
    """Return what a check would ask a function."""
    checks = setting.checks
    asked = checks.pool(setting.assignment)[number]
    if task == CONDUCTANCE:
        position = checks.POSITIONS[number % 2]
        role = loaded.spec.role
        found = [one for one in checks.pool(setting.assignment) if one.path(role, position) == "moves"]
        return loaded.model, checks.inputs_of(setting.module, loaded.tokenizer, found[number]), position
    inputs = checks.inputs_of(setting.module, loaded.tokenizer, asked)
    if task == HEAD_NORM:
        return (setting.reference.attention_matrices(loaded.model, inputs),)
    return loaded.model, inputs


@pytest.mark.long
@pytest.mark.parametrize("task", TASKS)
def test_every_mistake_loses_points_and_is_named(setting, task):
    for known in of_task(setting, task):
        results = setting.mistaken(known)
        named = {result.diagnosis.misconception for result in results.values() if result.diagnosis}
        assert setting.points(task, results) < setting.possible(task) - 2, known.id
        assert named == {known.id}, known.id
        assert not any(result.fault for result in results.values()), known.id


@pytest.mark.long
@pytest.mark.parametrize("task", TASKS)
def test_mistakes_are_told_apart_on_every_model(setting, loaded, task):
    tau = setting.tolerances[TOLERANCES[task]].tau
    arguments = arguments_of(setting, task, loaded)
    results = {known.id: known.run(setting.reference, *arguments) for known in of_task(setting, task)}
    results["the reference"] = getattr(setting.reference, task)(*arguments)
    for one, other in combinations(results, 2):
        assert distance(results[one], results[other], "relative_l2", 0) > 3 * tau, (one, other)


def test_hints_do_not_give_the_title_away(setting):
    for known in setting.misconceptions:
        assert known.hint != known.title and len(known.hint) > 30, known.id


def test_ids_of_mistakes_are_unique(setting):
    ids = [known.id for known in setting.misconceptions]
    assert len(ids) == len(set(ids)) > 100


@pytest.mark.long
@pytest.mark.parametrize("task", [MATRICES, CONDUCTANCE, VECTORS, WEIGHTED, SUMMED])
def test_a_mistake_leaves_model_and_inputs_alone(setting, task):
    loaded = setting.models[1]
    model, inputs, *rest = arguments_of(setting, task, loaded)
    before = {name: value.clone() for name, value in inputs.items()}
    hooks = [len(module._forward_hooks) for module in model.modules()]
    for known in of_task(setting, task):
        known.run(setting.reference, model, inputs, *rest)
    assert all(torch.equal(before[name], value) for name, value in inputs.items())
    assert [len(module._forward_hooks) for module in model.modules()] == hooks
    assert all(weight.grad is None for weight in model.parameters())


@pytest.mark.long
def test_marks_of_the_pool_say_what_they_claim(setting, loaded):
    """Where a question is asked 51 steps give the same within 1 %, and a fixed position shows where it must."""
    mistakes = {known.id: known.run for known in setting.misconceptions}
    module = load_module(setting.assignment.folder / "misconceptions.py", "misconceptions_bert_qa_attention")
    role, kinds = loaded.spec.role, {}
    for one in setting.checks.pool(setting.assignment):
        inputs = setting.checks.inputs_of(setting.module, loaded.tokenizer, one)
        for position in setting.checks.POSITIONS:
            if path := one.path(role, position):
                right = setting.module.attention_attributions(loaded.model, inputs, position)
                fixed = mistakes["fixed_position"](setting.module, loaded.model, inputs, position)
                away = distance(fixed, right, "relative_l2", 0)
                assert (away > 0.1) == (path == "moves"), one
                finer = module._Path(loaded.model, inputs, position, nodes=module._nodes(52))
                assert distance(finer.conductance(), right, "relative_l2", 0) < 0.01, one
                kinds.setdefault((position, path), []).append(inputs["input_ids"].shape[1])
    assert len(kinds) == 4 and all(len(lengths) >= 6 for lengths in kinds.values())
    for position in setting.checks.POSITIONS:
        # At these lengths two questions can be asked for the same position.
        assert len({*kinds[position, "moves"]} & {*kinds[position, "stays"]}) >= 5
