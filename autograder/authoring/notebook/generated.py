"""Put what `autograder build` generates for students into a notebook: goals, limits, points and times."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from autograder.authoring.notebook.reference import MarkedCell
from autograder.course.notebooks import stated_limits, stated_work
from autograder.records import Assignment

SCHEMA_VERSION = 3
"""Of nbgrader's metadata."""

_MAX_CELL_ID = 64


def with_generated(
    cells: Sequence[MarkedCell],
    made: Sequence[Mapping[str, Any]],
    assignment: Assignment,
    points: Mapping[str, float],
) -> list[dict[str, Any]]:
    """Return the notebook's cells with the generated text.

    Goals and limits are cells behind the first text. The work of a task stands below the heading before it, that of a
    question, and of a task without a heading, in a cell before it. No other cell gets another id.

    Args:
        cells: The reference's.
        made: One notebook cell for each; not changed.
        assignment: What it states.
        points: Task name to the points of its checks.
    """
    work = stated_work.work_of(assignment, points)
    found: list[dict[str, Any]] = []
    heading: int | None = None
    place = 0
    for cell, one in zip(cells, made, strict=True):
        if cell.role in ("task", "question"):
            line = work[cell.value]
            if cell.role == "task" and heading is not None:
                found[heading]["source"] = stated_work.below_heading(found[heading]["source"], line)
            else:
                found.append(_text(stated_work.work_id(cell.value), line))
        if cell.role != "text":
            heading = None
        elif cell.kind == "markdown" and stated_work.below_heading(cell.source, ""):
            heading = len(found)
        found.append(dict(one))
        if not place and cell.role == "text" and cell.kind == "markdown":
            place = len(found)
    found[place:place] = [
        _text(stated_work.GOALS_ID, stated_work.goals_cell(assignment, points)),
        _text(stated_limits.GRADE_ID, stated_limits.limits_cell(assignment.limits)),
    ]
    return found


def cell_id(grade_id: str) -> str:
    """Return the id of the notebook's cell."""
    if len(grade_id) <= _MAX_CELL_ID:
        return grade_id
    return hashlib.sha256(grade_id.encode()).hexdigest()[:_MAX_CELL_ID]


def _text(grade_id: str, source: str) -> dict[str, Any]:
    marks = {"grade": False, "locked": True, "solution": False}
    return {
        "cell_type": "markdown",
        "id": cell_id(grade_id),
        "metadata": {"nbgrader": {"schema_version": SCHEMA_VERSION, "grade_id": grade_id, **marks}},
        "source": source,
    }
