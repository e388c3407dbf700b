"""Fit one model to questions about passages: seeded, on the CPU, one thread."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import BertForQuestionAnswering

from training.qa_en.recipes import Recipe
from training.qa_en.text import Example

INPUTS = ("input_ids", "token_type_ids", "attention_mask")


def encoded(drawn: Sequence[Example], tokenizer: Any) -> dict[str, Tensor]:
    """Encode questions with their passages.

    Args:
        drawn: Questions, passages and answers.
        tokenizer: The model's tokenizer.

    Returns:
        input_ids, token_type_ids, attention_mask, shape (example, token), padded; start and end, shape (example,), the
        first and the last token of the answer.

    Raises:
        ValueError: If an input is longer than the model's positions.
    """
    data = tokenizer([one.question for one in drawn], [one.text for one in drawn], padding=True, return_tensors="pt")
    if data["input_ids"].shape[1] > tokenizer.model_max_length:
        raise ValueError(f"The longest question with its passage has {data['input_ids'].shape[1]} tokens.")
    places = [
        (data.char_to_token(row, one.start, 1), data.char_to_token(row, one.end - 1, 1))
        for row, one in enumerate(drawn)
    ]
    first, last = torch.tensor(places).T
    return {name: data[name] for name in INPUTS} | {"start": first, "end": last}


def fit(
    recipe: Recipe, stages: Sequence[tuple[float, Sequence[Example]]], tokenizer: Any,
    progress: Callable[[str], None] = print,
) -> BertForQuestionAnswering:
    """Train a model from nothing.

    The weights depend on recipe, questions, library version and number of threads alone.

    Args:
        recipe: Sizes, seed and schedule.
        stages: Questions, easy ones first, each set with the share of the steps that it is drawn from.
        tokenizer: The model's tokenizer.
        progress: Told the loss now and then.

    Returns:
        The model in eval mode.
    """
    torch.manual_seed(recipe.seed)
    # In eval mode dropout is off: so small a model has nothing to spare for it.
    model = initialised(recipe, tokenizer).eval()
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share_of_rate(step, recipe.steps))
    total, step = 0.0, 0
    for share, drawn in stages:
        data = encoded(drawn, tokenizer)
        for _ in range(round(share * recipe.steps)):
            rows = torch.randint(len(drawn), (recipe.rows,))
            loss = loss_of(model, {name: values[rows] for name, values in data.items()})
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total, step = total + loss.item(), step + 1
            if step % 100 == 0:
                progress(f"{recipe.name}: step {step} of {recipe.steps}, loss {total / 100:.3f}")
                total = 0.0
    return model


def initialised(recipe: Recipe, tokenizer: Any) -> BertForQuestionAnswering:
    """Make a model with fresh weights from torch's current seed.

    From a config every bias and the embedding of [PAD] are 0, and the latter gets no gradient: a baseline of [PAD]s
    would then equal one of zeros, and to forget a bias would change nothing. Both are drawn at random here. The
    usual scale of 0.02 suits a width of hundreds; one of 60 needs a larger one to begin with.
    """
    model = BertForQuestionAnswering(recipe.config(tokenizer))
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if "LayerNorm.weight" in name:
                weights.normal_(mean=1.0, std=0.05)
            elif name.endswith("bias"):
                weights.normal_(std=0.1)
            elif "position_embeddings" in name or "token_type" in name:
                weights.normal_(std=0.1)
            elif "embeddings" in name:
                weights.normal_(std=0.2)
            else:
                weights.normal_(std=0.7 / math.sqrt(weights.shape[1]))
    return model


def loss_of(model: BertForQuestionAnswering, batch: dict[str, Tensor]) -> Tensor:
    """Return the mean cross-entropy of start and end."""
    longest = int(batch["attention_mask"].sum(dim=1).max())
    output = model(**{name: batch[name][:, :longest] for name in INPUTS})
    return (cross_entropy(output.start_logits, batch["start"]) + cross_entropy(output.end_logits, batch["end"])) / 2


def _share_of_rate(step: int, steps: int) -> float:
    """Warm up over the first 5 % of the steps, then fall linearly to 0."""
    warm_up = max(1, math.ceil(steps / 20))
    return min((step + 1) / warm_up, max(0.0, (steps - step) / max(1, steps - warm_up)))
