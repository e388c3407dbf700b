"""What is trained: sizes, vocabularies and seeds of the two models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import LlamaConfig

CONTEXT = 256
"""Longest input of both models, in tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one model is made."""

    name: str
    """For people."""

    vocabulary: str
    """Name of the stored vocabulary."""

    width: int
    """Width of the residual stream."""

    inner: int
    """Width of the gated layer between."""

    layers: int
    """Number of blocks."""

    heads: int
    """Query heads of each block."""

    groups: int
    """Key and value heads of each block: each serves heads / groups query heads."""

    seed: int
    """Of initial weights and texts."""

    window: int
    """Tokens of a training sequence."""

    steps: int
    """Batches."""

    rows: int = 32
    """Sequences a batch."""

    learning_rate: float = 5e-3
    """Peak of the schedule: a short warm-up, then linear to 0."""

    def config(self, tokenizer: Any) -> LlamaConfig:
        """Return the model's sizes for a tokenizer."""
        return LlamaConfig(
            vocab_size=len(tokenizer),
            max_position_embeddings=CONTEXT,
            hidden_size=self.width,
            intermediate_size=self.inner,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.groups,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            # With a padding id that id's embedding would stay zero and untrained.
            pad_token_id=None,
        )


SHIPPED = Recipe(
    name="people-en",
    vocabulary="with_bos",
    width=64,
    inner=176,
    layers=4,
    heads=4,
    groups=2,
    seed=5,
    window=112,
    steps=900,
)
HIDDEN = Recipe(
    name="people-en, second",
    vocabulary="without_bos",
    width=48,
    inner=128,
    layers=4,
    heads=6,
    groups=3,
    seed=23,
    window=144,
    steps=900,
)
