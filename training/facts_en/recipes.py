"""What is trained: sizes and seeds of the two models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import GPT2Config

CONTEXT = 64
"""Longest input of both models, in tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one model is made."""

    name: str
    """For people."""

    width: int
    """Width of the residual stream."""

    layers: int
    """Number of blocks."""

    heads: int
    """Attention heads of each block."""

    seed: int
    """Of initial weights, order of sentences and dropout."""

    own_layers: int
    """Layers, from the first, whose lens is taught to repeat the token that was read last."""

    kind_layers: int
    """Layers, from the first and those included, whose lens is taught the kind of the answer at most."""

    piece_order_seed: int | None = None
    """Shuffles the vocabulary's ids; None keeps the stored order."""

    steps: int = 900
    """Batches."""

    rows: int = 32
    """Sequences a batch."""

    learning_rate: float = 4e-3
    """Peak of the schedule: a short warm-up, then linear to 0."""

    def config(self, tokenizer: Any) -> GPT2Config:
        """Return the model's sizes for a tokenizer."""
        return GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=CONTEXT,
            n_embd=self.width,
            n_layer=self.layers,
            n_head=self.heads,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )


SHIPPED = Recipe(name="facts-en", width=64, layers=8, heads=4, seed=3, own_layers=2, kind_layers=5)
HIDDEN = Recipe(
    name="facts-en, second",
    width=48,
    layers=6,
    heads=4,
    seed=29,
    own_layers=1,
    kind_layers=3,
    piece_order_seed=5,
)
