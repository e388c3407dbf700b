"""How many mutants are run, and which."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class MutantSample:
    """A number of mutants, drawn by a seed."""

    per_task: int | None
    """Mutants of each kind and task; None: all."""

    def draw(self, mutants: Sequence[T], seed: str) -> list[T]:
        """Return the drawn mutants in their order."""
        if self.per_task is None or self.per_task >= len(mutants):
            return list(mutants)
        numbers = random.Random(seed).sample(range(len(mutants)), self.per_task)
        return [mutants[number] for number in sorted(numbers)]


ALL_MUTANTS = MutantSample(per_task=None)
NO_MUTANTS = MutantSample(per_task=0)
