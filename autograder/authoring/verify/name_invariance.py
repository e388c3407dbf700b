"""Name invariance: inputs may depend on a student's name, the points of a program may not.

Every program whose verdict could depend on what is drawn is graded under many names: the reference, its equivalents,
known mistakes, and the programs of `verification/borderline.py`, which a human grader could call right or wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from autograder.authoring.verify.mutation.judging import checks_of_task, models_kept
from autograder.authoring.verify.mutation.local_kernel import LocalKernel
from autograder.checks.course_context import Course, variants_of
from autograder.checks.runner import Run, with_checks
from autograder.course.assignment import load_module
from autograder.diagnosis import BorderlineProgram, borderline_programs_of
from autograder.diagnosis.misconceptions import Function
from autograder.errors import AssignmentError, did_you_mean
from autograder.execution.wire import describe_figure
from autograder.execution.wire.describe_figure import is_figure
from autograder.execution.wire.figures import rebuild

BORDERLINE_FILE = "borderline.py"
"""The instructor's file with programs near the bounds."""

Kind = Literal["reference", "equivalent", "accepted variant", "misconception", "borderline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedProgram:
    """One program that is graded under many names."""

    kind: Kind
    """What it is."""

    task: str
    """The contract's function that it stands for."""

    id: str
    """Its name in the instructor's file."""

    run: Function
    """Takes the reference module, then the task's arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameInvariance:
    """What the checks of its task gave a program under many names."""

    program: NamedProgram
    """The program."""

    points: Mapping[str, Mapping[float, int]]
    """By check id: under how many names it earned how many points."""

    scores: Mapping[float, int]
    """Under how many names all checks together gave how many points."""

    max_score: float
    """What the checks of the task can give."""

    diagnoses: Mapping[str, int]
    """Under how many names which mistake was diagnosed; "": none."""

    fault: str = ""
    """Why a check itself could not be run, if one could not."""

    @property
    def name(self) -> str:
        """Which program."""
        return f"{self.program.task}: {self.program.id}"

    @property
    def varying(self) -> tuple[str, ...]:
        """Ids of the checks whose points depend on the name."""
        return tuple(check for check, found in self.points.items() if len(found) > 1)

    @property
    def reason(self) -> str:
        """What is wrong, if something is."""
        if self.fault:
            return self.fault
        return "; ".join(
            f"{check} gives "
            + ", ".join(
                f"{points:g} under {count} names" for points, count in sorted(self.points[check].items())
            )
            for check in self.varying
        )

    @property
    def good(self) -> bool:
        """Whether every check gave the same points under every name."""
        return not self.reason


def programs_of(course: Course) -> tuple[NamedProgram, ...]:
    """Return the programs of an assignment, task by task.

    Raises:
        AssignmentError: If a file of the instructor's cannot be imported, or a program is of no task.
    """
    found = [
        NamedProgram(kind="reference", task=task.name, id="reference", run=partial(_ask, task.name))
        for task in course.assignment.tasks
    ]
    for variant in variants_of(course.assignment):
        kind: Kind = "accepted variant" if variant.remark else "equivalent"
        found.append(NamedProgram(kind=kind, task=variant.task, id=variant.id, run=variant.run))
    for known in course.misconceptions:
        found.append(NamedProgram(kind="misconception", task=known.task, id=known.id, run=known.run))
    for one in _borderline(course):
        found.append(NamedProgram(kind="borderline", task=one.task, id=one.id, run=one.run))
    return tuple(found)


def _ask(task: str, reference: Any, *args: Any, **kwargs: Any) -> Any:
    return getattr(reference, task)(*args, **kwargs)


def _borderline(course: Course) -> tuple[BorderlineProgram, ...]:
    path = course.assignment.verification_dir / BORDERLINE_FILE
    if not path.is_file():
        return ()
    programs = borderline_programs_of(load_module(path, f"borderline_{course.assignment.slug}"))
    tasks = [task.name for task in course.assignment.tasks]
    for one in programs:
        if one.task not in tasks:
            near = did_you_mean(one.task, tasks)
            raise AssignmentError(f"{path}: {one.id}: {one.task!r} is no task of assignment.toml.{near}")
    return programs


def grade_under_names(course: Course, names: int, *, tasks: Sequence[str] = ()) -> Iterator[NameInvariance]:
    """Grade every program under many names.

    A program answers each question once, however many names are asked it.

    Args:
        course: The assignment, loaded.
        names: How many.
        tasks: Whose programs; empty: all.

    Yields:
        One result a program, when all of its task have been graded.

    Raises:
        AssignmentError: If a file of the instructor's cannot be used.
    """
    programs = programs_of(course)
    for task in [one.name for one in course.assignment.tasks if not tasks or one.name in tasks]:

        def body(run: Run, task: str = task) -> list[NameInvariance]:
            return [_graded(run, course, one, names) for one in programs if one.task == task]

        yield from with_checks(course.assignment, course.checks, body)


def _graded(run: Run, course: Course, program: NamedProgram, names: int) -> NameInvariance:
    kernel = LocalKernel(program.task, partial(_answer, course, program))
    points: dict[str, Counter[float]] = {}
    scores: Counter[float] = Counter()
    diagnoses: Counter[str] = Counter()
    faults: set[str] = set()
    max_score = 0.0
    for number in range(names):
        kernel.calls.clear()
        with models_kept(course):
            results = run(checks_of_task(course, program.task, kernel, f"student {number}"))
        for result in results:
            points.setdefault(result.id, Counter())[result.points] += 1
            faults |= {f"{result.id} itself fails: {result.fault}"} if result.fault else set()
        scores[sum(result.points for result in results)] += 1
        max_score = sum(result.max_points for result in results)
        diagnoses[next((one.diagnosis.misconception for one in results if one.diagnosis), "")] += 1
    return NameInvariance(
        program=program,
        points=points,
        scores=scores,
        max_score=max_score,
        diagnoses=diagnoses,
        fault="; ".join(sorted(faults)),
    )


def _answer(course: Course, program: NamedProgram, *args: Any, **kwargs: Any) -> Any:
    """Return a program's answer, computed the first time that it is asked for."""

    def compute(*asked: Any) -> Any:
        *positional, named = asked
        answer = program.run(course.reference, *positional, **named)
        # A description takes less memory than a figure, and is all that checks look at.
        return rebuild(describe_figure.describe(answer, picture=False)) if is_figure(answer) else answer

    return course.reference.memoise(f"program {program.task} {program.id}", compute, *args, kwargs)
