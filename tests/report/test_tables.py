from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from autograder.records import Assignment, GradeReport, Task
from autograder.report.overview import class_view
from autograder.report.tables import csv_text, grade_table, grades_csv, leaderboard_csv

Make = Callable[[str], GradeReport]


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))


def test_grades_have_a_row_a_student_and_a_column_a_task(report: GradeReport, assignment: Assignment) -> None:
    assert rows(grades_csv([report], assignment)) == [
        {
            "student": "Zoë Müller",
            "score": "9.5",
            "max_score": "24",
            "pending_points": "4",
            "needs_review": "yes",
            "problem": "",
            "build_baseline": "5",
            "compute_feature_attribution_scores": "2",
            "token_importance": "0",
            "merge_subtokens": "0",
            "my_attribution": "2.5",
            "mistakes": "target_from_labels;softmax_over_padding",
            **dict.fromkeys(("auto", "written", "adjustments", "total", "of", "state"), ""),
        }
    ]


@pytest.mark.parametrize(
    "name", ["Müller, Zoë", 'Pat "PJ" O\'Brien', "two\nlines", "王伟", "Łukasz;Żak", 'a,b\n"c"']
)
def test_names_survive_the_csv(name: str, passed: Make, assignment: Assignment) -> None:
    assert [row["student"] for row in rows(grades_csv([passed(name)], assignment))] == [name]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", " =", "  +"])
def test_no_cell_starts_a_formula(start: str, problem: Make, assignment: Assignment) -> None:
    text = f"{start}cmd|' /C calc'!A0"
    row = rows(grades_csv([replace(problem(text), problem=text)], assignment))[0]
    assert row["student"].startswith("'") and row["problem"].startswith("'")


def test_direction_marks_do_not_reach_the_csv() -> None:
    assert csv_text("a\u202eb\x00") == "a\ufffdb\ufffd"


def test_a_byte_order_mark_is_there_on_request(report: GradeReport, assignment: Assignment) -> None:
    plain = grades_csv([report], assignment)
    assert grades_csv([report], assignment, bom=True) == b"\xef\xbb\xbf" + plain


def test_a_task_named_like_a_column_keeps_its_own(report: GradeReport, assignment: Assignment) -> None:
    task = Task(name="score", title="t", expected="e")
    checks = (replace(report.checks[0], task="score"),)
    row = rows(grades_csv([replace(report, checks=checks)], replace(assignment, tasks=(task,))))[0]
    assert (row["score"], row["score (task)"]) == ("9.5", "2")


def test_a_problem_earns_zero_and_says_why(problem: Make, assignment: Assignment) -> None:
    row = rows(grades_csv([problem("Bo")], assignment))[0]
    assert (row["score"], row["build_baseline"], row["needs_review"]) == ("0", "0", "no")
    assert row["problem"].startswith("notebook.ipynb: not JSON")


def test_the_leaderboard_file_is_best_first(
    report: GradeReport, passed: Make, assignment: Assignment
) -> None:
    plain = replace(report, checks=report.checks[-1:])
    board = rows(leaderboard_csv(class_view([plain, passed("=Ana")], assignment)))
    assert [tuple(row.values()) for row in board] == [
        ("my_attribution", "faithfulness_percentile", "1", "'=Ana", "93"),
        ("my_attribution", "faithfulness_percentile", "2", "Zoë Müller", "72.5"),
    ]


def shown(reports: list[GradeReport], width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(grade_table(reports))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_the_terminal_table_shows_scores_mistakes_and_state(
    report: GradeReport, passed: Make, problem: Make
) -> None:
    text = shown([report, passed("Ana"), problem("Bo")], 140)
    lines = {line.split()[1]: line for line in text.splitlines() if line.startswith("│")}
    assert "24/24" in lines["Ana"] and "4 to mark" in lines["Ana"]
    assert "0/24" in lines["Bo"] and "problem" in lines["Bo"]
    assert "target_from_labels" in lines["Zoë"] and "needs review" in lines["Zoë"]
    assert "2 compute_feature_attribution_scores" in text


def test_a_name_cannot_style_or_break_the_terminal(passed: Make) -> None:
    text = shown([passed("[red]x[/red]\x1b[2J\nnext\u202e")])
    assert "[red]x[/red] next\ufffd" in text and "\x1b" not in text


def test_the_table_fits_eighty_columns(report: GradeReport) -> None:
    assert max(map(len, shown([report], 80).splitlines())) <= 80


def test_an_empty_class_is_an_empty_table() -> None:
    assert "Student" in shown([])
