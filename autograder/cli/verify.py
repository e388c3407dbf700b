"""The verify command: test an assignment's checks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.authoring.verify.mutation.sample import ALL_MUTANTS, NO_MUTANTS, MutantSample
from autograder.cli.options import (
    CourseOption,
    DegradedOption,
    ProfileOption,
    SlugsArgument,
    TrustOption,
    chosen_assignments,
)

if TYPE_CHECKING:
    from autograder.authoring.verify.diagnosis_accuracy import DiagnosedProgram
    from autograder.authoring.verify.false_verdicts import FalseVerdicts
    from autograder.authoring.verify.name_invariance import NameInvariance
    from autograder.authoring.verify.program_result import ProgramResult
    from autograder.authoring.verify.verification import Verification
    from autograder.records import Assignment


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """What is tested, and how."""

    profile: str
    """Which models."""

    trust: bool
    """Run without a sandbox where none can be made."""

    accept_degraded: bool
    """Make do with Landlock and seccomp."""

    students: int
    """Made-up students for the diagnosis accuracy; 0: not measured."""

    programs: int
    """Generated correct programs."""

    mutants: MutantSample
    """Generated wrong programs."""

    gradings: int
    """Simulated gradings for the false-verdict rate; 0: not measured."""

    names: int
    """Names under which every program is graded; 0: none."""

    seed: int
    """Draws programs, mutants and simulations."""


def parse_mutants(text: str) -> MutantSample:
    """Read the value of --mutants.

    Raises:
        typer.BadParameter: If it is neither `all` nor a number.
    """
    if text == "all":
        return ALL_MUTANTS
    if not text.isdecimal():
        raise typer.BadParameter(f"write all or a number, not {text!r}.")
    return MutantSample(per_task=int(text))


NamingOption = Annotated[
    int,
    typer.Option(
        "--naming", min=0, metavar="N", help="Measure the diagnosis accuracy, for N made-up students."
    ),
]
HtmlOption = Annotated[
    Path | None,
    typer.Option("--html", metavar="PATH", help="Write a page: into this folder, or as this .html file."),
]
ProgramsOption = Annotated[
    int,
    typer.Option("--programs", min=0, metavar="N", help="Grade N generated correct programs: all must pass."),
]
MutantsOption = Annotated[
    MutantSample | None,
    typer.Option(
        "--mutants",
        parser=parse_mutants,
        metavar="all|N",
        help="Mutation testing: run all mutants, or N of each kind and task. All must lose points.",
    ),
]
LuckOption = Annotated[
    int,
    typer.Option(
        "--luck",
        min=0,
        metavar="N",
        help="Measure the false-verdict rate: simulate N gradings of each program of luck.py.",
    ),
]
NamesOption = Annotated[
    int,
    typer.Option(
        "--names",
        min=0,
        metavar="N",
        help="Grade every known program under N names: no points may depend on the name.",
    ),
]
SeedOption = Annotated[
    int, typer.Option("--seed", metavar="N", help="Draws programs, mutants and simulations.")
]


def verify(
    slugs: SlugsArgument = None,
    course: CourseOption = None,
    profile: ProfileOption = "tiny",
    trust: TrustOption = False,
    degraded: DegradedOption = False,
    naming: NamingOption = 0,
    html: HtmlOption = None,
    programs: ProgramsOption = 0,
    mutants: MutantsOption = None,
    luck: LuckOption = 0,
    names: NamesOption = 0,
    seed: SeedOption = 0,
) -> None:
    """Test an assignment's checks: reference, template, every misconception and accepted variant."""
    chosen = chosen_assignments(course, slugs)
    from autograder.authoring.verify.page import write_page
    from autograder.course.profiles import profile_named

    if html is not None and html.suffix == ".html" and len(chosen) > 1:
        raise typer.BadParameter("names one file, but there are several assignments: name a folder.")
    options = VerifyOptions(
        profile=profile_named(profile),
        trust=trust,
        accept_degraded=degraded,
        students=naming,
        programs=programs,
        mutants=mutants or NO_MUTANTS,
        gradings=luck,
        names=names,
        seed=seed,
    )
    faults = 0
    for assignment in chosen:
        found = _verified(assignment, options)
        faults += len(found.faults)
        if html is not None:
            typer.echo(write_page(found, html))
    if faults:
        typer.echo(f"{faults} fault(s).")
        raise typer.Exit(1)


def _verified(assignment: Assignment, options: VerifyOptions) -> Verification:
    """Test one assignment and print the results as they come."""
    from autograder.authoring.verify import gate
    from autograder.authoring.verify.verification import Verification
    from autograder.cli.verify_display import show_gate

    results = gate.verify(
        assignment,
        profile=options.profile,
        trust=options.trust,
        accept_degraded=options.accept_degraded,
    )
    return Verification(
        assignment=assignment,
        profile=options.profile,
        gate=tuple(show_gate(assignment, results)),
        programs=_generated_programs(assignment, options),
        diagnosed=_diagnosed(assignment, options),
        false_verdicts=_false_verdicts(assignment, options),
        named=_under_names(assignment, options),
    )


def _generated_programs(assignment: Assignment, options: VerifyOptions) -> tuple[ProgramResult, ...]:
    from autograder.authoring.verify.generated_programs import run_generated_programs
    from autograder.cli.verify_display import show_programs

    if not options.programs and options.mutants == NO_MUTANTS:
        return ()
    results = run_generated_programs(
        assignment,
        programs=options.programs,
        mutants=options.mutants,
        seed=options.seed,
        profile=options.profile,
        trust=options.trust,
        accept_degraded=options.accept_degraded,
    )
    return tuple(show_programs(assignment, results))


def _diagnosed(assignment: Assignment, options: VerifyOptions) -> tuple[DiagnosedProgram, ...]:
    from autograder.authoring.verify.diagnosis_accuracy import measure_diagnosis_accuracy
    from autograder.checks.course_context import load_course
    from autograder.cli.verify_display import show_accuracy

    if not options.students:
        return ()
    course = load_course(assignment, profile=options.profile)
    found = measure_diagnosis_accuracy(course, students=options.students)
    show_accuracy(found)
    return tuple(found)


def _false_verdicts(assignment: Assignment, options: VerifyOptions) -> tuple[FalseVerdicts, ...]:
    from autograder.authoring.verify.false_verdicts import measure_false_verdicts
    from autograder.cli.verify_display import show_false_verdicts

    if not options.gradings:
        return ()
    found = tuple(
        measure_false_verdicts(assignment, options.gradings, seed=options.seed, profile=options.profile)
    )
    show_false_verdicts(found)
    return found


def _under_names(assignment: Assignment, options: VerifyOptions) -> tuple[NameInvariance, ...]:
    from autograder.authoring.verify.name_invariance import grade_under_names
    from autograder.checks.course_context import load_course
    from autograder.cli.verify_display import show_names

    if not options.names:
        return ()
    course = load_course(assignment, profile=options.profile)
    return tuple(show_names(assignment, grade_under_names(course, options.names), options.names))
