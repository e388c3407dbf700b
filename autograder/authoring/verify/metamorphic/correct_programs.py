"""Compose correct programs by a seed: notebooks whose functions are rewritten and wrapped, and must keep full marks."""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.authoring.notebook import solved_notebook
from autograder.authoring.verify.metamorphic import wrappers
from autograder.authoring.verify.metamorphic.rewriting import replace_names, rewritten
from autograder.authoring.verify.metamorphic.variant_cells import variant_cell
from autograder.checks.course_context import Course, variants_of
from autograder.checks.decorators import points_by_task
from autograder.course.notebooks import read_notebook
from autograder.diagnosis import AcceptedVariant
from autograder.errors import AssignmentError

RIGHT_PROGRAMS = "right_programs.txt"
"""The instructor's list of correct notebooks: paths from the course's folder, one a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectProgram:
    """One notebook that must get full marks."""

    name: str
    """The seed and its number under the seed."""

    notebook: NotebookNode
    """As a student hands it in."""

    changes: Mapping[str, tuple[str, ...]]
    """The names of the changes to the cell of each task."""


def correct_programs(course: Course, *, count: int, seed: int = 0) -> Iterator[CorrectProgram]:
    """Compose programs: a correct notebook, accepted variants in it, its functions rewritten and wrapped.

    The reference's solution and the instructor's notebooks take turns.

    Args:
        course: The assignment, loaded.
        count: Programs.
        seed: Draws the changes.

    Raises:
        AssignmentError: If a file of correct programs cannot be used.
    """
    solved = solved_notebook(course.assignment, points_by_task(course.checks))
    written = [read_notebook(path) for path in _listed_notebooks(course)]
    known = variants_of(course.assignment)
    for number in range(count):
        rng = random.Random(f"right {seed} {number}")
        use_written = bool(written) and number % 2 == 1
        base = written[number // 2 % len(written)] if use_written else solved
        variants = {} if use_written else _drawn_variants(known, rng)
        yield _composed(f"{seed}.{number}", base, course, variants, rng)


def _listed_notebooks(course: Course) -> list[Path]:
    path = course.assignment.verification_dir / RIGHT_PROGRAMS
    if not path.is_file():
        return []
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    found = [course.assignment.course_dir / line for line in lines if line and not line.startswith("#")]
    missing = [str(one) for one in found if not one.is_file()]
    if missing:
        raise AssignmentError(f"{path}: no such notebook: {', '.join(missing)}.")
    return found


def _drawn_variants(variants: Sequence[AcceptedVariant], rng: random.Random) -> dict[str, AcceptedVariant]:
    """Draw at most one variant a task."""
    known = list(variants)
    rng.shuffle(known)
    chosen: dict[str, AcceptedVariant] = {}
    for variant in known:
        if rng.random() < 0.5:
            chosen.setdefault(variant.task, variant)
    return chosen


def _composed(
    name: str,
    base: NotebookNode,
    course: Course,
    variants: Mapping[str, AcceptedVariant],
    rng: random.Random,
) -> CorrectProgram:
    notebook = copy.deepcopy(base)
    tasks = {task.name for task in course.assignment.tasks}
    changes: dict[str, tuple[str, ...]] = {}
    for cell in notebook.cells:
        marks = cell.get("metadata", {}).get("nbgrader", {})
        task = marks.get("grade_id", "")
        if cell.cell_type != "code" or not _is_python(cell.source):
            continue
        # Wrappers are for callers outside the notebook: its own cells call the plain functions.
        plain = {done: wrappers.plain_name(done) for done in changes}
        if task in tasks:
            cell.source, changes[task] = _changed(cell.source, task, variants.get(task), plain, rng)
        elif not marks.get("locked"):
            cell.source = replace_names(cell.source, plain)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(wrappers.PREAMBLE))
    return CorrectProgram(name=name, notebook=notebook, changes=changes)


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:  # magics
        return False
    return True


def _changed(
    source: str, task: str, variant: AcceptedVariant | None, plain: dict[str, str], rng: random.Random
) -> tuple[str, tuple[str, ...]]:
    """Return the changed cell of a task, and the names of the changes."""
    source, taken = rewritten(source, rng, rng.randint(1, 3))
    added = variant_cell(variant) if variant is not None else None
    if variant is not None and added is not None:
        source = f"{source}\n\n\n{added}"
        taken.append(f"variant {variant.id}")
    source = replace_names(source, plain)
    wrapped = _drawn_wrappers(rng)
    return f"{source}\n\n\n{wrappers.applied(task, wrapped)}", (*taken, *wrapped)


def _drawn_wrappers(rng: random.Random) -> list[str]:
    computing = [name for name in wrappers.WRAPPERS if name not in wrappers.FORMS]
    return [*rng.sample(computing, rng.randint(0, 2)), *rng.sample(wrappers.FORMS, rng.randint(0, 2))]
