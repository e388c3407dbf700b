"""How long marking takes, from the times of the decisions."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby, pairwise

from autograder.marking.actions import Marking
from autograder.marking.progress import progress
from autograder.marking.records import Decision
from autograder.records import MarkingEffort

LONGEST_S = 600.0
"""A longer time between two decisions of one person is a break."""

TOGETHER_S = 1.0
"""Decisions on several answers within this time were made at once, for a group or by an import."""


def efforts(marking: Marking) -> tuple[MarkingEffort, ...]:
    """Return what marking each question took until now; empty before anything is decided.

    Args:
        marking: The assignment's.
    """
    with marking.lock:
        decisions = [one for one in marking.state.history() if one.kind == "mark"]
        if not decisions:
            return ()
        times: dict[str, list[float]] = {}
        for name in {one.by for one in decisions}:
            for question, seconds in _times([one for one in decisions if one.by == name]):
                times.setdefault(question, []).append(seconds)
        return tuple(
            MarkingEffort(
                question=question.id,
                title=question.title,
                by=progress(marking, question.id).by,
                seconds=statistics.median(times[question.id]) if question.id in times else None,
                measured=len(times.get(question.id, ())),
            )
            for question in marking.assignment.questions
        )


def _times(decisions: list[Decision]) -> Iterator[tuple[str, float]]:
    """Yield the question and the time of each answer of one person; a group's time is shared among its answers."""
    ordered = sorted(((datetime.fromisoformat(one.at), one) for one in decisions), key=lambda pair: pair[0])
    batches: list[tuple[datetime, list[Decision]]] = []
    for at, one in ordered:
        if batches and (at - batches[-1][0]).total_seconds() < TOGETHER_S:
            batches[-1][1].append(one)
        else:
            batches.append((at, [one]))
    for (before, _), (at, batch) in pairwise(batches):
        seconds = (at - before).total_seconds()
        if seconds <= LONGEST_S:
            for question, group in groupby(batch, key=lambda one: one.target):
                yield from ((question, seconds / len(batch)) for _ in group)
