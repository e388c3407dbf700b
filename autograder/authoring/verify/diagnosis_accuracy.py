"""How well diagnosis names mistakes: measured on the assignment's own, for several made-up students.

Each known mistake stands in the student's place, each student asking other inputs. Beside them stand right programs (of
which none may be named), two mistakes at once, and each mistake once as an unknown one, taken out of what diagnosis
knows: then every known mistake that it names is a wrong name.
"""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from autograder.checks.course_context import Course, variants_of
from autograder.checks.diagnosing import remembered
from autograder.checks.runner import Run, with_checks
from autograder.checks.variants import grade_variant
from autograder.diagnosis import Misconception
from autograder.diagnosis.composition import composed, following, names_used, pairs
from autograder.diagnosis.explain import JOIN
from autograder.records import CheckResult

Kind = Literal["single", "right", "pair", "two functions", "unknown"]
Outcome = Literal["right", "wrong", "not named", "not noticed"]

KINDS: Mapping[Kind, str] = {
    "single": "one known mistake",
    "pair": "two mistakes in one function",
    "two functions": "two mistakes, one in a function that the other calls",
    "unknown": "a mistake taken out of those known",
    "right": "a right program",
}
"""What each kind is, in words."""

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What diagnosis made of one program on one student's inputs."""

    kind: Kind
    """What was tried."""

    task: str
    """Whose function is wrong, the last one where there are two."""

    made: tuple[str, ...]
    """Ids of the mistakes that it makes, or of the right program."""

    student: str
    """Whose inputs."""

    outcome: Outcome
    """right: all that was named is made; wrong: something else was named; not noticed: no points were lost."""

    named: str
    """What diagnosis named; empty if nothing."""

    said: str
    """What the student reads where nothing was named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Counts of one kind."""

    kind: Kind
    """Which."""

    right: int
    """Named as they are."""

    wrong: int
    """Named as something else."""

    not_named: int
    """Points lost, nothing named."""

    not_noticed: int
    """No points lost, so that nobody asked for a name."""

    @property
    def asked(self) -> int:
        """Programs that lost points."""
        return self.right + self.wrong + self.not_named

    def share(self, count: int) -> float:
        """Return a count as a share of those that lost points; 0 where there were none."""
        return count / self.asked if self.asked else 0.0


@dataclass(frozen=True, slots=True)
class _Case:
    kind: Kind
    tasks: tuple[str, ...]
    made: tuple[str, ...]
    functions: Mapping[str, Function]
    course: Course


def rates_of(namings: Iterable[Naming]) -> list[Rates]:
    """Return the counts of each kind that was tried, in the order of `KINDS`."""
    counts = Counter((one.kind, one.outcome) for one in namings)
    return [
        Rates(
            kind=kind,
            right=counts[kind, "right"],
            wrong=counts[kind, "wrong"],
            not_named=counts[kind, "not named"],
            not_noticed=counts[kind, "not noticed"],
        )
        for kind in KINDS
        if any(tried == kind for tried, _ in counts)
    ]


def measure_naming(
    course: Course,
    *,
    students: int = 3,
    pairs_a_task: int = 10,
    kinds: Sequence[Kind] = tuple(KINDS),
    progress: Callable[[str], None] = lambda name: None,
) -> list[Naming]:
    """Run mistakes and right programs through the checks, and note what is named.

    Args:
        course: The assignment with its models, loaded.
        students: How many made-up students ask; pairs and unknown mistakes are asked by one each.
        pairs_a_task: Pairs of mistakes drawn for each task, and for each task that calls another.
        kinds: What is tried.
        progress: Told each program's name.
    """
    found: list[Naming] = []

    def body(run: Run) -> None:
        for number, case in enumerate(_cases(course, pairs_a_task, kinds)):
            progress(f"{case.kind}: {JOIN.join(case.made)}")
            every = range(students) if case.kind in ("single", "right") else [number % students]
            for student in every:
                naming = _tried(case, f"naming {student}", run)
                found.extend([naming] if naming is not None else [])

    with_checks(course.assignment, course.checks, body)
    return found


def _cases(course: Course, pairs_a_task: int, kinds: Sequence[Kind]) -> Iterator[_Case]:
    reference = course.reference
    known = [remembered(one, reference) for one in course.misconceptions]
    by_task: dict[str, list[Misconception]] = {}
    for one in known:
        by_task.setdefault(one.task, []).append(one)
    rng = random.Random(0)
    for one in known:
        functions = {one.task: partial(one.run, reference)}
        if "single" in kinds:
            yield _Case("single", (one.task,), (one.id,), functions, course)
        if "unknown" in kinds:
            others = tuple(other for other in course.misconceptions if other.id != one.id)
            less = dataclasses.replace(course, misconceptions=others)
            yield _Case("unknown", (one.task,), (one.id,), functions, less)
    if "right" in kinds:
        for variant in variants_of(course.assignment):
            yield _Case(
                "right",
                (variant.task,),
                (variant.id,),
                {variant.task: partial(variant.run, reference)},
                course,
            )
    if "pair" in kinds:
        for task, mine in by_task.items():
            for outer, inner in _some(rng, list(pairs(mine)), pairs_a_task):
                both = {task: partial(composed(outer, {task: inner}), reference)}
                yield _Case("pair", (task,), (outer.id, inner.id), both, course)
    if "two functions" in kinds:
        for task, mine in by_task.items():
            feeds = names_used(getattr(reference.module, task)) & set(by_task) - {task}
            tried = [
                (outer, inner) for feed in sorted(feeds) for outer in (None, *mine) for inner in by_task[feed]
            ]
            for outer, inner in _some(rng, tried, pairs_a_task):
                yield _fed(course, task, outer, inner)


def _some(rng: random.Random, tried: list[Any], count: int) -> list[Any]:
    return rng.sample(tried, min(count, len(tried)))


def _fed(course: Course, task: str, outer: Misconception | None, inner: Misconception) -> _Case:
    """Return the program of someone who makes one mistake in a function, and another in one that calls it."""
    made = (inner.id,) if outer is None else (outer.id, inner.id)
    feed = {inner.task: inner}
    program = following(task, feed) if outer is None else composed(outer, feed)
    functions = {
        inner.task: partial(inner.run, course.reference),
        task: partial(program, course.reference),
    }
    return _Case("two functions", (inner.task, task), made, functions, course)


def _tried(case: _Case, student: str, run: Run) -> Naming | None:
    """Grade a program; None if its two mistakes cannot be composed."""
    results = grade_variant(
        case.course, case.functions, student=student, tasks=frozenset(case.tasks), run=run
    )
    if any(result.fault and "DidNotComposeError" in result.fault for result in results):
        return None
    mine = [result for result in results if result.task == case.tasks[-1]]
    named = [result.diagnosis.misconception for result in results if result.diagnosis]
    here = [result.diagnosis.misconception for result in mine if result.diagnosis]
    return Naming(
        kind=case.kind,
        task=case.tasks[-1],
        made=case.made,
        student=student,
        outcome=_outcome(case, mine, named, here),
        named=", ".join(dict.fromkeys(here)) or ", ".join(dict.fromkeys(named)),
        said=next(
            (result.hint for result in mine if result.outcome != "passed" and not result.diagnosis), ""
        ),
    )


def _outcome(case: _Case, mine: Sequence[CheckResult], named: Sequence[str], here: Sequence[str]) -> Outcome:
    known = {one.id for one in case.course.misconceptions}
    # What is not a known mistake's name is a transform's: true of the values, whatever made them.
    ids = {one for name in named for one in name.split(JOIN)} & known
    if case.kind in ("right", "unknown"):
        wrong = bool(ids) if case.kind == "unknown" else bool(named)
    else:
        wrong = not ids <= set(case.made)
    if wrong:
        return "wrong"
    if any(one in case.made for name in here for one in name.split(JOIN)):
        return "right"
    return "not named" if any(map(_lost, mine)) else "not noticed"


def _lost(result: CheckResult) -> bool:
    """Say whether a check took points; checks of a plot have none, and here there is no plot."""
    return result.outcome != "passed" and result.max_points > 0
