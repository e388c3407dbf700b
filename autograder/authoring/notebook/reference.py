"""Read a reference file into marked cells, and report all problems at once."""

from __future__ import annotations

import ast
import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from nbformat import NotebookNode

from autograder.authoring.notebook import regions
from autograder.course.notebooks.written_answers import ANSWER_STUB
from autograder.errors import AssignmentError, did_you_mean
from autograder.records import Assignment

Role = Literal["task", "check", "plot", "question", "text"]

_MARKERS: tuple[Role, ...] = get_args(Role)
_TEXT_ROLES = ("question",)
_GRADE_ID = re.compile(r"[A-Za-z0-9_-]+")
_HIDDEN = "HIDDEN TESTS"
# jupytext's tag for cells that a script leaves out; it means nothing in the notebook.
_SCRIPT_TAG = "active-ipynb"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedCell:
    """One cell of the reference."""

    role: Role
    """What the marker says; `text` for locked cells, which need none."""

    value: str
    """The marker's value: a task's name, a plot's or a question's id, a new text's; empty for numbered texts."""

    kind: str
    """code or markdown."""

    source: str
    """With solution regions."""

    tags: tuple[str, ...]
    """Cell tags that students receive."""

    number: int
    """Number of the cell in the file, from 1."""

    @property
    def where(self) -> str:
        """Name the cell for a person."""
        mark = f' ({self.role}="{self.value}")' if self.value else ""
        return f"cell {self.number}{mark}"


def read_reference(assignment: Assignment, points: Mapping[str, float]) -> tuple[MarkedCell, ...]:
    """Read and check `reference/<slug>.py`.

    Args:
        assignment: Whose reference.
        points: Task name to the points of its checks.

    Raises:
        AssignmentError: If the file cannot be read, or with all problems of it at once.
    """
    cells, problems = _marked(assignment.reference)
    problems += _problems(cells, assignment, points)
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise AssignmentError(f"{assignment.reference}: {len(problems)} problem(s):\n{lines}")
    return cells


def _read_cells(path: Path) -> list[NotebookNode]:
    """Return the cells of the percent script, as jupytext reads them."""
    try:
        import jupytext
    except ImportError:
        raise AssignmentError(
            "jupytext is not installed, so no notebook can be built. Install it: pip install jupytext"
        ) from None
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise AssignmentError(
            f"{path}: the reference file is missing. Write it, or change the slug."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise AssignmentError(f"{path}: cannot be read: {error}.") from None
    cells: list[NotebookNode] = jupytext.reads(text, fmt="py:percent").cells
    return cells


def _marked(path: Path) -> tuple[tuple[MarkedCell, ...], list[str]]:
    """Return the cells with their markers, and the problems with the markers."""
    cells: list[MarkedCell] = []
    problems: list[str] = []
    for number, cell in enumerate(_read_cells(path), start=1):
        marks = {key: cell.metadata[key] for key in _MARKERS if key in cell.metadata}
        problems += _near_markers(number, cell.metadata)
        if len(marks) > 1:
            problems.append(
                f"cell {number} has the markers {' and '.join(marks)}. Give each a cell of its own."
            )
        role, value = next(iter(marks.items()), ("text", ""))
        if number == 1 and role == "text" and _is_docstring(cell.source, cell.cell_type):
            continue  # the module's docstring is for readers of the reference
        if role == "text" and not cell.source.strip():
            continue
        tags = tuple(str(tag) for tag in cell.metadata.get("tags", ()) if tag != _SCRIPT_TAG)
        cells.append(
            MarkedCell(
                role=cast(Role, role),
                value=str(value),
                kind=cell.cell_type,
                source=cell.source,
                tags=tags,
                number=number,
            )
        )
    return tuple(cells), problems


def _near_markers(number: int, metadata: Iterable[str]) -> Iterator[str]:
    """Find misspelt markers: jupytext takes any key, and the cell would become locked text."""
    for key in metadata:
        near = difflib.get_close_matches(key.lower(), _MARKERS, n=1, cutoff=0.7)
        if near and key not in (*_MARKERS, "tags", "title"):
            yield f"cell {number}: {key!r} is not a marker. Did you mean {near[0]}?"


def _is_docstring(source: str, kind: str) -> bool:
    tree = _parse(source) if kind == "code" else None
    return tree is not None and len(tree.body) == 1 and ast.get_docstring(tree) is not None


def _parse(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return None


def _problems(
    cells: tuple[MarkedCell, ...], assignment: Assignment, points: Mapping[str, float]
) -> Iterator[str]:
    tasks = [task.name for task in assignment.tasks]
    for cell in cells:
        yield from _cell_problems(cell, tasks)
    yield from _one_each(cells, "task", tasks, "the tasks of assignment.toml")
    questions = [question.id for question in assignment.questions]
    yield from _one_each(cells, "question", questions, "the questions of assignment.toml")
    for cell in cells:
        if cell.role == "check" and cell.value not in tasks:
            near = did_you_mean(cell.value, tasks)
            yield f"{cell.where}: no task of assignment.toml has this name.{near}"
        elif cell.role == "check" and cell.value not in points:
            yield f"{cell.where}: checks.py gives this task no points, so the cell cannot be graded."
    yield from _repeated_ids(cells)
    yield from _leaks(cells)


def _cell_problems(cell: MarkedCell, tasks: list[str]) -> Iterator[str]:
    wanted = "markdown" if cell.role in _TEXT_ROLES else "code"
    if cell.role != "text" and cell.kind != wanted:
        yield f"{cell.where}: is a {cell.kind} cell; a {cell.role} is a {wanted} cell."
        return
    if (cell.role != "text" or cell.value) and not _GRADE_ID.fullmatch(cell.value):
        yield f"{cell.where}: {cell.value!r} is not a valid id: use letters, digits, hyphens and underscores."
    if cell.role == "text" and cell.value.isdigit():
        yield f"{cell.where}: texts without a marker have numbers; give this one a word."
    found, problem = regions.split(cell.source)
    if problem:
        yield f"{cell.where}: {problem}."
    if _HIDDEN in cell.source and cell.role != "check":
        yield f"{cell.where}: {_HIDDEN} in a cell that is not a check: students would see them."
    if cell.role in ("text", "check"):
        if found:
            yield f"{cell.where}: {regions.BEGIN} in a cell that is not marked as a task, plot or question."
    elif cell.role == "task":
        if not found and not problem:
            yield f"{cell.where}: has no {regions.BEGIN} and {regions.END}: students would see the solution."
        yield from _function_problems(cell, tasks)
    elif cell.role == "question" and not found and not problem and ANSWER_STUB not in cell.source:
        # The text alone does not tell a question from its answer, and a guess hands out the answer.
        yield (
            f"{cell.where}: marks neither the model answer nor the place of the student's, so students would see "
            f"all of it. Put the model answer between {regions.BEGIN} and {regions.END}, or write {ANSWER_STUB} "
            "where the student's goes."
        )


def _function_problems(cell: MarkedCell, tasks: list[str]) -> Iterator[str]:
    tree = _parse(cell.source)
    if tree is None:
        yield f"{cell.where}: is not valid Python."
        return
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    if cell.value in tasks and cell.value not in defined:
        yield f"{cell.where}: does not define {cell.value}.{did_you_mean(cell.value, defined)}"
    for other in defined:
        if other != cell.value and other in tasks:
            yield f"{cell.where}: defines the task {other} too. Give each task a cell of its own."


def _one_each(cells: Iterable[MarkedCell], role: Role, wanted: list[str], source: str) -> Iterator[str]:
    counts = Counter(cell.value for cell in cells if cell.role == role)
    for name, count in counts.items():
        if name not in wanted:
            yield f'{role}="{name}": not among {source}.{did_you_mean(name, wanted)}'
        elif count > 1:
            yield f'{role}="{name}": {count} cells have this marker; leave one.'
    strange = [name for name in counts if name not in wanted]
    for name in wanted:
        if name not in counts:
            yield f'no cell is marked {role}="{name}", which is among {source}.{did_you_mean(name, strange)}'


def _repeated_ids(cells: Iterable[MarkedCell]) -> Iterator[str]:
    for role in ("check", "plot", "text"):
        counts = Counter(cell.value for cell in cells if cell.role == role and cell.value)
        for name, count in counts.items():
            if count > 1:
                yield f'{role}="{name}": {count} cells have this marker; leave one.'
    roles: dict[str, set[str]] = {}
    for cell in cells:
        if cell.role in ("task", "plot", "question"):
            roles.setdefault(cell.value, set()).add(cell.role)
    for name, used in roles.items():
        if len(used) > 1:
            yield f"{name!r} names a {' and a '.join(sorted(used))}: give each cell an id of its own."


def _leaks(cells: tuple[MarkedCell, ...]) -> Iterator[str]:
    """Find cells for students that contain a part of a solution."""
    for cell in cells:
        found, _ = regions.split(cell.source)
        if cell.role == "plot" and not found:
            found = [cell.source.splitlines()]
        for other in cells:
            if other.role == "plot" and not regions.split(other.source)[0]:
                continue
            if any(regions.leaks(region, _shown(other.source)) for region in found):
                yield f"{other.where}: contains a part of the solution of {cell.where}."


def _shown(source: str) -> str:
    inside = False
    lines = []
    for line in source.splitlines():
        if regions.BEGIN in line or regions.END in line:
            inside = regions.BEGIN in line
        elif not inside:
            lines.append(line)
    return "\n".join(lines)
