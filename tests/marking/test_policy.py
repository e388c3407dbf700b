"""The course's dates in grades.csv, grade.json and the pages: applied once, explained, and gone with course.toml."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import zipfile

import jsonschema
import pytest

from autograder.course.assignment import load_assignment
from autograder.errors import AssignmentError
from autograder.marking.actions import Marking
from autograder.marking.pages import refresh
from autograder.marking.records import Given
from autograder.marking.store import STORE_NAME
from autograder.report.grade_file import grade_schema

from ..conftest import MINI
from ..mini_class import SLUG, Command, build
from ..notebook_maker import submission

pytestmark = pytest.mark.sandbox

WHY = "question-why"
DATES = f"""late = {{ percent_per_day = 10 }}
[assignments.{SLUG}]
due = 2026-12-10T12:00:00
handed_in = {{ ana = 2026-12-11T13:00:00, bo = 2026-12-10T11:00:00 }}
"""
REASON = "due 2026-12-10 12:00, handed in 2026-12-11 13:00: 1 day 1 h late, 2 days begun: 20 % taken"


@pytest.fixture(scope="module")
def command(tmp_path_factory) -> Command:
    """A class of two, graded."""
    base = tmp_path_factory.mktemp("graded")
    shutil.copytree(MINI, base / "course")
    template = build(base / "course")
    for name in ("ana", "bo"):
        submission(template, base / "submitted" / f"{name}.ipynb")
    found = Command(course=base / "course", submitted=base / "submitted", out=base / "results")
    code, said = found.run()
    assert code == 0, said
    return found


def run(command: Command, name: str) -> tuple[int, str]:
    """Run another command on the results."""
    code = "from autograder.cli.main import main; main()"
    arguments = [sys.executable, "-c", code, name, command.out, "--course", command.course]
    done = subprocess.run(arguments, env=command.environment(), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def table(command: Command, name: str = "grades.csv") -> dict[str, dict[str, str]]:
    text = (command.out / SLUG / name).read_text(encoding="utf-8")
    return {row["student"]: row for row in csv.DictReader(text.splitlines())}


def grade(command: Command, student: str) -> dict:
    found = json.loads((command.out / SLUG / student / "grade.json").read_bytes())
    jsonschema.validate(found, grade_schema())
    return found


def feedback(command: Command, student: str) -> str:
    return (command.out / SLUG / student / "feedback.html").read_text(encoding="utf-8")


def test_lateness_is_in_the_tables_and_on_the_pages_and_goes_with_course_toml(command):
    report = (command.out / SLUG / "ana" / "report.json").read_bytes()
    assert (table(command)["ana"]["adjustments"], grade(command, "ana")["policy"]) == ("0", None)
    (command.course / "course.toml").write_text(DATES)
    code, said = command.run()
    assert code == 0 and "2 of 2 already graded and unchanged" in said, said
    ana = table(command)["ana"]
    assert (ana["score"], ana["auto"], ana["adjustments"], ana["total"]) == ("6", "6", "-1.2", "")
    assert grade(command, "ana")["policy"] == {"points": -1.2, "reasons": [REASON]}
    assert REASON[1:] in feedback(command, "ana")
    assert (table(command)["bo"]["adjustments"], grade(command, "bo")["policy"]) == ("0", None)
    assert (command.out / SLUG / "ana" / "report.json").read_bytes() == report

    with Marking(command.out / SLUG, load_assignment(command.course, SLUG)) as marking:
        marking.mark("ana", WHY, Given(adjustment=1.5), by="Ines")
        refresh(marking)
    ana = table(command)["ana"]
    assert (ana["written"], ana["adjustments"], ana["total"]) == ("1.5", "-1.5", "6")
    assert (grade(command, "ana")["total"], grade(command, "ana")["auto"]) == (6.0, 6.0)
    assert "6 of 8" in feedback(command, "ana").replace("</strong>", "").replace("<strong>", "")

    code, said = run(command, "totals")
    assert code == 0, said
    totals = table(command, "totals.csv")
    assert (totals["ana"]["graded"], totals["ana"]["adjustment"], totals["ana"]["total"]) == (
        "7.5",
        "-1.5",
        "6",
    )

    (command.course / "course.toml").unlink()
    code, said = run(command, "totals")
    assert code == 0, said
    assert table(command, "totals.csv")["ana"]["total"] == "7.5", "a total is of the dates as they are now"
    code, said = run(command, "report")
    assert code == 0, said
    assert table(command)["ana"]["total"] == "7.5"
    assert (grade(command, "ana")["policy"], REASON[1:] in feedback(command, "ana")) == (None, False)


def test_a_course_file_that_cannot_be_read_stops_the_grading_before_it_begins(command):
    (command.course / "course.toml").write_text("late = 3\n")
    try:
        code, said = command.run("--regrade", "all")
    finally:
        (command.course / "course.toml").unlink()
    assert code == 2 and "course.toml" in said, said
    assert "Class page" not in said, "nobody waits for hours to read this"


def test_marking_goes_on_while_the_course_file_cannot_be_read(command):
    assignment = load_assignment(command.course, SLUG)
    with Marking(command.out / SLUG, assignment) as marking:
        (command.course / "course.toml").write_text("late = 3\n")
        try:
            marking.refresh()
            assert marking.mark("bo", WHY, Given(adjustment=1.0), by="Ines").points == 1.0
            with pytest.raises(AssignmentError, match=r"course\.toml"):
                refresh(marking)
        finally:
            (command.course / "course.toml").unlink()
        refresh(marking)
    assert table(command)["bo"]["written"] == "1"


def test_the_best_attempt_counts_and_says_so(command):
    (command.out / SLUG / STORE_NAME).unlink(missing_ok=True)
    template = command.course / "student_template" / f"{SLUG}.ipynb"
    submission(template, command.submitted / "bo.ipynb", {WHY: None, "standardise": "x = 1"})
    (command.course / "course.toml").write_text('attempts = "best"\n')
    code, said = command.run()
    assert code == 0, said
    bo = table(command)["bo"]
    assert float(bo["score"]) < 6 and bo["total"] == "6", bo
    assert grade(command, "bo")["policy"]["reasons"] == [f"best of 2 attempts (6, {bo['score']})"]


def test_who_handed_in_nothing_has_a_row_and_who_is_not_on_the_roster_is_named(command):
    roster = command.course / "roster.csv"
    roster.write_text("id,name,group\n1,ana,\n2,Boh,\n3,=Cem,\n4,Dana,G1\n5,Eva,G1\n")
    try:
        code, said = command.run()
    finally:
        roster.unlink()
    assert code == 0, said
    rows = table(command)
    assert list(rows) == ["ana", "bo", "Boh", "'=Cem", "Dana", "Eva"]
    assert (rows["Dana"]["problem"], rows["Dana"]["state"]) == ("no submission", "problem")
    assert (rows["Dana"]["score"], rows["Dana"]["total"]) == ("", "")
    page = (command.out / SLUG / "class.html").read_text(encoding="utf-8")
    assert "4 students handed in nothing" in page
    assert "bo is not on the roster." in page.replace("<bdi>", "").replace("</bdi>", "")
    code, said = run(command, "totals")
    assert code == 0, said
    assert list(table(command, "totals.csv")) == ["ana", "bo"]


def test_all_attempts_of_one_download_count(command, tmp_path):
    template = command.course / "student_template" / f"{SLUG}.ipynb"
    download = tmp_path / "gradebook.zip"
    wrong, worse = {"standardise": "x = 1"}, {"standardise": "x = 1", "centre": "x = 1"}
    with zipfile.ZipFile(download, "w") as archive:
        for day, cells in ((1, wrong), (2, {}), (3, worse)):
            path = submission(template, tmp_path / f"{day}.ipynb", {**cells, WHY: None})
            archive.write(path, f"Week_1_anna_attempt_2026-12-0{day}-10-20-30_{SLUG}.ipynb")
    (command.course / "course.toml").write_text('attempts = "best"\n')
    once = Command(course=command.course, submitted=download, out=tmp_path / "results")
    code, said = once.run()
    assert code == 0, said
    anna = table(once)["anna"]
    assert float(anna["score"]) < 2 and anna["total"] == "6", anna
    (reason,) = grade(once, "anna")["policy"]["reasons"]
    assert reason.startswith("best of 3 attempts (") and reason.endswith(f", 6, {anna['score']})")
    code, said = once.run()
    assert code == 0 and "1 of 1 already graded and unchanged" in said, said
    assert table(once)["anna"] == anna
    (command.course / "course.toml").unlink()
    last = Command(course=command.course, submitted=download, out=tmp_path / "last")
    code, said = last.run()
    assert code == 0 and table(last)["anna"]["total"] == anna["score"], said
