"""Fit one model to sentences: seeded, on the CPU, with words taken away at random."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from course.intent_classifier import TokenBaselineModel, encode
from torch import nn

from training.intent_de.recipes import Recipe

Batch = dict[str, torch.Tensor]


def fit(
    recipe: Recipe,
    texts: Sequence[str],
    intents: Sequence[str],
    tokenizer: Any,
    progress: Callable[[str], None] = print,
) -> TokenBaselineModel:
    """Train a model from nothing.

    The weights depend on recipe, sentences, library version and number of threads alone.

    Args:
        recipe: Sizes, seed and schedule.
        texts: Training sentences.
        intents: Their labels, one each.
        tokenizer: The model's tokenizer.
        progress: Told the loss after each epoch.

    Returns:
        The model in eval mode.
    """
    torch.manual_seed(recipe.seed)
    model = initialised(recipe)
    data = encode(texts, intents, tokenizer)
    steps = recipe.epochs * math.ceil(len(texts) / recipe.batch_size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share_of_rate(step, steps))
    model.train()
    for epoch in range(recipe.epochs):
        total, batches = 0.0, torch.randperm(len(texts)).split(recipe.batch_size)
        for rows in batches:
            batch = with_words_removed({key: value[rows] for key, value in data.items()}, tokenizer)
            loss = _loss(model, batch, recipe.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        progress(f"{recipe.name}: epoch {epoch + 1} of {recipe.epochs}, loss {total / len(batches):.3f}")
    return model.eval()


def initialised(recipe: Recipe) -> TokenBaselineModel:
    """Make a model with fresh weights from torch's current seed.

    From a config every bias and the embedding of [PAD] are 0, and the latter gets no gradient: a baseline of
    [PAD]s would then equal one of zeros. Both are drawn at random here.
    """
    model = TokenBaselineModel(recipe.config())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(std=0.05)
        word_embeddings = model.embedding_model.embeddings.word_embeddings
        word_embeddings.weight[word_embeddings.padding_idx].normal_(std=0.05)
    return model


def _loss(model: TokenBaselineModel, batch: Batch, label_smoothing: float) -> torch.Tensor:
    """Return the cross-entropy, with the embeddings of about a third of the sentences scaled down."""
    rows = len(batch["labels"])
    factors = torch.where(torch.rand(rows) < 0.35, torch.rand(rows), 1.0)
    with scaled_embeddings(model, factors):
        logits = model(batch)
    shares = factors.unsqueeze(1)
    targets = shares * batch["labels"] + (1 - shares) / logits.shape[1]
    return nn.functional.cross_entropy(logits, targets, label_smoothing=label_smoothing)


@contextmanager
def scaled_embeddings(model: TokenBaselineModel, factors: torch.Tensor) -> Iterator[None]:
    """Multiply the embedding layer's output, sentence by sentence.

    Trained to be the less sure the smaller the factor, the model is not saturated at 1: the gradient at the
    input then says something of the whole way there, and gradient x input ranks tokens sensibly.

    Args:
        model: Its embedding layer is scaled within the `with` block.
        factors: One a sentence, shape (batch,).
    """
    hook = model.embedding_model.embeddings.register_forward_hook(
        lambda _module, _inputs, output: output * factors[:, None, None]
    )
    try:
        yield
    finally:
        hook.remove()


def with_words_removed(batch: Batch, tokenizer: Any) -> Batch:
    """Take pieces away from most sentences, so that attribution's altered inputs are nothing new.

    A third of the sentences stays whole. Of every other one a share between 0 and 95 % of its pieces becomes,
    by lot, [PAD] with attention 0, [PAD] with attention 1 (as in the baseline of integrated gradients) or
    [UNK]; or up to a quarter of them becomes [MASK].

    One sentence in seven loses [CLS], [SEP] or both to [PAD], and its label becomes "any intent".
    A small model trained from nothing otherwise ignores these two tokens, and then it makes hardly any
    difference to an attribution whether its baseline keeps them.

    Draws from torch's current seed.
    """
    ids, mask, labels = batch["input_ids"], batch["attention_mask"], batch["labels"]
    rows = len(ids)
    pad, unknown, masked = tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.mask_token_id
    kind = torch.multinomial(torch.tensor([0.45, 0.25, 0.2, 0.1]), rows, replacement=True).unsqueeze(1)
    largest = torch.where(kind == 3, 0.25, 0.95)
    share = torch.rand(rows, 1) * largest * (torch.rand(rows, 1) < 0.67)
    starts, ends = ids == tokenizer.cls_token_id, ids == tokenizer.sep_token_id
    removed = mask.bool() & ~starts & ~ends & (torch.rand(ids.shape) < share)
    ids = torch.where(removed, torch.tensor([pad, pad, unknown, masked])[kind], ids)
    broken = torch.rand(rows, 1) < 0.15
    # 0: [CLS], 1: [SEP], harder to notice among the [PAD]s and so more frequent, 2: both.
    which = torch.multinomial(torch.tensor([0.3, 0.5, 0.2]), rows, replacement=True).unsqueeze(1)
    lost = broken & ((starts & (which != 1)) | (ends & (which != 0)))
    return {
        "input_ids": torch.where(lost, pad, ids),
        "attention_mask": torch.where(removed & (kind == 0), 0, mask),
        "labels": torch.where(broken, 1 / labels.shape[1], labels),
    }


def _share_of_rate(step: int, steps: int) -> float:
    """Warm up over the first 5 % of the steps, then fall linearly to 0."""
    warm_up = max(1, steps // 20)
    return min((step + 1) / warm_up, (steps - step) / max(1, steps - warm_up))
