"""Programs that nobody wrote by hand, tried on an assignment's checks: right ones must pass, wrong ones must not.

`try_right` rewrites right solutions and grades them through the whole pipeline; `try_wrong` makes slips in right
answers and mutants of the reference's source and asks the checks of their task. Both yield `Trial` records;
`tally` counts them; `try_programs` is what `autograder verify --programs N --mutants all` runs.
"""

from __future__ import annotations

from collections.abc import Iterator

from autograder.authoring.verify.metamorphic.right import try_right
from autograder.authoring.verify.mutation.wrong import try_wrong
from autograder.authoring.verify.trial import Tally, Trial, tally
from autograder.checks.course_context import load_course
from autograder.course.assignment import student_models
from autograder.execution.zygote_client import Zygote
from autograder.records import Assignment

__all__ = ["Tally", "Trial", "tally", "try_programs", "try_right", "try_wrong"]


def try_programs(
    assignment: Assignment,
    *,
    programs: int = 0,
    wrong: bool = False,
    sample: int | None = None,
    seed: int = 0,
    profile: str = "tiny",
    trust: bool = False,
    accept_degraded: bool = False,
) -> Iterator[Trial]:
    """Try right programs, wrong ones, or both.

    Args:
        assignment: The assignment.
        programs: Right programs to grade.
        wrong: Whether to try wrong ones.
        sample: Wrong programs of each kind and task; None: all.
        seed: Draws programs and sample.
        profile: Which models.
        trust: Run without a sandbox where none can be made.
        accept_degraded: Make do with Landlock and seccomp.

    Yields:
        One trial a program, as they come.

    Raises:
        AssignmentError: If a file of the instructor's cannot be used.
    """
    course = load_course(assignment, profile=profile)
    if programs:
        models = student_models(course.settings)
        with Zygote(
            assignment.student_dir, trust=trust, accept_degraded=accept_degraded, models=models
        ) as zygote:
            yield from try_right(course, zygote, count=programs, seed=seed)
    if wrong:
        yield from try_wrong(course, sample=sample, seed=seed)
