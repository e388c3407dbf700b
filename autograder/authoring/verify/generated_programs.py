"""Run generated programs against an assignment's checks: correct ones must get full marks, mutants must lose points."""

from __future__ import annotations

from collections.abc import Iterator

from autograder.authoring.verify.metamorphic.metamorphic_testing import run_metamorphic_tests
from autograder.authoring.verify.mutation.mutation_testing import run_mutation_tests
from autograder.authoring.verify.mutation.sample import NO_MUTANTS, MutantSample
from autograder.authoring.verify.program_result import ProgramResult
from autograder.checks.course_context import load_course
from autograder.course.assignment import student_models
from autograder.execution.zygote_client import Zygote
from autograder.records import Assignment


def run_generated_programs(
    assignment: Assignment,
    *,
    programs: int = 0,
    mutants: MutantSample = NO_MUTANTS,
    seed: int = 0,
    profile: str = "tiny",
    trust: bool = False,
    accept_degraded: bool = False,
) -> Iterator[ProgramResult]:
    """Run correct programs, mutants, or both.

    Args:
        assignment: The assignment.
        programs: Correct programs to grade.
        mutants: Which mutants to run.
        seed: Draws programs and mutants.
        profile: Which models.
        trust: Run without a sandbox where none can be made.
        accept_degraded: Make do with Landlock and seccomp.

    Yields:
        One result a program, as they come.

    Raises:
        AssignmentError: If a file of the instructor's cannot be used.
    """
    course = load_course(assignment, profile=profile)
    if programs:
        models = student_models(course.settings)
        with Zygote(
            assignment.student_dir, trust=trust, accept_degraded=accept_degraded, models=models
        ) as zygote:
            yield from run_metamorphic_tests(course, zygote, count=programs, seed=seed)
    if mutants != NO_MUTANTS:
        yield from run_mutation_tests(course, sample=mutants, seed=seed)
