"""The mutants of one task: mutations of the reference's answers, and of its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from autograder.authoring.verify.mutation.judging import judge
from autograder.authoring.verify.mutation.local_kernel import Function, LocalKernel
from autograder.authoring.verify.mutation.mutate_outputs import output_mutations
from autograder.authoring.verify.mutation.mutate_source import mutate_source
from autograder.authoring.verify.mutation.stored_answers import MODEL_BLIND, StoredAnswers
from autograder.checks.course_context import Course
from autograder.checks.runner import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One wrong program."""

    kind: Literal["output mutant", "source mutant"]
    """What was mutated."""

    name: str
    """Its key in survivors.toml."""

    make: Callable[[], Function]
    """Makes the function anew: some remember what they were asked."""

    stored: bool = False
    """Whether it gives stored answers: it is wrong even if no question shows it."""


def output_mutants(run: Run, course: Course, task: str) -> list[Mutant]:
    """Return the mutants that change the reference's answers, or give stored ones; none if no check calls the task."""
    right = getattr(course.reference, task)
    kernel = LocalKernel(task, right)
    judge(run, course, task, kernel)
    if not kernel.calls:
        return []
    models = tuple((loaded.model, loaded.tokenizer) for loaded in course.models)
    changed = [
        _output_mutant(task, name, partial(_changed, right, change))
        for name, change in output_mutations(kernel.calls[0].answer)
    ]
    with_model = _takes_a_model(kernel, course)
    stored = [
        _output_mutant(
            task, name, partial(_stored, right, models, name), stored=with_model or name not in MODEL_BLIND
        )
        for name, _ in StoredAnswers(right, models).all()
    ]
    return changed + stored


def _takes_a_model(kernel: LocalKernel, course: Course) -> bool:
    """Return whether a function was asked about a model, of which the course has others."""
    models = {id(loaded.model) for loaded in course.models}
    given = {id(value) for call in kernel.calls for value in (*call.args, *call.kwargs.values())}
    return len(models) > 1 and not models.isdisjoint(given)


def _output_mutant(task: str, name: str, make: Callable[[], Function], *, stored: bool = False) -> Mutant:
    return Mutant(kind="output mutant", name=f"{task} gives {name}", make=make, stored=stored)


def _changed(right: Function, change: Callable[[Any], Any]) -> Function:
    return lambda *args, **kwargs: change(right(*args, **kwargs))


def _stored(right: Function, models: tuple[tuple[Any, Any], ...], name: str) -> Function:
    return dict(StoredAnswers(right, models).all())[name]


def source_mutants(course: Course, task: str, source: str) -> list[Mutant]:
    """Return the mutants that change one place of the reference's source.

    Args:
        course: The assignment.
        task: The contract's function.
        source: Of the task's cell.
    """
    return [
        Mutant(kind="source mutant", name=changed.name, make=partial(_compiled, course, task, changed.source))
        for changed in mutate_source(source)
    ]


def _compiled(course: Course, task: str, source: str) -> Function:
    names = dict(vars(course.reference.module))
    exec(compile(source, f"<{task}>", "exec"), names)
    function: Function = names[task]
    return function
