"""Grade functions of the instructor's own, in this process: the reference with some of them replaced."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from autograder.checks.check_run import CheckRun, begin_checks
from autograder.checks.course_context import Course
from autograder.checks.runner import Run, with_checks
from autograder.checks.submission_proxy import LocalFunctions
from autograder.records import CheckResult


def grade_variant(
    course: Course,
    replaced: Mapping[str, Callable[..., Any]],
    *,
    student: str,
    plots: Mapping[str, list[bytes]] | None = None,
    tasks: frozenset[str] = frozenset(),
    run: Run | None = None,
) -> tuple[CheckResult, ...]:
    """Check the reference's functions with some replaced; return the results alone. Arguments as of `run_variant`."""
    return run_variant(course, replaced, student=student, plots=plots, tasks=tasks, run=run).ordered_results()


def run_variant(
    course: Course,
    replaced: Mapping[str, Callable[..., Any]],
    *,
    student: str,
    plots: Mapping[str, list[bytes]] | None = None,
    tasks: frozenset[str] = frozenset(),
    run: Run | None = None,
) -> CheckRun:
    """Check the reference's functions with some replaced by variants that the instructor wrote.

    Args:
        course: The assignment, loaded.
        replaced: Functions of the contract, by name; every other one is the reference's.
        student: Who asks: inputs depend on the name.
        plots: Images that the notebook's cells showed, by the cells' ids.
        tasks: Whose checks are run; empty: all. What checks of other tasks would have to pass is not asked then.
        run: Runs the checks, from `with_checks`; None: pytest collects them for this once.

    Returns:
        The finished run: results, what checks raised, and what diagnosis found.
    """
    functions = {one.name: getattr(course.reference, one.name) for one in course.assignment.tasks}
    functions.update(replaced)
    chosen = tuple(info for info in course.checks if not tasks or info.task in tasks)
    ids = {info.id for info in chosen}
    checks = tuple(
        dataclasses.replace(info, requires=tuple(needed for needed in info.requires if needed in ids))
        for info in chosen
    )
    started = begin_checks(course, LocalFunctions(functions, plots), student=student, checks=checks)
    if run is not None:
        run(started)
    else:
        # All are collected, whichever are run: order and visibility are known of all of them.
        with_checks(course.assignment, course.checks, lambda each: each(started))
    return started
