"""Mistakes that any function can make: another model than the given one, a kept answer, a wrong mode or dtype."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from autograder.diagnosis.misconceptions import Misconception
from autograder.diagnosis.query import same_arguments

_TEXTS = {
    "notebooks_own_model": (
        "The answer is that of the notebook's own model, not of the one that was given.",
        "Your function is also asked about another model: does everything in it come from its arguments?",
    ),
    "notebooks_own_tokenizer": (
        "The answer is that of the notebook's own tokenizer, not of the one that was given.",
        "Your function is also called with another tokenizer: does everything in it come from its arguments?",
    ),
    "notebooks_own_model_and_tokenizer": (
        "The answer is that of the notebook's own model and tokenizer, not of those that were given.",
        "Your function is also asked about another model: does everything in it come from its arguments?",
    ),
    "answer_to_an_earlier_call": (
        "The answer is that to an earlier call.",
        "Does your function keep anything from one call to the next? What else does the answer depend on?",
    ),
    "model_in_training_mode": (
        "The model ran in training mode: dropout was on.",
        "Do two calls with the same input agree? Which mode is the model in, and who sets it?",
    ),
    "computed_in_bfloat16": (
        "The model computed in bfloat16.",
        "How many digits of your values are right? Which dtype do model and inputs have in your function?",
    ),
}
"""Title and hint of each."""

GENERAL = frozenset(_TEXTS)
"""The ids: what they say is true of the values, whatever made them."""

_LARGE = 50_000_000
"""A model with more parameters than this is not copied."""


def general_mistakes(
    task: str, models: Sequence[Any], earlier: Sequence[Sequence[Any]], seed: int, *, near: bool
) -> list[Misconception]:
    """Return the mistakes, the likelier ones first.

    Args:
        task: The function that was asked.
        models: LoadedModel records, the shipped one first.
        earlier: Arguments of calls that the check found right before.
        seed: What torch was seeded with for the call.
        near: Whether the answer lies near the right one, as one in bfloat16 does.
    """
    parts = (
        ("notebooks_own_model", ("model",)),
        ("notebooks_own_tokenizer", ("tokenizer",)),
        ("notebooks_own_model_and_tokenizer", ("model", "tokenizer")),
    )
    runs: list[tuple[str, Callable[..., Any]]] = [
        (name, partial(_of_the_shipped, task, models, which)) for name, which in parts
    ]
    runs += [("answer_to_an_earlier_call", partial(_of_an_earlier, task, earlier, one)) for one in earlier]
    runs += [("model_in_training_mode", partial(_in_training_mode, task, seed))]
    runs += [("computed_in_bfloat16", partial(_in_bfloat16, task))] if near else []
    return [
        Misconception(id=name, task=task, title=_TEXTS[name][0], hint=_TEXTS[name][1], run=run)
        for name, run in runs
    ]


class NoCopyError(Exception):
    """The call holds no model that can be copied."""


def _of_the_shipped(
    task: str, models: Sequence[Any], parts: Sequence[str], reference: Any, *args: Any
) -> Any:
    swapped = {
        id(getattr(other, part)): getattr(models[0], part)
        for other in models[1:]
        for part in parts
        if any(getattr(other, part) is value for value in args)
    }  # empty where the shipped model was given: there the mistake gives the right answer
    return getattr(reference, task)(*[swapped.get(id(value), value) for value in args])


def _of_an_earlier(
    task: str, earlier: Sequence[Sequence[Any]], kept: Sequence[Any], reference: Any, *args: Any
) -> Any:
    known = any(same_arguments(args, one) for one in earlier)
    return getattr(reference, task)(*(args if known else kept))


def _in_training_mode(task: str, seed: int, reference: Any, *args: Any) -> Any:
    models = [value for value in args if isinstance(value, torch.nn.Module) and not value.training]
    if not any(isinstance(part, torch.nn.Dropout) and part.p for model in models for part in model.modules()):
        return getattr(reference, task)(*args)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            for model in models:
                model.train()
            return getattr(reference.module, task)(*args)
        finally:
            for model in models:
                model.eval()


def _in_bfloat16(task: str, reference: Any, *args: Any) -> Any:
    models = [value for value in args if isinstance(value, torch.nn.Module)]
    if not models or any(sum(each.numel() for each in one.parameters()) > _LARGE for one in models):
        raise NoCopyError("No model was given that is small enough to be copied.")
    copies = {id(model): copy.deepcopy(model).bfloat16() for model in models}
    # Of the module itself: no answer for a copy is asked for again.
    return getattr(reference.module, task)(*[copies.get(id(value), value) for value in args])
