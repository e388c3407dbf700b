"""One row of an example class's table: what is wrong by the student's sources, what the harness must say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

UNNAMED = {"nameless", "endless", "missing"}
"""What stands in a table's row for a mistake that nothing names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One student."""

    student: str
    """The file's name without .ipynb."""

    wrong: Mapping[str, str] = field(default_factory=dict)
    """Function to the mistake that it makes; `nameless`, `missing` (the template's cell untouched)."""

    general: Mapping[str, str] = field(default_factory=dict)
    """Function to a mistake that any function can make and diagnosis names; the course's table has none of these."""

    lost: str = ""
    """Short names of the checks that do not pass."""

    remarked: bool = False
    """Whether something is said that costs nothing."""

    builds_on: str = ""
    """The wrong earlier function that later ones use: they are right for what it gives."""
