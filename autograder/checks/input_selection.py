"""How a hidden check chooses models and inputs: on which mistakes show soon, and stored answers at all."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")

SMALL = 10_000_000
"""Weights of a model that costs nothing to ask often."""


def smallest_first(models: Iterable[Any]) -> list[Any]:
    """Return the models in the order in which a check asks them; those of less than `SMALL` weights count as equal.

    Most mistakes show on every model. To name one, every known mistake is computed on the inputs where it showed: on a
    model of a hundred million weights that takes minutes, beside which the second, small one costs nothing.

    Args:
        models: LoadedModel records.
    """
    return sorted(models, key=lambda loaded: _weights(loaded) // SMALL)


def is_small(loaded: Any) -> bool:
    """Return whether a LoadedModel record's model costs nothing to ask often."""
    return _weights(loaded) < SMALL


def _weights(loaded: Any) -> int:
    return sum(weights.numel() for weights in loaded.model.parameters())


def pair_of(
    first: Sequence[Item],
    second: Sequence[Item],
    *,
    size: Callable[[Item], int],
    alike: bool,
    rng: random.Random,
) -> tuple[Item, Item]:
    """Choose two different inputs, of equal size or of unequal sizes.

    Asked for two inputs of equal size, a function that keeps its answers by the shape of its arguments gives the first
    one's answer to the second. Asked for two of unequal sizes, one that fits a single size fails.

    Args:
        first: What the first input may be.
        second: What the second one may be; the same list, or another.
        size: What must be equal: the number of tokens.
        alike: Whether the sizes are to be equal. Where no two are (a pool was made for other tokenizers), they lie as
            near to each other as they can.
        rng: The check's.

    Raises:
        ValueError: If there are no two different inputs.
    """
    sizes, others = [[size(item) for item in items] for items in (first, second)]
    # Items of unequal sizes are surely different ones.
    pairs = [
        (one, other, abs(length - width))
        for one, length in zip(first, sizes, strict=True)
        for other, width in zip(second, others, strict=True)
        if length != width or one != other
    ]
    if not pairs:
        raise ValueError("no two different inputs to choose from")
    apart = [off for _, _, off in pairs]
    nearest = min(apart)
    fitting = [pair for pair in pairs if (pair[2] == nearest if alike else pair[2] or not any(apart))]
    one, other, _ = rng.choice(fitting)
    return one, other
