"""Intake: what is handed in names another student, another time, or a cell that is the course's."""

from __future__ import annotations

import base64
import shutil
import time
import zipfile
from pathlib import Path

import nbformat
import pytest

from autograder.course.submissions import discover
from autograder.records import Submission

from .grading import WRONG, Grader

SLUG = "standardise"
NIGHT = "2026-11-01-10-00-00"


class Class:
    """A class's folder, in which everybody has handed in a notebook that says who wrote it."""

    def __init__(self, grader: Grader, root: Path) -> None:
        self._grader = grader
        self._scratch = 0
        self.root = root
        self.folder = root / "class"

    def hand_in(self, name: str, author: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        made = self._grader.handed_in({"question-why": f"by {author}"}, student="made")
        shutil.copy(made, path)
        return path

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def found(self) -> dict[str, Submission]:
        self._scratch += 1
        submissions = discover([self.folder], SLUG, self.root / f"scratch-{self._scratch}")
        names = [each.student for each in submissions]
        folders = [each.folder_name for each in submissions]
        assert len(set(names)) == len(names) and len(set(folders)) == len(folders)
        return {each.student: each for each in submissions}


@pytest.fixture
def handed(grader: Grader, tmp_path: Path) -> Class:
    return Class(grader, tmp_path)


def author(submission: Submission) -> str:
    return submission.path.read_text(encoding="utf-8").partition("by ")[2].split('"')[0]


PLATFORMS = {
    "Moodle": "{name} Evans_{number}_assignsubmission_file_{file}",
    "Canvas": "{name}_{number}_77{number}_{file}",
    "Brightspace": "{number}-9 - {name} Evans - Nov 1, 2026 1020 AM - {file}",
    "Blackboard": "standardise_{name}_attempt_" + NIGHT + "_{file}",
}


@pytest.mark.attack(
    "114",
    "a file named as another student's download",
    layer="the first name counts",
    control="a row of hers",
)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_file_name_makes_nobody_else_its_author(handed: Class, platform: str) -> None:
    pattern = PLATFORMS[platform]
    people = {"ana": 1001, "bob": 1002, "eve": 1003}
    for name, number in people.items():
        handed.hand_in(pattern.format(name=name, number=number, file=f"{SLUG}.ipynb"), name)
        if platform == "Blackboard":
            handed.write(f"standardise_{name}_attempt_{NIGHT}.txt", f"Name: X ({name})\n")
    before = {each.handed_in["id"]: author(each) for each in handed.found().values()}
    inner = pattern.replace(NIGHT, "2027-01-01-10-00-00").format(
        name="ana", number=1001, file=f"{SLUG}-9.ipynb"
    )
    handed.hand_in(pattern.format(name="eve", number=1003, file=inner), "eve again")

    after = {each.handed_in["id"]: author(each) for each in handed.found().values()}
    eves = str(people["eve"]) if platform != "Blackboard" else "eve"
    assert len(before) == 3 and after.keys() == before.keys()
    assert {key: after[key] for key in before if key != eves} == {
        key: before[key] for key in before if key != eves
    }


def ids(handed: Class) -> dict[str, Submission]:
    return {each.handed_in["id"]: each for each in handed.found().values()}


@pytest.mark.attack(
    "115", "a text that states another student's id", layer="the platform's own texts", control="its own does"
)
@pytest.mark.parametrize("name", ["notes.txt", f"x_attempt_{NIGHT}.txt"])
def test_a_students_text_states_nobodys_id(handed: Class, name: str) -> None:
    for student in ("ana_adams", "bob_adams"):
        handed.hand_in(f"my_lab_{student}_attempt_{NIGHT}_{SLUG}.ipynb", student)
        handed.write(f"my_lab_{student}_attempt_{NIGHT}.txt", f"Name: X ({student})\nAssignment: my lab\n")
    assert ids(handed).keys() == {"ana_adams", "bob_adams"}

    handed.write(f"my_lab_bob_adams_attempt_{NIGHT}_{name}", "Name: X (lab_ana_adams)\n")
    found = ids(handed)
    assert found.keys() == {"ana_adams", "bob_adams"}
    assert author(found["ana_adams"]) == "ana_adams"


@pytest.mark.attack(
    "116", "a timestamp of one's own", layer="only in nbgrader's tree", control="there nbgrader wrote it"
)
def test_a_timestamp_of_ones_own_is_none(handed: Class) -> None:
    for name in ("ana", "eve"):
        handed.hand_in(f"{name}/{SLUG}.ipynb", name)
    handed.write("eve/timestamp.txt", "2020-01-01 10:20:30 UTC")
    assert handed.found()["eve"].handed_in == {}

    shutil.rmtree(handed.folder)
    for name in ("ana", "eve"):
        handed.hand_in(f"submitted/{name}/{SLUG}/{SLUG}.ipynb", name)
    handed.write(f"submitted/eve/{SLUG}/timestamp.txt", "2020-01-01 10:20:30 UTC")
    assert handed.found()["eve"].handed_in["at"] == "2020-01-01 10:20:30 UTC"


METADATA = """
submission_1:
  :submitters:
  - :name: Ana
    :sid: "1001"
  :created_at: 2020-01-01
eve:
  :submitters:
  - :name: Ana
    :sid: "1001"
"""


@pytest.mark.attack(
    "117",
    "Gradescope's metadata in a student's folder",
    layer="the class's alone",
    control="there it names Ana",
)
def test_metadata_of_ones_own_names_nobody(handed: Class) -> None:
    for name in ("ana", "eve"):
        handed.hand_in(f"{name}/{SLUG}.ipynb", name)
    handed.write("eve/submission_metadata.yml", METADATA)
    handed.hand_in("eve/submission_1/standardise.ipynb", "eve again")
    found = handed.found()
    assert found.keys() == {"ana", "eve"} and author(found["ana"]) == "ana"
    assert not any(each.handed_in for each in found.values())

    handed.write("submission_metadata.yml", METADATA)
    assert "Ana" in handed.found()


@pytest.mark.attack(
    "118",
    "an archive of other students' work",
    layer="one student an archive",
    control="each file is Moodle's",
)
def test_an_archive_holds_nobody_elses_row(handed: Class) -> None:
    for name, number in (("ana", 1001), ("eve", 1002)):
        handed.hand_in(f"{name}_{number}_assignsubmission_file/{SLUG}.ipynb", name)
    lent = handed.hand_in(f"lent/ana_1001_assignsubmission_file_{SLUG}.ipynb", "eve again")
    with zipfile.ZipFile(handed.folder / "eve_1002_assignsubmission_file" / "all.zip", "w") as archive:
        for name in ("ana_1001", "bob_1003", "eve_1002"):
            archive.write(lent, f"submitted/{name}_assignsubmission_file_{SLUG}.ipynb")
            archive.write(lent, f"{name}_assignsubmission_file_/{SLUG}.ipynb")
    shutil.rmtree(lent.parent)
    found = handed.found()
    assert found.keys() == {"ana", "eve"} and author(found["ana"]) == "ana"


@pytest.mark.attack(
    "119", "folders that look like several students", layer="ids, rows of their own", control="they get rows"
)
def test_rows_made_up_by_one_student_are_nobody_elses(handed: Class, tmp_path: Path) -> None:
    for name in ("ana", "bob", "eve"):
        handed.hand_in(f"{name}/{SLUG}.ipynb", name)
    (handed.folder / "eve" / f"{SLUG}.ipynb").unlink()
    for name, number in (("ana", 1001), ("bob", 1002), ("../ana", 1), ("ANA", 2)):
        plain = name.replace("/", "\u2215")
        handed.hand_in(f"eve/{plain}_{number}_assignsubmission_file_{SLUG}.ipynb", "eve")
    found = handed.found()
    assert author(found["ana"]) == "ana" and author(found["bob"]) == "bob"
    assert len(found) > 3
    for each in found.values():
        assert (tmp_path / each.folder_name).resolve().parent == tmp_path.resolve()


@pytest.mark.attack(
    "120",
    "requirements and settings beside the notebook",
    layer="only the notebook is read",
    control="in the course",
)
def test_files_of_the_course_in_a_submission_are_not_read(handed: Class, grader: Grader) -> None:
    handed.hand_in(f"eve/{SLUG}.ipynb", "eve")
    handed.hand_in(f"ana/{SLUG}.ipynb", "ana")
    for name in ("requirements-grading.txt", "assignment.toml", "checks.py", "conftest.py", "pyproject.toml"):
        handed.write(f"eve/{name}", "raise SystemExit('read')\n[limits]\nmemory_bytes = 1e12\n")
    found = handed.found()
    assert found.keys() == {"ana", "eve"} and found["eve"].path.name == f"{SLUG}.ipynb"
    graded = grader.grade_file(found["eve"].path, "eve")
    assert graded.report.score == 6 and not graded.report.needs_review


def _forged_cells(notebook: nbformat.NotebookNode) -> None:
    """Own cells with the ids and marks of the course's, before and behind them; checks tagged as not to be run."""
    cheat = "def standardise(values):\n    return values * 0 + 13"
    for cell in notebook.cells:
        if cell.id.startswith("check-"):
            cell.metadata["tags"] = ["skip-grading"]
    checks = [cell for cell in notebook.cells if cell.id.startswith("check-")]
    for check in checks:
        own = nbformat.v4.new_code_cell(cheat)
        own["id"] = check.id
        own.metadata["nbgrader"] = dict(check.metadata["nbgrader"])
        notebook.cells.append(own)
        early = nbformat.v4.new_code_cell("def standardise(values):\n    raise ValueError")
        early["id"] = check.id
        early.metadata["tags"] = ["skip-grading"]
        notebook.cells.insert(0, early)


@pytest.mark.sandbox
@pytest.mark.attack(
    "121",
    "cells with the ids and marks of check cells",
    layer="the template's ids",
    control="they are code cells",
)
def test_a_check_cell_is_the_courses(grader: Grader) -> None:
    path = grader.edited(grader.handed_in(), _forged_cells)
    graded = grader.grade_file(path)
    assert graded.report.score == 6 and not graded.report.needs_review
    assert graded.execution is not None
    ids = [cell["id"] for cell in graded.execution.notebook["cells"]]
    assert len(ids) == len(set(ids))

    wrong = grader.edited(grader.handed_in(WRONG), _forged_cells)
    assert grader.grade_file(wrong).report.score == 0


def _hostile_attachments(notebook: nbformat.NotebookNode) -> None:
    header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (60_000).to_bytes(4) + (60_000).to_bytes(4) + bytes(20)
    huge = base64.b64encode(header).decode()
    (cell,) = [each for each in notebook.cells if each.id == "question-why"]
    names = ["huge.png", "x.svg", 'a" onerror="alert(1)', "../../x", "j.jpg"]
    cell.source = "\n\n".join(f"![p](attachment:{name})" for name in names * 200)
    cell["attachments"] = {
        name: {
            "image/png": huge,
            "image/svg": "PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+",
            "image/jpeg": huge,
            "text/html": "<b>",
        }
        for name in names
    }


@pytest.mark.sandbox
@pytest.mark.attack(
    "122",
    "attachments that are no pictures, or huge",
    layer="checked pictures",
    control="they are in the file",
)
def test_attachments_are_pictures_or_nothing(grader: Grader) -> None:
    path = grader.edited(grader.handed_in(), _hostile_attachments)
    assert "60000" not in path.read_text() and "attachment:huge.png" in path.read_text()
    began = time.monotonic()
    pages = grader.pages(grader.grade_file(path))
    assert time.monotonic() - began < 30
    for name in ("feedback.html", "executed.html", "instructor.html"):
        text = (pages / name).read_text(encoding="utf-8")
        assert "svg onload" not in text and "data:image/svg" not in text
        assert (
            " onerror=" not in text.replace("&#34;", "")
            or "<img" not in text.partition(" onerror=")[0][-200:]
        )
        assert "iVBORw0KGgoAAAANSUhEUgAA6mAAAOpg" not in text
