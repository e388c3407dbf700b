"""Wrong programs that nobody wrote by hand: slips in a right answer, and mutants of the reference's source."""

from __future__ import annotations

import random
import resource
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch

from autograder.authoring.notebook.reference import read_reference
from autograder.authoring.notebook.regions import without_delimiters
from autograder.authoring.verify.mutation.children import in_children
from autograder.authoring.verify.mutation.judging import STUDENT, Asked, Verdict, judge, widest_bound
from autograder.authoring.verify.mutation.mutating import mutants_of
from autograder.authoring.verify.mutation.outputs import slips_for
from autograder.authoring.verify.mutation.stored import SHIPPED, Memorised
from autograder.authoring.verify.trial import SURVIVORS, Explanations, Trial, read_explanations
from autograder.checks.course_context import Course
from autograder.checks.decorators import points_by_task
from autograder.checks.runner import Run, with_checks

OTHERS = ("trial 1", "trial 2")
"""Further made-up students, whose inputs a survivor is asked, too."""

SAME = 1e-5
"""A slip that moves no answer farther is none: a vector of length one that is normalised again. No tolerance, since a
loose one would hide what it lets pass."""

LEAST_CPU_S = 20
"""Every mutant may take this long, and a task whose reference takes long may take `TIMES_REFERENCE` of that."""

TIMES_REFERENCE = 5

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wrong:
    kind: Literal["wrong output", "wrong code"]
    name: str
    make: Callable[[], Function]
    """Makes the function anew: some remember what they were asked."""

    stored: bool = False
    """Gives stored answers: that no question shows them is no excuse."""


def try_wrong(
    course: Course, *, sample: int | None = None, seed: int = 0, at_once: int = 1, tasks: Sequence[str] = ()
) -> Iterator[Trial]:
    """Try slips and mutants on the checks of their task.

    A slip that changes no answer is no wrong program and is left out, save for stored answers: what is asked must show
    them.

    Args:
        course: The assignment, loaded.
        sample: Programs of each kind and task; None: all.
        seed: Chooses the sample.
        at_once: Processes.
        tasks: Whose functions; empty: all.

    Yields:
        One trial a program; then one for each line of survivors.toml that a program which loses points has, too, and
        where all were tried for each that explains none.

    Raises:
        AssignmentError: If survivors.toml cannot be read.
    """
    explanations = read_explanations(course.assignment)
    sources = _sources(course)
    for task in [one.name for one in course.assignment.tasks]:
        if tasks and task not in tasks:
            continue

        def body(run: Run, task: str = task) -> list[Trial]:
            return list(_of_task(run, course, task, sources[task], explanations, sample, seed, at_once))

        yield from with_checks(course.assignment, course.checks, body)
    for key, name in explanations.refuted().items():
        yield _false(key, f"{name} has this name, too, and loses points. Write a narrower one.")
    if sample is None and not tasks:
        gone = f"No wrong program that passes has this name any more. Remove the line from {SURVIVORS}."
        yield from (_false(key, gone) for key in explanations.unused() if key not in explanations.refuted())


def _sources(course: Course) -> dict[str, str]:
    cells = read_reference(course.assignment, points_by_task(course.checks))
    return {cell.value: without_delimiters(cell.source) for cell in cells if cell.role == "task"}


def _of_task(
    run: Run,
    course: Course,
    task: str,
    source: str,
    explanations: Explanations,
    sample: int | None,
    seed: int,
    at_once: int,
) -> Iterator[Trial]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # what is forked may have no other threads
    try:
        bound = widest_bound(run, course, task)
        limit = _cpu_limit(run, course, task)
        slips = _chosen(_slips(run, course, task), sample, f"{seed} {task}")
        mutants = _chosen(_mutants(course, task, source), sample, f"{seed} {task}")
        # A slip is harmless; a mutant may never end.
        verdicts = [_judged(run, course, task, one) for one in slips]
        work = [partial(_judged, run, course, task, one) for one in mutants]
        verdicts += in_children(work, cpu_s=limit, at_once=at_once)
        for wrong, said in zip([*slips, *mutants], verdicts, strict=True):
            trial = _trial(wrong, course, task, said, bound, explanations)
            if trial is not None:
                yield trial
    finally:
        torch.set_num_threads(threads)


def _chosen(found: list[_Wrong], sample: int | None, seed: str) -> list[_Wrong]:
    if sample is None or sample >= len(found):
        return found
    kept = sorted(random.Random(seed).sample(range(len(found)), sample))
    return [found[number] for number in kept]


def _cpu_limit(run: Run, course: Course, task: str) -> int:
    """Measure what the reference itself takes; its known mistakes' answers are then in the memory of all children."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    judge(run, course, task, _original(course, task))
    judge(run, course, task, lambda *args, **kwargs: None)
    taken = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
    return max(LEAST_CPU_S, int(TIMES_REFERENCE * taken))


def _original(course: Course, task: str) -> Function:
    """Return the reference's function without its memory."""
    function: Function = getattr(course.reference._module, task)
    return function


def _slips(run: Run, course: Course, task: str) -> list[_Wrong]:
    right = getattr(course.reference, task)
    asked = Asked(task, right)
    judge(run, course, task, asked)
    if not asked.calls:
        return []
    made = [(name, partial(_slipped, right, slip), False) for name, slip in slips_for(asked.calls[0][2])]
    models = tuple((loaded.model, loaded.tokenizer) for loaded in course.models)
    # The generator's functions remember, so that each trial takes its own out of a new one.
    names = [name for name, _ in Memorised(right, models).all()]
    made += [(name, partial(_memorised, right, models, name), name != SHIPPED) for name in names]
    return [
        _Wrong(kind="wrong output", name=f"{task} gives {name}", make=make, stored=stored)
        for name, make, stored in made
    ]


def _slipped(right: Function, slip: Callable[[Any], Any]) -> Function:
    return lambda *args, **kwargs: slip(right(*args, **kwargs))


def _memorised(right: Function, models: tuple[tuple[Any, Any], ...], name: str) -> Function:
    return dict(Memorised(right, models).all())[name]


def _mutants(course: Course, task: str, source: str) -> list[_Wrong]:
    return [
        _Wrong(kind="wrong code", name=mutant.name, make=partial(_compiled, course, task, mutant.source))
        for mutant in mutants_of(source)
    ]


def _compiled(course: Course, task: str, source: str) -> Function:
    names = dict(vars(course.reference._module))
    exec(compile(source, f"<{task}>", "exec"), names)
    function: Function = names[task]
    return function


def _judged(run: Run, course: Course, task: str, wrong: _Wrong) -> list[Any]:
    """Judge one wrong program, in a child; a survivor by other students' inputs, too."""
    first = judge(run, course, task, wrong.make())
    survived = not first.fault and first.score >= first.max_score
    others = [judge(run, course, task, wrong.make(), student) for student in OTHERS] if survived else []
    found = sum(other.score < other.max_score or bool(other.fault) for other in others)
    moved = max([first.moved, *(other.moved for other in others)])
    return [first.score, first.max_score, list(first.lost), first.named, first.fault, moved, found]


def _trial(
    wrong: _Wrong, course: Course, task: str, said: list[Any] | None, bound: float, explanations: Explanations
) -> Trial | None:
    if said is None:  # ended for its time or memory, as a kernel would be
        possible = sum(info.points for info in course.checks if info.task == task)
        said = [0.0, possible, [info.id for info in course.checks if info.task == task], "", "", 0.0, 0]
    *fields, found = said
    verdict = Verdict(**dict(zip(Verdict.__slots__, fields, strict=True)))
    survivor = not verdict.fault and verdict.score >= verdict.max_score
    unmoved = wrong.kind == "wrong output" and verdict.moved <= SAME and not found
    if survivor and unmoved and not wrong.stored:
        return None
    if not survivor:
        explanations.refute(wrong.name)
    reason = explanations.explain(wrong.name) if survivor else verdict.fault
    # What some inputs show is neither right nor as good as right: no sentence makes it so.
    good = bool(reason) and not found if survivor else not verdict.fault
    if survivor and not good:
        way = "Choose inputs that show it to all" if found else f"Mend a check, or explain it in {SURVIVORS}"
        reason = f"It keeps all points{_how(verdict.moved, bound, found)}. {way}."
    return Trial(
        kind=wrong.kind,
        name=wrong.name,
        task=task,
        good=good,
        score=verdict.score,
        max_score=verdict.max_score,
        lost=tuple(verdict.lost),
        named=verdict.named,
        survivor=survivor,
        moved=verdict.moved,
        reason=reason,
    )


def _how(moved: float, bound: float, found: int) -> str:
    """Say how a survivor differs from the reference on what it was asked."""
    asked = f"{STUDENT} and {len(OTHERS)} other students"
    if found:
        return f" by luck: {found} of {len(OTHERS)} other students' inputs show it"
    if moved == 0:
        return f" with the reference's answers to all that {asked} ask"
    if moved <= bound:
        return f": its answers lie {moved:.2g} off at most, within the tolerance, in all that {asked} ask"
    return f" though its answers lie {moved:.2g} from the reference's, beyond the tolerance of {bound:.2g}"


def _false(key: str, reason: str) -> Trial:
    return Trial(
        kind="explanation",
        name=key,
        task="",
        good=False,
        score=0.0,
        max_score=0.0,
        lost=(),
        named="",
        survivor=False,
        moved=0.0,
        reason=reason,
    )
