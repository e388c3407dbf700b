"""Marks and gradings of one class: grading again keeps what people decided, and shows it."""

from __future__ import annotations

import csv
import json
import shutil

import pytest

from autograder.course.assignment import load_assignment
from autograder.marking.actions import Marking
from autograder.marking.on_checks import override
from autograder.marking.records import Given
from autograder.marking.store import STORE_NAME

from ..conftest import MINI
from ..mini_class import SLUG, Command, build
from ..notebook_maker import submission

pytestmark = pytest.mark.sandbox

WHY = "question-why"


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
    assert (code, "2 to mark" in said) == (0, True), said
    return found


def rows(command: Command) -> dict[str, dict[str, str]]:
    text = (command.out / SLUG / "grades.csv").read_text(encoding="utf-8")
    return {row["student"]: row for row in csv.DictReader(text.splitlines())}


def test_grading_again_keeps_what_people_decided(command):
    folder, assignment = command.out / SLUG, load_assignment(command.course, SLUG)
    assert not (folder / STORE_NAME).exists()
    assert json.loads((folder / "ana" / "grade.json").read_bytes())["missing"] == [WHY]
    assert (rows(command)["ana"]["total"], rows(command)["ana"]["state"]) == ("", f"incomplete: {WHY}")
    with Marking(folder, assignment) as marking:
        for name in ("ana", "bo"):
            marking.mark(name, WHY, Given(adjustment=1.5, comment=f"Well said, {name}."), by="Ines")
        check = marking.submissions.known_report("ana").checks[0]
        override(marking, "ana", check.id, 0, by="Ada", reason="Agreed in class.")
    template = command.course / "student_template" / f"{SLUG}.ipynb"
    submission(template, command.submitted / "ana.ipynb", {WHY: "Another reason."})
    code, said = command.run()
    assert code == 0, said
    assert "1 of 2 already graded and unchanged" in said
    grades = {name: json.loads((folder / name / "grade.json").read_bytes()) for name in ("ana", "bo")}
    assert [grades[name]["review"] for name in ("ana", "bo")] == [[WHY], []]
    assert grades["ana"]["adjustments"] == -check.max_points
    assert rows(command)["bo"]["total"] == "7.5"
    assert float(rows(command)["ana"]["total"]) == 7.5 - check.max_points
    for name in ("ana", "bo"):
        page = (folder / name / "feedback.html").read_text(encoding="utf-8")
        assert f"Well said, {name}." in page
    assert "Agreed in class." in (folder / "ana" / "feedback.html").read_text(encoding="utf-8")
    report = json.loads((folder / "ana" / "report.json").read_bytes())
    assert (report["score"], report["schema_version"]) == (6, 1)


def test_a_log_of_another_program_stops_the_grading_with_a_sentence(command):
    path = command.out / SLUG / STORE_NAME
    kept = path.read_bytes() if path.exists() else None
    path.write_bytes(b"no database" * 500)
    try:
        code, said = command.run("--regrade", "bo")
    finally:
        path.unlink()
        if kept is not None:
            path.write_bytes(kept)
    assert code == 2, said
    assert "no log of decisions, or a damaged one" in " ".join(said.split())
    assert "Traceback" not in said
