"""Right programs that nobody wrote by hand: rewritten solutions, graded like a student's through the whole pipeline."""

from __future__ import annotations

import ast
import copy
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.authoring.notebook import solved_notebook
from autograder.authoring.verify.metamorphic import wrappers
from autograder.authoring.verify.metamorphic.rewriting import replace_names, rewritten
from autograder.authoring.verify.metamorphic.variants import variant_cell
from autograder.authoring.verify.trial import Trial
from autograder.checks.course_context import Course, variants_of
from autograder.checks.decorators import points_by_task
from autograder.checks.runner import Run, with_checks
from autograder.course.notebooks import read_notebook
from autograder.diagnosis import AcceptedVariant
from autograder.errors import AssignmentError
from autograder.execution.zygote_client import ZygoteLink
from autograder.grading.pipeline import grade_submission
from autograder.records import GradeReport, Submission

RIGHT_PROGRAMS = "right_programs.txt"
"""In verification/: paths of right notebooks, from the course's folder, one a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One notebook that must get full marks."""

    name: str
    """Which one it is of its seed."""

    notebook: NotebookNode
    """As a student hands it in."""

    ways: Mapping[str, tuple[str, ...]]
    """What was done to the cell of each task."""


def try_right(course: Course, zygote: ZygoteLink, *, count: int, seed: int = 0) -> Iterator[Trial]:
    """Grade programs that are equivalent to right ones; each must get full marks.

    Args:
        course: The assignment, loaded.
        zygote: Where kernels come from.
        count: Programs.
        seed: Draws them.

    Yields:
        One trial a program.

    Raises:
        AssignmentError: If a file of right programs cannot be used.
    """
    programs = list(right_programs(course, count=count, seed=seed))
    with tempfile.TemporaryDirectory() as folder:

        def body(run: Run) -> list[Trial]:
            return [_graded(course, zygote, run, program, Path(folder)) for program in programs]

        yield from with_checks(course.assignment, course.checks, body)


def right_programs(course: Course, *, count: int, seed: int = 0) -> Iterator[Program]:
    """Compose programs by a seed: a right notebook, accepted variants in it, its functions rewritten and wrapped.

    Raises:
        AssignmentError: If a file of right programs cannot be used.
    """
    solved = solved_notebook(course.assignment, points_by_task(course.checks))
    written = [read_notebook(path) for path in _named_notebooks(course)]
    variants_known = variants_of(course.assignment)
    for number in range(count):
        rng = random.Random(f"right {seed} {number}")
        # The reference's own solution every second time; written ones take turns.
        use_written = bool(written) and number % 2 == 1
        base = written[number // 2 % len(written)] if use_written else solved
        variants = [] if use_written else _drawn_variants(variants_known, rng)
        yield _composed(f"{seed}.{number}", base, course, variants, rng)


def _named_notebooks(course: Course) -> list[Path]:
    path = course.assignment.verification_dir / RIGHT_PROGRAMS
    if not path.is_file():
        return []
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    found = [course.assignment.course_dir / line for line in lines if line and not line.startswith("#")]
    missing = [str(one) for one in found if not one.is_file()]
    if missing:
        raise AssignmentError(f"{path}: no such notebook: {', '.join(missing)}.")
    return found


def _drawn_variants(variants: Sequence[AcceptedVariant], rng: random.Random) -> list[AcceptedVariant]:
    known = list(variants)
    rng.shuffle(known)
    chosen: dict[str, AcceptedVariant] = {}
    for variant in known:
        if rng.random() < 0.5:
            chosen.setdefault(variant.task, variant)
    return list(chosen.values())


def _composed(
    name: str,
    base: NotebookNode,
    course: Course,
    variants: Sequence[AcceptedVariant],
    rng: random.Random,
) -> Program:
    notebook = copy.deepcopy(base)
    tasks = [task.name for task in course.assignment.tasks]
    by_task = {variant.task: variant for variant in variants}
    plain = {task: wrappers.plain_name(task) for task in tasks}
    ways: dict[str, tuple[str, ...]] = {}
    done: set[str] = set()
    for cell in notebook.cells:
        task = cell.get("metadata", {}).get("nbgrader", {}).get("grade_id", "")
        if cell.cell_type != "code" or not _is_python(cell.source):
            continue
        own = task in tasks
        if not own and cell.get("metadata", {}).get("nbgrader", {}).get("locked"):
            continue
        source: str = cell.source
        taken: list[str] = []
        if own:
            source, taken = rewritten(source, rng, rng.randint(1, 3))
            variant = by_task.get(task)
            added = variant_cell(variant) if variant is not None else None
            if added is not None:
                source = f"{source}\n\n\n{added}"
                taken.append(f"variant {by_task[task].id}")
        # What stands around a function is for who calls it from outside; a student's own cells know its form.
        source = replace_names(source, {key: value for key, value in plain.items() if key in done})
        if own:
            chosen = _drawn_wrappers(rng)
            source = f"{source}\n\n\n{wrappers.applied(task, chosen)}"
            ways[task] = (*taken, *chosen)
            done.add(task)
        cell.source = source
    notebook.cells.insert(0, nbformat.v4.new_code_cell(wrappers.PREAMBLE))
    return Program(name=name, notebook=notebook, ways=ways)


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:  # magics
        return False
    return True


def _drawn_wrappers(rng: random.Random) -> list[str]:
    computing = [name for name in wrappers.WRAPPERS if name not in wrappers.FORMS]
    return [*rng.sample(computing, rng.randint(0, 2)), *rng.sample(wrappers.FORMS, rng.randint(0, 2))]


def _graded(course: Course, zygote: ZygoteLink, run: Run, program: Program, folder: Path) -> Trial:
    path = folder / f"{program.name}.ipynb"
    nbformat.write(program.notebook, path)
    submission = Submission(student=f"right program {program.name}", path=path, origin="made by the harness")
    report = grade_submission(submission, course, zygote, run).report
    lost = tuple(check.id for check in report.checks if check.points < check.max_points)
    problems = _problems(report, program)
    return Trial(
        kind="right program",
        name=program.name,
        task="",
        good=not problems,
        score=report.score,
        max_score=report.max_score,
        lost=lost,
        named=next((check.diagnosis.misconception for check in report.checks if check.diagnosis), ""),
        survivor=False,
        moved=0.0,
        reason="; ".join(problems),
    )


def _problems(report: GradeReport, program: Program) -> list[str]:
    problems = [report.problem] if report.problem else []
    problems += [f"it needs review: {fault}" for fault in report.needs_review]
    for check in report.checks:
        if check.points < check.max_points or (check.outcome != "passed" and not check.max_points):
            ways = ", ".join(program.ways.get(check.task, ())) or "unchanged"
            problems.append(
                f"{check.id} {check.outcome} ({ways}): {(check.detail or check.feedback).strip()}"
            )
    problems += [f"its cell {failure.cell} failed: {failure.message}" for failure in report.failures]
    return problems
