"""The submissions that students have made in the course of time, as the journal of a results folder keeps them."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import GraderError

OWN_FOLDER = ".journal"
"""Where the journal lies in `DIR/<slug>`, beside the students' folders, none of whose names starts with a dot."""

JOURNAL_NAME = "journal.sqlite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One of the submissions that a student has made in the course of time."""

    folder: str
    """Name of the student's folder of results."""

    submission: str
    """SHA-256 of the notebook."""

    at: str
    """When it was handed in, as the platform states it; empty if it does not."""

    score: float
    """The automatic points."""


def read_attempts(folder: Path) -> dict[str, tuple[Attempt, ...]]:
    """Return the attempts in a journal by the students' folders, the first one first; nothing is written.

    Args:
        folder: Where the journal lies. Without one, or one of an earlier version, nobody has a history.

    Raises:
        GraderError: If the journal is damaged.
    """
    path = folder / JOURNAL_NAME
    if not path.is_file():
        return {}
    found: dict[str, tuple[Attempt, ...]] = {}
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'attempts'").fetchone():
                return {}
            asked = database.execute("SELECT folder, submission, at, score FROM attempts ORDER BY number")
            for name, submission, at, score in asked:
                attempt = Attempt(folder=name, submission=submission, at=at, score=score)
                found[name] = (*found.get(name, ()), attempt)
    except sqlite3.DatabaseError as error:
        raise GraderError(f"{path}: the journal is damaged: {error}.") from None
    return found
