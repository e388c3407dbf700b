"""Canvas' gradebook comes back as Canvas takes it: the scores of one assignment change, and no others."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from autograder.course.policy.sheet import Sheet
from autograder.errors import AssignmentError
from autograder.exchange.canvas import fill_gradebook
from autograder.exchange.outcome import Outcome
from autograder.exchange.totals import read_totals

from .canvas_reader import CanvasCourse
from .results_maker import QUESTION, SLUG, Student, canvas_student, make_results

HEADER = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Logit lens (70),Lab 1: Token Attribution (71),"
    "Assignments Current Score,Final Grade"
)
POSSIBLE = "    Points Possible,,,,,30.00,40.00,(read only),(read only)"
ROWS = (
    '"Adams, Anna",12345,s1,anna,NLP,12.00,,40.0,',
    '"Brown, ""Bob""",12346,s2,bob,NLP,,21.50,,',
    '"Çelik, Cem",12347,s3,cem,NLP,EX,,,',
    '"Student, Test",12399,,abc,NLP,,,,',
)
SCORES = {(12345, 70): "12.00", (12346, 71): "21.50", (12347, 70): "EX"}
ANNA = canvas_student("adamsanna", 12345)
BOB = canvas_student("brownbob", 12346, score=36.25)


def gradebook(folder: Path, *rows: str, end: str = "\r\n", bom: str = "") -> Sheet:
    path = folder / "2026-11-30T1020_Grades-NLP.csv"
    path.write_bytes((bom + "".join(f"{row}{end}" for row in rows)).encode())
    return Sheet(path)


def fill(folder: Path, sheet: Sheet, *students: Student, **options: object) -> Outcome:
    totals = read_totals(make_results(folder, *students), SLUG)
    return fill_gradebook(sheet, totals, SLUG, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("separator", [",", ";"])
def test_canvas_takes_the_scores_and_nothing_else_changes(bom: str, separator: str, tmp_path: Path) -> None:
    rows = (HEADER, POSSIBLE, *ROWS)
    if separator == ";":
        rows = tuple(
            row.replace(", ", "\0").replace(",", ";").replace("\0", ", ").replace(".", ",") for row in rows
        )
    sheet = gradebook(tmp_path, *rows, bom=bom)
    before = sheet.to_bytes()
    outcome = fill(tmp_path, sheet, ANNA, BOB)

    course = CanvasCourse(students={12345, 12346, 12347, 12399}, scores=dict(SCORES))
    assert course.import_gradebook(before) == {}
    assert course.import_gradebook(sheet.to_bytes()) == {(12345, 71): "38.5", (12346, 71): "36.25"}
    assert float(course.points[71]) == 40.0
    assert outcome.replaced == 1 and outcome.others == 2
    assert "Column: Lab 1: Token Attribution (71)." in outcome.lines()


def test_the_excused_and_the_incomplete_stay(tmp_path: Path) -> None:
    sheet = gradebook(tmp_path, HEADER, POSSIBLE, *ROWS[:2], ROWS[2].replace("EX,,,", ",EX,,"))
    cem = canvas_student("celikcem", 12347)
    waits = canvas_student("brownbob", 12346, pending=(QUESTION,))
    outcome = fill(tmp_path, sheet, ANNA, waits, cem)
    assert outcome.graded == {"adamsanna": 38.5}
    assert outcome.unchanged == {"incomplete": ["brownbob"], "excused in Canvas": ["celikcem"]}


def test_a_column_is_chosen_by_its_number(tmp_path: Path) -> None:
    header = HEADER.replace("Lab 1: Token Attribution", "Exercise 1")
    sheet = gradebook(tmp_path, header, POSSIBLE, *ROWS)
    with pytest.raises(AssignmentError, match=r"--column: Logit lens \(70\), Exercise 1 \(71\)"):
        fill(tmp_path, sheet, ANNA)
    fill(tmp_path, sheet, ANNA, column="71")
    assert b"NLP,12.00,38.5,40.0," in sheet.to_bytes()


def test_an_anonymous_download_cannot_be_matched(tmp_path: Path) -> None:
    anonymous = Student(name="anon aB3", handed_in={"platform": "Canvas", "id": "aB3"})
    with pytest.raises(AssignmentError, match="anonymous grading was ended"):
        fill(tmp_path, gradebook(tmp_path, HEADER, *ROWS), anonymous)


def test_who_is_not_in_the_gradebook_is_named(tmp_path: Path) -> None:
    stranger = canvas_student("zeta", 99999)
    outcome = fill(tmp_path, gradebook(tmp_path, HEADER, *ROWS), ANNA, stranger, Student(name="Moodler"))
    assert outcome.unchanged == {"not in the gradebook": ["zeta"], "without an ID of Canvas": ["Moodler"]}


BAD = {
    "another course": ((HEADER, ROWS[0].replace("12345", "5")), "gradebook of another course"),
    "an id twice": ((HEADER, ROWS[0], ROWS[0]), "several rows have the ID 12345"),
    "no column of the assignment": (
        (HEADER.replace("Token", "T"), ROWS[0]),
        "no column for token_attribution",
    ),
    "two columns": (
        (HEADER.replace("Logit lens", "Token attribution again"), ROWS[0]),
        "several columns for token_attribution",
    ),
    "above the points": (
        (HEADER, POSSIBLE.replace("40.00", "20.00"), ROWS[0]),
        "20 points are possible, but adamsanna",
    ),
    "a worksheet of Moodle": (("Identifier,Grade", "Participant 1,"), "is no gradebook of Canvas"),
    "two decimal marks": (
        (HEADER, POSSIBLE, ROWS[0].replace("12.00", '"12,00"')),
        "decimal point and with a decimal comma",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_gradebook_is_one_sentence(case: str, tmp_path: Path) -> None:
    rows, said = BAD[case]
    with pytest.raises(AssignmentError) as caught:
        fill(tmp_path, gradebook(tmp_path, *rows), ANNA)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_twenty_thousand_rows_take_seconds(tmp_path: Path) -> None:
    rows = [ROWS[0].replace("12345", str(number)) for number in range(100_000, 120_000)]
    sheet_rows = (HEADER, POSSIBLE, *rows)
    student = canvas_student("adamsanna", 110_000)
    totals = read_totals(make_results(tmp_path, student), SLUG)
    began = time.process_time()
    sheet = gradebook(tmp_path, *sheet_rows)
    outcome = fill_gradebook(sheet, totals, SLUG)
    sheet.to_bytes()
    assert time.process_time() - began < 5
    assert outcome.others == 19_999
