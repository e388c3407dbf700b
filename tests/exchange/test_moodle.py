"""Moodle's worksheet comes back as Moodle takes it: only grades change, and every bad file is one sentence."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.course.policy.sheet import Sheet
from autograder.errors import AssignmentError
from autograder.exchange.moodle import feedback_zip, fill_worksheet
from autograder.exchange.totals import read_totals
from autograder.exchange.writing import packed

from .moodle_reader import MoodleAssignment
from .results_maker import QUESTION, SLUG, Student, give_totals, make_results, moodle_student

EN = (
    'Identifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed",'
    '"Last modified (submission)","Last modified (grade)","Feedback comments"'
)
DE = (
    'ID,"Vollständiger Name",E-Mail-Adresse,Status,Bewertung,Bestwertung,"Bewertung kann geändert werden",'
    '"Zuletzt geändert (Abgabe)","Zuletzt geändert (Bewertung)","Feedback als Kommentar"'
)
EN_ROWS = (
    '"Participant 101","Anna Adams",anna@uni.de,"Submitted for grading - ",,100.00,Yes,"Monday, 1 November",-,',
    '"Participant 102","Bob ""B."" Brown",bob@uni.de,"Submitted for grading - Graded - ",12.50,100.00,Yes,-,-,"Well, '
    'done\nso far"',
    '"Participant 103","Cem Çelik",cem@uni.de,"No submission - ",,100.00,Yes,-,-,',
)
DE_ROWS = (
    'Teilnehmer/in101,"Anna Adams",anna@uni.de,"Zur Bewertung abgegeben",,"100,00",Ja,-,-,',
    'Teilnehmer/in102,"Bob B. Brown",bob@uni.de,"Zur Bewertung abgegeben","12,50","100,00",Ja,-,-,"Gut, so"',
    'Teilnehmer/in103,"Cem Çelik",cem@uni.de,"Keine Abgabe",,"100,00",Ja,-,-,',
)
ANNA = moodle_student("Anna Adams", 101)
BOB = moodle_student("Bob B. Brown", 102, score=36.25)


def worksheet(
    folder: Path, text: str, name: str = "Grades-NLP-Lab 1-77.csv", encoding: str = "utf-8"
) -> Sheet:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return Sheet(path)


def lines(*rows: str, end: str = "\n") -> str:
    return "".join(f"{row}{end}" for row in rows)


@pytest.mark.parametrize(
    ("language", "header", "rows"), [("en", EN, EN_ROWS), ("de", DE, DE_ROWS)], ids=["en", "de"]
)
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_moodle_takes_the_grades_and_nothing_else_changes(
    language: str, header: str, rows: tuple[str, ...], bom: str, end: str, tmp_path: Path
) -> None:
    text = bom + lines(header, *rows, end=end)
    sheet = worksheet(tmp_path, text)
    assert sheet.to_bytes() == text.encode()
    outcome, _ = fill_worksheet(sheet, read_totals(make_results(tmp_path, ANNA, BOB), SLUG))
    filled = sheet.to_bytes()

    moodle = MoodleAssignment(language, maximum=100.0, participants={101, 102, 103}, grades={102: 12.5})
    before = MoodleAssignment(language, maximum=100.0, participants={101, 102, 103}, grades={102: 12.5})
    before.import_worksheet(text.encode())
    assert moodle.import_worksheet(filled) == 2
    assert moodle.grades == {101: 38.5, 102: 36.25}
    assert moodle.comments == before.comments and moodle.comments[102]
    mark = "," if language == "de" else "."
    restored = filled.decode().replace(f'"38{mark}5"', "").replace(f"38{mark}5", "")
    restored = restored.replace(f"36{mark}25", f"12{mark}50")
    assert restored == text
    assert (outcome.replaced, outcome.others, outcome.unchanged) == (1, 1, {})


@pytest.mark.parametrize("separator", [";", "\t"])
def test_another_separator_stays(separator: str, tmp_path: Path) -> None:
    rows = ("ID;Bewertung;Bestwertung;Zuletzt geändert (Bewertung)", "Teilnehmer/in101;;100,00;-")
    sheet = worksheet(tmp_path, lines(*rows).replace(";", separator))
    fill_worksheet(sheet, read_totals(make_results(tmp_path, ANNA), SLUG))
    moodle = MoodleAssignment("de", maximum=100.0, participants={101})
    moodle.import_worksheet(sheet.to_bytes(), separator)
    assert moodle.grades == {101: 38.5}


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_another_encoding_stays(encoding: str, tmp_path: Path) -> None:
    text = lines(DE, *DE_ROWS)
    if encoding == "cp1252":
        sheet = worksheet(tmp_path, text, encoding=encoding)
        assert sheet.find(["Vollständiger Name"]) == 1
    else:
        sheet = worksheet(tmp_path, text, encoding=encoding)
    fill_worksheet(sheet, read_totals(make_results(tmp_path, ANNA), SLUG))
    assert '"38,5"' in sheet.to_bytes().decode(encoding)


def test_another_language_needs_the_columns_name(tmp_path: Path) -> None:
    rows = ("Identifiant,Note,Note maximale,Modifié (note)", "Participant 101,,100.00,-")
    totals = read_totals(make_results(tmp_path, ANNA), SLUG)
    with pytest.raises(AssignmentError, match="--grade-column: Note, Note maximale"):
        fill_worksheet(worksheet(tmp_path, lines(*rows)), totals)
    sheet = worksheet(tmp_path, lines(*rows))
    fill_worksheet(sheet, totals, grade_column="Note")
    assert b"Participant 101,38.5,100.00" in sheet.to_bytes()


BLIND = ("Identifier,Status,Grade,Maximum grade,Last modified (grade)", "Participant 7,,,100,-")


@pytest.mark.parametrize(
    "row", [BLIND, (BLIND[0] + ",Full name", BLIND[1] + ",Ann A")], ids=["blind", "names shown since"]
)
def test_blind_marking_needs_no_names(row: tuple[str, str], tmp_path: Path) -> None:
    sheet = worksheet(tmp_path, lines(*row))
    student = Student(
        name="Participant (7)", handed_in={"platform": "Moodle", "id": "7", "name": "Participant"}
    )
    outcome, _ = fill_worksheet(sheet, read_totals(make_results(tmp_path, student), SLUG))
    assert outcome.graded == {"Participant (7)": 38.5}


def test_a_group_before_the_name_is_the_same_student(tmp_path: Path) -> None:
    student = moodle_student("Group 1-Anna Adams", 101)
    outcome, _ = fill_worksheet(
        worksheet(tmp_path, lines(EN, *EN_ROWS)), read_totals(make_results(tmp_path, student), SLUG)
    )
    assert outcome.graded == {"Group 1-Anna Adams": 38.5}


def test_only_what_is_complete_is_exported_and_the_rest_is_named(tmp_path: Path) -> None:
    waits = moodle_student("Anna Adams", 101, pending=(QUESTION,))
    broken = moodle_student("Cem Çelik", 103, score=0.0, problem="No notebook.")
    results = make_results(tmp_path, waits, BOB, broken)
    text = lines(EN, *EN_ROWS)
    sheet = worksheet(tmp_path, text)
    outcome, _ = fill_worksheet(sheet, read_totals(results, SLUG))
    assert outcome.graded == {"Bob B. Brown": 36.25}
    assert outcome.unchanged == {"incomplete": ["Anna Adams"], "problem": ["Cem Çelik"]}
    rows = sheet.to_bytes().decode().splitlines()
    assert rows[1] == EN_ROWS[0] and rows[-1] == EN_ROWS[2]

    outcome, _ = fill_worksheet(worksheet(tmp_path, text), read_totals(results, SLUG), partial=True)
    assert outcome.graded == {"Anna Adams": 38.5, "Bob B. Brown": 36.25}
    assert outcome.partial == ["Anna Adams"]
    assert any("not final" in line and "Anna Adams" in line for line in outcome.lines())


def test_a_fault_of_ours_is_never_exported(tmp_path: Path) -> None:
    ours = moodle_student("Anna Adams", 101, score=0.0, needs_review=("The worker died.",))
    outcome, _ = fill_worksheet(
        worksheet(tmp_path, lines(EN, *EN_ROWS)),
        read_totals(make_results(tmp_path, ours), SLUG),
        partial=True,
    )
    assert outcome.graded == {}
    assert list(outcome.unchanged.values()) == [["Anna Adams"]]


def test_the_total_counts_where_there_is_one(tmp_path: Path) -> None:
    results = make_results(tmp_path, moodle_student("Anna Adams", 101, pending=(QUESTION,)), BOB)
    give_totals(results, {"Anna Adams": ("41.5", "complete"), "Bob B. Brown": ("", "incomplete: q1")})
    outcome, _ = fill_worksheet(worksheet(tmp_path, lines(EN, *EN_ROWS)), read_totals(results, SLUG))
    assert outcome.graded == {"Anna Adams": 41.5}
    assert outcome.unchanged == {"incomplete: q1": ["Bob B. Brown"]}


def test_a_locked_grade_is_named(tmp_path: Path) -> None:
    locked = EN_ROWS[0].replace(",Yes,", ",No,")
    outcome, _ = fill_worksheet(
        worksheet(tmp_path, lines(EN, locked)), read_totals(make_results(tmp_path, ANNA), SLUG)
    )
    assert outcome.unchanged == {"locked in Moodle": ["Anna Adams"]}


@pytest.mark.parametrize("is_old", [True, False])
def test_moodle_finds_the_student_of_each_page(is_old: bool, tmp_path: Path) -> None:
    end = "_" if is_old else ""
    students = [
        Student(
            name=name,
            handed_in={"platform": "Moodle", "id": str(number), "place": f"{name}_{number}{place}{end}/"},
        )
        for name, number, place in (
            ("Anna Adams", 101, "_assignsubmission_file"),
            ("Bob", 102, "_assignsubmission_onlinetext"),
        )
    ]
    files = feedback_zip(read_totals(make_results(tmp_path, *students), SLUG))
    moodle = MoodleAssignment("en", maximum=100.0, participants={101, 102})
    moodle.import_feedback(packed(files), is_old=is_old)
    assert moodle.feedback == {101: ["feedback.html"], 102: ["feedback.html"]}


def test_results_of_an_earlier_version_have_feedback_too(tmp_path: Path) -> None:
    student = Student(name="Anna Adams", handed_in={"platform": "Moodle", "id": "101"})
    files = packed(feedback_zip(read_totals(make_results(tmp_path, student), SLUG)))
    for is_old in (True, False):
        moodle = MoodleAssignment("en", maximum=100.0, participants={101})
        moodle.import_feedback(files, is_old=is_old)
        assert moodle.feedback == {101: ["feedback.html"]}


BAD = {
    "another assignment's": (lines(EN, EN_ROWS[0].replace("101", "900")), "worksheet of another assignment"),
    "another name": (lines(EN, EN_ROWS[0].replace("Anna Adams", "Zoe Z")), "participant 101 is Zoe Z there"),
    "an id twice": (lines(EN, EN_ROWS[0], EN_ROWS[0]), "several rows have the identifier 101"),
    "no grade column": (lines(EN.replace(",Grade,", ",Note,"), EN_ROWS[0]), "has no column 'Grade"),
    "no date column": (
        lines(EN.replace("Last modified (grade)", "Last"), EN_ROWS[0]),
        "no column 'Last modified",
    ),
    "a maximum below": (lines(EN, EN_ROWS[0].replace("100.00", "20.00")), "maximum grade is 20, but Anna"),
    "two decimal marks": (
        lines(EN, EN_ROWS[0], EN_ROWS[1].replace("12.50", '"12,50"')),
        "decimal point and with a decimal comma",
    ),
    "a scale": (lines(EN.replace("Maximum Grade", "Scale"), EN_ROWS[0]), "words of a scale"),
    "a gradebook of Canvas": (lines("Student,ID,Lab (1)", "Anna,1,"), "is no grading worksheet of Moodle"),
    "a row cut short": (lines(EN, '"Participant 101",x'), "row 2 has 2 cells"),
    "a torn quote": (lines(EN, '"Participant 101'), "line 2 has a quotation mark"),
    "nothing": ("", "is empty"),
    "only a header": (lines(EN), "is no grading worksheet"),
    "an Excel file": ("PK\x03\x04", "is an Excel file or a zip"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_worksheet_is_one_sentence(case: str, tmp_path: Path) -> None:
    text, said = BAD[case]
    totals = read_totals(make_results(tmp_path, ANNA), SLUG)
    with pytest.raises(AssignmentError) as caught:
        fill_worksheet(worksheet(tmp_path, text), totals)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_two_students_of_one_id_are_one_sentence(tmp_path: Path) -> None:
    twice = make_results(tmp_path, ANNA, moodle_student("Anna Adams (101)", 101))
    with pytest.raises(AssignmentError, match=r"id 101: Anna Adams, Anna Adams \(101\)"):
        fill_worksheet(worksheet(tmp_path, lines(EN, *EN_ROWS)), read_totals(twice, SLUG))


def test_results_of_another_platform_are_one_sentence(tmp_path: Path) -> None:
    results = make_results(tmp_path, Student(name="Anna Adams"))
    with pytest.raises(AssignmentError, match="no participant ids of Moodle"):
        fill_worksheet(worksheet(tmp_path, lines(EN, *EN_ROWS)), read_totals(results, SLUG))


def test_twenty_thousand_rows_take_seconds(tmp_path: Path) -> None:
    students = [moodle_student(f"Student {number}", number, score=number % 41) for number in range(1, 31)]
    rows = (
        EN_ROWS[0].replace("101", str(number)).replace("Anna Adams", f"Student {number}")
        for number in range(1, 20_001)
    )
    path = tmp_path / "large.csv"
    path.write_text(lines(EN, *rows), encoding="utf-8")
    totals = read_totals(make_results(tmp_path, *students), SLUG)
    began = time.process_time()
    sheet = Sheet(path)
    outcome, _ = fill_worksheet(sheet, totals)
    sheet.to_bytes()
    assert time.process_time() - began < 5
    assert len(outcome.graded) == 30 and outcome.others == 19_970


def test_the_zip_is_the_same_every_time() -> None:
    files = {"a/feedback.html": b"x"}
    assert packed(files) == packed(files)


def test_a_member_of_a_group_is_found_by_address_or_name(tmp_path: Path) -> None:
    (anna,) = read_totals(make_results(tmp_path, ANNA), SLUG)
    bob, cem = (
        replace(anna, student=name, handed_in={"platform": "Moodle", "name": name, "member": "yes", **more})
        for name, more in (("Robert Brown", {"email": "Bob@uni.de"}), ("Çelik, Cem", {}))
    )
    stranger = replace(cem, student="Zoe", handed_in={"platform": "Moodle", "member": "yes"})
    outcome, graded = fill_worksheet(worksheet(tmp_path, lines(EN, *EN_ROWS)), [anna, bob, cem, stranger])
    assert list(outcome.graded) == ["Anna Adams", "Robert Brown", "Çelik, Cem"]
    assert outcome.others == 0 and list(outcome.unchanged.values()) == [["Zoe"]]
    moodle = MoodleAssignment("en", maximum=100.0, participants={101, 102, 103})
    moodle.import_feedback(packed(feedback_zip(graded)), is_old=False)
    assert moodle.feedback.keys() == {101, 102, 103}


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_group_assignment_gives_all_members_the_grade(language: str, tmp_path: Path) -> None:
    """Moodle names such a download's folders by group and group number, and its worksheet has the groups."""
    header, word = {
        "en": ("Identifier,Full name,Group,Grade,Last modified (grade)", "Participant "),
        "de": ("ID,Vollständiger Name,Gruppe,Bewertung,Zuletzt geändert (Bewertung)", "Teilnehmer/in"),
    }[language]
    members = ((101, "Anna Adams", "Team 1"), (102, "Bob Brown", "Team 1"), (103, "Cem Çelik", "Team 2"))
    rows = [f"{word}{number},{name},{group},,-" for number, name, group in members]
    team = moodle_student("Team 1", 102)
    sheet = worksheet(tmp_path, lines(header, *rows))
    outcome, graded = fill_worksheet(sheet, read_totals(make_results(tmp_path, team), SLUG))
    moodle = MoodleAssignment(language, maximum=100.0, participants={101, 102, 103})
    moodle.import_worksheet(sheet.to_bytes())
    assert moodle.grades == {101: 38.5, 102: 38.5} and outcome.others == 1
    assert list(feedback_zip(graded)) == ["Team 1_102_assignsubmission_file/feedback.html"]
