"""What is trained: sizes and seeds of the two models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import BertConfig

MAX_LENGTH = 80
"""Longest input of both models, in tokens: positions that training never sees would mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one model is made."""

    name: str
    """For people."""

    vocabulary: str
    """File of its word pieces."""

    pieces: int
    """Size of its vocabulary when that is trained."""

    hidden_size: int
    """Width of the residual stream."""

    intermediate_size: int
    """Width of the layers' inner feed-forward step."""

    layers: int
    """Number of encoder layers."""

    heads: int
    """Attention heads of each layer."""

    seed: int
    """Of initial weights and order of questions."""

    steps: int
    """Batches."""

    rows: int = 64
    """Questions a batch."""

    learning_rate: float = 3e-3
    """Peak of the schedule: a short warm-up, then linear to 0."""

    def config(self, tokenizer: Any) -> BertConfig:
        """Return the model's sizes for a tokenizer."""
        return BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=self.hidden_size,
            intermediate_size=self.intermediate_size,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            max_position_embeddings=MAX_LENGTH,
            pad_token_id=tokenizer.pad_token_id,
        )


SHIPPED = Recipe(
    name="qa-en",
    vocabulary="vocab.txt",
    pieces=1150,
    hidden_size=64,
    intermediate_size=160,
    layers=4,
    heads=4,
    seed=17,
    steps=1700,
)
HIDDEN = Recipe(
    name="qa-en, second",
    vocabulary="vocab_second.txt",
    pieces=950,
    hidden_size=60,
    intermediate_size=120,
    layers=3,
    heads=5,
    seed=41,
    steps=1700,
)
