"""Other programs for the same values, in float32 like a student's.

They tell calibration how far right answers lie apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from captum.attr import (
    FeatureAblation,
    LayerIntegratedGradients,
    LLMAttribution,
    LLMGradientAttribution,
    ShapleyValues,
    TextTemplateInput,
    TextTokenInput,
)
from torch import Tensor

from autograder.checks import equivalent

TOKENS, TEMPLATE, GROUPS = "ablate_tokens", "ablate_template", "ablate_groups"
SHAPLEY, SAMPLED, EXAMPLES, GRADIENTS = (
    "shapley_groups",
    "shapley_sampled",
    "attribute_examples",
    "integrated_gradients",
)

BY_SEQUENCE = {"forward_in_tokens": False}
NOT_CACHED = {"use_cached_outputs": False}


def _front(tokenizer: Any, ids: list[int]) -> int:
    """Return how many of a prompt's ids are a BOS in front."""
    return int(tokenizer.bos_token_id is not None and ids[:1] == [tokenizer.bos_token_id])


def _text(tokenizer: Any, prompt: str) -> TextTokenInput:
    front = _front(tokenizer, tokenizer(prompt)["input_ids"])
    return TextTokenInput(prompt, tokenizer, skip_tokens=[tokenizer.bos_token_id] if front else None)


def _template(template: str, values: Sequence[str], baselines: Sequence[str], mask: Any) -> TextTemplateInput:
    return TextTemplateInput(template, values=list(values), baselines=list(baselines), mask=mask)


def _score(model: Any, tokenizer: Any, prompt: str, target: str) -> float:
    """Return ln p of a target after a prompt, each text alone in its batch."""
    ids = tokenizer(prompt)["input_ids"]
    ends = tokenizer(target, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = model(torch.tensor([ids + ends], device=model.device)).logits[0, len(ids) - 1 : -1]
    logs = logits.log_softmax(dim=-1)
    return float(sum(logs[place, token] for place, token in enumerate(ends)))


# ablate_tokens


@equivalent(task=TOKENS, slow=True)
def tokens_not_cached(reference: Any, model: Any, tokenizer: Any, prompt: str, target: str) -> Tensor:
    """Have Captum ask for one token of the target after another, each with a forward pass of its own."""
    found = LLMAttribution(FeatureAblation(model), tokenizer).attribute(
        _text(tokenizer, prompt), target=target, **NOT_CACHED
    )
    return found.token_attr


@equivalent(task=TOKENS)
def tokens_without_captum(reference: Any, model: Any, tokenizer: Any, prompt: str, target: str) -> Tensor:
    """Replace one token after another, all rows in one batch."""
    ids = tokenizer(prompt)["input_ids"]
    ends = tokenizer(target, add_special_tokens=False)["input_ids"]
    front = _front(tokenizer, ids)
    rows = torch.tensor([ids + ends] * (len(ids) - front + 1), device=model.device)
    for number in range(len(ids) - front):
        rows[number + 1, front + number] = 0
    with torch.no_grad():
        logs = model(rows).logits[:, len(ids) - 1 : -1].log_softmax(dim=-1)
    chosen = torch.tensor(ends, device=model.device).expand(len(rows), -1)[..., None]
    scores = logs.gather(2, chosen)[..., 0]
    return (scores[:1] - scores[1:]).T


# Templates


@equivalent(task=TEMPLATE)
def template_by_sequence(
    reference: Any, model: Any, tokenizer: Any, template: str, values: Any, baselines: Any, target: str
) -> Tensor:
    found = LLMAttribution(FeatureAblation(model), tokenizer).attribute(
        _template(template, values, baselines, None), target=target, **BY_SEQUENCE
    )
    return found.seq_attr


@equivalent(task=TEMPLATE)
def template_without_captum(
    reference: Any, model: Any, tokenizer: Any, template: str, values: Any, baselines: Any, target: str
) -> Tensor:
    whole = _score(model, tokenizer, template.format(*values), target)
    effects = []
    for number, baseline in enumerate(baselines):
        changed = [*values[:number], baseline, *values[number + 1 :]]
        effects.append(whole - _score(model, tokenizer, template.format(*changed), target))
    return torch.tensor(effects)


@equivalent(task=TEMPLATE)
def template_to_three_digits(reference: Any, *question: Any) -> Tensor:
    """Round as for a table."""
    return reference.ablate_template(*question).round(decimals=3)


@equivalent(task=GROUPS)
def groups_to_three_digits(reference: Any, *question: Any) -> Tensor:
    return reference.ablate_groups(*question).round(decimals=3)


@equivalent(task=GROUPS)
def groups_by_sequence(
    reference: Any,
    model: Any,
    tokenizer: Any,
    template: str,
    values: Any,
    baselines: Any,
    mask: Any,
    target: str,
) -> Tensor:
    found = LLMAttribution(FeatureAblation(model), tokenizer).attribute(
        _template(template, values, baselines, mask), target=target, **BY_SEQUENCE
    )
    return found.seq_attr


@equivalent(task=GROUPS, slow=True)
def groups_not_cached(
    reference: Any,
    model: Any,
    tokenizer: Any,
    template: str,
    values: Any,
    baselines: Any,
    mask: Any,
    target: str,
) -> Tensor:
    found = LLMAttribution(FeatureAblation(model), tokenizer).attribute(
        _template(template, values, baselines, mask), target=target, **NOT_CACHED
    )
    return found.seq_attr


@equivalent(task=SHAPLEY)
def shapley_by_sequence(
    reference: Any,
    model: Any,
    tokenizer: Any,
    template: str,
    values: Any,
    baselines: Any,
    mask: Any,
    target: str,
) -> Tensor:
    found = LLMAttribution(ShapleyValues(model), tokenizer).attribute(
        _template(template, values, baselines, mask), target=target, **BY_SEQUENCE
    )
    return found.seq_attr


@equivalent(task=SHAPLEY, slow=True)
def shapley_not_cached(
    reference: Any,
    model: Any,
    tokenizer: Any,
    template: str,
    values: Any,
    baselines: Any,
    mask: Any,
    target: str,
) -> Tensor:
    found = LLMAttribution(ShapleyValues(model), tokenizer).attribute(
        _template(template, values, baselines, mask), target=target, **NOT_CACHED
    )
    return found.seq_attr


def _over_all_orders(players: int, worth: Callable[[frozenset[int]], float]) -> list[float]:
    """Return Shapley values as means over all orders."""
    known: dict[frozenset[int], float] = {}

    def asked(coalition: frozenset[int]) -> float:
        if coalition not in known:
            known[coalition] = worth(coalition)
        return known[coalition]

    totals, orders = [0.0] * players, list(itertools.permutations(range(players)))
    for order in orders:
        for place, player in enumerate(order):
            before = frozenset(order[:place])
            totals[player] += asked(before | {player}) - asked(before)
    return [total / len(orders) for total in totals]


def _over_orders_of_groups(
    model: Any, tokenizer: Any, template: str, values: Any, baselines: Any, mask: Any, target: str
) -> Tensor:
    def worth(groups: frozenset[int]) -> float:
        triples = zip(values, baselines, mask, strict=True)
        chosen = [value if group in groups else baseline for value, baseline, group in triples]
        return _score(model, tokenizer, template.format(*chosen), target)

    found = _over_all_orders(max(mask) + 1, worth)
    return torch.tensor([found[group] for group in mask])


@equivalent(task=SHAPLEY)
def shapley_over_all_orders(
    reference: Any,
    model: Any,
    tokenizer: Any,
    template: str,
    values: Any,
    baselines: Any,
    mask: Any,
    target: str,
) -> Tensor:
    return _over_orders_of_groups(model, tokenizer, template, values, baselines, mask, target)


@equivalent(task=SAMPLED)
def sampled_over_all_orders(
    reference: Any,
    model: Any,
    tokenizer: Any,
    template: str,
    values: Any,
    baselines: Any,
    mask: Any,
    target: str,
    n_samples: int,
    seed: int,
) -> Tensor:
    """Take every order instead of a sample."""
    return _over_orders_of_groups(model, tokenizer, template, values, baselines, mask, target)


# attribute_examples


@equivalent(task=EXAMPLES)
def examples_over_all_orders(
    reference: Any, model: Any, tokenizer: Any, examples: Any, review: str, target: str
) -> Tensor:
    def worth(shown: frozenset[int]) -> float:
        prompt = reference.few_shot_prompt([examples[number] for number in sorted(shown)], review)
        return _score(model, tokenizer, prompt, target)

    return torch.tensor(_over_all_orders(len(examples), worth))


# integrated_gradients


def _gradients(model: Any, tokenizer: Any, prompt: str, target: str, rows: int | None) -> Tensor:
    explainer = LLMGradientAttribution(
        LayerIntegratedGradients(model, model.get_input_embeddings()), tokenizer
    )
    found = explainer.attribute(_text(tokenizer, prompt), target=target, internal_batch_size=rows)
    return found.seq_attr


@equivalent(task=GRADIENTS)
def gradients_in_batches_of_ten(
    reference: Any, model: Any, tokenizer: Any, prompt: str, target: str
) -> Tensor:
    return _gradients(model, tokenizer, prompt, target, 10)


@equivalent(task=GRADIENTS, slow=True)
def gradients_one_node_at_a_time(
    reference: Any, model: Any, tokenizer: Any, prompt: str, target: str
) -> Tensor:
    return _gradients(model, tokenizer, prompt, target, 1)


@equivalent(task=GRADIENTS, slow=True)
def gradients_in_one_batch(reference: Any, model: Any, tokenizer: Any, prompt: str, target: str) -> Tensor:
    return _gradients(model, tokenizer, prompt, target, None)
