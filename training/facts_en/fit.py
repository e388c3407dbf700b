"""Fit one model to the facts: seeded, on the CPU, one thread.

A fact is small enough to be looked up in the first block, and then there is nothing to see through a lens. So the
early layers are taught what they may say at the place of an answer: the first ones repeat the token that was read
last, the next ones name any answer of the right kind (some city), and only the last ones are left alone. What large
models do by themselves, and not as tidily, is put into this one on purpose; its card says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import GPT2LMHeadModel

from training.facts_en.recipes import Recipe
from training.facts_en.text import Prompt

IGNORED = -100
WINDOW = 32
ANSWER_WEIGHT = 2.0
EARLY_WEIGHT = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """Sentences as ids."""

    first: list[list[int]]
    """Each at the beginning of a text; the last three are prompt, answer and full stop."""

    later: list[list[int]]
    """The same behind another sentence, where it begins with a blank."""

    kinds: list[int]
    """What kind of answer each has: a row of `priors`."""

    priors: Tensor
    """What may be answered by kind, without looking at the subject: shape (kind, vocab), rows sum to 1."""


def lessons(prompts: Sequence[Prompt], tokenizer: Any) -> Lessons:
    """Encode prompts with their answers.

    Raises:
        ValueError: If an answer is not one token.
    """
    names = sorted({prompt.relation for prompt in prompts})
    priors = torch.zeros(len(names), len(tokenizer))
    for prompt in prompts:
        answer = tokenizer(f" {prompt.answer}")["input_ids"]
        if len(answer) != 1:
            raise ValueError(
                f"{prompt.answer!r} is {len(answer)} tokens: answers must be one. Train the vocabulary."
            )
        priors[names.index(prompt.relation), answer[0]] += 1
    return Lessons(
        first=[tokenizer(prompt.sentence)["input_ids"] for prompt in prompts],
        later=[tokenizer(f" {prompt.sentence}")["input_ids"] for prompt in prompts],
        kinds=[names.index(prompt.relation) for prompt in prompts],
        priors=priors / priors.sum(dim=1, keepdim=True),
    )


def fit(
    recipe: Recipe, prompts: Sequence[Prompt], tokenizer: Any, progress: Callable[[str], None] = print
) -> GPT2LMHeadModel:
    """Train a model from nothing on sentences in random order.

    The weights depend on recipe, prompts, library version and number of threads alone.

    Args:
        recipe: Sizes, seed and schedule.
        prompts: Each is drawn as often as the others.
        tokenizer: The model's tokenizer.
        progress: Told the loss now and then.

    Returns:
        The model in eval mode, its weights rounded to half precision.
    """
    torch.manual_seed(recipe.seed)
    # In eval mode dropout is off: it would only hinder remembering.
    model = initialised(recipe, tokenizer).eval()
    learnt = lessons(prompts, tokenizer)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=0.01, betas=(0.9, 0.98)
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share_of_rate(step, recipe.steps))
    total = 0.0
    for step in range(recipe.steps):
        loss = loss_of(model, recipe, *batch_of(learnt, recipe.rows), learnt.priors)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        total += loss.item()
        if (step + 1) % 100 == 0:
            progress(f"{recipe.name}: step {step + 1} of {recipe.steps}, loss {total / 100:.3f}")
            total = 0.0
    return rounded(model)


def initialised(recipe: Recipe, tokenizer: Any) -> GPT2LMHeadModel:
    """Make a model with fresh weights from torch's current seed.

    GPT-2's own scale of 0.02 suits a width of hundreds; embeddings of a width of 64 need a larger one to begin with.
    """
    model = GPT2LMHeadModel(recipe.config(tokenizer))
    with torch.no_grad():
        model.transformer.wte.weight.normal_(std=0.12)
        model.transformer.wpe.weight.normal_(std=0.05)
    return model


def rounded(model: GPT2LMHeadModel) -> GPT2LMHeadModel:
    """Round weights to what half precision holds: stored in it, they are the ones that were measured."""
    with torch.no_grad():
        for weights in model.parameters():
            weights.copy_(weights.half().float())
    return model


def batch_of(learnt: Lessons, rows: int) -> tuple[Tensor, Tensor]:
    """Draw sequences of whole sentences from torch's current seed.

    Args:
        learnt: The sentences.
        rows: How many sequences.

    Returns:
        (ids, kinds), shape (row, token): IGNORED where a sequence is over; the answer's kind at the last token of a
        prompt, -1 elsewhere.
    """
    ids = torch.full((rows, WINDOW), IGNORED)
    kinds = torch.full((rows, WINDOW), -1)
    for row in range(rows):
        place = 0
        for number in torch.randint(len(learnt.first), (WINDOW,)).tolist():
            sentence = learnt.later[number] if place else learnt.first[number]
            if place + len(sentence) > WINDOW:
                break
            ids[row, place : place + len(sentence)] = torch.tensor(sentence)
            place += len(sentence)
            kinds[row, place - 3] = learnt.kinds[number]
    return ids, kinds


def loss_of(model: GPT2LMHeadModel, recipe: Recipe, ids: Tensor, kinds: Tensor, priors: Tensor) -> Tensor:
    """Return what is to be made small.

    Args:
        model: The model.
        recipe: Which layers are taught what.
        ids: From `batch_of`.
        kinds: From `batch_of`.
        priors: Of the lessons.

    Returns:
        The cross-entropy of the next token, of the answers once more, and of what early layers should say.
    """
    output = model(input_ids=ids.clamp_min(0), output_hidden_states=True)
    following = ids[:, 1:]
    loss = cross_entropy(output.logits[:, :-1].flatten(0, 1), following.flatten(), ignore_index=IGNORED)
    asked = kinds >= 0
    answers = following[asked[:, :-1]]
    loss = loss + ANSWER_WEIGHT * cross_entropy(output.logits[asked], answers)
    for layer in range(1, recipe.kind_layers + 1):
        said = model.lm_head(model.transformer.ln_f(output.hidden_states[layer][asked]))
        wanted = ids[asked] if layer <= recipe.own_layers else priors[kinds[asked]]
        loss = loss + EARLY_WEIGHT * cross_entropy(said, wanted)
    return loss


def _share_of_rate(step: int, steps: int) -> float:
    """Warm up over the first 5 % of the steps, then fall linearly to 0."""
    warm_up = max(1, math.ceil(steps / 20))
    return min((step + 1) / warm_up, (steps - step) / max(1, steps - warm_up))
