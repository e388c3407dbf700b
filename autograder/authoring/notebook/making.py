"""Assemble the student notebook: nbgrader metadata, nbgrader's own preprocessors, stable bytes."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.authoring.notebook import regions
from autograder.authoring.notebook.generated import SCHEMA_VERSION, cell_id, with_generated
from autograder.authoring.notebook.reference import MarkedCell, read_reference
from autograder.course.assignment import list_slugs
from autograder.course.built_from import METADATA_KEY, built_from
from autograder.course.notebooks import stated_limits
from autograder.course.notebooks.reading import NOTEBOOK_METADATA
from autograder.course.notebooks.written_answers import ANSWER_STUB
from autograder.errors import AssignmentError
from autograder.records import Assignment

_CODE_STUB = "# YOUR CODE HERE\nraise NotImplementedError()"
_PLOT_TAG = "plot"


def build_notebook(assignment: Assignment, points: Mapping[str, float]) -> NotebookNode:
    """Make the notebook that students receive.

    Args:
        assignment: Whose reference file is read.
        points: Task name to the points of its checks, as checks.py states them.

    Returns:
        A notebook that nbgrader validates and releases: solutions cleared, cells locked and checksummed.

    Raises:
        AssignmentError: With all problems of the reference at once.
    """
    return _released(source_notebook(assignment, points), assignment)


def source_notebook(assignment: Assignment, points: Mapping[str, float]) -> NotebookNode:
    """Make the instructor's notebook, with solution regions: what an nbgrader course keeps in `source/`.

    Raises:
        AssignmentError: With all problems of the reference at once.
    """
    cells = read_reference(assignment, points)
    marks = _metadata(cells, assignment, points)
    made = [_cell(cell, mark) for cell, mark in zip(cells, marks, strict=True)]
    return nbformat.from_dict(
        {
            "cells": with_generated(cells, made, assignment, points),
            "metadata": {
                **copy.deepcopy(dict(NOTEBOOK_METADATA)),
                METADATA_KEY: built_from(assignment),
            },
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )


def solved_notebook(assignment: Assignment, points: Mapping[str, float]) -> NotebookNode:
    """Make the notebook as a student hands it in who wrote the reference's solutions.

    Raises:
        AssignmentError: With all problems of the reference at once.
    """
    source = source_notebook(assignment, points)
    solved = _released(source, assignment)
    for cell, original in zip(solved.cells, source.cells, strict=True):
        if cell.metadata.nbgrader.solution:
            cell.source = regions.without_delimiters(original.source).rstrip()
    return solved


def build_assignment(assignment: Assignment, points: Mapping[str, float]) -> bool:
    """Write the student notebook, and its limits into the README beside it.

    Returns:
        Whether a file changed.

    Raises:
        AssignmentError: With all problems of the reference at once, or if a file cannot be written.
    """
    changed = _write(assignment.template, render(build_notebook(assignment, points)))
    readme, stated = _readme(assignment)
    return _write(assignment.readme, stated) or changed if readme != stated else changed


def _readme(assignment: Assignment) -> tuple[str, str]:
    """Return the students' README, "" if there is none, and what it says with the assignment's limits."""
    readme = _read(assignment.readme) or ""
    slugs = frozenset(list_slugs(assignment.course_dir))
    return readme, stated_limits.with_row(readme, assignment.slug, assignment.limits, slugs)


def build_source(assignment: Assignment, points: Mapping[str, float], folder: Path) -> Path:
    """Write the instructor's notebook, with solutions, where nbgrader's `generate_assignment` looks for it.

    Args:
        assignment: Whose reference file is read.
        points: Task name to the points of its checks.
        folder: The `source/` folder of an nbgrader course.

    Returns:
        The file, `<folder>/<slug>/<slug>.ipynb`.

    Raises:
        AssignmentError: With all problems of the reference at once, or if the file cannot be written.
    """
    path = folder / assignment.slug / f"{assignment.slug}.ipynb"
    _write(path, render(source_notebook(assignment, points)))
    return path


def _write(path: Path, text: str) -> bool:
    """Write a file unless it holds the text; return whether it changed."""
    if _read(path) == text:
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A reader never sees half a notebook.
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_text(text, encoding="utf-8", newline="\n")
        draft.replace(path)
    except OSError as error:
        raise AssignmentError(f"{path}: cannot be written: {error.strerror}.") from None
    return True


def is_stale(assignment: Assignment, points: Mapping[str, float]) -> bool:
    """Return whether the student notebook is missing, or it or the README differs from what would be built.

    Raises:
        AssignmentError: With all problems of the reference at once.
    """
    readme, stated = _readme(assignment)
    return readme != stated or _read(assignment.template) != render(build_notebook(assignment, points))


def render(notebook: NotebookNode) -> str:
    """Return the notebook's file: the same notebook gives the same text."""
    text: str = nbformat.writes(notebook, version=4)
    return text if text.endswith("\n") else text + "\n"


def _read(path: Path) -> str | None:
    try:
        # Bytes, since a checkout that changed the line ends is stale too.
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _metadata(
    cells: Sequence[MarkedCell], assignment: Assignment, points: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Return nbgrader's metadata of every cell."""
    worth = {question.id: question.points for question in assignment.questions}
    number = 0
    marks = []
    for cell in cells:
        states: dict[str, Any] = {"grade": False, "locked": False, "solution": False}
        grade_id = cell.value
        if cell.role == "text":
            number += not cell.value
            grade_id = f"{assignment.slug}-{cell.value or f'{number:02d}'}"
            states["locked"] = True
        elif cell.role == "check":
            grade_id = f"check-{cell.value}"
            states |= {"grade": True, "locked": True, "points": points[cell.value]}
        elif cell.role == "question":
            states |= {"grade": True, "solution": True, "points": worth[cell.value]}
        else:
            states["solution"] = True
        marks.append({"schema_version": SCHEMA_VERSION, "grade_id": grade_id, **states})
    return marks


def _cell(cell: MarkedCell, marks: Mapping[str, Any]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"nbgrader": dict(marks)}
    tags = [*cell.tags, _PLOT_TAG] if cell.role == "plot" and _PLOT_TAG not in cell.tags else list(cell.tags)
    if tags:
        metadata["tags"] = tags
    made: dict[str, Any] = {
        "cell_type": cell.kind,
        "id": cell_id(marks["grade_id"]),
        "metadata": metadata,
        "source": _question(cell.source) if cell.role == "question" else cell.source,
    }
    return made | ({"outputs": [], "execution_count": None} if cell.kind == "code" else {})


def _question(source: str) -> str:
    """Mark where the answer goes: without a region nbgrader would replace the question's own text."""
    if regions.BEGIN in source:
        return source
    region = f"### {regions.BEGIN}\n### {regions.END}"
    return re.sub(rf"^.*{ANSWER_STUB}.*$", region, source, count=1, flags=re.MULTILINE)


def _released(source: NotebookNode, assignment: Assignment) -> NotebookNode:
    """Run nbgrader's preprocessors in the order of its `generate_assignment`, without its database.

    DeduplicateIds is left out: it would strip the metadata of the second cell in silence, and
    `read_reference` refuses repeated ids.
    """
    from nbconvert.exporters import NotebookExporter
    from nbgrader import preprocessors
    from nbgrader.nbgraderformat import ValidationError
    from traitlets.config import Config

    config = Config()
    config.Exporter.default_preprocessors = []
    config.ClearSolutions.code_stub = {"python": _CODE_STUB}
    config.ClearSolutions.text_stub = ANSWER_STUB
    exporter = NotebookExporter(config=config)
    for step in (
        preprocessors.LockCells,
        preprocessors.ClearSolutions,
        preprocessors.ClearOutput,
        preprocessors.CheckCellMetadata,
        preprocessors.ClearHiddenTests,
        preprocessors.ComputeChecksums,
        preprocessors.CheckCellMetadata,
    ):
        exporter.register_preprocessor(step(config=config), enabled=True)
    try:
        text, _ = exporter.from_notebook_node(copy.deepcopy(source))
    except (RuntimeError, ValidationError) as error:
        raise AssignmentError(f"{assignment.reference}: nbgrader does not accept it: {error}") from error
    notebook: NotebookNode = nbformat.reads(text, as_version=4)
    return notebook
