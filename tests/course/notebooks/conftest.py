from __future__ import annotations

from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode


def make_cell(kind: str, source: str, name: str = "", **marks: Any) -> NotebookNode:
    make = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
    cell = make(source, id=name or "no-name")
    if name:
        states = {"schema_version": 3, "grade": False, "locked": False, "solution": False, "grade_id": name}
        cell.metadata["nbgrader"] = states | marks
    return cell


@pytest.fixture
def template() -> NotebookNode:
    """A small course notebook: text, setup, two tasks with asserts, a plot, a question."""
    cells = [
        make_cell("markdown", "# Doubling", "demo-01", locked=True),
        make_cell("code", "import math", "demo-02", locked=True),
        make_cell("code", "def double(x):\n    raise NotImplementedError()", "double", solution=True),
        make_cell("code", "assert double(2) == 4", "check-double", grade=True, locked=True, points=2),
        make_cell("code", "def halve(x):\n    raise NotImplementedError()", "halve", solution=True),
        make_cell("code", "assert halve(2) == 1", "check-halve", grade=True, locked=True, points=1),
        make_cell("code", "# plot here", "plot-x", solution=True),
        make_cell(
            "markdown", "**Why?**\n\nYOUR ANSWER HERE", "question-why", grade=True, solution=True, points=3
        ),
    ]
    cells[6].metadata["tags"] = ["plot"]
    return nbformat.v4.new_notebook(
        cells=cells, metadata={"kernelspec": {"display_name": "Python 3", "name": "python3"}}
    )
