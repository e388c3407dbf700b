from pathlib import Path

import pytest

from autograder.records import GradeReport, Submission
from autograder.records.folder_names import NAME_LIMIT_BYTES, student_folder_name

HOSTILE = [
    "",
    ".",
    "..",
    "../../etc/passwd",
    "a/b",
    "a\\b",
    "a:b",
    ".hidden",
    "name.",
    "name ",
    " name",
    "CON",
    "con.txt",
    "Lpt1",
    "a\x00b",
    "a\nb",
    "evil\u202egpj",
    "zero\u200bwidth",
    "x" * 101,
    "王" * 40,
    "\udc80raw",
    "=cmd|' /C calc'!A0",
    "<script>",
    "a~b",
    "Mu\u0308ller",
    "class.html",
    "grades.csv",
]


@pytest.mark.parametrize(
    "name", ["Ana Sousa", "Jürgen Groß", "王伟", "Łukasz Żak", "s123456", "a.b-c_d@uni-saarland.de", "नमस्ते"]
)
def test_usual_names_stay_as_they_are(name: str) -> None:
    assert student_folder_name(name) == name


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_becomes_one_safe_component(name: str, tmp_path: Path) -> None:
    folder = student_folder_name(name)
    assert folder != name and "~" in folder
    assert len(folder.encode()) <= NAME_LIMIT_BYTES
    assert not folder.startswith((".", " ")) and not folder.endswith((".", " "))
    (tmp_path / folder).mkdir()
    assert [path.name for path in tmp_path.iterdir()] == [folder]


def test_different_names_get_different_folders() -> None:
    # the last but one would be the folder of "a/b" if an unchanged name could hold a "~"
    names = [*HOSTILE, "a_b", "a?b", "Müller", "_hidden", "_", student_folder_name("a/b"), "x" * 102]
    assert len({student_folder_name(name) for name in names}) == len(names)


def test_the_same_name_gets_the_same_folder() -> None:
    assert student_folder_name("a/b") == student_folder_name("a/b") == "a_b~c14cddc033"


def test_a_submission_and_its_report_name_the_same_folder() -> None:
    submission = Submission(student="a/b", path=Path("x.ipynb"), origin="x.ipynb")
    report = GradeReport(assignment="a", student="a/b", score=0, max_score=0, checks=())
    assert submission.folder_name == report.folder_name == "a_b~c14cddc033"
