"""What a student hands in, and what came of running it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from autograder.records.folder_names import student_folder_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One file that a student handed in; not yet read."""

    student: str
    """The student's name or id as it came: a folder's name, or from the file's name."""

    path: Path
    """Where the notebook lies; for a zip the extracted copy."""

    origin: str
    """Where it came from, for people: `class.zip:ana.ipynb`."""

    problem: str = ""
    """Why it cannot be graded, known at intake (no notebook, a broken archive); else empty."""

    remarks: tuple[str, ...] = ()
    """What intake tells the student: which of several notebooks was taken and why, lateness."""

    handed_in: Mapping[str, str] = field(default_factory=dict)
    """What the learning platform states, as far as it does: `platform`, `id`, `name` (where the shown one has more),
    `login`, `email`, `group`, `at`, `late`, `attempt`, `place` (where Moodle expects feedback)."""

    earlier: tuple[Submission, ...] = ()
    """The student's earlier attempts where the same download has them, the first one first."""

    @property
    def folder_name(self) -> str:
        """Name of the student's results folder."""
        return student_folder_name(self.student)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFailure:
    """A cell of the student's that did not end well."""

    cell: str
    """The cell's id, or its number where it has none."""

    index: int
    """Number of the cell in the graded notebook, from 0."""

    kind: Literal["error", "timeout", "died"]
    """What happened."""

    message: str
    """`NameError: name 'x' is not defined`, or a sentence."""

    task: str = ""
    """The task whose function the cell holds or checks; empty for any other cell."""

    follows_from: str = ""
    """The earlier task whose mistake shows here; empty where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What came of running the notebook."""

    notebook: Mapping[str, Any]
    """The executed notebook as nbformat 4 JSON: outputs are the student's claims."""

    failures: tuple[CellFailure, ...] = ()
    """Cells that failed, in order."""

    remarks: tuple[str, ...] = ()
    """Sentences for the student: locked cells restored, `.cuda()` fell back to the CPU, output cut."""

    missing_modules: tuple[str, ...] = ()
    """Top-level modules that statements of the notebook could not import, as the kernel claims."""

    sandbox_mode: str = "unknown"
    """full, namespaces, landlock or none."""

    device: str = "cpu"
    """Where the student's code ran."""

    seconds: float = 0.0
    """Wall clock of the student's cells, in seconds."""
