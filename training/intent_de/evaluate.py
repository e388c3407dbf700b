"""Accuracy and confidence of a trained classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from course.intent_classifier import INTENTS, TokenBaselineModel, encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How a model does on labelled sentences."""

    accuracy: float
    """Share of sentences whose largest logit is the label's."""

    count: int
    """Number of sentences."""

    confidence: float
    """Mean probability of the predicted intent."""

    predictions: tuple[str, ...]
    """The predicted intents, one a sentence."""


def evaluate(
    model: TokenBaselineModel, tokenizer: Any, texts: Sequence[str], intents: Sequence[str]
) -> Evaluation:
    """Predict each sentence's intent and compare.

    Args:
        model: In eval mode.
        tokenizer: The model's tokenizer.
        texts: Sentences.
        intents: Their labels.
    """
    rows = []
    with torch.no_grad():
        for start in range(0, len(texts), 128):
            rows.append(model(encode(texts[start : start + 128], None, tokenizer)).softmax(dim=-1))
    probabilities, columns = torch.cat(rows).max(dim=-1)
    predictions = tuple(INTENTS[column] for column in columns.tolist())
    right = sum(actual == expected for actual, expected in zip(predictions, intents, strict=True))
    return Evaluation(
        accuracy=right / len(texts),
        count=len(texts),
        confidence=probabilities.mean().item(),
        predictions=predictions,
    )
