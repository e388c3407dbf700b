"""Mistakes that were made in some items of an answer, the others being right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from torch import Tensor

from autograder.comparison.blame import judged
from autograder.comparison.tensors import as_tensor
from autograder.diagnosis.itemwise import Mixed, mixed
from autograder.diagnosis.misconceptions import Function, Misconception
from autograder.diagnosis.naming import Match
from autograder.diagnosis.query import Question, Subject


def one_value_differs(question: Question) -> bool:
    """Return whether the answer differs from the right one in one value of several only."""
    subject = question.subject
    if subject is None or subject.actual.shape != subject.expected.shape or subject.expected.numel() < 2:
        return False
    got, want = subject.actual.double(), subject.expected.double()
    scale = 1.0 if subject.metric != "relative_l2" else float(want.square().mean().sqrt())
    return int(((got - want).abs() > question.tau * scale).sum()) == 1


def and_in_one_item(
    found: list[Match], candidates: Iterable[Misconception], question: Question
) -> list[Match]:
    """Add the mistakes that, made in one item alone, give that value as well."""
    ids = {known.id for one in found for known in one.known}
    return found + made_in_some_items([one for one in candidates if one.id not in ids], question, least=1)


def made_in_some_items(
    candidates: Iterable[Misconception], question: Question, least: int | None = None
) -> list[Match]:
    """Try each mistake in some items, the others being right."""
    subject = question.subject
    found: list[Match] = []
    if subject is None:
        return []
    for known in candidates:
        tensor = tensor_of(known, subject, question)
        if tensor is None or tensor.is_floating_point() != subject.actual.is_floating_point():
            continue

        def places(answer: Tensor, given: Tensor = tensor) -> Mixed | None:
            return mixed(
                answer,
                subject.expected,
                given,
                axes=subject.axes,
                metric=subject.metric,
                tau=question.tau,
                least=least,
            )

        one = judged(places, subject.actual, subject.expected)
        if one is not None and any(map(question.consistent, _in_places(known, one, question.task))):
            found.append(Match((known,), one.distance, where=f" This holds {one.where}."))
    return found


def _in_places(known: Misconception, where: Mixed, task: str) -> Iterator[Function]:
    """Yield a mistake, and the mistake in these places alone: in all that may be wrong, and in all that must be."""

    def run(keep: Sequence[bool], reference: Any, *args: Any, **kwargs: Any) -> Any:
        right = getattr(reference, task)(*args, **kwargs)
        return where.joined(right, known.run(reference, *args, **kwargs), keep)

    yield known.run
    yield partial(run, where.right)
    yield partial(run, [not wrong for wrong in where.wrong])


def tensor_of(known: Misconception, subject: Subject, question: Question) -> Tensor | None:
    """Return what a mistake gives in place of the wrong tensor; None where it gives nothing."""
    try:
        result = known.run(question.reference, *question.args, **question.kwargs)
        return as_tensor(subject.select(result))
    except Exception:  # a mistake need not answer every question
        return None
