"""Measure a model: which of two continuations it prefers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from training.people_en.text import Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a model does with pairs."""

    preferred: float
    """Share of pairs whose plausible end is the likelier one."""

    margin: float
    """Median difference of the two log-probabilities, in nats."""

    count: int
    """Number of pairs."""


def log_probability(model: Any, tokenizer: Any, prompt: str, target: str) -> float:
    """Return ln p(target | prompt)."""
    ids = tokenizer(prompt)["input_ids"]
    ends = tokenizer(target, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        scores = model(torch.tensor([ids + ends])).logits[0].log_softmax(dim=-1)
    return float(scores[len(ids) - 1 : -1].gather(1, torch.tensor(ends)[:, None]).sum())


def evaluate(model: Any, tokenizer: Any, pairs: Sequence[Pair]) -> Evaluation:
    """Measure a model on pairs."""
    margins = torch.tensor(
        [
            log_probability(model, tokenizer, pair.prompt, pair.plausible)
            - log_probability(model, tokenizer, pair.prompt, pair.implausible)
            for pair in pairs
        ]
    )
    return Evaluation(
        preferred=float((margins > 0).double().mean()), margin=float(margins.median()), count=len(pairs)
    )
