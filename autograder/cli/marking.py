"""The commands for what people decide: mark and log."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.cli.options import CourseOption, one_assignment
from autograder.errors import AssignmentError, did_you_mean

if TYPE_CHECKING:
    from autograder.marking.actions import Marking
    from autograder.records import Assignment

ResultsArgument = Annotated[
    Path, typer.Argument(metavar="RESULTS", help="The folder given to `autograder grade --out`.")
]
AssignmentOption = Annotated[
    str, typer.Option("--assignment", metavar="SLUG", help="Which assignment; default: the only one there.")
]


def mark(
    results: ResultsArgument,
    slug: AssignmentOption = "",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Where the browser finds it; 0: any free port.")
    ] = 0,
    who: Annotated[
        str, typer.Option("--as", metavar="NAME", help="Who decides; default: your name on this machine.")
    ] = "",
    course: CourseOption = None,
    importing: Annotated[
        Path | None,
        typer.Option("--import", metavar="FILE", help="Take marks from a CSV file, all of them or none."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="With --import: replace what other people have decided.")
    ] = False,
    exporting: Annotated[
        Path | None, typer.Option("--export", metavar="FILE", help="Write all marks to a CSV file.")
    ] = None,
    merging: Annotated[
        list[Path] | None,
        typer.Option(
            "--merge",
            metavar="FILE",
            help="Join another machine's decisions: its marking.sqlite, or what `log --json` printed there.",
        ),
    ] = None,
    requests: Annotated[
        Path | None,
        typer.Option("--requests", metavar="FILE", help="Take regrade requests from a CSV file."),
    ] = None,
) -> None:
    """Mark written answers in the browser, or exchange marks with other programs and machines.

    Without --import, --export, --merge or --requests it opens a page for marking, on this machine alone.
    """
    from autograder.marking.actions import Marking
    from autograder.marking.pages import refresh

    folder, assignment = marked_results(results, slug, course)
    name = who.strip() or _own_name()
    if importing is exporting is requests is None and not merging:
        _serve(folder, assignment, name, port)
        return
    with Marking(folder, assignment) as marking:
        for path in merging or ():
            _merge(marking, path)
        if importing is not None:
            _import(marking, importing, name, overwrite=overwrite)
        if requests is not None:
            _import_requests(marking, requests, name)
        if exporting is not None:
            _export(marking, exporting)
        refresh(marking)
        for sentence in marking.submissions.damaged:
            typer.echo(sentence, err=True)


def log(
    results: ResultsArgument,
    slug: AssignmentOption = "",
    course: CourseOption = None,
    student: Annotated[
        str, typer.Option("--student", metavar="STUDENT", help="Only what was decided on this student.")
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="One decision a line as JSON, for `autograder mark --merge`.")
    ] = False,
) -> None:
    """Print all decisions of people, oldest first: when, who, what, on whom, what it was before, and why."""
    from autograder.marking.actions import Marking
    from autograder.marking.log import replaced, sentence, to_line
    from autograder.marking.store import STORE_NAME

    folder, assignment = marked_results(results, slug, course)
    if not (folder / STORE_NAME).is_file():
        typer.echo("Nothing has been decided yet.", err=True)
        return
    with Marking(folder, assignment) as marking:
        if student:
            marking.submissions.known_report(student)
        decisions = marking.state.history(student=student or None)
        before = replaced(marking.state.history())
        for decision in decisions:
            typer.echo(to_line(decision) if as_json else sentence(decision, before.get(decision.id)))
        if not as_json and not student:
            _say_contested(marking)


def marked_results(results: Path, slug: str, course: Path | None) -> tuple[Path, Assignment]:
    """Return the folder of one assignment's results, and the assignment.

    Args:
        results: What `autograder grade --out` was given.
        slug: The assignment; empty: the only one that has results.
        course: What --course was given.

    Raises:
        AssignmentError: If there are no results, or those of several assignments.
    """
    from autograder.report import REPORT_NAME

    found = sorted({path.parent.parent.name for path in results.glob(f"*/*/{REPORT_NAME}")})
    if not found:
        raise AssignmentError(
            f"{results}: holds no <assignment>/<student>/{REPORT_NAME}. "
            "Name the folder given to `autograder grade --out`."
        )
    if slug and slug not in found:
        raise AssignmentError(f"{results}: no results of {slug!r}.{did_you_mean(slug, found)}")
    if not slug and len(found) > 1:
        raise AssignmentError(
            f"{results}: results of several assignments. Say which with --assignment: {', '.join(found)}."
        )
    assignment = one_assignment(course, slug or found[0])
    return results.absolute() / assignment.slug, assignment


def _own_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise AssignmentError("Say who decides with --as NAME.") from None


def _serve(folder: Path, assignment: Assignment, who: str, port: int) -> None:
    from autograder.marking.pages import refresh
    from autograder.marking.web.serve import serve

    def announce(url: str) -> None:
        typer.echo(f"Open {url}\nEvery decision is saved at once; Ctrl-C ends the page.")

    serve(folder, assignment, who=who, port=port, announce=announce, refreshed=refresh)


def _import(marking: Marking, path: Path, who: str, *, overwrite: bool) -> None:
    from autograder.marking.log import check_file
    from autograder.marking.marks_csv import import_marks

    done = import_marks(marking, check_file(path), by=who, source=path.name, overwrite=overwrite)
    typer.echo(f"{path}: {done.marked} new, {done.changed} changed, {done.unchanged} unchanged.")


def _import_requests(marking: Marking, path: Path, who: str) -> None:
    from autograder.marking.log import check_file
    from autograder.marking.requests import import_requests
    from autograder.report.text import plural

    new = import_requests(marking, check_file(path), by=who, source=path.name)
    left = sum(one.is_open for one in marking.state.requests())
    typer.echo(f"{path}: {plural(new, 'new request')}; {left} open in all.")


def _merge(marking: Marking, path: Path) -> None:
    from autograder.marking.log import merge, read_log
    from autograder.report.text import plural

    merged = merge(marking, read_log(path))
    typer.echo(f"{path}: {plural(merged.added, 'new decision')}.")
    if merged.strangers:
        typer.echo(f"  On students without results here: {', '.join(merged.strangers)}.")
    _say_contested(marking)


def _say_contested(marking: Marking) -> None:
    from autograder.marking.log import sentence

    for current, *others in marking.state.contested():
        typer.echo("Decided differently on two machines; the first one counts until someone decides again:")
        for one in (current, *others):
            typer.echo(f"  {sentence(one, None)}")


def _export(marking: Marking, path: Path) -> None:
    from autograder.marking.marks_csv import export_marks
    from autograder.report import write_files

    try:
        write_files({path.name: export_marks(marking)}, path.absolute().parent)
    except OSError as error:
        raise AssignmentError(f"{path}: cannot be written: {error.strerror}.") from None
    typer.echo(f"Marks: {path}")
