"""Fit one model to questions about passages: seeded, on the CPU, one thread.

To point at the answer takes two steps: to find the question's words again in the passage, and to see which sentence
they stand in. Left alone, so small a model guesses among the answers of the right kind for a long time. So the first
layer is asked on the way which tokens stand in both texts, and the last but one which sentence answers, each by a
linear map that is thrown away after the training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from transformers import BertForQuestionAnswering

from training.qa_en.recipes import MAX_LENGTH, Recipe
from training.qa_en.text import Example

INPUTS = ("input_ids", "token_type_ids", "attention_mask")
HELP_WEIGHT = 1.0
"""Of what the inner layers are asked, beside the answer."""


def encoded(drawn: Sequence[Example], tokenizer: Any) -> dict[str, Tensor]:
    """Encode questions with their passages.

    Args:
        drawn: Questions, passages and answers.
        tokenizer: The model's tokenizer.

    Returns:
        input_ids, token_type_ids, attention_mask, shape (example, token), padded; start and end, shape (example,), the
        first and the last token of the answer; shared and answering, shape (example, token), floats: 1 where a token of
        the passage stands in the question too, and in the sentence that answers.

    Raises:
        ValueError: If an input is longer than the model's positions.
    """
    data = tokenizer(
        [one.question for one in drawn], [one.text for one in drawn], padding=True, return_tensors="pt"
    )
    if data["input_ids"].shape[1] > tokenizer.model_max_length:
        raise ValueError(f"The longest question with its passage has {data['input_ids'].shape[1]} tokens.")
    places = [
        (data.char_to_token(row, one.start, 1), data.char_to_token(row, one.end - 1, 1))
        for row, one in enumerate(drawn)
    ]
    first, last = torch.tensor(places).T
    ids, passage = data["input_ids"], data["token_type_ids"].bool()
    question_ids = ids.masked_fill(passage, -1)
    shared = passage & (ids[:, :, None] == question_ids[:, None, :]).any(dim=2)
    answering = torch.zeros_like(passage)
    for row, one in enumerate(drawn):
        begin, end = one.sentence
        answering[row, data.char_to_token(row, begin, 1) : data.char_to_token(row, end - 1, 1) + 1] = True
    return {name: data[name] for name in INPUTS} | {
        "start": first,
        "end": last,
        "shared": shared.float(),
        "answering": answering.float(),
    }


def fit(
    recipe: Recipe, drawn: Sequence[Example], tokenizer: Any, progress: Callable[[str], None] = print
) -> BertForQuestionAnswering:
    """Train a model from nothing.

    The weights depend on recipe, questions, library version and number of threads alone.

    Args:
        recipe: Sizes, seed and schedule.
        drawn: Questions to learn from.
        tokenizer: The model's tokenizer.
        progress: Told the loss now and then.

    Returns:
        The model in eval mode.
    """
    torch.manual_seed(recipe.seed)
    # In eval mode dropout is off: so small a model has nothing to spare for it.
    model = initialised(recipe, tokenizer).eval()
    asked = nn.ModuleDict({name: nn.Linear(recipe.hidden_size, 1) for name in ("shared", "answering")})
    weights = [*model.parameters(), *asked.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=recipe.learning_rate, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share_of_rate(step, recipe.steps))
    data, total = encoded(drawn, tokenizer), 0.0
    for step in range(1, recipe.steps + 1):
        rows = torch.randint(len(drawn), (recipe.rows,))
        loss = loss_of(model, asked, {name: values[rows] for name, values in data.items()})
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        total += loss.item()
        if step % 100 == 0:
            progress(f"{recipe.name}: step {step} of {recipe.steps}, loss {total / 100:.3f}")
            total = 0.0
    return model


def initialised(recipe: Recipe, tokenizer: Any) -> BertForQuestionAnswering:
    """Make a model with fresh weights from torch's current seed.

    From a config every bias and the embedding of [PAD] are 0, and the latter gets no gradient: a baseline of [PAD]s
    would then equal one of zeros, and to forget a bias would change nothing. Both are drawn at random here.

    Two things are there from the start that small models find late by themselves. Queries equal keys, so that a
    passage's words attend to the same words of the question; and positions are waves, so that neighbours are alike.
    """
    model = BertForQuestionAnswering(recipe.config(tokenizer))
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if "LayerNorm.weight" in name:
                weights.normal_(mean=1.0, std=0.05)
            elif name.endswith("bias"):
                weights.normal_(std=0.1)
            elif "embeddings" in name:
                # The usual scale of 0.02 suits a width of hundreds; one of 60 needs a larger one to begin with.
                weights.normal_(std=0.2)
            else:
                weights.normal_(std=0.7 / math.sqrt(weights.shape[1]))
        model.bert.embeddings.position_embeddings.weight.copy_(0.3 * waves(recipe.hidden_size))
        for layer in model.bert.encoder.layer:
            attention = layer.attention.self
            attention.query.weight.normal_(std=1 / math.sqrt(recipe.hidden_size))
            attention.key.weight.copy_(attention.query.weight)
    return model


def waves(width: int) -> Tensor:
    """Return sines and cosines of periods between 6 and 50 tokens, shape (position, width).

    Source: Vaswani et al. (2017), "Attention Is All You Need", section 3.5, with shorter periods for shorter texts.
    """
    periods = torch.logspace(math.log10(2 * math.pi), math.log10(50), width // 2)
    angles = 2 * math.pi * torch.arange(MAX_LENGTH)[:, None] / periods
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def loss_of(model: BertForQuestionAnswering, asked: nn.ModuleDict, batch: dict[str, Tensor]) -> Tensor:
    """Return the mean cross-entropy of start and end, and that of what inner layers are asked.

    Args:
        model: The model.
        asked: Linear maps from an inner layer's vectors to one logit, `shared` and `answering`.
        batch: Rows of `encoded`.
    """
    longest = int(batch["attention_mask"].sum(dim=1).max())
    data = {name: values[:, :longest] if values.dim() == 2 else values for name, values in batch.items()}
    output = model(**{name: data[name] for name in INPUTS}, output_hidden_states=True)
    loss = (
        cross_entropy(output.start_logits, data["start"]) + cross_entropy(output.end_logits, data["end"])
    ) / 2
    there = data["token_type_ids"].bool() & data["attention_mask"].bool()
    for name, layer in (("shared", 1), ("answering", -2)):
        said = asked[name](output.hidden_states[layer])[..., 0]
        loss = loss + HELP_WEIGHT * binary_cross_entropy_with_logits(said[there], data[name][there])
    return loss


def _share_of_rate(step: int, steps: int) -> float:
    """Warm up over the first 5 % of the steps, then fall linearly to 0."""
    warm_up = max(1, math.ceil(steps / 20))
    return min((step + 1) / warm_up, max(0.0, (steps - step) / max(1, steps - warm_up)))
