"""The decorators of checks.py, and what they say about a check."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import pytest

from autograder.course.assignment import load_module
from autograder.course.models import use_student_dir
from autograder.errors import AssignmentError, did_you_mean
from autograder.records import Assignment, Visibility


def points(number: float) -> pytest.MarkDecorator:
    """Give a check its points."""
    return pytest.mark.points(number)


def visibility(kind: Literal["visible", "hidden"]) -> pytest.MarkDecorator:
    """Say whether the student sees what was found. Without this mark a check is hidden."""
    return pytest.mark.visibility(kind)


def requires(*checks: str | Callable[..., Any]) -> pytest.MarkDecorator:
    """Run a check only if others passed; a check not run earns nothing."""
    return pytest.mark.requires(*(check if isinstance(check, str) else check.__name__ for check in checks))


def grades(task: str) -> pytest.MarkDecorator:
    """Name the contract's function that a check grades."""
    return pytest.mark.grades(task)


def hint(text: str) -> pytest.MarkDecorator:
    """Say what the student reads if no known mistake explains the answer."""
    return pytest.mark.hint(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInfo:
    """What the decorators say about one check."""

    id: str
    """The function's name."""

    task: str
    """The contract's function that it grades."""

    title: str
    """First paragraph of the docstring."""

    points: float
    """What it gives."""

    visibility: Visibility
    """visible or hidden."""

    requires: tuple[str, ...]
    """Ids of the checks that must have passed."""

    hint: str
    """For the student."""


def describe(function: Callable[..., Any]) -> CheckInfo:
    """Read the decorators and the docstring of one check.

    Raises:
        AssignmentError: With all that is wrong about them.
    """
    marks: dict[str, Sequence[Any]] = {}
    # Decorators stack bottom up; the one nearest to the function wins, as pytest has it.
    for mark in getattr(function, "pytestmark", []):
        marks.setdefault(mark.name, mark.args)
    title = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
    value = marks.get("points", (None,))[0]
    kind = marks.get("visibility", ("hidden",))[0]
    task = marks.get("grades", ("",))[0]
    problems = []
    if not title:
        problems.append("has no docstring: it is the title that the student reads")
    if not isinstance(value, (int, float)) or isinstance(value, bool) or value < 0:
        problems.append("has no @points(n) with a number from 0")
    if kind not in ("visible", "hidden"):
        problems.append(f"@visibility is {kind!r}: write visible or hidden")
    if not task:
        problems.append("has no @grades(task)")
    if problems:
        raise AssignmentError(f"{function.__name__} {'; '.join(problems)}.")
    return CheckInfo(
        id=function.__name__,
        task=task,
        title=title,
        points=float(value or 0),
        visibility=kind,
        requires=tuple(marks.get("requires", ())),
        hint=marks.get("hint", ("",))[0],
    )


def check_functions(module: ModuleType) -> list[Callable[..., Any]]:
    """Return the module's own test functions in the order of their definition."""
    return [
        value
        for name, value in vars(module).items()
        if name.startswith("test") and inspect.isfunction(value) and value.__module__ == module.__name__
    ]


def collect(assignment: Assignment) -> tuple[CheckInfo, ...]:
    """Read all checks of an assignment without running them.

    Raises:
        AssignmentError: With every problem at once: marks, unknown tasks, order of `requires`, points.
    """
    path = assignment.folder / "checks.py"
    use_student_dir(assignment.student_dir)
    module = load_module(path, f"checks_{assignment.slug}")
    found: list[CheckInfo] = []
    problems: list[str] = []
    tasks = [task.name for task in assignment.tasks]
    for function in check_functions(module):
        try:
            info = describe(function)
        except AssignmentError as error:
            problems.append(str(error))
            continue
        if info.task not in tasks:
            problems.append(
                f"{info.id}: @grades({info.task!r}) names no task of assignment.toml."
                f"{did_you_mean(info.task, tasks)}"
            )
        earlier = {check.id for check in found}
        problems += [
            f"{info.id}: @requires({needed!r}) names no check above it.{did_you_mean(needed, earlier)}"
            for needed in info.requires
            if needed not in earlier
        ]
        found.append(info)
    ungraded = [task for task in tasks if not any(check.task == task for check in found)]
    problems += [f"no check grades the task {task!r}." for task in ungraded]
    total = sum(check.points for check in found)
    if not problems and abs(total - assignment.points) > 1e-9:
        problems.append(
            f"points is {assignment.points:g} in assignment.toml, but the checks sum to {total:g}.\n"
            "    Change points, or the @points in checks.py."
        )
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise AssignmentError(f"{path}: {len(problems)} problem(s):\n{lines}")
    return tuple(found)


def points_by_task(checks: Sequence[CheckInfo]) -> dict[str, float]:
    """Sum the points of the checks of each task."""
    sums: dict[str, float] = {}
    for check in checks:
        sums[check.task] = sums.get(check.task, 0.0) + check.points
    return sums


def is_late(check: str, checks: Mapping[str, CheckInfo]) -> bool:
    """Tell whether a check is run after hidden ones: it is hidden itself, or needs one that is.

    What a function answers in an early check may be shown to the student, since it cannot have seen a hidden input.
    """
    info = checks[check]
    return info.visibility == "hidden" or any(is_late(other, checks) for other in info.requires)
