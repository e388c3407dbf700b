"""Put the question to diagnosis: a mismatch, the call behind it, and what else the grader knows of both."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from autograder.checks.answer_cache import Reference
from autograder.checks.comparing import Mismatch
from autograder.checks.submission_proxy import Call
from autograder.comparison.tensors import relative_l2
from autograder.diagnosis import Explanation, Misconception, Question, explain, general_mistakes

NEAR = 0.3
"""An answer at most this far from the right one, relatively, may have been computed with fewer digits."""

_CONFIG = {
    "hidden size": ("hidden_size", "n_embd"),
    "number of layers": ("num_hidden_layers", "n_layer"),
    "number of heads": ("num_attention_heads", "n_head"),
    "size of the vocabulary": ("vocab_size",),
}
"""What sizes of a model are called, and their names in configurations."""


@dataclass(frozen=True, slots=True)
class Passed:
    """An answer in which the running check found nothing wrong."""

    call: Call
    nearness: Callable[[Any], float]
    tau: float


def explained(
    error: Mismatch,
    call: Call,
    *,
    misconceptions: Iterable[Misconception],
    reference: Reference,
    models: Sequence[Any],
    passed: Sequence[Passed],
    mistaken: Mapping[str, Misconception],
) -> Explanation:
    """Say what explains a wrong answer.

    Args:
        error: What the check raised.
        call: The last one.
        misconceptions: Known mistakes of all tasks.
        reference: The reference module.
        models: LoadedModel records.
        passed: What the same check found right before.
        mistaken: Mistakes named before in other functions of this student, by the function.
    """
    known = [remembered(found, reference) for found in misconceptions if found.task == call.function]
    question = Question(
        task=call.function,
        reference=reference,
        args=call.args,
        kwargs=call.kwargs,
        nearness=error.nearness,
        tau=error.tau,
        subject=error.subject,
        consistent=partial(
            _consistent, reference, [one for one in passed if one.call.function == call.function]
        ),
        sizes=_sizes(call, reference, models),
        special=_special(call, models),
    )
    part = None
    if error.part is not None:
        args, nearness = error.part
        tau = error.tau if error.part_tau is None else error.part_tau
        part = replace(question, args=args, nearness=nearness, subject=error.part_subject, tau=tau)
    earlier = [one.call.args for one in passed if one.call.function == call.function and not one.call.kwargs]
    shown = error.subject
    near = shown is not None and relative_l2(shown.actual, shown.expected) <= NEAR
    general = general_mistakes(call.function, models, earlier, call.seed, near=near)
    return explain(known, question, part=part, mistaken=mistaken, general=general)


def remembered(known: Misconception, reference: Reference) -> Misconception:
    """Return the misconception with its answers kept like the reference's: a class asks for the same ones again."""

    def run(_: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            return known.run(reference, *args, **kwargs)
        return reference.memoise(f"misconception {known.id}", partial(known.run, reference), *args)

    return replace(known, run=run, source=known.program)


def _consistent(reference: Reference, passed: Sequence[Passed], run: Callable[..., Any]) -> bool:
    """Say whether a function gives what the student's gave in earlier calls of the check."""
    for one in passed:
        try:
            off = one.nearness(run(reference, *one.call.args, **one.call.kwargs))
        except Exception:  # it gives nothing there, and the student's did
            return False
        if not off <= one.tau:
            return False
    return True


def _sizes(call: Call, reference: Reference, models: Sequence[Any]) -> dict[str, int]:
    """Return numbers that a factor may come from: of the model asked with, and of the arguments."""
    sizes: dict[str, int] = {}
    for loaded in models:
        if any(loaded.model is value for value in call.args):
            config = getattr(loaded.model, "config", None)
            for name, attributes in _CONFIG.items():
                values = [
                    getattr(config, one) for one in attributes if isinstance(getattr(config, one, None), int)
                ]
                sizes |= {name: values[0]} if values else {}
    try:
        names = list(inspect.signature(getattr(reference.module, call.function)).parameters)
    except (AttributeError, TypeError, ValueError):
        return sizes
    for name, value in zip(names, call.args, strict=False):
        if isinstance(value, int) and not isinstance(value, bool):
            sizes[name] = value
        elif isinstance(value, (list, tuple)):
            sizes[f"number of {name}"] = len(value)
    return sizes


def _special(call: Call, models: Sequence[Any]) -> list[bool]:
    """Return for each token of the input whether it is a special one or padding; empty where this is unknown."""
    ids = next(_token_ids(call.args), None)
    for loaded in models:
        asked = any(one is value for value in call.args for one in (loaded.model, loaded.tokenizer))
        marks = getattr(loaded.tokenizer, "all_special_ids", None)
        if asked and marks and ids is not None:
            # [UNK] stands for a word of the text.
            kept = {*marks} - {getattr(loaded.tokenizer, "unk_token_id", None)}
            rows = [[number in kept for number in row] for row in ids.tolist()]
            return rows[0] if all(row == rows[0] for row in rows) else []
    return []


def _token_ids(values: Iterable[Any]) -> Iterator[torch.Tensor]:
    for value in values:
        if isinstance(value, Mapping) and isinstance(value.get("input_ids"), torch.Tensor):
            yield value["input_ids"]
        elif isinstance(value, torch.Tensor) and value.dim() == 2 and value.dtype is torch.int64:
            yield value
