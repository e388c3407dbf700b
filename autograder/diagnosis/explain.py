"""Explain a wrong answer: one known mistake, all over or in some items, a transform, two mistakes, or where it differs.

The simpler explanation goes first, and a kind of explanation is tried only where no simpler one reproduces the answer.
Nothing is named unless it gives the student's tensor within the check's bound, gives what the student gave where the
check found nothing wrong, and no other explanation of its kind does as well. An error that the student's tensor alone
causes is an `UnusableAnswerError`; one of the reference stays what it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from autograder.comparison.blame import judged
from autograder.comparison.tensors import distance
from autograder.diagnosis.composition import composed, following, names_used, pairs
from autograder.diagnosis.localise import where_it_differs
from autograder.diagnosis.misconceptions import Function, Misconception
from autograder.diagnosis.naming import Match, named
from autograder.diagnosis.partly import and_in_one_item, made_in_some_items, one_value_differs, tensor_of
from autograder.diagnosis.query import Explanation, Question, Subject, same_arguments
from autograder.diagnosis.transforms import LEAST_VALUES, Transformed, transforms_to
from autograder.records import Diagnosis


def diagnose(
    candidates: Iterable[Misconception],
    reference: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    nearness: Callable[[Any], float],
    tau: float,
) -> Diagnosis | None:
    """Name the mistake whose result is the student's, if exactly one is; see `explain`, of which it is the first step.

    Args:
        candidates: The misconceptions of the task.
        reference: The reference module, passed to each.
        args: Positional arguments of the call that went wrong.
        kwargs: Keyword arguments of it.
        nearness: From a mistake's result to its distance from the student's.
        tau: The check's bound: a mistake is named only within it.

    Returns:
        The diagnosis; None if no mistake, or more than one, lies within the bound.
    """
    question = Question(task="", reference=reference, args=args, kwargs=kwargs, nearness=nearness, tau=tau)
    return named(_singles(candidates, question)).diagnosis


def explain(
    candidates: Sequence[Misconception],
    question: Question,
    *,
    part: Question | None = None,
    mistaken: Mapping[str, Misconception] | None = None,
    general: Sequence[Misconception] = (),
) -> Explanation:
    """Say what explains a wrong answer.

    Args:
        candidates: The misconceptions of the task.
        question: The call that went wrong.
        part: A part of it that shows most mistakes for less computation.
        mistaken: Mistakes named before in other functions of the same student, by the function.
        general: Mistakes of any function, of which the first that fits is named where none of the candidates does.

    Returns:
        The explanation; its diagnosis is None where nothing, or more than one thing, reproduces the answer.
    """
    asked = question if part is None or part.is_right else _confirmed_by(question, part)
    # A part may be the same call, within a narrower bound.
    is_whole = asked is question or same_arguments(asked.args, question.args)
    shown = [one for one in candidates if is_whole or not one.needs_whole]
    near = _singles(shown, asked)
    if asked is not question and is_whole:
        near = near or made_in_some_items(shown, asked)
    if asked is not question and not near:
        near = _singles([one for one in candidates if one.needs_whole], question)
    if near and one_value_differs(question):
        near = and_in_one_item(near, candidates, question)
    found = near or _first(general, question) or _following(asked, mistaken or {})
    found = found or made_in_some_items(_likely(shown, asked, question), question)
    if found:
        return _or_located(named(found), question)
    transform = _transform(question)
    # Two mistakes in which nothing is fitted say more than a fitted factor.
    found = [] if transform is None or not transform.fitted else _pairs(candidates, asked, mistaken or {})
    if len({one.ids for one in found}) == 1:
        return named(found)
    if transform is not None:
        return Explanation(
            diagnosis=Diagnosis(
                misconception=transform.id,
                title=transform.title,
                hint=transform.hint,
                distance=transform.distance,
            ),
            detail=transform.detail,
        )
    found = _pairs(candidates, asked, mistaken or {}) or _with_transform(candidates, asked)
    if asked is not question and any(one.transform for one in found):
        found = _with_transform([one.known[0] for one in found], question)
    return _or_located(named(found), question)


def _first(general: Sequence[Misconception], question: Question) -> list[Match]:
    """Return the first general mistake that explains an answer of several different values."""
    subject = question.subject
    if subject is not None and len(torch.unique(subject.expected)) < LEAST_VALUES:
        return []
    found = (_singles([one], question) for one in general)
    return next((one for one in found if one), [])


def _confirmed_by(question: Question, part: Question) -> Question:
    """Return the part, of which an explanation counts only if it explains the whole, too."""

    def consistent(run: Function) -> bool:
        return _nearness(run, question) <= question.tau and question.consistent(run)

    return replace(part, consistent=consistent)


def _likely(candidates: Sequence[Misconception], asked: Question, question: Question) -> list[Misconception]:
    """Return the mistakes that explain some items of a part, to be tried on the whole; all where it is the whole."""
    if asked is question:
        return list(candidates)
    anywhere = replace(asked, consistent=lambda run: True)
    return [
        one.known[0] for one in _singles(candidates, anywhere) or made_in_some_items(candidates, anywhere)
    ]


def _nearness(run: Function, question: Question) -> float:
    try:
        return question.nearness(run(question.reference, *question.args, **question.kwargs))
    except Exception:
        # A variant that cannot be run on these arguments (a mean over no items, say) explains nothing here.
        return math.inf


def _single_nearness(known: Misconception, question: Question) -> float:
    """As `_nearness`; an assertion that fails inside the reference or a library is an error of ours.

    Raises:
        AssertionError: If one fails outside the misconception's own code.
    """
    try:
        return question.nearness(known.run(question.reference, *question.args, **question.kwargs))
    except AssertionError as error:
        if not _raised_by(error, known.program):
            raise
    except Exception:
        # A variant that cannot be run on these arguments (a mean over no items, say) explains nothing here.
        pass
    return math.inf


def _raised_by(error: BaseException, function: Function) -> bool:
    """Return whether the innermost frame of an exception's traceback is in the function's module, or in its step's."""
    written = [function]
    while isinstance(written[-1], partial):
        written += [*filter(callable, written[-1].args), written[-1].func]
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    modules = [getattr(one, "__globals__", None) for one in written]
    return trace is not None and any(trace.tb_frame.f_globals is one for one in modules)


def _singles(candidates: Iterable[Misconception], question: Question) -> list[Match]:
    distances = ((one, _single_nearness(one, question)) for one in candidates)
    return _consistent(
        [(one.run, Match((one,), off)) for one, off in distances if off <= question.tau], question
    )


def _consistent(found: list[tuple[Function, Match]], question: Question) -> list[Match]:
    return [one for run, one in found if question.consistent(run)]


def _following(question: Question, mistaken: Mapping[str, Misconception]) -> list[Match]:
    """Try the right function on the student's own wrong ones."""
    found = []
    for task, known in _feeding(question, mistaken).items():
        run = following(question.task, {task: known})
        off = _nearness(run, question)
        if off <= question.tau:
            prefix = f"This follows from {task}, which this function calls: "
            found.append((run, Match((known,), off, prefix)))
    return _consistent(found, question)


def _feeding(question: Question, mistaken: Mapping[str, Misconception]) -> dict[str, Misconception]:
    """Return the mistakes in functions that the asked one calls."""
    module = getattr(question.reference, "module", question.reference)
    used = names_used(getattr(module, question.task, None)) if mistaken else set()
    return {task: known for task, known in mistaken.items() if task in used and task != question.task}


def _pairs(
    candidates: Sequence[Misconception], question: Question, mistaken: Mapping[str, Misconception]
) -> list[Match]:
    """Try two mistakes at once: of this function, or of this one and one that it calls."""
    module = getattr(question.reference, "module", question.reference)
    fed = [
        (outer, {task: known})
        for task, known in mistaken.items()
        for outer in candidates
        if task in outer.calls or any(task in names_used(getattr(module, name, None)) for name in outer.calls)
    ]
    # What the student is known to do elsewhere goes before what it could be as well.
    return _composed_of(fed, question) or _composed_of(
        [(outer, {outer.task: inner}) for outer, inner in pairs(candidates)], question
    )


def _composed_of(
    tried: Iterable[tuple[Misconception, Mapping[str, Misconception]]], question: Question
) -> list[Match]:
    found = []
    for outer, inner in tried:
        run = composed(outer, inner)
        off = _nearness(run, question)
        if off <= question.tau:
            found.append((run, Match((outer, *inner.values()), off)))
    return _consistent(found, question)


def _transform(question: Question) -> Transformed | None:
    subject = question.subject
    if subject is None:
        return None
    return _brought(subject, subject.expected, question)


def _brought(subject: Subject, origin: Tensor, question: Question) -> Transformed | None:
    def between(actual: Tensor, candidate: Tensor) -> float:
        # Slices along the items' axis stand for items only in tensors of the expected shape.
        whole = candidate.dim() == subject.expected.dim()
        return distance(actual, candidate, subject.metric, subject.items if whole else None)

    axes = subject.axes if len(subject.axes) == origin.dim() else ()
    sizes = {
        **{f"number of {name}s": size for name, size in zip(axes, origin.shape, strict=False)},
        **question.sizes,
    }
    if subject.metric == "exact":
        return None

    def transform(answer: Tensor) -> Transformed | None:
        return transforms_to(
            answer, origin, between, min(question.tau, subject.noise), axes=axes, sizes=sizes
        )

    return judged(transform, subject.actual, subject.expected)


def _with_transform(candidates: Sequence[Misconception], question: Question) -> list[Match]:
    """Try each mistake with a transform after it."""
    subject = question.subject
    if subject is None:
        return []
    found: list[tuple[Function, Match]] = []
    for known in candidates:
        tensor = tensor_of(known, subject, question)
        transform = None if tensor is None else _brought(subject, tensor, question)
        # A step that loses information brings other mistakes to one tensor, too.
        if transform is not None and transform.invertible:
            found.append((known.run, Match((known,), transform.distance, transform=transform)))
    return [one for _, one in found]


def _or_located(found: Explanation, question: Question) -> Explanation:
    """Say where the answer differs, if nothing is named."""
    subject = question.subject
    if subject is None or found.diagnosis is not None:
        return found

    def located(answer: Tensor) -> tuple[str, str]:
        return where_it_differs(answer, subject.expected, question.tau, subject.axes, question.special)

    said, detail = judged(located, subject.actual, subject.expected)
    return replace(found, said=said, detail="\n".join(part for part in (found.detail, detail) if part))
