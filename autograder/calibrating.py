"""Measure an assignment's tolerances with its own checks: what they compare is what is measured.

The checks are run for several made-up students on their own inputs. The reference answers in float64; in the
student's place stand, one after another, right ways to compute in float32 (the reference on one thread and on all, with
fused and with plain attention, every accepted variant) and every known mistake. `assert_close` and
`assert_matches` then judge nothing, they note how far the answer is from the gold one, by the tolerance that they name.

A mistake counts for a tolerance by the student whose inputs show it worst, and there by the input that shows it best:
one wrong input is enough to lose a check.
"""

from __future__ import annotations

import copy
import datetime
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from autograder.assignments import load_module
from autograder.calibration import USABLE, describe_origin, measure, write_tolerances
from autograder.checks.grading import Grading
from autograder.checks.memo import MemoisedReference
from autograder.checks.opening import Course, load_course
from autograder.checks.proxy import LocalAnswers, SubmissionProxy
from autograder.checks.running import Run, with_checks
from autograder.checks.tolerances import measuring
from autograder.diagnosis import accepted_variants_of
from autograder.errors import AssignmentError
from autograder.models import load
from autograder.records import Assignment, Tolerance

STUDENTS = 8
"""Made-up students; each asks for inputs of their own."""

_FAR = 1e9
"""Stands for another shape, another type, or no number."""


@dataclass(kw_only=True)
class Distances:
    """How far answers lie from the gold one, under one tolerance."""

    right: dict[str, float] = field(default_factory=dict)
    """By the name of a right way, the farthest."""

    wrong: dict[str, float] = field(default_factory=dict)
    """By the id of a mistake, the nearest check run's farthest input."""

    inputs: int = 0
    """Comparisons of one right way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What came of running all variants."""

    distances: Mapping[str, Distances]
    """By the tolerance's key."""

    otherwise: frozenset[str]
    """Mistakes that an assertion without a measured tolerance finds in every run."""

    def inseparable(self) -> list[str]:
        """Return the mistakes that no tolerance tells from right answers tenfold, and nothing else finds."""
        seen = {name for found in self.distances.values() for name in found.wrong}
        return sorted(name for name in seen if not self.separates(name) and name not in self.otherwise)

    def told_by(self, key: str) -> dict[str, float]:
        """Return the mistakes that count for a tolerance: those that it tells apart, and those that nothing does."""
        lost = set(self.inseparable())
        wrong = self.distances[key].wrong
        return {name: off for name, off in wrong.items() if key in self.separates(name) or name in lost}

    def separates(self, mistake: str) -> list[str]:
        """Return the tolerances that tell a mistake from all right answers at least tenfold."""
        return [
            key
            for key, found in self.distances.items()
            if mistake in found.wrong and found.wrong[mistake] >= USABLE * farthest(found.right)
        ]


def farthest(right: Mapping[str, float]) -> float:
    """Return the largest distance of right answers; at least the rounding of float32."""
    return max([1e-7, *right.values()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """What a calibration came to."""

    slug: str
    """The assignment."""

    measured: Measurement
    """All distances."""

    tolerances: Mapping[str, Tolerance]
    """By key; those of keys that no check names are as they were."""

    path: Path | None
    """The file that was written."""


def calibrate(
    assignment: Assignment,
    *,
    profile: str = "tiny",
    device: str = "cpu",
    students: int = STUDENTS,
    write: bool = True,
) -> Calibrated:
    """Measure an assignment's tolerances, and store them beside it.

    Another device than the CPU widens what counts as right by what it measured before, and narrows nothing.

    Args:
        assignment: With its student notebook built.
        profile: Which models.
        device: Where the right ways are computed.
        students: How many made-up students ask.
        write: Whether to store the tolerances.

    Raises:
        AssignmentError: If right and wrong cannot be told apart tenfold, or a file cannot be used.
    """
    course = load_course(assignment, device=device, profile=profile)
    measured = measure_checks(course, students=students)
    if device != "cpu":
        for key, old in course.tolerances.items():
            if key in measured.distances:
                measured.distances[key].right[f"before: {old.origin}"] = old.right
    inputs = max((found.inputs for found in measured.distances.values()), default=0)
    today = datetime.date.today().isoformat()
    origin = describe_origin(inputs=inputs, devices=device.upper(), date=today)
    tolerances = tolerances_of(measured, course.tolerances, origin)
    path = write_tolerances(assignment.folder, tolerances, profile) if write else None
    return Calibrated(slug=assignment.slug, measured=measured, tolerances=tolerances, path=path)


def tolerances_of(measured: Measurement, old: Mapping[str, Tolerance], origin: str) -> dict[str, Tolerance]:
    """Place a bound between right and wrong for each tolerance that the checks use.

    Args:
        measured: From `measure_checks`.
        old: Tolerances up to now; those that the checks do not name stay as they are.
        origin: See `calibration.describe_origin`.

    Raises:
        AssignmentError: If right and wrong cannot be told apart tenfold, with advice.
    """
    found = dict(old)
    for key, distances in measured.distances.items():
        told = measured.told_by(key)
        if not told:
            raise AssignmentError(
                f"No known mistake is told from right answers by the tolerance {key!r}.\n"
                "Add the mistakes that the check is for to misconceptions.py."
            )
        metric = old[key].metric if key in old else "relative_l2"
        if metric == "exact":
            continue
        found[key] = measure(distances.right, told, metric=metric, origin=origin)
    return found


def measure_checks(
    course: Course, *, students: int = STUDENTS, progress: Callable[[str], None] = lambda name: None
) -> Measurement:
    """Run all right ways and all mistakes through the checks, and note their distances.

    Args:
        course: The assignment with its models, loaded.
        students: How many made-up students ask.
        progress: Told each variant's name before it is run.

    Raises:
        AssignmentError: If a right way fails an assertion, or gives another shape or type.
    """
    gold = _Gold(course)
    distances: dict[str, Distances] = {}
    otherwise: set[str] = set()

    def body(run: Run) -> None:
        for name, functions in _right_ways(course, gold):
            progress(name)
            for number in range(students):
                seen = _seen(course, gold, run, functions, number, name)
                for key, values in seen.items():
                    found = distances.setdefault(key, Distances())
                    found.right[name] = max([found.right.get(name, 0.0), *values])
                    found.inputs += len(values) if name == _AS_IT_IS else 0
        for known in course.misconceptions:
            progress(known.id)
            functions = {known.task: partial(known.run, course.reference)}
            failed = []
            for number in range(students):
                seen = _seen(course, gold, run, functions, number, "", known.task)
                failed.append(seen.pop("", None) is not None)
                for key, values in seen.items():
                    found = distances.setdefault(key, Distances())
                    found.wrong[known.id] = min(found.wrong.get(known.id, math.inf), max(values))
            if all(failed):
                otherwise.add(known.id)

    with_checks(course.assignment, course.checks, body)
    return Measurement(distances=distances, otherwise=frozenset(otherwise))


def _seen(
    course: Course,
    gold: _Gold,
    run: Run,
    functions: Mapping[str, Callable[..., Any]],
    number: int,
    right: str,
    task: str = "",
) -> dict[str, list[float]]:
    """Run the checks once; return the distances by key, and under "" what else failed.

    Args:
        course: The assignment.
        gold: Answers in float64.
        run: Runs the checks.
        functions: The variants; every other function is the reference's.
        number: Which student asks.
        right: Name of a right way, whose failure is an error; empty for a mistake.
        task: Whose checks are run; empty for all.
    """
    found: dict[str, list[float]] = {}

    def note(key: str, distance: float) -> None:
        found.setdefault(key, []).append(min(distance, _FAR))

    parts = (course.key, f"calibration {number}", course.assignment.slug)
    plain = {one.name: getattr(course.reference, one.name) for one in course.assignment.tasks}
    answers = LocalAnswers({name: _in_single(run_) for name, run_ in {**plain, **functions}.items()})
    grading = Grading(
        assignment=course.assignment,
        # Nothing is skipped here because something else has failed.
        checks=tuple(replace(info, requires=()) for info in course.checks if task in ("", info.task)),
        proxy=SubmissionProxy(answers, parts),
        reference=gold,  # type: ignore[arg-type]  # the same attributes, other numbers
        models=course.models,
        misconceptions=(),
        tolerances=course.tolerances,
        seed_parts=parts,
    )
    with measuring(note):
        results = run(grading)
    for result in results:
        if result.fault:
            raise AssignmentError(f"{result.id} cannot be run on {right or 'a mistake'}: {result.detail}")
        # Plots are not made here.
        if result.outcome != "passed" and not _asks_for_plots(result.detail):
            if right:
                raise AssignmentError(f"{result.id} fails the right way {right!r}: {result.detail}")
            found.setdefault("", []).append(_FAR)
    return found


def _asks_for_plots(detail: str) -> bool:
    return "figure" in detail.lower()


_AS_IT_IS = "float32, one thread"


def _right_ways(course: Course, gold: _Gold) -> Iterator[tuple[str, dict[str, Callable[..., Any]]]]:
    """Yield right ways to compute in float32, by name."""
    yield _AS_IT_IS, {}
    names = [task.name for task in course.assignment.tasks]
    reference = course.reference
    threads = torch.get_num_threads()
    yield "float32, two threads", {name: _on_threads(2, getattr(_module(reference), name)) for name in names}
    torch.set_num_threads(threads)
    for attention in ("eager", "sdpa"):
        others = gold.with_attention(attention)
        if others:
            yield (
                f"float32, {attention} attention",
                {name: _with_models(others, getattr(_module(reference), name)) for name in names},
            )
    path = course.assignment.folder / "misconceptions.py"
    if path.is_file():
        module = load_module(path, f"misconceptions_{course.assignment.slug}")
        for variant in accepted_variants_of(module):
            yield f"accepted: {variant.id}", {variant.task: partial(variant.run, reference)}


def _module(reference: MemoisedReference) -> Any:
    """Return the reference without its memory, which does not tell one way to compute from another."""
    return reference._module


def _on_threads(count: int, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        before = torch.get_num_threads()
        torch.set_num_threads(count)
        try:
            return function(*args, **kwargs)
        finally:
            torch.set_num_threads(before)

    return call


def _with_models(others: Mapping[int, Any], function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*(others.get(id(value), value) for value in args), **kwargs)

    return call


def _in_single(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function its tensors in float32, as a submission gets them."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(
            *(_cast(value, torch.float64, torch.float32) for value in args),
            **{key: _cast(value, torch.float64, torch.float32) for key, value in kwargs.items()},
        )

    return call


def _cast(value: Any, old: torch.dtype, new: torch.dtype) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to(new) if value.dtype is old else value
    if isinstance(value, (list, tuple)):
        return type(value)(_cast(item, old, new) for item in value)
    if isinstance(value, dict):
        return {key: _cast(item, old, new) for key, item in value.items()}
    return value


class _Gold:
    """The reference on models and tensors of float64, with the attributes that the `reference` fixture has."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._student_dir = course.assignment.student_dir
        self._memo = MemoisedReference(_module(course.reference))
        self._doubles = {id(one.model): copy.deepcopy(one.model).double() for one in course.models}

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._memo, name)
        if not callable(value) or isinstance(value, type):
            return value

        def ask(*args: Any, **kwargs: Any) -> Any:
            return value(
                *map(self._doubled, args), **{key: self._doubled(one) for key, one in kwargs.items()}
            )

        return ask

    def memoise(self, label: str, compute: Callable[..., Any], *args: Any) -> Any:
        """Compute on float64."""
        return self._memo.memoise(label, compute, *map(self._doubled, args))

    def _doubled(self, value: Any) -> Any:
        if id(value) in self._doubles:
            return self._doubles[id(value)]
        return _cast(value, torch.float32, torch.float64)

    def with_attention(self, attention: str) -> dict[int, Any]:
        """Return copies of the models that compute attention this way, by the models' ids; none if all do already."""
        found: dict[int, Any] = {}
        for one in self._course.models:
            config = getattr(one.model, "config", None)
            if one.spec.attention or config is None or config._attn_implementation == attention:
                continue
            try:
                found[id(one.model)] = load(replace(one.spec, attention=attention), self._student_dir).model
            except AssignmentError:  # an architecture without it
                continue
        return found
