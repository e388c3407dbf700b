"""Commands that take grades and feedback to where the submissions came from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.cli.options import CourseOption, one_assignment

if TYPE_CHECKING:
    from autograder.exchange.outcome import Outcome
    from autograder.exchange.totals import StudentTotal

export = typer.Typer(
    no_args_is_help=True, help="Fill in a learning platform's own files with the grades of a results folder."
)

ResultsArgument = Annotated[
    Path, typer.Argument(metavar="RESULTS", help="A results folder of `autograder grade`.")
]
AssignmentOption = Annotated[str, typer.Option("--assignment", metavar="SLUG", help="The assignment.")]
ExportOutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files go.")]
PartialOption = Annotated[
    bool,
    typer.Option("--partial", help="Where a grade is not complete, export the automatic points."),
]


RosterOption = Annotated[
    Path | None,
    typer.Option("--roster", metavar="FILE", help="Who is in the course; default: roster.csv of the course."),
]
ColumnsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--roster-column", metavar="FIELD=NAME", help="A column of the roster, as in name='Full name'."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(export, name="export")
    app.command(epilog="Example: autograder feedback results --assignment logit_lens --out feedback --zip")(
        feedback
    )
    app.command(epilog="Example: autograder totals results --roster roster.csv")(totals)
    app.command(epilog="Example: autograder handout logit_lens --out logit_lens.zip")(handout)
    app.command(epilog="Example: autograder forget 'Anna Adams' results")(forget)


@export.command(
    epilog="Example: autograder export moodle results --assignment logit_lens --worksheet Grades-NLP.csv --out moodle"
)
def moodle(
    results: ResultsArgument,
    assignment: AssignmentOption,
    worksheet: Annotated[
        Path,
        typer.Option("--worksheet", metavar="FILE", help="The grading worksheet, as Moodle gives it."),
    ],
    out: ExportOutOption,
    partial: PartialOption = False,
    course: CourseOption = None,
    roster: RosterOption = None,
    roster_columns: ColumnsOption = None,
    grade_column: Annotated[
        str,
        typer.Option(
            "--grade-column",
            metavar="NAME",
            help="The grade's column, if Moodle is neither in English nor in German.",
        ),
    ] = "",
) -> None:
    """Put the grades into Moodle's grading worksheet, and the feedback pages into feedback.zip."""
    from autograder.course.policy.sheet import Sheet
    from autograder.exchange.feedback import PAGE, given
    from autograder.exchange.moodle import FEEDBACK_ZIP, feedback_zip, fill_worksheet
    from autograder.exchange.releases import record_releases
    from autograder.exchange.writing import packed, write_export

    sheet = Sheet(worksheet)
    students, remarks = _reported(results, assignment, course, roster, roster_columns)
    outcome, graded = fill_worksheet(sheet, students, partial=partial, grade_column=grade_column)
    outcome.remarks += remarks
    pages = feedback_zip(graded)
    backups = write_export({sheet.name: sheet.to_bytes(), FEEDBACK_ZIP: packed(pages)}, out)
    handed = [given(student, {PAGE: page}) for student, page in zip(graded, pages.values(), strict=True)]
    record_releases(results / assignment, handed, "export moodle", datetime.now(UTC))
    _tell(outcome, [out / sheet.name, out / FEEDBACK_ZIP], backups)


@export.command(
    epilog="Example: autograder export canvas results --assignment logit_lens --gradebook Grades-NLP.csv --out canvas"
)
def canvas(
    results: ResultsArgument,
    assignment: AssignmentOption,
    gradebook: Annotated[
        Path, typer.Option("--gradebook", metavar="FILE", help="The gradebook, freshly exported by Canvas.")
    ],
    out: ExportOutOption,
    partial: PartialOption = False,
    course: CourseOption = None,
    roster: RosterOption = None,
    roster_columns: ColumnsOption = None,
    column: Annotated[
        str,
        typer.Option(
            "--column", metavar="NAME", help="The assignment's column or number, if SLUG does not tell it."
        ),
    ] = "",
) -> None:
    """Put the grades into Canvas' gradebook."""
    from autograder.course.policy.sheet import Sheet
    from autograder.exchange.canvas import fill_gradebook
    from autograder.exchange.writing import write_export

    sheet = Sheet(gradebook)
    students, remarks = _reported(results, assignment, course, roster, roster_columns)
    outcome = fill_gradebook(sheet, students, assignment, partial=partial, column=column)
    outcome.remarks += remarks
    backups = write_export({sheet.name: sheet.to_bytes()}, out)
    _tell(outcome, [out / sheet.name], backups)


def feedback(
    results: ResultsArgument,
    assignment: AssignmentOption,
    out: ExportOutOption,
    as_zips: Annotated[bool, typer.Option("--zip", help="A zip for each student, not a folder.")] = False,
    course: CourseOption = None,
    roster: RosterOption = None,
    roster_columns: ColumnsOption = None,
) -> None:
    """Write what belongs to each student: the feedback page and the executed notebook; to all members of a group."""
    from autograder.exchange.feedback import write_feedback
    from autograder.exchange.releases import RELEASES_NAME, record_releases

    students, _ = _reported(results, assignment, course, roster, roster_columns)
    handed = list(write_feedback(students, out, as_zips=as_zips))
    record_releases(results / assignment, handed, "zip" if as_zips else "folder", datetime.now(UTC))
    typer.echo(f"{len(handed)} students: {out}")
    typer.echo(f"Recorded in {results / assignment / RELEASES_NAME}.")


def handout(
    slug: Annotated[str, typer.Argument(help="The assignment.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.zip", help="The zip to write.")],
    course: CourseOption = None,
) -> None:
    """Pack what students are given of one assignment: notebook, models, data, images, requirements and README."""
    from autograder.course.assignment import list_slugs
    from autograder.course.course_file import load_course
    from autograder.exchange.handout import make_handout
    from autograder.exchange.writing import packed, write_export

    assignment = one_assignment(course, slug)
    settings = load_course(assignment.course_dir, list_slugs(assignment.course_dir))
    made = make_handout(assignment, settings)
    files = {f"{slug}/{name}": content for name, content in made.files.items()}
    write_export({out.name: packed(files)}, out.absolute().parent)
    typer.echo(f"{len(files)} files: {out}")
    if made.left_out:
        typer.echo(f"Left out, since no notebook names it: {', '.join(made.left_out)}.")


def forget(
    student: Annotated[str, typer.Argument(help="The name as the results have it, or the id.")],
    results: ResultsArgument,
    course: CourseOption = None,
) -> None:
    """Remove a student from a results folder: files, journal, marks and pages. Exports elsewhere are not touched."""
    from autograder.exchange.forget import forget as forget_in

    for slug in forget_in(results, student, lambda name: one_assignment(course, name)):
        typer.echo(f"{student} is removed from {results / slug}.")
    typer.echo(
        "Remove by hand what was exported: worksheets, feedback, zips, backups, the submissions themselves."
    )


@export.command(
    epilog="Example: autograder export nbgrader results --assignment logit_lens --course ~/nbgrader-course"
)
def nbgrader(
    results: ResultsArgument,
    assignment: AssignmentOption,
    course: Annotated[
        Path, typer.Option("--course", metavar="DIR", help="The nbgrader course: where gradebook.db is.")
    ],
    read_back: Annotated[
        Path | None,
        typer.Option(
            "--read-back",
            metavar="FILE",
            help="Write nothing there: put the points that people gave in nbgrader into a table for `mark --import`.",
        ),
    ] = None,
) -> None:
    """Put grades into nbgrader's gradebook.db and executed notebooks into autograded/, or read manual points back."""
    from autograder.exchange.nbgrader_gradebook import GRADEBOOK, fill_gradebook, read_manual_points
    from autograder.exchange.writing import write_export

    students, remarks = _reported(results, assignment, None, None, None)
    if read_back is not None:
        table = read_manual_points(students, assignment, course)
        for name in write_export({read_back.name: table}, read_back.parent):
            typer.echo(f"What stood there is kept as {name}.")
        typer.echo(f"Written: {read_back}. Import it with `autograder mark {results} --import {read_back}`.")
        return
    outcome = fill_gradebook(students, assignment, course)
    outcome.remarks += remarks
    _tell(outcome, [course / GRADEBOOK], [])


def totals(
    results: ResultsArgument,
    course: CourseOption = None,
    roster: RosterOption = None,
    roster_columns: ColumnsOption = None,
) -> None:
    """Write what is reported of each student: totals with dates, attempts and groups of course.toml applied.

    A table for each assignment, and one of the course. Graded results stay as they are.
    """
    from autograder.exchange.settings import reporter_of
    from autograder.exchange.tables import TOTALS_NAME, assignment_table, course_table
    from autograder.exchange.writing import write_export

    found = reporter_of(results, course, roster, roster_columns or [])
    reported = {slug: found.reporter.assignment(slug) for slug in found.slugs}
    for slug, lines in reported.items():
        write_export({TOTALS_NAME: assignment_table(lines)}, results / slug, keep=False)
        changed = sum(bool(row.adjustment) for row in lines.rows)
        counts = f"{len(lines.rows)} students, {changed} totals changed by course.toml"
        typer.echo(f"{slug}: {counts}: {results / slug / TOTALS_NAME}")
        for remark in lines.remarks:
            typer.echo(f"  {remark}")
    table = course_table(reported, found.settings.drop_lowest)
    write_export({TOTALS_NAME: table}, results, keep=False)
    typer.echo(f"Course: {results / TOTALS_NAME}")


def _reported(
    results: Path, slug: str, course: Path | None, roster: Path | None, columns: list[str] | None
) -> tuple[list[StudentTotal], list[str]]:
    """Return what is exported of each student who handed in, and what a person should know of it."""
    from autograder.exchange.settings import reporter_of
    from autograder.exchange.totals import assignment_folder

    assignment_folder(results, slug)
    lines = reporter_of(results, course, roster, columns or [], only=slug).reporter.assignment(slug)
    rows = [row for row in lines.rows if row.student.folder != Path()]
    remarks = [f"{row.student.student}: {'; '.join(row.why)}." for row in rows if row.why]
    return [row.student for row in rows], [*remarks, *lines.remarks]


def _tell(outcome: Outcome, written: list[Path], backups: list[str]) -> None:
    """Say what an export did."""
    for line in outcome.lines():
        typer.echo(line)
    for path in written:
        typer.echo(f"Written: {path}")
    for name in backups:
        typer.echo(f"What stood there is kept as {name}.")
