"""Programs that a human grader could call right or wrong: each gets the same points under every name."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from autograder.attribution import quadrature
from autograder.diagnosis import borderline

TOKENS, TEMPLATE, GROUPS = "ablate_tokens", "ablate_template", "ablate_groups"
SHAPLEY, SAMPLED, EXAMPLES, GRADIENTS = (
    "shapley_groups",
    "shapley_sampled",
    "attribute_examples",
    "integrated_gradients",
)

Logarithm = Callable[[Tensor], Tensor]
"""From logits (place, vocab) to log-probabilities of the same shape."""


def epsilon(small: float) -> Logarithm:
    """Add a small number inside the logarithm."""
    return lambda logits: (logits.softmax(dim=-1) + small).log()


def in_dtype(dtype: torch.dtype) -> Logarithm:
    """Take the logarithm in another dtype."""
    return lambda logits: logits.to(dtype).log_softmax(dim=-1).float()


def _logits(model: Any, rows: list[list[int]], count: int) -> list[Tensor]:
    """Return the logits of the last `count` tokens of each row."""
    with torch.no_grad():
        return [model(torch.tensor([row])).logits[0, -count - 1 : -1] for row in rows]


def scored(
    reference: Any, model: Any, tokenizer: Any, prompts: list[list[int]], target: str, how: Logarithm
) -> Tensor:
    """Return log-probabilities (prompt, target token)."""
    ends = tokenizer(target, add_special_tokens=False)["input_ids"]
    rows = [[*ids, *ends] for ids in prompts]
    every = reference.memoise("logits of targets", _logits, model, rows, len(ends))
    return torch.stack([how(logits)[range(len(ends)), ends] for logits in every])


def of_texts(
    reference: Any, model: Any, tokenizer: Any, texts: Sequence[str], target: str, how: Logarithm
) -> Tensor:
    """Return the whole target's log-probability after each text."""
    return scored(
        reference, model, tokenizer, [tokenizer(text)["input_ids"] for text in texts], target, how
    ).sum(dim=-1)


# ablate_tokens


def ablated(reference: Any, model: Any, tokenizer: Any, prompt: str, target: str, how: Logarithm) -> Tensor:
    ids = tokenizer(prompt)["input_ids"]
    front = int(ids[0] == tokenizer.bos_token_id)
    rows = [ids, *([*ids[:place], 0, *ids[place + 1 :]] for place in range(front, len(ids)))]
    scores = scored(reference, model, tokenizer, rows, target, how)
    return (scores[0] - scores[1:]).T


@borderline(task=TOKENS)
def tokens_with_1e_6_in_the_logarithm(reference: Any, *question: Any) -> Tensor:
    return ablated(reference, *question, epsilon(1e-6))


@borderline(task=TOKENS)
def tokens_with_1e_9_in_the_logarithm(reference: Any, *question: Any) -> Tensor:
    return ablated(reference, *question, epsilon(1e-9))


@borderline(task=TOKENS)
def tokens_in_float16(reference: Any, *question: Any) -> Tensor:
    return ablated(reference, *question, in_dtype(torch.float16))


@borderline(task=TOKENS)
def tokens_in_bfloat16(reference: Any, *question: Any) -> Tensor:
    return ablated(reference, *question, in_dtype(torch.bfloat16))


@borderline(task=TOKENS)
def tokens_to_2_digits(reference: Any, *question: Any) -> Tensor:
    return reference.ablate_tokens(*question).round(decimals=2)


@borderline(task=TOKENS)
def tokens_to_4_digits(reference: Any, *question: Any) -> Tensor:
    return reference.ablate_tokens(*question).round(decimals=4)


# Templates


def filled(template: str, values: Any, baselines: Any, mask: Any, kept: Any) -> str:
    triples = zip(values, baselines, mask, strict=True)
    return template.format(*[value if group in kept else baseline for value, baseline, group in triples])


def replaced(
    reference: Any,
    model: Any,
    tokenizer: Any,
    template: str,
    values: Any,
    baselines: Any,
    mask: Any,
    target: str,
    how: Logarithm,
) -> Tensor:
    """Return what each group's replacement does, one number a feature."""
    groups = set(mask)
    kept = [groups, *(groups - {group} for group in sorted(groups))]
    texts = [filled(template, values, baselines, mask, some) for some in kept]
    scores = of_texts(reference, model, tokenizer, texts, target, how)
    return (scores[0] - scores[1:])[mask]


def single(
    reference: Any,
    model: Any,
    tokenizer: Any,
    template: str,
    values: Any,
    baselines: Any,
    target: str,
    how: Any,
) -> Tensor:
    mask = list(range(len(values)))
    return replaced(reference, model, tokenizer, template, values, baselines, mask, target, how)


@borderline(task=TEMPLATE)
def features_with_1e_6_in_the_logarithm(reference: Any, *question: Any) -> Tensor:
    return single(reference, *question, epsilon(1e-6))


@borderline(task=TEMPLATE)
def features_with_1e_8_in_the_logarithm(reference: Any, *question: Any) -> Tensor:
    return single(reference, *question, epsilon(1e-8))


@borderline(task=TEMPLATE)
def features_in_bfloat16(reference: Any, *question: Any) -> Tensor:
    return single(reference, *question, in_dtype(torch.bfloat16))


@borderline(task=TEMPLATE)
def features_to_2_digits(reference: Any, *question: Any) -> Tensor:
    return reference.ablate_template(*question).round(decimals=2)


@borderline(task=GROUPS)
def groups_with_1e_7_in_the_logarithm(reference: Any, *question: Any) -> Tensor:
    return replaced(reference, *question, epsilon(1e-7))


@borderline(task=GROUPS)
def groups_in_float16(reference: Any, *question: Any) -> Tensor:
    return replaced(reference, *question, in_dtype(torch.float16))


@borderline(task=GROUPS)
def groups_to_2_digits(reference: Any, *question: Any) -> Tensor:
    return reference.ablate_groups(*question).round(decimals=2)


@borderline(task=GROUPS)
def groups_with_1e_12_in_the_logarithm(reference: Any, *question: Any) -> Tensor:
    return replaced(reference, *question, epsilon(1e-12))


@borderline(task=GROUPS)
def groups_to_5_digits(reference: Any, *question: Any) -> Tensor:
    return reference.ablate_groups(*question).round(decimals=5)


# Shapley values


def shapley(worth: dict[frozenset[int], float], players: int) -> Tensor:
    values = torch.zeros(players, dtype=torch.float64)
    for some, player in itertools.product(worth, range(players)):
        if player not in some:
            weight = 1 / (players * math.comb(players - 1, len(some)))
            values[player] += weight * (worth[some | {player}] - worth[some])
    return values.float()


def subsets(players: int) -> list[frozenset[int]]:
    sizes = range(players + 1)
    return [frozenset(some) for size in sizes for some in itertools.combinations(range(players), size)]


def game(
    reference: Any,
    model: Any,
    tokenizer: Any,
    template: str,
    values: Any,
    baselines: Any,
    mask: Any,
    target: str,
    how: Logarithm,
) -> Tensor:
    every = subsets(max(mask) + 1)
    texts = [filled(template, values, baselines, mask, some) for some in every]
    scores = of_texts(reference, model, tokenizer, texts, target, how).tolist()
    return shapley(dict(zip(every, scores, strict=True)), max(mask) + 1)[mask]


@borderline(task=SHAPLEY)
def shapley_with_1e_6_in_the_logarithm(reference: Any, *question: Any) -> Tensor:
    return game(reference, *question, epsilon(1e-6))


@borderline(task=SHAPLEY)
def shapley_with_1e_8_in_the_logarithm(reference: Any, *question: Any) -> Tensor:
    return game(reference, *question, epsilon(1e-8))


@borderline(task=SHAPLEY)
def shapley_in_float16(reference: Any, *question: Any) -> Tensor:
    return game(reference, *question, in_dtype(torch.float16))


@borderline(task=SHAPLEY)
def shapley_to_3_digits(reference: Any, *question: Any) -> Tensor:
    return reference.shapley_groups(*question).round(decimals=3)


@borderline(task=SHAPLEY)
def shapley_to_6_digits(reference: Any, *question: Any) -> Tensor:
    return reference.shapley_groups(*question).round(decimals=6)


def sampled(reference: Any, question: tuple[Any, ...], count: int, seed: int) -> Tensor:
    """Average over as many orders."""
    model, tokenizer, template, values, baselines, mask, target = question
    groups = max(mask) + 1
    rng = random.Random(seed)
    every = subsets(groups)
    texts = [filled(template, values, baselines, mask, some) for some in every]
    scores = of_texts(reference, model, tokenizer, texts, target, epsilon(0)).tolist()
    worth = dict(zip(every, scores, strict=True))
    total = torch.zeros(groups, dtype=torch.float64)
    for _ in range(count):
        there: frozenset[int] = frozenset()
        for group in rng.sample(range(groups), groups):
            total[group] += worth[there | {group}] - worth[there]
            there |= {group}
    return (total / count)[mask].float()


@borderline(task=SAMPLED)
def half_of_the_samples(reference: Any, *arguments: Any) -> Tensor:
    *question, count, seed = arguments
    return sampled(reference, tuple(question), count // 2, seed)


@borderline(task=SAMPLED)
def a_sixth_of_the_samples(reference: Any, *arguments: Any) -> Tensor:
    *question, count, seed = arguments
    return sampled(reference, tuple(question), count // 6, seed)


@borderline(task=SAMPLED)
def three_samples(reference: Any, *arguments: Any) -> Tensor:
    *question, _, seed = arguments
    return sampled(reference, tuple(question), 3, seed)


# attribute_examples


def by_examples(
    reference: Any, model: Any, tokenizer: Any, examples: Any, review: str, target: str, how: Logarithm
) -> Tensor:
    every = subsets(len(examples))
    texts = [reference.few_shot_prompt([examples[one] for one in sorted(some)], review) for some in every]
    scores = of_texts(reference, model, tokenizer, texts, target, how).tolist()
    return shapley(dict(zip(every, scores, strict=True)), len(examples))


@borderline(task=EXAMPLES)
def examples_with_1e_6_in_the_logarithm(reference: Any, *question: Any) -> Tensor:
    return by_examples(reference, *question, epsilon(1e-6))


@borderline(task=EXAMPLES)
def examples_in_float16(reference: Any, *question: Any) -> Tensor:
    return by_examples(reference, *question, in_dtype(torch.float16))


@borderline(task=EXAMPLES)
def examples_to_3_digits(reference: Any, *question: Any) -> Tensor:
    return reference.attribute_examples(*question).round(decimals=3)


@borderline(task=EXAMPLES)
def examples_with_1e_10_in_the_logarithm(reference: Any, *question: Any) -> Tensor:
    return by_examples(reference, *question, epsilon(1e-10))


@borderline(task=EXAMPLES)
def examples_to_7_digits(reference: Any, *question: Any) -> Tensor:
    return reference.attribute_examples(*question).round(decimals=7)


# integrated_gradients

RULES = (
    quadrature.gauss_legendre(10),
    quadrature.gauss_legendre(20),
    quadrature.riemann_middle(20),
    quadrature.riemann_middle(40),
    quadrature.trapezoid(30),
    quadrature.riemann_right(50),
)


def _by_all_rules(model: Any, tokenizer: Any, prompt: str, target: str) -> dict[str, Tensor]:
    ids = tokenizer(prompt)["input_ids"]
    front = int(ids[0] == tokenizer.bos_token_id)
    ends = torch.tensor(tokenizer(target, add_special_tokens=False)["input_ids"])
    inputs = torch.cat([torch.tensor(ids), ends])[None]
    baselines = inputs.clone()
    baselines[0, front : len(ids)] = 0

    def forward(rows: Tensor, numbers: Tensor) -> Tensor:
        logits = model(input_ids=rows, use_cache=False).logits[:, len(ids) - 1 : -1]
        return logits.log_softmax(dim=-1).gather(2, ends.expand(len(rows), -1)[..., None]).sum(dim=(1, 2))

    layer = model.get_input_embeddings()
    found = quadrature.integrate_gradients(forward, layer, inputs, baselines, RULES)
    return {rule.name: one[0].sum(dim=-1)[front : len(ids)] for rule, one in zip(RULES, found, strict=True)}


def by_rule(reference: Any, number: int, question: tuple[Any, ...]) -> Tensor:
    return reference.memoise("by borderline rules", _by_all_rules, *question)[RULES[number].name]


@borderline(task=GRADIENTS)
def ten_nodes_of_gauss_legendre(reference: Any, *question: Any) -> Tensor:
    return by_rule(reference, 0, question)


@borderline(task=GRADIENTS)
def twenty_nodes_of_gauss_legendre(reference: Any, *question: Any) -> Tensor:
    return by_rule(reference, 1, question)


@borderline(task=GRADIENTS)
def twenty_midpoints(reference: Any, *question: Any) -> Tensor:
    return by_rule(reference, 2, question)


@borderline(task=GRADIENTS)
def forty_midpoints(reference: Any, *question: Any) -> Tensor:
    return by_rule(reference, 3, question)


@borderline(task=GRADIENTS)
def thirty_trapezoids(reference: Any, *question: Any) -> Tensor:
    return by_rule(reference, 4, question)


@borderline(task=GRADIENTS)
def fifty_right_ends(reference: Any, *question: Any) -> Tensor:
    return by_rule(reference, 5, question)


@borderline(task=GRADIENTS)
def gradients_to_3_digits(reference: Any, *question: Any) -> Tensor:
    return reference.integrated_gradients(*question).round(decimals=3)
