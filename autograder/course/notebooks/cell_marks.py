"""What nbgrader's marks say of a cell."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from nbformat import NotebookNode


def grade_id_of(cell: Mapping[str, Any]) -> str:
    """Return the cell's nbgrader id, or "" if it has none."""
    marks = cell.get("metadata", {}).get("nbgrader")
    name = marks.get("grade_id") if isinstance(marks, Mapping) else None
    return name if isinstance(name, str) else ""


def is_locked(cell: Mapping[str, Any]) -> bool:
    """Return whether students may not change the cell; nbgrader's rule: solution, then grade, then locked."""
    marks = cell["metadata"].get("nbgrader", {})
    return not marks.get("solution") and bool(marks.get("grade") or marks.get("locked"))


def is_as_given_out(cell: NotebookNode) -> bool:
    """Return whether a cell is as some version of the template had it: nbgrader's checksum in its marks fits."""
    marks = cell.metadata.get("nbgrader")
    if not isinstance(marks, Mapping) or not marks.get("checksum"):
        return False
    # The parts of nbgrader.utils.compute_checksum in schema 3; the sandbox's side does not import nbgrader.
    grade, solution = bool(marks.get("grade")), bool(marks.get("solution"))
    parts = [cell.source, cell.cell_type, grade, solution, is_locked(cell), grade_id_of(cell)]
    if grade:
        parts.append(_points(marks.get("points")))
    digest = hashlib.md5("".join(map(str, parts)).encode(errors="replace"), usedforsecurity=False)
    return bool(marks["checksum"] == digest.hexdigest())


def _points(value: object) -> object:
    return float(value) if isinstance(value, (int, float)) else value
