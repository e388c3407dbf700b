"""Measure a question answering model: how often its answer is the right one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from training.qa_en.fit import INPUTS, encoded
from training.qa_en.text import Example


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a model does with questions."""

    exact: float
    """Share of questions whose first and last token are the answer's."""

    confidence: float
    """Mean probability of the predicted first token."""

    by_frame: dict[str, float]
    """Share of exact answers by frame and slot that is asked for, `home city`."""

    count: int
    """Number of questions."""


def evaluate(model: Any, tokenizer: Any, drawn: Sequence[Example]) -> Evaluation:
    """Measure exact matches: start and end are independent argmaxes over all positions."""
    data = encoded(drawn, tokenizer)
    right, sure = [], []
    with torch.no_grad():
        for rows in torch.arange(len(drawn)).split(200):
            output = model(**{name: data[name][rows] for name in INPUTS})
            hit = output.start_logits.argmax(dim=1) == data["start"][rows]
            right.append(hit & (output.end_logits.argmax(dim=1) == data["end"][rows]))
            sure.append(output.start_logits.softmax(dim=1).max(dim=1).values)
    exact = torch.cat(right).tolist()
    groups: dict[str, list[bool]] = {}
    for one, hit in zip(drawn, exact, strict=True):
        groups.setdefault(f"{one.frame} {one.asked}", []).append(hit)
    return Evaluation(
        exact=sum(exact) / len(exact),
        confidence=float(torch.cat(sure).mean()),
        by_frame={name: sum(hits) / len(hits) for name, hits in sorted(groups.items())},
        count=len(drawn),
    )
