"""Run right ways and mistakes through an assignment's own checks, and note how far their answers lie off."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from autograder.authoring.calibrate.equivalents import AS_IT_IS, RightWay, in_single, right_ways
from autograder.checks.check_run import CheckRun, begin_checks
from autograder.checks.course_context import Course
from autograder.checks.decorators import CheckInfo
from autograder.checks.float64_reference import Float64Reference
from autograder.checks.outcomes import NoFigureShown
from autograder.checks.runner import Run, with_checks
from autograder.checks.submission_proxy import LocalFunctions
from autograder.checks.tolerance_context import measuring
from autograder.comparison.measured_distances import Distances, Measurement
from autograder.diagnosis import Misconception
from autograder.errors import AssignmentError

FAR = 1e9
"""Stands for another shape, another type, or no number."""

CLEAR = 0.5
"""A mistake that lies this far off for the first two students is asked no more: it will not be the nearest."""

Notes = list[Mapping[str, float]]


@dataclass(kw_only=True)
class _Found:
    """What gathers under one tolerance."""

    right: dict[str, float] = field(default_factory=dict)
    wrong: dict[str, float] = field(default_factory=dict)
    inputs: int = 0
    checks: list[str] = field(default_factory=list)
    instead_of: set[str] = field(default_factory=set)


def measure_checks(
    course: Course, *, students: int, progress: Callable[[str], None] = lambda name: None
) -> Measurement:
    """Run all right ways and all mistakes through the checks, and note their distances.

    Args:
        course: The assignment with its models, loaded.
        students: How many made-up students ask.
        progress: Told each variant's name before it is run.

    Raises:
        AssignmentError: If a right way fails an assertion, or gives another shape or type.
    """

    def body(run: Run) -> Measurement:
        measured = _Measured(course, run, students)
        progress("the checks")
        measured.look_at_checks()
        for way in right_ways(course):
            progress(way.name)
            measured.add_right(way)
        for known in course.misconceptions:
            progress(known.id)
            measured.add_wrong(known)
        return measured.result()

    return with_checks(course.assignment, course.checks, body)


class _Measured:
    """Gathers distances."""

    def __init__(self, course: Course, run: Run, students: int) -> None:
        self._course, self._run, self._students = course, run, students
        self._exact = Float64Reference(course.reference.module, tuple(one.model for one in course.models))
        self._found: dict[str, _Found] = {}
        self._otherwise: set[str] = set()
        self._tasks: set[str] = set()

    def look_at_checks(self) -> None:
        """Find out which check compares by which tolerance; tasks whose checks have none are left alone."""
        for info in self._course.checks:
            notes, _ = self._seen({}, 0, [info], AS_IT_IS)
            for distances in notes:
                self._tasks.add(info.task)
                for key in distances:
                    found = self._found.setdefault(key, _Found())
                    found.instead_of |= distances.keys() - {key}
                    found.checks += [] if info.id in found.checks else [info.id]

    def add_right(self, way: RightWay) -> None:
        """Measure a right way."""
        if way.task and way.task not in self._tasks:
            return
        for number in range(1 if way.slow else self._students):
            notes, _ = self._seen(way.functions, number, self._checks_of(way.task), way.name)
            for distances in notes:
                # Right by one of several tolerances: by the one that it lies nearest to.
                key = min(distances, key=lambda one: distances[one])
                found = self._found[key]
                found.right[way.name] = max(found.right.get(way.name, 0.0), distances[key])
                found.inputs += way.name == AS_IT_IS

    def add_wrong(self, known: Misconception) -> None:
        """Measure a mistake."""
        if known.task not in self._tasks:
            return
        functions = {known.task: partial(known.run, self._course.reference)}
        found_otherwise = []
        for number in range(self._students):
            notes, failed = self._seen(functions, number, self._checks_of(known.task), "")
            found_otherwise.append(failed)
            farthest: dict[str, float] = {}
            for distances in notes:
                for key, distance in distances.items():
                    farthest[key] = max(farthest.get(key, 0.0), distance)
            for key, distance in farthest.items():
                wrong = self._found.setdefault(key, _Found()).wrong
                wrong[known.id] = min(wrong.get(known.id, math.inf), distance)
            so_far = [self._found[key].wrong[known.id] for key in farthest]
            if number >= 1 and min(so_far, default=0.0) >= CLEAR:
                break
        if all(found_otherwise):
            self._otherwise.add(known.id)

    def result(self) -> Measurement:
        """Return all distances."""
        distances = {
            key: Distances(
                right=found.right,
                wrong=found.wrong,
                inputs=found.inputs,
                checks=tuple(found.checks),
                instead_of=tuple(sorted(found.instead_of)),
            )
            for key, found in self._found.items()
        }
        return Measurement(distances=distances, otherwise=frozenset(self._otherwise))

    def _checks_of(self, task: str) -> list[CheckInfo]:
        return [
            info for info in self._course.checks if (info.task == task if task else info.task in self._tasks)
        ]

    def _seen(
        self,
        functions: Mapping[str, Callable[..., Any]],
        number: int,
        checks: Iterable[CheckInfo],
        right: str,
    ) -> tuple[Notes, bool]:
        """Run checks once; return what they noted, and whether something else failed.

        Args:
            functions: The variant's; every other function is the reference's.
            number: Which student asks.
            checks: Which checks.
            right: Name of a right way, whose failure is an error; empty for a mistake.
        """
        notes: Notes = []

        def note(distances: Mapping[str, float]) -> None:
            # A NaN is as far as can be.
            notes.append({key: one if one <= FAR else FAR for key, one in distances.items()})

        started = self._begin(functions, number, checks)
        with measuring(note):
            results = self._run(started)
        failed = False
        for result in results:
            if result.fault:
                raise AssignmentError(f"{result.id} cannot be run on {right or 'a mistake'}: {result.detail}")
            # Plots are not made here.
            if result.outcome != "passed" and not isinstance(started.errors.get(result.id), NoFigureShown):
                if right:
                    raise AssignmentError(f"{result.id} fails the right way {right!r}: {result.detail}")
                failed = True
        return notes, failed

    def _begin(
        self, functions: Mapping[str, Callable[..., Any]], number: int, checks: Iterable[CheckInfo]
    ) -> CheckRun:
        plain = {one.name: getattr(self._course.reference, one.name) for one in self._course.assignment.tasks}
        return begin_checks(
            self._course,
            LocalFunctions({name: in_single(run) for name, run in {**plain, **functions}.items()}),
            student=f"calibration {number}",
            # Nothing is skipped here because something else has failed.
            checks=[replace(info, requires=()) for info in checks],
            reference=self._exact,
            misconceptions=(),
        )
