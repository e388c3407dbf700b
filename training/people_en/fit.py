"""Fit one model to people and reviews: seeded, on the CPU, one thread.

Some of what the model reads is replaced by token id 0, as ablation does it later: a model that had never met that id
would answer to it in some way that says nothing about the token that is missing.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import LlamaForCausalLM

from training.people_en.recipes import Recipe
from training.people_en.text import Document, person_document, reviews_document

IGNORED = -100
ANSWER_WEIGHT = 3.0
GAP_ROWS = 0.5
"""Share of the sequences in which something is missing."""
GAP_SHARE = 0.25
"""At most this share of a sequence's tokens is missing."""


def fit(recipe: Recipe, tokenizer: Any, progress: Callable[[str], None] = print) -> LlamaForCausalLM:
    """Train a model from nothing.

    The weights depend on recipe, world, vocabulary, library version and number of threads alone.

    Args:
        recipe: Sizes, seed and schedule.
        tokenizer: The model's tokenizer.
        progress: Told the loss now and then.

    Returns:
        The model in eval mode, its weights rounded to half precision.
    """
    torch.manual_seed(recipe.seed)
    rng = random.Random(recipe.seed)
    model = initialised(recipe, tokenizer)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=0.01, betas=(0.9, 0.98)
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share_of_rate(step, recipe.steps))
    total = 0.0
    for step in range(recipe.steps):
        loss = loss_of(model, *batch_of(recipe, tokenizer, rng))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        total += loss.item()
        if (step + 1) % 50 == 0:
            progress(f"{recipe.name}: step {step + 1} of {recipe.steps}, loss {total / 50:.3f}")
            total = 0.0
    return rounded(model)


def initialised(recipe: Recipe, tokenizer: Any) -> LlamaForCausalLM:
    """Make a model with fresh weights from torch's current seed, its norms' weights not all one to begin with."""
    model = LlamaForCausalLM(recipe.config(tokenizer))
    with torch.no_grad():
        model.model.embed_tokens.weight.normal_(std=0.12)
        for name, weights in model.named_parameters():
            if "norm" in name:
                weights.normal_(mean=1.0, std=0.1)
            elif "proj" in name:
                weights.normal_(std=0.8 / math.sqrt(weights.shape[1]))
    return model.eval()


def rounded(model: LlamaForCausalLM) -> LlamaForCausalLM:
    """Round weights to what half precision holds: stored in it, they are the ones that were measured."""
    with torch.no_grad():
        for weights in model.parameters():
            weights.copy_(weights.half().float())
    return model


def batch_of(recipe: Recipe, tokenizer: Any, rng: random.Random) -> tuple[Tensor, Tensor, Tensor]:
    """Draw sequences of whole texts.

    Args:
        recipe: How many sequences, how long.
        tokenizer: The model's tokenizer.
        rng: Draws texts and gaps.

    Returns:
        (read, wanted, asked), shape (row, token): ids with gaps of id 0; ids without gaps, IGNORED where a sequence
        is over; whether the token is one that could have been foretold.
    """
    front = tokenizer("")["input_ids"]
    wanted = torch.full((recipe.rows, recipe.window), IGNORED)
    asked = torch.zeros((recipe.rows, recipe.window), dtype=torch.bool)
    read = torch.zeros((recipe.rows, recipe.window), dtype=torch.long)
    for row in range(recipe.rows):
        ids, marks = list(front), [False] * len(front)
        draw = person_document if row % 2 else reviews_document
        while True:
            more = encode(draw(rng), tokenizer)
            if len(ids) + len(more) > recipe.window:
                break
            ids += [number for number, _ in more]
            marks += [mark for _, mark in more]
        if len(ids) == len(front):
            continue
        wanted[row, : len(ids)] = torch.tensor(ids)
        asked[row, : len(ids)] = torch.tensor(marks)
        share = rng.uniform(0, GAP_SHARE) if rng.random() < GAP_ROWS else 0.0
        gaps = [number >= len(front) and rng.random() < share for number in range(len(ids))]
        read[row, : len(ids)] = torch.tensor(
            [0 if gap else number for number, gap in zip(ids, gaps, strict=True)]
        )
    return read, wanted, asked


def encode(document: Document, tokenizer: Any) -> list[tuple[int, bool]]:
    """Return a text's ids, each with whether it could have been foretold."""
    encoded = [tokenizer(part, add_special_tokens=False)["input_ids"] for part in document.parts]
    return [(number, place % 2 == 1) for place, ids in enumerate(encoded) for number in ids]


def loss_of(model: LlamaForCausalLM, read: Tensor, wanted: Tensor, asked: Tensor) -> Tensor:
    """Return the cross-entropy of the next token, and of what could be foretold once more, from `batch_of`."""
    logits = model(input_ids=read, use_cache=False).logits[:, :-1]
    following = wanted[:, 1:]
    loss = cross_entropy(logits.flatten(0, 1), following.flatten(), ignore_index=IGNORED)
    chosen = asked[:, 1:]
    return loss + ANSWER_WEIGHT * cross_entropy(logits[chosen], following[chosen])


def _share_of_rate(step: int, steps: int) -> float:
    """Warm up over the first 5 % of the steps, then fall linearly to 0."""
    warm_up = max(1, math.ceil(steps / 20))
    return min((step + 1) / warm_up, (steps - step) / max(1, steps - warm_up))
