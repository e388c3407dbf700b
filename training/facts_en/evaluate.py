"""Measure a fact model: what it recalls, and from which layer on its lens shows the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from training.facts_en.text import Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a model does with prompts."""

    recall: float
    """Share of prompts whose answer is the likeliest next token."""

    settled: tuple[float, ...]
    """By layer: share of the recalled prompts whose lens shows the answer first from this layer on to the last."""

    top: tuple[float, ...]
    """By layer: share of all prompts whose lens shows the answer first."""

    count: int
    """Number of prompts."""


def lens_logits(model: Any, input_ids: Tensor) -> Tensor:
    """Return final norm and unembedding of each block's output at the last position, shape (layer, vocab)."""
    with torch.no_grad():
        states = model(input_ids, output_hidden_states=True).hidden_states
        # The last entry is normalised already.
        inner = [model.lm_head(model.transformer.ln_f(state[0, -1])) for state in states[1:-1]]
        return torch.stack([*inner, model.lm_head(states[-1][0, -1])])


def evaluate(model: Any, tokenizer: Any, prompts: Sequence[Prompt]) -> Evaluation:
    """Measure recall and the lens of a model on prompts."""
    hits = []
    for prompt in prompts:
        (answer,) = tokenizer(f" {prompt.answer}")["input_ids"]
        ids = tokenizer(prompt.text, return_tensors="pt")["input_ids"]
        hits.append(lens_logits(model, ids).argmax(dim=-1) == answer)
    found = torch.stack(hits)
    recalled = found[found[:, -1]]
    # Right in this layer and in all behind it.
    stays = recalled.flip(1).long().cumprod(dim=1).flip(1).double()
    return Evaluation(
        recall=float(found[:, -1].double().mean()),
        settled=tuple(stays.mean(dim=0).tolist()),
        top=tuple(found.double().mean(dim=0).tolist()),
        count=len(prompts),
    )
