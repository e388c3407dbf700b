"""Programs whose diagnosis is known: one known mistake, all over or in part, two at once, an unknown one, none."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor

from autograder.checks.comparing import LEAST_NOISE
from autograder.checks.course_context import Course, variants_of
from autograder.checks.diagnosing import remembered
from autograder.comparison.tensors import as_tensor, relative_l2
from autograder.diagnosis import AcceptedVariant, Misconception
from autograder.diagnosis.composition import DidNotComposeError, composed, following, names_used, pairs

Kind = Literal["single", "partly", "pair", "two functions", "unknown", "correct"]

KINDS: Mapping[Kind, str] = {
    "single": "one known mistake",
    "partly": "one known mistake, with the last entry of each tensor's first axis right",
    "pair": "two mistakes in one function",
    "two functions": "two mistakes, one in a function that the other calls",
    "unknown": "an unknown mistake (left out of the known ones)",
    "correct": "a correct program",
}
"""What each kind is, in words."""

PAIRS_A_TASK = 10
"""Pairs of mistakes drawn for each task, and for each task that calls another."""

Function = Callable[..., Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisCase:
    """A program to diagnose."""

    kind: Kind
    """What it is."""

    tasks: tuple[str, ...]
    """Whose functions are replaced, the last one by what is diagnosed."""

    made: tuple[str, ...]
    """Ids of the mistakes that it makes, or of the correct program."""

    functions: Mapping[str, Function]
    """By task."""

    course: Course
    """With the known mistakes."""


def diagnosis_cases(course: Course, kinds: Sequence[Kind]) -> Iterator[DiagnosisCase]:
    """Yield programs to diagnose.

    Args:
        course: The assignment with its models, loaded.
        kinds: What is yielded.
    """
    rng = random.Random(0)
    known = [remembered(one, course.reference) for one in course.misconceptions]
    by_task: dict[str, list[Misconception]] = {}
    for one in known:
        by_task.setdefault(one.task, []).append(one)
    for one in known:
        if "single" in kinds:
            yield _single(course, "single", one)
        if "partly" in kinds:
            yield _single(course, "partly", dataclasses.replace(one, run=partial(_right_at_the_end, one)))
        if "unknown" in kinds:
            others = tuple(other for other in course.misconceptions if other.id != one.id)
            yield _single(dataclasses.replace(course, misconceptions=others), "unknown", one)
    if "correct" in kinds:
        for variant in variants_of(course.assignment):
            yield _single(course, "correct", variant)
    if "pair" in kinds:
        for task, mine in by_task.items():
            for outer, inner in _drawn(rng, list(pairs(mine)), PAIRS_A_TASK):
                both = {task: partial(composed(outer, {task: inner}), course.reference)}
                made = (outer.id, inner.id)
                yield DiagnosisCase(kind="pair", tasks=(task,), made=made, functions=both, course=course)
    if "two functions" in kinds:
        for task, mine in by_task.items():
            feeds = names_used(getattr(course.reference.module, task)) & set(by_task) - {task}
            tried = [
                (outer, inner) for feed in sorted(feeds) for outer in (None, *mine) for inner in by_task[feed]
            ]
            for first, second in _drawn(rng, tried, PAIRS_A_TASK):
                yield _two_functions(course, task, first, second)


def _drawn(rng: random.Random, tried: list[T], count: int) -> list[T]:
    return rng.sample(tried, min(count, len(tried)))


def _single(course: Course, kind: Kind, program: Misconception | AcceptedVariant) -> DiagnosisCase:
    """Return a case of one function."""
    functions = {program.task: partial(program.run, course.reference)}
    return DiagnosisCase(
        kind=kind, tasks=(program.task,), made=(program.id,), functions=functions, course=course
    )


def _right_at_the_end(known: Misconception, reference: Any, *args: Any, **kwargs: Any) -> Any:
    """Return what a mistake gives, with the last entry of each tensor's first axis as it should be.

    Raises:
        DidNotComposeError: If the mistake gives no tensor of that shape.
    """
    right = getattr(reference, known.task)(*args, **kwargs)
    wrong = known.run(reference, *args, **kwargs)
    mixed = _mixed(wrong, right)
    if mixed is None:
        raise DidNotComposeError(f"{known.id} gives no tensor of the expected shape")
    return mixed


def _mixed(wrong: Any, right: Any) -> Any:
    if isinstance(wrong, Tensor) and isinstance(right, Tensor) and wrong.shape == right.shape and wrong.dim():
        return torch.cat([wrong[:-1], right[-1:].to(wrong.dtype)])
    if isinstance(wrong, tuple) and isinstance(right, tuple) and len(wrong) == len(right):
        parts = [_mixed(*both) for both in zip(wrong, right, strict=True)]
        return None if any(part is None for part in parts) else tuple(parts)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """A call of a program, and its answer."""

    args: Sequence[Any]
    """Of the call."""

    kwargs: Mapping[str, Any]
    """Of the call."""

    returned: bool
    """Whether there was an answer, or an exception."""

    answer: Any
    """None where there was an exception."""


def recording(function: Function, calls: list[RecordedCall]) -> Function:
    """Return a function that appends each call of it to a list."""

    def record(*args: Any, **kwargs: Any) -> Any:
        try:
            answer = function(*args, **kwargs)
        except Exception:
            calls.append(RecordedCall(args=args, kwargs=kwargs, returned=False, answer=None))
            raise
        calls.append(RecordedCall(args=args, kwargs=kwargs, returned=True, answer=answer))
        return answer

    return record


def equal_mistakes(case: DiagnosisCase, calls: Sequence[RecordedCall]) -> Iterator[set[str]]:
    """Yield the sets of known mistakes of which a program gives what another one gave in every call.

    Args:
        case: The other one, of one function: a mistake in part, or a pair.
        calls: What it was asked.
    """
    known = [
        remembered(one, case.course.reference)
        for one in case.course.misconceptions
        if one.task == case.tasks[-1]
    ]
    programs: list[tuple[set[str], Function]] = [({one.id}, one.run) for one in known]
    if case.kind == "partly":
        programs += [({one.id}, partial(_right_at_the_end, one)) for one in known]
    else:
        programs += [
            ({outer.id, inner.id}, composed(outer, {inner.task: inner})) for outer, inner in pairs(known)
        ]
    for made, run in programs:
        if all(_answers_alike(run, case.course.reference, call) for call in calls):
            yield made


def _answers_alike(run: Function, reference: Any, call: RecordedCall) -> bool:
    try:
        return _alike(run(reference, *call.args, **call.kwargs), call.answer) and call.returned
    except Exception:  # it cannot be run on these arguments, as in diagnosis
        return not call.returned


def _alike(one: Any, other: Any) -> bool:
    """Return whether two answers are equal up to round-off."""
    first, second = as_tensor(one), as_tensor(other)
    if first is not None and second is not None:
        has_fractions = first.is_floating_point() or second.is_floating_point()
        return relative_l2(first, second) <= LEAST_NOISE if has_fractions else torch.equal(first, second)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, (tuple, list)) and isinstance(other, (tuple, list)):
        return len(one) == len(other) and all(map(_alike, one, other))
    return bool(one == other)


def _two_functions(
    course: Course, task: str, outer: Misconception | None, inner: Misconception
) -> DiagnosisCase:
    """Return the program of someone who makes one mistake in a function, and another in one that calls it."""
    feed = {inner.task: inner}
    program = following(task, feed) if outer is None else composed(outer, feed)
    functions = {
        inner.task: partial(inner.run, course.reference),
        task: partial(program, course.reference),
    }
    made = (inner.id,) if outer is None else (outer.id, inner.id)
    return DiagnosisCase(
        kind="two functions", tasks=(inner.task, task), made=made, functions=functions, course=course
    )
