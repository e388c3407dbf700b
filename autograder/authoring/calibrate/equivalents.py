"""Right ways to compute in float32: what may change the last bits of an answer, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from autograder.checks.course_context import Course, variants_of
from autograder.checks.float64_reference import cast
from autograder.course.models import load
from autograder.errors import AssignmentError

AS_IT_IS = "float32, one thread"

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RightWay:
    """One way to be right."""

    name: str
    """For people."""

    functions: Mapping[str, Function]
    """By the task; those of other tasks are the reference's."""

    task: str = ""
    """The only task whose checks it is for; empty for all."""

    slow: bool = False
    """One made-up student is enough."""


def right_ways(course: Course) -> Iterator[RightWay]:
    """Yield the right ways: the reference as it is, on two threads, with each kind of attention, and all variants."""
    yield RightWay(name=AS_IT_IS, functions={})
    # Without its memory, which does not tell one way to compute from another.
    module = course.reference._module
    plain = {task.name: getattr(module, task.name) for task in course.assignment.tasks}
    if course.settings.device == "cpu":
        functions = {name: _on_threads(2, function) for name, function in plain.items()}
        yield RightWay(name="float32, two threads", functions=functions)
    for attention in ("eager", "sdpa"):
        others = _with_attention(course, attention)
        if others:
            functions = {name: _with_models(others, function) for name, function in plain.items()}
            yield RightWay(name=f"float32, {attention} attention", functions=functions)
    for variant in variants_of(course.assignment):
        kind = "accepted" if variant.remark else "equivalent"
        yield RightWay(
            name=f"{kind}: {variant.id}",
            functions={variant.task: partial(variant.run, course.reference)},
            task=variant.task,
            slow=variant.slow,
        )


def in_single(function: Function) -> Function:
    """Give a function its tensors in float32, as a submission gets them."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(
            *(cast(value, torch.float64, torch.float32) for value in args),
            **{key: cast(value, torch.float64, torch.float32) for key, value in kwargs.items()},
        )

    return call


def _on_threads(count: int, function: Function) -> Function:
    def call(*args: Any, **kwargs: Any) -> Any:
        before = torch.get_num_threads()
        torch.set_num_threads(count)
        try:
            return function(*args, **kwargs)
        finally:
            torch.set_num_threads(before)

    return call


def _with_models(others: Mapping[int, Any], function: Function) -> Function:
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*(others.get(id(value), value) for value in args), **kwargs)

    return call


def _with_attention(course: Course, attention: str) -> dict[int, Any]:
    """Return copies of the models that compute attention this way, by the models' ids; none if all do already."""
    found: dict[int, Any] = {}
    for one in course.models:
        # A model of a class that is not of transformers has no such choice.
        present = getattr(getattr(one.model, "config", None), "_attn_implementation", attention)
        if one.spec.attention or present == attention:
            continue
        try:
            spec = replace(one.spec, attention=attention)
            found[id(one.model)] = load(spec, course.assignment.student_dir, course.settings.device).model
        except AssignmentError:  # an architecture without it
            continue
    return found
