"""Run a task's checks on a function in place of the reference's, and measure how far its answers are off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from autograder.authoring.verify.mutation.answer_distance import answer_distance
from autograder.authoring.verify.mutation.local_kernel import Function, LocalKernel, transferred
from autograder.checks.check_run import CheckRun, begin_checks
from autograder.checks.course_context import Course
from autograder.checks.runner import Run
from autograder.checks.submission_proxy import LocalFunctions
from autograder.checks.tolerance_context import measuring
from autograder.records import CheckResult

STUDENT = "verify"
"""Whose inputs are asked: those of the gate, so that the answers of known mistakes to them are computed once."""

_PICTURE = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x03\x20\x00\x00\x02\x58"
"""The head of a PNG of 800 by 600 pixels: a function cannot change the picture of another cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the checks of a task gave a function."""

    score: float
    """Points up to the first check that took some."""

    max_score: float
    """Points that the task's checks give."""

    lost: tuple[str, ...] = ()
    """The first check that took points."""

    diagnosed: str = ""
    """The id of the diagnosis; empty if there is none."""

    fault: str = ""
    """Why a check itself could not be run, if one could not."""

    distance: float = 0.0
    """The largest distance of the answers from the reference's; computed only if no points were lost."""

    @property
    def survived(self) -> bool:
        """Whether the function kept all points."""
        return not self.fault and self.score >= self.max_score


class PicturedFunctions(LocalFunctions):
    """Plain functions beside cells that all show a picture."""

    def plots(self, cell: str) -> list[bytes]:
        """Return one picture, whichever cell is asked for."""
        return [_PICTURE]


def judge(run: Run, course: Course, task: str, function: Function, student: str = STUDENT) -> Judgement:
    """Run the checks of one task on a function in the reference's place.

    Args:
        run: From `with_checks`.
        course: The assignment.
        task: The contract's function that is replaced.
        function: Takes the task's arguments.
        student: Whose inputs are asked.
    """
    kernel = LocalKernel(task, function)
    whole = checks_of_task(course, task, kernel, student)
    results: list[CheckResult] = []
    with models_kept(course):
        # Visible checks first, as in the pipeline; the first one that takes points decides, so the rest is not run.
        for info in sorted(whole.checks, key=lambda info: info.visibility == "hidden"):
            results += run(replace(whole, checks=(info,), results={}))
            if results[-1].points < results[-1].max_points or results[-1].fault:
                break
    judgement = Judgement(
        score=sum(result.points for result in results),
        max_score=sum(info.points for info in whole.checks),
        lost=tuple(result.id for result in results if result.points < result.max_points),
        diagnosed=next((result.diagnosis.misconception for result in results if result.diagnosis), ""),
        fault="; ".join(f"{result.id} itself fails: {result.fault}" for result in results if result.fault),
    )
    return replace(judgement, distance=_distance(course, task, kernel)) if judgement.survived else judgement


def checks_of_task(course: Course, task: str, function: Function, student: str) -> CheckRun:
    """Return the checks of one task, to be run on a function in the reference's place; arguments as for `judge`."""
    functions = {one.name: getattr(course.reference, one.name) for one in course.assignment.tasks}
    # Another task's check cannot save this one's points.
    checks = [replace(info, requires=()) for info in course.checks if info.task == task]
    return begin_checks(
        course, PicturedFunctions({**functions, task: function}), student=student, checks=checks
    )


@contextmanager
def models_kept(course: Course) -> Iterator[None]:
    """Put models back into eval mode afterwards, as a kernel does: a mutant may leave them in training mode."""
    try:
        yield
    finally:
        for loaded in course.models:
            if isinstance(loaded.model, torch.nn.Module):
                loaded.model.eval()


def _distance(course: Course, task: str, kernel: LocalKernel) -> float:
    right = getattr(course.reference, task)
    return max(
        (
            answer_distance(call.answer, transferred(task, right(*call.args, **call.kwargs)))
            for call in kernel.calls
        ),
        default=0.0,
    )


def widest_tolerance(run: Run, course: Course, task: str) -> float:
    """Return the largest tolerance that the checks of a task use; 0 if all is compared exactly."""
    used: set[str] = set()

    def note(distances: Mapping[str, float]) -> None:
        used.update(distances)

    with measuring(note):
        run(checks_of_task(course, task, getattr(course.reference, task), STUDENT))
    return max((course.tolerances[key].tau for key in used if key in course.tolerances), default=0.0)
