"""One program tried on an assignment's checks, and what the instructor says of wrong ones that pass."""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from autograder.errors import AssignmentError
from autograder.records import Assignment

Kind = Literal["right program", "wrong output", "wrong code", "explanation"]

SURVIVORS = "survivors.toml"
"""The file in verification/ that explains wrong programs which pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one program that nobody wrote by hand came to."""

    kind: Kind
    """What was tried; `explanation`: a line of survivors.toml that explains nothing any more, or too much."""

    name: str
    """Which one: a stable id, that of a wrong program being the key in survivors.toml."""

    task: str
    """The contract's function that was changed; empty for whole notebooks and explanations."""

    good: bool
    """As it must be: a right program has full marks, a wrong one lost points or is explained."""

    score: float
    """Points for its task's checks; for a right program of all checks."""

    max_score: float
    """What it could get."""

    lost: tuple[str, ...]
    """Checks that gave less than their points."""

    named: str
    """The misconception that the diagnosis named; empty if none."""

    survivor: bool
    """A wrong program that kept all points."""

    moved: float
    """How far a survivor's answers lie from the reference's at worst; 0 for all others."""

    reason: str
    """Why a survivor may pass, from survivors.toml; or what is wrong, if it is not good."""


class Explanations:
    """What survivors.toml says; keys may be patterns with * and ?."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self._reasons = dict(reasons)
        self._used: set[str] = set()
        self._refuted: dict[str, str] = {}

    def explain(self, name: str) -> str:
        """Return the reason for a survivor, "" if there is none; an exact key comes before a pattern."""
        matching = self._matching(name)
        if not matching:
            return ""
        self._used.update(matching)
        return self._reasons[name if name in matching else max(matching, key=len)]

    def refute(self, name: str) -> None:
        """Note that a program loses points: a reason why it may keep them is true of another one at most."""
        for key in self._matching(name):
            self._refuted.setdefault(key, name)

    def refuted(self) -> Mapping[str, str]:
        """Return the keys that a program which loses points has, too, each with the first such program."""
        return self._refuted

    def _matching(self, name: str) -> list[str]:
        # Ids hold brackets of Python, which fnmatch would read as sets of letters.
        patterns = {key: key.replace("[", "[[]") for key in self._reasons}
        return [key for key, pattern in patterns.items() if key == name or _matches(name, pattern)]

    def unused(self) -> list[str]:
        """Return the keys that no survivor asked for."""
        return [key for key in self._reasons if key not in self._used]


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern)


def read_explanations(assignment: Assignment) -> Explanations:
    """Read survivors.toml; without the file nothing is explained.

    Raises:
        AssignmentError: If it is no table of sentences.
    """
    path = assignment.verification_dir / SURVIVORS
    if not path.is_file():
        return Explanations({})
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AssignmentError(f"{path}: not readable as TOML: {error}") from None
    wrong = [key for key, reason in table.items() if not isinstance(reason, str) or not reason.strip()]
    if wrong:
        listed = ", ".join(map(repr, wrong))
        raise AssignmentError(f'{path}: no reason for {listed}. Write "id" = "one sentence".')
    return Explanations(table)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many programs were tried, and what became of them."""

    right: int
    """Right programs tried."""

    right_failed: int
    """Those without full marks."""

    wrong: int
    """Wrong programs tried: outputs and code."""

    passed: int
    """Those that kept all points."""

    explained: int
    """Those of them that survivors.toml explains."""

    faulty: int
    """Wrong programs on which a check itself failed."""

    named: int
    """Wrong programs that lost points and were named as a known mistake."""

    stale: int
    """Lines of survivors.toml that explain nothing any more, or a program that loses points, too."""

    @property
    def share_named(self) -> float:
        """Share of the wrong programs that lost points whose mistake was named."""
        return self.named / max(self.wrong - self.passed, 1)


def tally(trials: Iterable[Trial]) -> Tally:
    """Count trials."""
    found = list(trials)
    right = [trial for trial in found if trial.kind == "right program"]
    wrong = [trial for trial in found if trial.kind in ("wrong output", "wrong code")]
    passed = [trial for trial in wrong if trial.survivor]
    return Tally(
        right=len(right),
        right_failed=sum(not trial.good for trial in right),
        wrong=len(wrong),
        passed=len(passed),
        explained=sum(trial.good for trial in passed),
        faulty=sum(not trial.good and not trial.survivor for trial in wrong),
        named=sum(bool(trial.named) and not trial.survivor for trial in wrong),
        stale=sum(trial.kind == "explanation" for trial in found),
    )
