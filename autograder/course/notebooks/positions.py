"""Recognise written answers and plots by where they stand, in notebooks whose editor dropped the cells' marks."""

from __future__ import annotations

import copy
import re

from nbformat import NotebookNode

from autograder.course.notebooks.stated_work import is_generated
from autograder.course.notebooks.written_answers import ANSWER_STUB

_GIVEN = re.compile(rf"{ANSWER_STUB}|#[ ]*YOUR CODE HERE|raise NotImplementedError(\(\))?")
_DEFINITION = re.compile(r"^(async )?def ", re.MULTILINE)


def recognise_by_position(notebook: NotebookNode, template: NotebookNode) -> NotebookNode:
    """Give answers and plots without marks the marks of the template's cells that stand there.

    An answer holds none of the template's text, so only its place tells whose it is: between the cells before and
    behind it that are known. Functions are recognised by their names elsewhere.

    Args:
        notebook: The submission, after its locked cells were restored; not changed.
        template: The notebook that students received.

    Returns:
        The notebook, with marks where exactly one open cell of the template is missing between two known cells. An
        open cell that is as it was given out hands its marks on to what the student wrote below it.
    """
    found = copy.copy(notebook)
    found.cells = list(notebook.cells)
    known = {name for cell in found.cells if (name := _name(cell))}
    # Generated text may be missing from an older notebook, so it is nobody's neighbour.
    originals = [cell for cell in template.cells if _name(cell) and not is_generated(_name(cell))]
    for original in originals:
        if _is_open(original) and not _DEFINITION.search(original.source):
            _hand_on(found, original)
    missing = [cell for cell in originals if _name(cell) not in known]
    for original in missing:
        if _is_open(original) and not _DEFINITION.search(original.source):
            _mark(found, original, originals, missing)
    return found


def _mark(
    notebook: NotebookNode,
    original: NotebookNode,
    originals: list[NotebookNode],
    missing: list[NotebookNode],
) -> None:
    place = originals.index(original)
    if place == 0 or originals[place - 1] in missing:
        return
    before = _name(originals[place - 1])
    if place + 1 < len(originals) and originals[place + 1] in missing:
        return
    earlier = {_name(cell) for cell in originals[: place + 2]}
    start = next(index for index, cell in enumerate(notebook.cells) if _name(cell) == before) + 1
    own: list[int] = []
    for index in range(start, len(notebook.cells)):
        if is_generated(name := _name(notebook.cells[index])):
            continue
        if name and (own or name not in earlier):
            break
        if name:
            continue  # a lost neighbour was put back directly behind the one before
        if notebook.cells[index].cell_type == original.cell_type and notebook.cells[index].source.strip():
            own.append(index)
    if own:
        _give_marks(notebook, own, original)


def _hand_on(notebook: NotebookNode, original: NotebookNode) -> None:
    """Mark the cells below an open cell in place of it, if it holds nothing of the student's and they do."""
    name = _name(original)
    start = next((index for index, cell in enumerate(notebook.cells) if _name(cell) == name), None)
    if start is None:
        return
    source = notebook.cells[start].source
    if _work(source) and "".join(source.split()) != "".join(original.source.split()):
        return
    below: list[int] = []
    for index in range(start + 1, len(notebook.cells)):
        cell = notebook.cells[index]
        if _name(cell):
            break
        if cell.cell_type == original.cell_type and _work(cell.source):
            below.append(index)
    if below:
        empty = copy.deepcopy(notebook.cells[start])
        del empty.metadata["nbgrader"]
        notebook.cells[start] = empty
        _give_marks(notebook, below, original)


def _work(source: str) -> str:
    """Return what is left of a cell without the words that the template puts where an answer belongs."""
    return re.sub(_GIVEN, "", source).strip()


def _give_marks(notebook: NotebookNode, own: list[int], original: NotebookNode) -> None:
    # Of several cells an answer is the longest; a plot may be in any, and all are tagged.
    chosen = max(own, key=lambda index: len(notebook.cells[index].source))
    for index in own if original.cell_type == "code" else [chosen]:
        cell = copy.deepcopy(notebook.cells[index])
        tags = list(dict.fromkeys([*original.metadata.get("tags", []), *cell.metadata.get("tags", [])]))
        if tags:
            cell.metadata["tags"] = tags
        if index == chosen:
            cell.metadata["nbgrader"] = copy.deepcopy(original.metadata["nbgrader"])
        notebook.cells[index] = cell


def _name(cell: NotebookNode) -> str:
    marks = cell.metadata.get("nbgrader", {})
    return str(marks.get("grade_id", "")) if isinstance(marks, dict) else ""


def _is_open(cell: NotebookNode) -> bool:
    return not cell.metadata["nbgrader"].get("locked")
