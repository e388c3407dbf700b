"""Commands for those who write assignments: new, build, verify, calibrate, fetch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from autograder.cli.options import (
    CourseOption,
    DegradedOption,
    DeviceOption,
    ProfileOption,
    SlugsArgument,
    TrustOption,
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
    from autograder.authoring.notebook import build_assignment, build_source, is_stale
    from autograder.checks.decorators import collect, points_by_task
    from autograder.checks.runner import try_collecting

    stale = False
    for assignment in chosen_assignments(course, slugs):
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


def verify(
    slugs: SlugsArgument = None,
    course: CourseOption = None,
    profile: ProfileOption = "tiny",
    trust: TrustOption = False,
    degraded: DegradedOption = False,
    naming: Annotated[
        int,
        typer.Option(
            "--naming", min=0, metavar="N", help="Measure how mistakes are named, for N made-up students."
        ),
    ] = 0,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="PATH", help="Write a page: into this folder, or as this .html file."),
    ] = None,
    programs: Annotated[
        int,
        typer.Option(
            "--programs",
            min=0,
            metavar="N",
            help="Grade this many rewritten right programs, too: all must pass.",
        ),
    ] = 0,
    mutants: Annotated[
        str,
        typer.Option(
            "--mutants",
            metavar="all|N",
            help="Try wrong programs, too: all, or N of each kind and task. All must lose points.",
        ),
    ] = "0",
    luck: Annotated[
        int,
        typer.Option(
            "--luck",
            min=0,
            metavar="N",
            help="Simulate N gradings of each program of luck.py: luck must decide none.",
        ),
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Draws the programs, and luck.")] = 0,
) -> None:
    """Test an assignment's checks: reference, template, every misconception and accepted variant."""
    from autograder.authoring.verify.diagnosis_accuracy import measure_naming
    from autograder.authoring.verify.false_verdicts import measure_luck
    from autograder.authoring.verify.gate import verify as run
    from autograder.authoring.verify.gate import write_page
    from autograder.checks.course_context import load_course
    from autograder.cli.display import show_luck, show_naming, show_tried, show_verified
    from autograder.course.profiles import profile_named

    chosen = chosen_assignments(course, slugs)
    if html is not None and html.suffix == ".html" and len(chosen) > 1:
        raise typer.BadParameter("names one file, but there are several assignments: name a folder.")
    if mutants != "all" and not mutants.isdecimal():
        raise typer.BadParameter(f"--mutants is {mutants!r}: write all or a number.")
    faults = 0
    models = profile_named(profile)
    for assignment in chosen:
        found, seen = show_verified(
            assignment, run(assignment, profile=models, trust=trust, accept_degraded=degraded)
        )
        faults += found
        trials: list[Any] = []
        if programs or mutants != "0":
            from autograder.authoring.verify.trials import try_programs

            tried = try_programs(
                assignment,
                programs=programs,
                wrong=mutants != "0",
                sample=None if mutants == "all" else int(mutants),
                seed=seed,
                profile=models,
                trust=trust,
                accept_degraded=degraded,
            )
            faults += show_tried(assignment, _kept(tried, trials))
        namings = measure_naming(load_course(assignment, profile=models), students=naming) if naming else []
        show_naming(namings)
        drawn = list(measure_luck(assignment, luck, seed=seed, profile=models)) if luck else []
        faults += show_luck(drawn)
        if html is not None:
            typer.echo(write_page(assignment, html, seen, namings, trials=trials, luck=drawn, profile=models))
    if faults:
        typer.echo(f"{faults} fault(s).")
        raise typer.Exit(1)


def _kept(items: Iterable[Any], kept: list[Any]) -> Iterator[Any]:
    """Pass items on as they come, and keep them."""
    for item in items:
        kept.append(item)
        yield item


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
    from autograder.authoring.calibrate import calibrate as run
    from autograder.authoring.calibrate import calibrated_before
    from autograder.authoring.calibrate.page import calibration_page
    from autograder.cli.display import calibration_progress, show_tolerances
    from autograder.course.profiles import profile_named

    all_found = []
    for assignment in chosen_assignments(course, slugs):
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
