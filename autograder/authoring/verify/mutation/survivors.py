"""survivors.toml: why mutants that keep all points may keep them, a sentence for each."""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Mapping

from autograder.errors import AssignmentError
from autograder.records import Assignment

SURVIVORS = "survivors.toml"
"""The instructor's file with the explanations."""


class Explanations:
    """Reasons by name of a mutant; names may be patterns with * and ?."""

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
        """Note that a mutant is killed: no reason why it may survive can be true of it."""
        for key in self._matching(name):
            self._refuted.setdefault(key, name)

    def refuted(self) -> Mapping[str, str]:
        """Return the keys that match a killed mutant, each with the first such mutant."""
        return self._refuted

    def unused(self) -> list[str]:
        """Return the keys that match neither a survivor nor a killed mutant."""
        return [key for key in self._reasons if key not in self._used and key not in self._refuted]

    def _matching(self, name: str) -> list[str]:
        # Names hold Python's brackets, which fnmatch would read as sets of letters.
        return [
            key for key in self._reasons if key == name or fnmatch.fnmatchcase(name, key.replace("[", "[[]"))
        ]


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
