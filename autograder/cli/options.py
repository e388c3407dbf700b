"""Options that several commands share, and what they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.errors import AssignmentError

if TYPE_CHECKING:
    from autograder.records import Assignment

CourseOption = Annotated[
    Path | None,
    typer.Option(
        "--course", metavar="DIR", help="The course's folder; default: this one or the nearest above."
    ),
]
OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where results go.")]
JobsOption = Annotated[
    int, typer.Option("--jobs", min=0, metavar="N", help="Workers; 0: one a core, or GPU.")
]
DeviceOption = Annotated[str, typer.Option("--device", metavar="D", help="cpu, cuda (all GPUs) or cuda:i.")]
PerGpuOption = Annotated[
    int, typer.Option("--per-gpu", min=1, metavar="N", help="Submissions on one GPU at a time.")
]
ThreadsOption = Annotated[
    int,
    typer.Option(
        "--threads",
        min=0,
        metavar="N",
        help="Threads of each student's kernel; 0: as the assignment says, or 1.",
    ),
]
ProfileOption = Annotated[
    str,
    typer.Option(
        "--profile",
        metavar="P",
        help="Which models: a profile of assignment.toml, or a model's folder, ./DIR.",
    ),
]
TrustOption = Annotated[
    bool,
    typer.Option("--i-trust-these-submissions", help="Run without a sandbox where none can be made."),
]
DegradedOption = Annotated[
    bool,
    typer.Option("--accept-degraded", help="Make do with Landlock and seccomp where namespaces are refused."),
]
SlugsArgument = Annotated[list[str] | None, typer.Argument(metavar="[SLUG]...", help="Default: all.")]


def one_assignment(course: Path | None, slug: str) -> Assignment:
    """Read one assignment of the course in this folder, or in the nearest above.

    Raises:
        AssignmentError: If there is none, or with all that is wrong with it.
    """
    from autograder.course.assignment import find_course, load_assignment

    return load_assignment(find_course(course), slug)


def chosen_assignments(course: Path | None, slugs: list[str] | None) -> list[Assignment]:
    """Read the named assignments of a course, or all.

    Raises:
        AssignmentError: If there is none, or with all that is wrong with one.
    """
    from autograder.course.assignment import find_course, list_slugs, load_assignment

    folder = find_course(course)
    chosen = slugs or list_slugs(folder)
    if not chosen:
        raise AssignmentError(
            f"{folder / 'assignments'}: no assignment here: no folder holds an assignment.toml."
        )
    return [load_assignment(folder, slug) for slug in chosen]
