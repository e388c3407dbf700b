"""`autograder export` as instructors call it: own names, backups, all or nothing, exit codes, no torch."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Said
from .results_maker import QUESTION, SLUG, canvas_student, make_results, moodle_student
from .test_canvas import HEADER, ROWS


def moodle(results: Path, worksheet: Path, out: Path) -> list[object]:
    where = [results, "--assignment", SLUG, "--worksheet", worksheet, "--out", out]
    return ["export", "moodle", *where]


def test_the_worksheet_keeps_its_name_and_the_pages_lie_beside_it(
    autograder: Callable[..., Said], worksheet: Path, tmp_path: Path
) -> None:
    waits = moodle_student("Bob B. Brown", 102, pending=(QUESTION,))
    results = make_results(tmp_path, moodle_student("Anna Adams", 101), waits)
    code, said, _ = autograder(*moodle(results, worksheet, tmp_path / "out"))
    assert code == 0
    assert "Unchanged (1), incomplete: Bob B. Brown." in said
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [worksheet.name, "feedback.zip"]
    with zipfile.ZipFile(tmp_path / "out" / "feedback.zip") as archive:
        (name,) = archive.namelist()
        page = archive.read(name)
    assert name == "Anna Adams_101_assignsubmission_file/feedback.html"
    assert page == (results / SLUG / "Anna Adams" / "feedback.html").read_bytes()
    code, said, _ = autograder(*moodle(results, worksheet, tmp_path / "out"), "--partial")
    assert code == 0 and "not final" in said and "Bob B. Brown" in said


def test_what_stood_there_is_kept(autograder: Callable[..., Said], worksheet: Path, tmp_path: Path) -> None:
    before = worksheet.read_bytes()
    results = make_results(tmp_path, moodle_student("Anna Adams", 101))
    code, said, _ = autograder(*moodle(results, worksheet, worksheet.parent))
    assert code == 0 and "kept as Grades-NLP-Lab 1-77.backup-1.csv" in said
    assert worksheet.read_bytes() != before
    assert (worksheet.parent / "Grades-NLP-Lab 1-77.backup-1.csv").read_bytes() == before
    _, said, _ = autograder(*moodle(results, worksheet, worksheet.parent))
    assert "kept as" not in said


@pytest.mark.parametrize("fault", ["worksheet", "feedback", "grades", "edited", "slug", "results"])
def test_what_does_not_fit_writes_nothing(
    fault: str, autograder: Callable[..., Said], worksheet: Path, tmp_path: Path
) -> None:
    results = make_results(tmp_path, moodle_student("Anna Adams", 101))
    arguments = moodle(results, worksheet, tmp_path / "out")
    if fault == "worksheet":
        worksheet.unlink()
    elif fault == "feedback":
        (results / SLUG / "Anna Adams" / "feedback.html").unlink()
    elif fault == "grades":
        (results / SLUG / "grades.csv").write_text("nothing\nhere\n")
    elif fault == "edited":
        path = results / SLUG / "grades.csv"
        path.write_text(path.read_text().replace("38.5", "38,5"))
    elif fault == "slug":
        arguments[4] = "token_atribution"
    else:
        arguments[2] = tmp_path / "nowhere"
    code, _, said = autograder(*arguments)
    assert code == 2 and said.startswith("Error:") and "Traceback" not in said
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(
    autograder: Callable[..., Said], worksheet: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("a file")
    results = make_results(tmp_path, moodle_student("Anna Adams", 101))
    code, _, said = autograder(*moodle(results, worksheet, tmp_path / "out"))
    assert code == 2 and "Nothing was exported" in said


def test_the_gradebook_keeps_its_name(autograder: Callable[..., Said], tmp_path: Path) -> None:
    book = tmp_path / "Grades.csv"
    book.write_text("\n".join((HEADER, *ROWS)), encoding="utf-8")
    results = make_results(tmp_path, canvas_student("adamsanna", 12345))
    where = [results, "--assignment", SLUG, "--gradebook", book, "--out", tmp_path / "out"]
    code, said, _ = autograder("export", "canvas", *where)
    assert code == 0 and said.startswith("1 grade, 0 in place")
    assert "12.00,38.5,40.0," in (tmp_path / "out" / "Grades.csv").read_text(encoding="utf-8")


def test_no_command_of_the_exchange_waits_for_torch() -> None:
    code = (
        "import sys\n"
        "import autograder.cli.exchange, autograder.exchange.moodle, autograder.exchange.canvas\n"
        "import autograder.exchange.totals, autograder.exchange.writing\n"
        "print([name for name in ('torch', 'transformers', 'nbformat') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
