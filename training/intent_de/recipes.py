"""What is trained: sizes and seeds of the two models, and the split of the sentences."""

from __future__ import annotations

from dataclasses import dataclass

from course.intent_classifier import INTENTS, TokenBaselineConfig

from training.intent_de.text import GeneratedSentence, dataset
from training.intent_de.vocabulary import read, reordered

TEXT_SEED = 2021
TRAIN_PER_INTENT = 850
HELD_OUT_PER_INTENT = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one model is made."""

    name: str
    """For people."""

    hidden_size: int
    """Width of the encoder."""

    layers: int
    """Layers of the encoder."""

    heads: int
    """Attention heads of each layer."""

    seed: int
    """Of initial weights, order of sentences, corruption and dropout."""

    piece_order_seed: int | None = None
    """Shuffles the vocabulary's ids; None keeps the stored order."""

    epochs: int = 5
    """Passes over the training sentences."""

    batch_size: int = 64
    """Sentences a step."""

    learning_rate: float = 2e-3
    """Peak of the schedule: a short warm-up, then linear to 0."""

    label_smoothing: float = 0.05
    """Keeps the logits moderate: attributions of saturated models say little."""

    def pieces(self) -> list[str]:
        """Return the vocabulary in this model's order."""
        pieces = read()
        return pieces if self.piece_order_seed is None else reordered(pieces, self.piece_order_seed)

    def config(self) -> TokenBaselineConfig:
        """Return the model's sizes."""
        return TokenBaselineConfig(
            vocab_size=len(read()),
            hidden_size=self.hidden_size,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            intermediate_size=2 * self.hidden_size,
        )


SHIPPED = Recipe(name="intent-de", hidden_size=96, layers=2, heads=4, seed=11)
HIDDEN = Recipe(name="intent-de, second", hidden_size=64, layers=3, heads=2, seed=47, piece_order_seed=5)


def splits() -> tuple[list[GeneratedSentence], list[GeneratedSentence]]:
    """Return training and held-out sentences; no held-out text is a training text."""
    sentences = dataset(INTENTS, TRAIN_PER_INTENT + HELD_OUT_PER_INTENT, TEXT_SEED)
    train: list[GeneratedSentence] = []
    held_out: list[GeneratedSentence] = []
    for intent in INTENTS:
        own = [sentence for sentence in sentences if sentence.intent == intent]
        held_out += own[:HELD_OUT_PER_INTENT]
        train += own[HELD_OUT_PER_INTENT:]
    return train, held_out
