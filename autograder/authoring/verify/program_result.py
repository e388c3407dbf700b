"""What became of one generated program, and the counts over many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["correct program", "output mutant", "source mutant", "explanation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramResult:
    """Result of one generated program, or one line of survivors.toml that has to go."""

    kind: Kind
    """What it is; `explanation`: a line of survivors.toml that matches no survivor, or a killed mutant as well."""

    name: str
    """A stable id; that of a mutant is its key in survivors.toml."""

    good: bool
    """As expected: a correct program has full marks, a mutant is killed or its survival is explained."""

    task: str = ""
    """The contract's function that was changed; empty for whole notebooks and explanations."""

    score: float = 0.0
    """Points for the checks of its task; for a correct program of all checks."""

    max_score: float = 0.0
    """What it could get."""

    lost: tuple[str, ...] = ()
    """Checks that gave less than their points."""

    diagnosed: str = ""
    """The id of the diagnosis; empty if there is none."""

    survivor: bool = False
    """A mutant that kept all points."""

    distance: float = 0.0
    """The largest distance of a survivor's answers from the reference's; 0 for all others."""

    reason: str = ""
    """Why a survivor may pass, from survivors.toml; or what is wrong, if it is not good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramCounts:
    """How many programs were tried, and what became of them."""

    correct: int
    """Correct programs."""

    rejected: int
    """Those without full marks."""

    mutants: int
    """Mutants of outputs and of source."""

    survived: int
    """Those that kept all points."""

    explained: int
    """Survivors that survivors.toml explains."""

    diagnosed: int
    """Killed mutants with a diagnosis."""

    stale: int
    """Lines of survivors.toml that have to go."""

    @property
    def share_diagnosed(self) -> float:
        """Share of the killed mutants that have a diagnosis."""
        return self.diagnosed / max(self.mutants - self.survived, 1)


def count_results(results: Iterable[ProgramResult]) -> ProgramCounts:
    """Count results by what became of the programs."""
    found = list(results)
    correct = [one for one in found if one.kind == "correct program"]
    mutants = [one for one in found if one.kind in ("output mutant", "source mutant")]
    survivors = [one for one in mutants if one.survivor]
    return ProgramCounts(
        correct=len(correct),
        rejected=sum(not one.good for one in correct),
        mutants=len(mutants),
        survived=len(survivors),
        explained=sum(one.good for one in survivors),
        diagnosed=sum(bool(one.diagnosed) and not one.survivor for one in mutants),
        stale=sum(one.kind == "explanation" for one in found),
    )
