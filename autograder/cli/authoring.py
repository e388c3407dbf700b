"""Commands for those who write assignments: new, build, calibrate, fetch; verify is in `verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autograder.cli.options import (
    CourseOption,
    DeviceOption,
    ProfileOption,
    SlugsArgument,
    chosen_assignments,
)


def build(
    slugs: SlugsArgument = None,
    course: CourseOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit with 1 if a notebook is stale.")
    ] = False,
    source: Annotated[
        Path | None,
        typer.Option(
            "--nbgrader-source",
            metavar="DIR",
            help="Write the notebooks with solutions instead, into the source/ folder of an nbgrader course.",
        ),
    ] = None,
) -> None:
    """Make the student notebooks from the references."""
    chosen = chosen_assignments(course, slugs)  # first: what it refuses, it refuses before torch is imported
    from autograder.authoring.notebook import build_assignment, build_source, is_stale
    from autograder.checks.decorators import collect, points_by_task
    from autograder.checks.runner import try_collecting

    stale = False
    for assignment in chosen:
        checks = collect(assignment)
        try_collecting(assignment, checks)
        points = points_by_task(checks)
        if source is not None:
            typer.echo(f"{build_source(assignment, points, source)}: written")
            continue
        if check:
            old = is_stale(assignment, points)
            stale |= old
            state = "stale: run autograder build" if old else "current"
        else:
            state = "written" if build_assignment(assignment, points) else "current"
        typer.echo(f"{assignment.template}: {state}")
    if stale:
        raise typer.Exit(1)


def fetch(
    slugs: SlugsArgument = None,
    course: CourseOption = None,
    profile: Annotated[
        str, typer.Option("--profile", metavar="P", help="The profile whose models are fetched.")
    ] = "hub",
    pinned: Annotated[
        bool,
        typer.Option(
            "--pin",
            help="Write the commit of a model that has none yet into assignment.toml: from then on it is that.",
        ),
    ] = False,
) -> None:
    """Download the hub's models of a profile, at their pinned commits, into this machine's cache."""
    from autograder.authoring.pin import pin
    from autograder.course.profiles import fetch as run

    chosen = chosen_assignments(course, slugs)
    known = any(profile in assignment.models for assignment in chosen)
    for assignment in chosen:
        # Of all assignments some may lack a profile; one that none has is an error.
        if slugs is None and known and profile not in assignment.models:
            typer.echo(f"{assignment.slug}: no profile {profile!r}.")
            continue
        fetched = 0
        for spec, folder in run(assignment, profile):
            fetched += 1
            said = "" if spec.revision else f'; not pinned yet (--pin does it): revision = "{folder.name}"'
            if pinned and not spec.revision:
                pin(assignment.folder / "assignment.toml", profile, spec.hub, folder.name)
                said = f"; pinned: {folder.name}"
            typer.echo(f"{assignment.slug}: {spec.hub} in {folder}{said}")
        if not fetched:
            typer.echo(f"{assignment.slug}: the profile {profile!r} has no model of the hub, only folders.")


def calibrate(
    slugs: SlugsArgument = None,
    course: CourseOption = None,
    profile: ProfileOption = "tiny",
    device: DeviceOption = "cpu",
    students: Annotated[
        int,
        typer.Option("--students", min=1, metavar="N", help="Made-up students who ask, each on own inputs."),
    ] = 6,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a page with the tables and a plot of each."),
    ] = None,
    shown: Annotated[
        bool, typer.Option("--show", help="Measure nothing: show what was measured before.")
    ] = False,
    forget: Annotated[
        bool,
        typer.Option("--forget", help="Drop what other devices measured: models or inputs are others now."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the table, write nothing.")] = False,
) -> None:
    """Measure the tolerances: how far right answers lie from exact ones, how near the known mistakes come."""
    chosen = chosen_assignments(course, slugs)
    from autograder.authoring.calibrate import calibrate as run
    from autograder.authoring.calibrate import calibrated_before
    from autograder.authoring.calibrate.page import calibration_page
    from autograder.cli.display import calibration_progress, show_tolerances
    from autograder.course.profiles import profile_named

    all_found = []
    for assignment in chosen:
        named = profile_named(profile)
        if shown:
            found = calibrated_before(assignment, profile=named)
        else:
            with calibration_progress(assignment) as progress:
                found = run(
                    assignment,
                    profile=named,
                    device=device,
                    students=students,
                    write=not dry_run,
                    forget=forget,
                    progress=progress,
                )
        show_tolerances(found)
        all_found.append((found.assignment, found.measured, found.tolerances))
    if html is not None:
        html.write_bytes(calibration_page(all_found))
        typer.echo(f"Page: {html.resolve()}")


def new(
    slug: Annotated[str, typer.Argument(help="The new assignment's name: lower-case letters, digits, _.")],
    course: Annotated[
        Path,
        typer.Option("--course", metavar="DIR", help="The course's folder; begun if it is none yet."),
    ] = Path(),
    title: Annotated[str, typer.Option("--title", metavar="TEXT", help="For people.")] = "",
) -> None:
    """Begin an assignment: its three files, reference and tests, which build, verify and grade as they are."""
    from autograder.authoring.calibrate import calibrate as run
    from autograder.authoring.notebook import build_assignment
    from autograder.authoring.scaffold import create
    from autograder.checks.decorators import collect, points_by_task
    from autograder.cli.display import show_tolerances
    from autograder.course.assignment import load_assignment

    folder = course.resolve()
    for path in create(folder, slug, title):
        typer.echo(path)
    assignment = load_assignment(folder, slug)
    build_assignment(assignment, points_by_task(collect(assignment)))
    typer.echo(assignment.template)
    show_tolerances(run(assignment))
    typer.echo(
        f"Next: change these files step by step, and after each step\n"
        f"  autograder build {slug}        the student notebook from the reference\n"
        f"  autograder calibrate {slug}    the tolerances from reference and mistakes\n"
        f"  autograder verify {slug}       whether right is right and every mistake is named"
    )
