"""Mutants of two functions at once: zeros in a later one, and an earlier one that makes zeros look right.

A check may accept what a later function makes of the student's own earlier result. That must earn nothing for zeros,
whatever the earlier function answers, and whoever asks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch

from autograder.authoring.verify.mutation.judging import STUDENT, PicturedFunctions, models_kept
from autograder.authoring.verify.mutation.local_kernel import Function, LocalKernel
from autograder.authoring.verify.program_result import ProgramResult
from autograder.checks.check_run import CheckRun, begin_checks
from autograder.checks.course_context import Course
from autograder.checks.runner import Run

EARLIER = "zeros"
"""Of the earlier function, whoever asks."""

CALLER = "zeros to all checks but its own"
"""Of the earlier function: right where it is graded."""


def run_own_result_mutants(run: Run, course: Course, task: str) -> Iterator[ProgramResult]:
    """Run the mutants of one later function with each earlier one that its checks ask for.

    Args:
        run: From `with_checks`.
        course: The assignment, loaded.
        task: The later function.

    Yields:
        Two results for each earlier function; good where the earlier function's answers earn nothing more.
    """
    for earlier in sorted(_asked_by(run, course, task)):
        alone, most = _score(run, course, task, earlier, "")
        for answers in (EARLIER, CALLER):
            score, _ = _score(run, course, task, earlier, answers)
            good = score <= alone
            yield ProgramResult(
                kind="output mutant",
                name=f"{task} gives zeros, {earlier} gives {answers}",
                task=task,
                good=good,
                score=score,
                max_score=most,
                survivor=not good,
                reason="" if good else f"It earns {score:g} points, and {alone:g} with the right {earlier}.",
            )


def _asked_by(run: Run, course: Course, task: str) -> set[str]:
    """Return the other functions that a task's checks ask for."""
    asked: set[str] = set()

    def noting(name: str, function: Function) -> Function:
        def answer(*args: Any, **kwargs: Any) -> Any:
            asked.add(name)
            return function(*args, **kwargs)

        return answer

    tasks = {one.name: getattr(course.reference, one.name) for one in course.assignment.tasks}
    check_run = _check_run(course, {task}, {name: noting(name, function) for name, function in tasks.items()})
    with models_kept(course):
        run(check_run)
    return (asked | check_run.proxy.built_on) - {task}


def _score(run: Run, course: Course, task: str, earlier: str, answers: str) -> tuple[float, float]:
    """Return the points of a task for zeros, and what it could get."""
    right = getattr(course.reference, earlier)
    own_checks = {info.id for info in course.checks if info.task == earlier}

    def answer(*args: Any, **kwargs: Any) -> Any:
        found = right(*args, **kwargs)
        kept = not answers or (answers == CALLER and check_run.proxy.check in own_checks)
        return found if kept else _zeros(found)

    later = getattr(course.reference, task)
    functions = {one.name: getattr(course.reference, one.name) for one in course.assignment.tasks}
    functions[earlier] = LocalKernel(earlier, answer)
    functions[task] = LocalKernel(task, lambda *args, **kwargs: _zeros(later(*args, **kwargs)))
    check_run = _check_run(course, {task, earlier}, functions)
    with models_kept(course):
        results = [result for result in run(check_run) if result.task == task]
    return sum(result.points for result in results), sum(result.max_points for result in results)


def _check_run(course: Course, tasks: set[str], functions: Mapping[str, Callable[..., Any]]) -> CheckRun:
    checks = [replace(info, requires=()) for info in course.checks if info.task in tasks]
    return begin_checks(course, PicturedFunctions(functions), student=STUDENT, checks=checks)


def _zeros(value: Any) -> Any:
    """Return an answer of the same form, all numbers of which are 0."""
    if isinstance(value, torch.Tensor):
        return torch.zeros_like(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return type(value)(0)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(_zeros, value))
    if isinstance(value, (list, tuple)):
        return type(value)(_zeros(item) for item in value)
    if isinstance(value, dict):
        return {key: _zeros(item) for key, item in value.items()}
    return value
