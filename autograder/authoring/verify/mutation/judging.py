"""Ask one function in the place of the reference's, and say what the checks of its task make of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from autograder.checks.check_run import CheckRun
from autograder.checks.course_context import Course
from autograder.checks.runner import Run
from autograder.checks.submission_proxy import LocalFunctions, SubmissionProxy
from autograder.checks.tolerance_context import measuring
from autograder.comparison.tensors import relative_l2
from autograder.errors import StudentCodeError, SubmissionError
from autograder.execution.wire import codec, describe_figure
from autograder.execution.wire.describe_figure import is_figure
from autograder.execution.wire.figures import FigureDescription, rebuild
from autograder.records import CheckResult

Function = Callable[..., Any]

STUDENT = "verify"
"""Who asks: as in `verify`, so that the known mistakes' answers to the same inputs are computed once."""

_PICTURE = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x03\x20\x00\x00\x02\x58"
"""The head of a PNG of 800 by 600 pixels: a function cannot change the picture of another cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the checks of a task came to."""

    score: float
    """Points up to the first check that took some."""

    max_score: float
    """Points that the task's checks give."""

    lost: tuple[str, ...]
    """The check that took points first."""

    named: str
    """The misconception that the diagnosis named; empty if none."""

    fault: str
    """Why a check itself could not be run, if one could not."""

    moved: float
    """How far the answers lie from the reference's at worst; computed only if no points were lost."""


class _Pictures(LocalFunctions):
    def plots(self, cell: str) -> list[bytes]:
        return [_PICTURE]


class Asked:
    """A function as a kernel would answer for it: it gets copies, its errors are a student's, its answers travel.

    Attributes:
        calls: Arguments and answers, in order.
    """

    def __init__(self, name: str, function: Function) -> None:
        self._name = name
        self._function = function
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any], Any]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Answer, or raise a student's error."""
        try:
            answer = self._function(*copied(args), **copied(kwargs))
            if is_figure(answer):  # drawn where it was made, so that what cannot be drawn is the student's
                answer = rebuild(describe_figure.describe(answer, picture=False))
        except Exception as error:
            raise StudentCodeError(self._name, type(error).__name__, str(error)) from None
        answer = carried(self._name, answer)
        self.calls.append((args, kwargs, answer))
        return answer


def carried(name: str, answer: Any) -> Any:
    """Return an answer as it comes out of a kernel; a figure stays one, which checks take as well.

    Raises:
        SubmissionError: If it cannot be carried.
    """
    if is_figure(answer) or isinstance(answer, FigureDescription):
        return answer
    try:
        return codec.decode(*codec.encode(answer), arrays=False)
    except codec.WireError as error:
        raise SubmissionError(f"{name}() returned {error}, which cannot be graded.") from None


def copied(value: Any) -> Any:
    """Copy tensors and nests; models and tokenizers stay the same."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, (list, tuple)):
        return type(value)(copied(item) for item in value)
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return value


def judge(run: Run, course: Course, task: str, function: Function, student: str = STUDENT) -> Verdict:
    """Run the checks of one task on a function in the reference's place.

    Args:
        run: From `with_checks`.
        course: The assignment.
        task: The contract's function that is replaced.
        function: Takes the task's arguments.
        student: Whose inputs are asked.
    """
    asked = Asked(task, function)
    whole = _grading(course, task, asked, student)
    results: list[CheckResult] = []
    with _models_kept(course):
        # As the pipeline does it, visible checks first; one that takes points decides, so that the rest is not asked.
        for info in sorted(whole.checks, key=lambda info: info.visibility == "hidden"):
            results += run(replace(whole, checks=(info,), results={}))
            if results[-1].points < results[-1].max_points or results[-1].fault:
                break
    score = sum(result.points for result in results)
    max_score = sum(info.points for info in whole.checks)
    faults = [f"{result.id} itself fails: {result.fault}" for result in results if result.fault]
    survived = not faults and score >= max_score
    return Verdict(
        score=score,
        max_score=max_score,
        lost=tuple(result.id for result in results if result.points < result.max_points),
        named=next((result.diagnosis.misconception for result in results if result.diagnosis), ""),
        fault="; ".join(faults),
        moved=_farthest(course, task, asked) if survived else 0.0,
    )


def _grading(course: Course, task: str, asked: Function, student: str) -> CheckRun:
    functions = {one.name: getattr(course.reference, one.name) for one in course.assignment.tasks}
    parts = (course.key, student, course.assignment.slug)
    return CheckRun(
        assignment=course.assignment,
        # Another task's check cannot save this one's points.
        checks=tuple(replace(info, requires=()) for info in course.checks if info.task == task),
        proxy=SubmissionProxy(_Pictures({**functions, task: asked}), parts),
        reference=course.reference,
        models=course.models,
        misconceptions=course.misconceptions,
        tolerances=course.tolerances,
        seed_parts=parts,
    )


@contextmanager
def _models_kept(course: Course) -> Iterator[None]:
    """Put models back into eval mode without hooks, as a kernel does: a wrong program may leave them otherwise."""
    try:
        yield
    finally:
        for loaded in course.models:
            if isinstance(loaded.model, torch.nn.Module):
                loaded.model.eval()


def _farthest(course: Course, task: str, asked: Asked) -> float:
    right = getattr(course.reference, task)
    return max(
        (between(answer, carried(task, right(*args, **kwargs))) for args, kwargs, answer in asked.calls),
        default=0.0,
    )


def between(actual: Any, expected: Any) -> float:
    """Return how far two answers of one function lie apart: the farthest pair of tensors or numbers in them.

    Floating-point values by the relative L2 distance of each tensor, all else exactly (inf); figures by what stands in
    them.
    """
    if all(is_figure(one) or isinstance(one, FigureDescription) for one in (actual, expected)):
        return between(_contents(actual), _contents(expected))
    if isinstance(expected, (list, tuple)) and isinstance(actual, (list, tuple)):
        if len(actual) != len(expected):
            return math.inf
        return max(map(between, actual, expected), default=0.0)
    if isinstance(expected, dict) and isinstance(actual, dict):
        if actual.keys() != expected.keys():
            return math.inf
        return max((between(actual[key], expected[key]) for key in expected), default=0.0)
    numbers = (torch.Tensor, int, float)
    if isinstance(actual, numbers) and isinstance(expected, numbers):
        got, want = torch.as_tensor(actual), torch.as_tensor(expected)
        if got.is_floating_point() != want.is_floating_point():
            return math.inf
        off = relative_l2(got, want)
        return off if want.is_floating_point() or off == 0 else math.inf
    return 0.0 if actual == expected else math.inf


def _contents(figure: Any) -> Any:
    """Return what stands in a figure, as plain data without its picture."""
    if is_figure(figure):
        figure = rebuild(describe_figure.describe(figure, picture=False))
    return _rounded([asdict(axes) for axes in figure.axes])


def _rounded(value: Any) -> Any:
    """Round the numbers of a nest: drawn twice, what stands at 0 stands at 1e-16."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return round(value, 9) if isinstance(value, float) else value


def widest_bound(run: Run, course: Course, task: str) -> float:
    """Return the largest tolerance that the checks of a task use; 0 if all is compared exactly."""
    used: set[str] = set()

    def note(distances: Mapping[str, float]) -> None:
        used.update(distances)

    with measuring(note):
        run(_grading(course, task, getattr(course.reference, task), STUDENT))
    known: Sequence[float] = [course.tolerances[key].tau for key in used if key in course.tolerances]
    return max(known, default=0.0)
