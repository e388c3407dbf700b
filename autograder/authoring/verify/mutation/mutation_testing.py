"""Mutation testing: run the mutants of every task; each must be killed, or its survival explained."""

from __future__ import annotations

import resource
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from autograder.authoring.notebook.reference import read_reference
from autograder.authoring.notebook.regions import without_delimiters
from autograder.authoring.verify.mutation.child_processes import run_in_child
from autograder.authoring.verify.mutation.judging import STUDENT, Judgement, judge, widest_tolerance
from autograder.authoring.verify.mutation.mutants import Mutant, output_mutants, source_mutants
from autograder.authoring.verify.mutation.own_results import run_own_result_mutants
from autograder.authoring.verify.mutation.sample import ALL_MUTANTS, MutantSample
from autograder.authoring.verify.mutation.survivors import SURVIVORS, Explanations, read_explanations
from autograder.authoring.verify.program_result import ProgramResult
from autograder.checks.course_context import Course
from autograder.checks.decorators import points_by_task
from autograder.checks.runner import Run, with_checks

# Inputs are drawn by these names: with other names, other mutants survive.
OTHERS = ("trial 1", "trial 2")
"""More made-up students, on whose inputs a survivor is run as well."""

EQUIVALENT = 1e-5
"""An output mutant within this distance is equivalent to the reference: a vector of length one, normalised again. Not a
measured tolerance, since a loose one would hide what it lets pass."""

LEAST_CPU_S = 20
"""CPU seconds that every mutant may take; `TIMES_REFERENCE` times those of a slow reference."""

TIMES_REFERENCE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class MutantRun:
    """Results of one mutant on the inputs of all made-up students; a child process sends them."""

    judgement: Judgement
    """On the inputs of the first student."""

    distance: float = 0.0
    """The largest distance of its answers from the reference's over all students."""

    detections: int = 0
    """Of a survivor: how many of the other students' inputs kill it."""


def run_mutation_tests(
    course: Course,
    *,
    sample: MutantSample = ALL_MUTANTS,
    seed: int = 0,
    tasks: Sequence[str] = (),
) -> Iterator[ProgramResult]:
    """Run mutants against the checks of their task.

    An output mutant that is equivalent to the reference is left out, unless it gives stored answers: what is asked must
    show them.

    Args:
        course: The assignment, loaded.
        sample: Which mutants.
        seed: Draws the sample.
        tasks: Whose functions; empty: all.

    Yields:
        One result a mutant, then one for each line of survivors.toml that has to go. Whether a line matches no survivor
        is known only where all mutants of all tasks were run.

    Raises:
        AssignmentError: If survivors.toml cannot be read.
    """
    explanations = read_explanations(course.assignment)
    sources = _sources(course)
    for task in [one.name for one in course.assignment.tasks if not tasks or one.name in tasks]:

        def body(run: Run, task: str = task) -> list[tuple[Mutant, MutantRun, float]]:
            return _run_task(run, course, task, sources[task], sample, seed)

        for mutant, ran, tolerance in with_checks(course.assignment, course.checks, body):
            result = _result(mutant, task, ran, tolerance, explanations)
            if result is not None:
                yield result
        together = partial(_run_own_result_mutants, course=course, task=task)
        yield from with_checks(course.assignment, course.checks, together)
    for key, name in explanations.refuted().items():
        reason = f"It also matches {name}, which is killed. Write a narrower key."
        yield ProgramResult(kind="explanation", name=key, good=False, reason=reason)
    if sample == ALL_MUTANTS and not tasks:
        for key in explanations.unused():
            reason = f"It matches no survivor any more. Remove the line from {SURVIVORS}."
            yield ProgramResult(kind="explanation", name=key, good=False, reason=reason)


def _run_own_result_mutants(run: Run, course: Course, task: str) -> list[ProgramResult]:
    return list(run_own_result_mutants(run, course, task))


def _sources(course: Course) -> dict[str, str]:
    cells = read_reference(course.assignment, points_by_task(course.checks))
    return {cell.value: without_delimiters(cell.source) for cell in cells if cell.role == "task"}


def _run_task(
    run: Run, course: Course, task: str, source: str, sample: MutantSample, seed: int
) -> list[tuple[Mutant, MutantRun, float]]:
    """Return the mutants of a task, their results, and the task's widest tolerance."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # a process that is forked may have no other threads
    try:
        tolerance = widest_tolerance(run, course, task)
        cpu_s = _cpu_limit(run, course, task)
        outputs = sample.draw(output_mutants(run, course, task), f"{seed} {task}")
        sources = sample.draw(source_mutants(course, task, source), f"{seed} {task}")
        # A mutated answer is harmless; mutated source may never end.
        runs: list[MutantRun | None] = [_run(run, course, task, one) for one in outputs]
        runs += [run_in_child(partial(_run, run, course, task, one), cpu_s=cpu_s) for one in sources]
        return [
            (mutant, ran or _over_limit(course, task), tolerance)
            for mutant, ran in zip([*outputs, *sources], runs, strict=True)
        ]
    finally:
        torch.set_num_threads(threads)


def _cpu_limit(run: Run, course: Course, task: str) -> int:
    """Measure the reference itself; the answers of its known mistakes are then in the memory of all children."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    judge(run, course, task, getattr(course.reference.module, task))
    judge(run, course, task, lambda *args, **kwargs: None)
    taken = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
    return max(LEAST_CPU_S, int(TIMES_REFERENCE * taken))


def _run(run: Run, course: Course, task: str, mutant: Mutant) -> MutantRun:
    """Judge a mutant; a survivor on other students' inputs as well."""
    first = judge(run, course, task, mutant.make())
    others = (
        [judge(run, course, task, mutant.make(), student) for student in OTHERS] if first.survived else []
    )
    return MutantRun(
        judgement=first,
        distance=max(one.distance for one in (first, *others)),
        detections=sum(not one.survived for one in others),
    )


def _over_limit(course: Course, task: str) -> MutantRun:
    """Return the result of a mutant that was stopped for its time or memory, as a kernel would be."""
    checks = [info for info in course.checks if info.task == task]
    lost = tuple(info.id for info in checks)
    possible = sum(info.points for info in checks)
    return MutantRun(judgement=Judgement(score=0.0, max_score=possible, lost=lost))


def _result(
    mutant: Mutant, task: str, ran: MutantRun, tolerance: float, explanations: Explanations
) -> ProgramResult | None:
    """Return the result of a mutant; None if it is equivalent to the reference."""
    judgement = ran.judgement
    survivor = judgement.survived
    if survivor and _is_equivalent(mutant, ran):
        return None
    if survivor:
        reason = explanations.explain(mutant.name)
        # A survivor that some inputs kill is wrong, and no sentence makes it right.
        good = bool(reason) and not ran.detections
        reason = reason if good else _unexplained(ran, tolerance)
    else:
        explanations.refute(mutant.name)
        reason = judgement.fault
        good = not reason
    return ProgramResult(
        kind=mutant.kind,
        name=mutant.name,
        task=task,
        good=good,
        score=judgement.score,
        max_score=judgement.max_score,
        lost=judgement.lost,
        diagnosed=judgement.diagnosed,
        survivor=survivor,
        distance=ran.distance,
        reason=reason,
    )


def _is_equivalent(mutant: Mutant, ran: MutantRun) -> bool:
    unmoved = ran.distance <= EQUIVALENT and not ran.detections
    return mutant.kind == "output mutant" and unmoved and not mutant.stored


def _unexplained(ran: MutantRun, tolerance: float) -> str:
    """Say how a survivor differs from the reference, and what to do."""
    advice = f"Change a check, or explain it in {SURVIVORS}."
    asked = f"on all inputs of {STUDENT} and {len(OTHERS)} other students"
    if ran.detections:
        kills = f"the inputs of {ran.detections} of {len(OTHERS)} other students kill it"
        return f"It survives on some inputs only: {kills}. Choose inputs that kill it for every student."
    if ran.distance == 0:
        return f"It survives with the reference's answers {asked}. {advice}"
    if ran.distance <= tolerance:
        return f"It survives within the tolerance: at most {ran.distance:.2g} off {asked}. {advice}"
    return f"It survives beyond the tolerance: {ran.distance:.2g} off, {tolerance:.2g} is allowed. {advice}"
