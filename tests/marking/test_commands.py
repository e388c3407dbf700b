"""autograder mark and autograder log as people type them."""

import csv
import io
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from autograder import failpoints
from autograder.course.assignment import load_assignment
from autograder.marking.actions import Marking
from autograder.marking.records import Given

from ..report.conftest import make_passed
from .conftest import hand_in, pending

SLUG = "token_attribution"


@pytest.fixture
def course_results(tmp_path, course_root):
    """RESULTS with two students of the project's own course."""
    assignment = load_assignment(course_root, SLUG)
    folder = tmp_path / "results" / SLUG
    folder.mkdir(parents=True)
    for name in ("Ana", "=Bo"):
        answers = [pending(question, f"An answer of {name}.") for question in assignment.questions]
        report = make_passed(name)
        hand_in(replace(report, pending=tuple(answers), unanswered=()), assignment, folder)
    return tmp_path / "results"


@pytest.fixture
def run(course_root, course_results):
    """Runs a command on these results; returns its exit code and what it said."""

    def run(command, *arguments, results=course_results, failpoint=""):
        code = "from autograder.cli.main import main; main()"
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                code,
                command,
                str(results),
                "--course",
                str(course_root),
                *map(str, arguments),
            ],
            capture_output=True,
            text=True,
            env={**os.environ, failpoints.VARIABLE: failpoint},
        )
        return done.returncode, done.stdout + done.stderr

    return run


def grades(results):
    text = (results / SLUG / "grades.csv").read_text(encoding="utf-8")
    return {row["student"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}


def table(path, *lines):
    path.write_text("\n".join(["student,question,points,comment,note,items", *lines, ""]), encoding="utf-8")
    return path


def test_marks_go_out_and_come_in_and_the_pages_follow(run, course_results, tmp_path):
    file = tmp_path / "marks.csv"
    code, said = run("mark", "--assignment", SLUG, "--export", file)
    assert (code, "Marks: " in said) == (0, True)
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    lines = [f"{row['student']},{row['question']},{3 + index % 2},Seen.,," for index, row in enumerate(rows)]
    code, said = run("mark", "--import", table(file, *lines), "--as", "Ines")
    assert (code, "4 new, 0 changed, 0 unchanged." in said) == (0, True)
    assert [grades(course_results)[name]["state"] for name in ("Ana", "'=Bo")] == ["complete", "complete"]
    assert "Seen." in (course_results / SLUG / "Ana" / "feedback.html").read_text(encoding="utf-8")
    code, said = run("log", "--student", "Ana")
    assert (code, said.count("Ines  mark  Ana, question-")) == (0, 2)
    assert "because: imported from marks.csv, line 3" in said


def test_a_file_with_a_wrong_row_changes_nothing(run, course_results, tmp_path):
    file = table(tmp_path / "marks.csv", "Ana,question-words,3,,,", "Ann,question-words,3,,,")
    code, said = run("mark", "--import", file, "--as", "Ines")
    assert code == 2
    assert "marks.csv: nothing was imported:" in said
    assert "line 3: no results of a student 'Ann'. Did you mean Ana?" in said
    assert run("log") == (0, "")


def test_what_another_person_decided_needs_overwrite(run, course_results, tmp_path):
    run("mark", "--import", table(tmp_path / "a.csv", "Ana,question-words,3,,,"), "--as", "Ines")
    other = table(tmp_path / "b.csv", "Ana,question-words,1,,,")
    code, said = run("mark", "--import", other, "--as", "Omar")
    assert code == 2
    assert "a conflict: Ines gave 3 points" in said
    code, said = run("mark", "--import", other, "--as", "Omar", "--overwrite")
    assert (code, "0 new, 1 changed" in said) == (0, True)
    assert grades(course_results)["Ana"]["written"] == "1"


def test_logs_of_two_machines_are_joined(run, course_results, course_root, tmp_path):
    elsewhere = shutil.copytree(course_results, tmp_path / "elsewhere")
    run("mark", "--import", table(tmp_path / "a.csv", "Ana,question-words,3,,,"), "--as", "Ines")
    run(
        "mark",
        "--import",
        table(tmp_path / "b.csv", "Ana,question-words,1,,,", "Ana,question-baseline,2,,,"),
        "--as",
        "Omar",
        results=elsewhere,
    )
    code, said = run("log", "--json", results=elsewhere)
    lines = tmp_path / "omar.jsonl"
    lines.write_text(said, encoding="utf-8")
    code, said = run("mark", "--merge", lines, "--merge", elsewhere / SLUG / "marking.sqlite")
    assert code == 0
    assert "omar.jsonl: 2 new decisions." in said
    assert "marking.sqlite: 0 new decisions." in said
    assert "Decided differently on two machines" in said
    run("mark", "--merge", course_results / SLUG / "marking.sqlite", results=elsewhere)
    assert grades(elsewhere) == grades(course_results)
    assert grades(course_results)["Ana"]["written"] == "3"  # 1 and 2: Omar decided last


def test_requests_come_from_a_file(run, tmp_path):
    file = tmp_path / "requests.csv"
    file.write_text("student,question,text\nAna,test_merge,Please look again.\n", encoding="utf-8")
    code, said = run("mark", "--requests", file, "--as", "Ada")
    assert (code, "1 new request; 1 open in all." in said) == (0, True)
    assert "Ada  request  Ana, test_merge: 'Please look again.'" in run("log")[1]


def test_a_kill_while_marks_are_imported_leaves_all_or_nothing(run, course_results, tmp_path):
    file = table(tmp_path / "marks.csv", "Ana,question-words,3,,,", "Ana,question-baseline,2,,,")
    code, _ = run("mark", "--import", file, "--as", "Ines", failpoint="marking.appending")
    assert code == -9
    assert run("log") == (0, "")
    code, _ = run("mark", "--import", file, "--as", "Ines", failpoint="grades.csv.written")
    assert code == -9
    code, said = run("mark", "--import", file, "--as", "Ines")
    assert (code, "0 new, 0 changed, 2 unchanged" in said) == (0, True)
    assert grades(course_results)["Ana"]["state"] == "complete"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("--assignment", "token_attributions"),
            "no results of 'token_attributions'. Did you mean token_attribution",
        ),
        (("--import", "/nowhere.csv"), "/nowhere.csv: cannot be read: No such file"),
        (("--merge", "/nowhere.sqlite"), "/nowhere.sqlite: cannot be read: No such file"),
        (("--export", "/nowhere/marks.csv"), "/nowhere/marks.csv: cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(run, arguments, words):
    code, said = run("mark", *arguments)
    assert (code, words in said, "Traceback" in said) == (2, True, False)


def test_a_folder_without_results_is_named(run, tmp_path):
    code, said = run("log", results=tmp_path / "nothing")
    assert code == 2
    assert "Name the folder given to `autograder grade --out`" in said


def test_pages_written_again_keep_the_marks(run, course_results, course_root):
    with Marking(course_results / SLUG, load_assignment(course_root, SLUG)) as marking:
        for question in ("question-words", "question-baseline"):
            marking.mark("Ana", question, Given(adjustment=2.5), by="Ines")
    code, said = run("report")
    assert code == 0
    assert "29/34" in said
    assert grades(course_results)["Ana"]["total"] == "29"
