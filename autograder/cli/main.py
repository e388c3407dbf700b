"""The command line. Every error is a sentence; exit codes are for scripts (see `EXIT_CODES`)."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from autograder.cli import authoring, exchange, marking
from autograder.cli.options import (
    CourseOption,
    DegradedOption,
    DeviceOption,
    JobsOption,
    OutOption,
    PerGpuOption,
    ProfileOption,
    ThreadsOption,
    TrustOption,
    one_assignment,
)
from autograder.cli.verify import verify
from autograder.errors import AssignmentError, AutograderError, AutograderWarning, GraderError

if TYPE_CHECKING:
    from autograder.grading.batch import Options
    from autograder.records import Assignment, GradeReport

EXIT_CODES = """Exit codes: 0 done; 1 verify found a fault, build --check a stale notebook, or diff a difference; 2 the
command could not be carried out, or not to its end; 3 graded, but some submissions need review (our faults, never a
zero); 130 interrupted: the same command goes on."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Grade notebooks whose answers are tensors: sandboxed, within measured tolerances, naming the mistake.",
    epilog=EXIT_CODES,
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"interp-autograder {version('interp-autograder')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which version.")
    ] = False,
) -> None:
    """Hold the options that go before a command."""


def main() -> None:
    """Run the command line; turn every foreseen error into a sentence and an exit code."""
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    warnings.showwarning = partial(_show_warning, warnings.showwarning, errors)
    try:
        app(standalone_mode=True)
    except AutograderError as error:
        errors.print(f"[bold red]{_kind(error)}[/] ", end="")
        errors.print(str(error), markup=False)
        sys.exit(2)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("autograder"):
            raise
        errors.print(
            f"The package {error.name!r} is not installed in this environment.\n"
            "Install the harness with its dependencies: pip install interp-autograder "
            "(in a clone of the project: make env).",
            markup=False,
        )
        sys.exit(2)
    except KeyboardInterrupt:  # Typer has an exit code for it; this is one that came before or after
        sys.exit(130)


def _show_warning(otherwise: Callable[..., None], errors: Console, message: Any, *where: Any) -> None:
    """Show a warning meant for people as a sentence, any other one as Python does."""
    if isinstance(message, AutograderWarning):
        errors.print("[bold yellow]Warning:[/] ", end="")
        errors.print(str(message), markup=False)
    else:
        otherwise(message, *where)


def _kind(error: AutograderError) -> str:
    return "Cannot go on:" if isinstance(error, GraderError) else "Error:"


app.command(epilog="Example: autograder new my_assignment --title 'My assignment'")(authoring.new)
app.command(epilog="Example: autograder build token_attribution")(authoring.build)
app.command(epilog="Example: autograder verify token_attribution")(verify)
app.command(epilog="Example: autograder calibrate my_assignment")(authoring.calibrate)
app.command(
    epilog="Examples: autograder mark results --assignment token_attribution  ·  "
    "autograder mark results --import marks.csv --as Ines"
)(marking.mark)
app.command(epilog="Example: autograder log results --assignment token_attribution")(marking.log)
app.command(epilog="Example: autograder fetch logit_lens --profile hub")(authoring.fetch)
exchange.register(app)


@app.command(
    epilog="Examples: autograder grade token_attribution submitted/ --out results  ·  "
    "autograder grade token_attribution class.zip --out results --jobs 4"
)
def grade(
    slug: Annotated[str, typer.Argument(help="The assignment.")],
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="A notebook, a folder of notebooks, an nbgrader submitted/ tree, a zip of these.",
        ),
    ],
    out: OutOption,
    jobs: JobsOption = 0,
    device: DeviceOption = "cpu",
    per_gpu: PerGpuOption = 1,
    threads: ThreadsOption = 0,
    profile: ProfileOption = "tiny",
    course: CourseOption = None,
    trust: TrustOption = False,
    degraded: DegradedOption = False,
    regrade: Annotated[
        list[str] | None,
        typer.Option(
            "--regrade",
            metavar="STUDENT|CHECK|all",
            help="Grade these again although nothing has changed; may be given several times.",
        ),
    ] = None,
) -> None:
    """Grade submissions: a report for each student, a grade table, a page of the class.

    What is graded already and unchanged is not graded again: after an interruption or with new submissions, give the
    same command.
    """
    from autograder.course.profiles import profile_named
    from autograder.grading.batch import Options

    assignment = one_assignment(course, slug)
    wished = tuple(regrade or ())
    options = Options(
        jobs=jobs,
        device=device,
        per_gpu=per_gpu,
        threads=threads,
        profile=profile_named(profile),
        trust=trust,
        accept_degraded=degraded,
        regrade=wished,
    )
    reports = _grade(assignment, paths, out, options)
    if any(report.needs_review for report in reports):
        raise typer.Exit(3)


def _grade(assignment: Assignment, paths: list[Path], out: Path, options: Options) -> list[GradeReport]:
    """Grade what lies at these paths, showing it on the terminal."""
    from autograder.cli.progress import GradeProgress
    from autograder.comparison.tolerances import load_tolerances, named_in
    from autograder.course.built_from import is_outdated
    from autograder.course.requirements import FILE_NAME, grading_requirements
    from autograder.grading.batch import grade_paths

    if is_outdated(assignment):
        template, reference = (
            path.relative_to(assignment.course_dir) for path in (assignment.template, assignment.reference)
        )
        warnings.warn(
            f"{template} is older than the reference ({reference}); run `autograder build {assignment.slug}`.",
            AutograderWarning,
            stacklevel=2,
        )
    stated = grading_requirements(assignment.course_dir)
    if stated is not None and stated.problems:
        warnings.warn(
            f"{' '.join(stated.problems)} Notebooks that import it lose these statements. "
            f"Install it: pip install -r {FILE_NAME}",
            AutograderWarning,
            stacklevel=2,
        )
    measured = load_tolerances(assignment.generated_dir, options.profile)
    missing = named_in(assignment.folder / "checks.py") - measured.keys()
    if missing:
        raise AssignmentError(
            f"{assignment.slug}: {', '.join(sorted(missing))} in checks.py: no such tolerance has been measured yet. "
            f"Run `autograder calibrate {assignment.slug}`."
        )
    with GradeProgress(out / assignment.slug, regrade=bool(options.regrade)) as progress:
        return grade_paths(paths, assignment, out, options, progress)


@app.command(epilog="Example: autograder report results")
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A results folder of `autograder grade`.")],
    course: CourseOption = None,
    excel: Annotated[
        bool, typer.Option("--excel", help="Begin the tables with the mark by which Excel reads ä, é, 张.")
    ] = False,
) -> None:
    """Write the pages of a results folder again from its report.json files, the class's page included."""
    from autograder.marking.pages import grade_of, refresh_class
    from autograder.report import grade_table
    from autograder.report.rewrite import rewrite

    console = Console(highlight=False)
    for slug_folder, reports, _ in rewrite(
        folder, lambda slug: one_assignment(course, slug), bom=excel, grader=grade_of
    ):
        # Dates and attempts concern the whole class, and free days all assignments.
        grades = refresh_class(reports, one_assignment(course, slug_folder.name), slug_folder, bom=excel)
        console.print(grade_table(reports, grades))
        console.print(f"Class page: {slug_folder / 'class.html'}", soft_wrap=True, markup=False)


@app.command(epilog="Example: autograder diff results-cpu results-gpu")
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A results folder of `autograder grade`.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Another one.")],
) -> None:
    """Compare the grades of two results folders: scores, outcomes of checks, recognised mistakes; not times."""
    from autograder.report.difference import compare_folders, in_words

    difference = compare_folders(old, new)
    for line in in_words(difference):
        typer.echo(line)
    changed = len(difference.changes)
    typer.echo(
        f"{difference.same + changed} submissions compared: {difference.same} the same, {changed} differ."
    )
    if difference:
        raise typer.Exit(1)


@app.command(epilog="Example: autograder demo --out demo-results")
def demo(
    out: OutOption = Path("demo-results"),
    jobs: JobsOption = 0,
    device: DeviceOption = "cpu",
    course: CourseOption = None,
    trust: TrustOption = False,
    degraded: DegradedOption = False,
) -> None:
    """Grade the example classes that lie in the course's examples/ folder."""
    from autograder.course.assignment import find_course, list_slugs, load_assignment
    from autograder.grading.batch import Options

    remedy = "The demo grades examples/SLUG of a course; run it in a clone of the project, or name one with --course."
    try:
        folder = find_course(course)
    except AssignmentError:
        if course is not None:  # a mistyped --course, which has its own message
            raise
        raise AssignmentError(f"{Path.cwd()}: no course here.\n{remedy}") from None
    classes = [slug for slug in list_slugs(folder) if (folder / "examples" / slug).is_dir()]
    if not classes:
        raise AssignmentError(f"{folder / 'examples'}: no example class here.\n{remedy}")
    options = Options(jobs=jobs, device=device, trust=trust, accept_degraded=degraded)
    for slug in classes:
        assignment = load_assignment(folder, slug)
        _grade(assignment, [folder / "examples" / slug], out, options)


@app.command(epilog="Exit codes: 0 fine; 1 usable, but degraded; 2 cannot grade. Example: autograder doctor")
def doctor(course: CourseOption = None) -> None:
    """Look at this machine: which sandbox it gives and how to get a better one, GPU, versions, resources."""
    from autograder.cli.display import show_findings
    from autograder.cli.doctor import EXIT_CODES as CODES
    from autograder.cli.doctor import examine, worst

    findings = examine(course)
    show_findings(findings)
    raise typer.Exit(CODES[worst(findings)])
