"""Grades as CSV for gradebooks and as a table for the terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from autograder.records import Assignment, FinalGrade, GradeReport
from autograder.report.classview import ClassView
from autograder.report.decided import open_points
from autograder.report.overview import mistakes_of, sort_reports, task_points
from autograder.report.text import clean, number, one_line, points

_BASE_COLUMNS = ("student", "score", "max_score", "pending_points", "needs_review", "problem")
_FINAL_COLUMNS = ("auto", "written", "adjustments", "total", "of", "state")
NO_SUBMISSION = "no submission"
"""In `problem` of someone on the roster who handed in nothing."""

# Spreadsheets take a cell that starts so for a formula, some in the full-width form, too.
_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")


def csv_text(text: str) -> str:
    """Return text for a CSV cell that no spreadsheet runs: `'=cmd` for `=cmd`, controls replaced."""
    cleaned = clean(text)
    return f"'{cleaned}" if cleaned.lstrip(" ").startswith(_FORMULA_STARTS) else cleaned


def _csv(rows: Sequence[Sequence[str]], *, bom: bool) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue().encode("utf-8-sig" if bom else "utf-8")


def grades_csv(
    reports: Sequence[GradeReport],
    assignment: Assignment,
    *,
    bom: bool = False,
    grades: Mapping[str, FinalGrade] | None = None,
    absent: Sequence[str] = (),
) -> bytes:
    """Return grades.csv: a row a student, a column a task, ids of the mistakes joined by `;`, the final grade.

    Args:
        reports: In any order.
        assignment: For the tasks' columns.
        bom: Start with a byte order mark, which Excel needs to read UTF-8.
        grades: The final grades by student; None: nothing is known of them.
        absent: Who is on the roster and handed in nothing: a row without points each.
    """
    tasks = [task.name for task in assignment.tasks]
    own = (*_BASE_COLUMNS, "mistakes", *_FINAL_COLUMNS)
    heads = [f"{task} (task)" if task in own else task for task in tasks]
    rows = [[*_BASE_COLUMNS, *map(csv_text, heads), "mistakes", *_FINAL_COLUMNS]]
    for report in sort_reports(reports):
        earned = [task_points(report, task) for task in tasks]
        grade = (grades or {}).get(report.student)
        rows.append(
            [
                csv_text(report.student),
                points(report.score),
                points(report.max_score),
                points(open_points(report, grade)),
                "yes" if report.needs_review else "no",
                csv_text(report.problem),
                *(points(value or 0.0) for value in earned),
                csv_text(";".join(mistakes_of(report))),
                *_final(grade),
            ]
        )
    for name in absent:
        row = dict.fromkeys((*_BASE_COLUMNS, *heads, "mistakes", *_FINAL_COLUMNS), "")
        row |= {"student": csv_text(name), "needs_review": "no", "problem": NO_SUBMISSION, "state": "problem"}
        rows.append(list(row.values()))
    return _csv(rows, bom=bom)


def _final(grade: FinalGrade | None) -> list[str]:
    if grade is None:
        return [""] * len(_FINAL_COLUMNS)
    given = (grade.auto, grade.written, grade.adjustments, grade.total, grade.of)
    return [*("" if value is None else points(value) for value in given), csv_text(grade.state_words)]


def leaderboard_csv(view: ClassView, *, bom: bool = False) -> bytes:
    """Return leaderboard.csv: task, metric, rank, student, value; the heading alone without metrics."""
    rows = [["task", "metric", "rank", "student", "value"]]
    for board in view.boards:
        rows += [
            [
                csv_text(board.task),
                csv_text(board.metric),
                str(place.rank),
                csv_text(place.row.student),
                number(place.value, 6),
            ]
            for place in board.places
        ]
    return _csv(rows, bom=bom)


def grade_table(reports: Sequence[GradeReport], grades: Mapping[str, FinalGrade] | None = None) -> Table:
    """Return the grades for a terminal: student, automatic score, points for each task, mistakes, state.

    The tasks' columns are numbered, and the caption names them, so that the table fits 80 columns.

    Args:
        reports: In any order.
        grades: The final grades by student; None: nothing is known of them.
    """
    tasks = list(dict.fromkeys(check.task for report in reports for check in report.checks))
    caption = "   ".join(f"{index} {one_line(task)}" for index, task in enumerate(tasks, 1))
    table = Table(caption=Text(caption) if caption else None, caption_justify="left", header_style="bold")
    table.add_column("Student", overflow="fold")
    table.add_column("Score", justify="right", no_wrap=True)
    for index in range(1, len(tasks) + 1):
        table.add_column(str(index), justify="right", no_wrap=True)
    table.add_column("Mistakes", overflow="fold")
    table.add_column("State", no_wrap=True)
    for report in sort_reports(reports):
        table.add_row(
            Text(one_line(report.student)),
            Text(f"{points(report.score)}/{points(report.max_score)}"),
            *(_task_cell(report, task) for task in tasks),
            Text(", ".join(map(one_line, mistakes_of(report)))),
            _state_cell(report, (grades or {}).get(report.student)),
        )
    return table


def _task_cell(report: GradeReport, task: str) -> Text:
    earned = task_points(report, task)
    if earned is None:
        return Text("-", style="dim")
    full = sum(check.max_points for check in report.checks if check.task == task)
    return Text(points(earned), style="green" if earned >= full else "yellow" if earned > 0 else "red")


def _state_cell(report: GradeReport, grade: FinalGrade | None) -> Text:
    if report.needs_review:
        return Text("needs review", style="magenta")
    if report.problem:
        return Text("problem", style="red")
    if left := open_points(report, grade):
        return Text(f"{points(left)} to mark", style="yellow")
    if grade is not None and grade.answers and grade.total is not None:
        return Text(f"{points(grade.total)}/{points(grade.of)}", style="green")
    return Text("ok", style="green")
