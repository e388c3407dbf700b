"""Each student is given the page and the executed notebook; it is written down who got what."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from autograder.exchange.feedback import without_hidden
from autograder.exchange.releases import releases

from .conftest import Said
from .results_maker import SLUG, Student, canvas_student, make_results
from .test_export_command import moodle

HIDDEN = (
    "assert f(1) == 1\n### BEGIN HIDDEN TESTS\nassert f(2) == 'SECRET'\n### END HIDDEN TESTS\nprint('done')"
)


def notebook(source: str | list[str]) -> bytes:
    cells = [{"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": 1}]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture
def results(tmp_path: Path) -> Path:
    broken = Student(name="Bob", score=0.0, problem="No notebook.")
    return make_results(tmp_path, canvas_student("Anna Adams", 12345), broken)


def call(results: Path, out: Path, *more: str) -> list[object]:
    return ["feedback", results, "--assignment", SLUG, "--out", out, *more]


def test_each_student_gets_their_files_and_no_others(
    autograder: Callable[..., Said],
    results: Path,
    tmp_path: Path,
) -> None:
    code, said, _ = autograder(*call(results, tmp_path / "out"))
    assert code == 0 and "2 students" in said
    given = files_below(tmp_path / "out")
    assert given.keys() == {"Anna Adams/feedback.html", "Anna Adams/executed.ipynb", "Bob/feedback.html"}
    for name, content in given.items():
        assert content == (results / SLUG / name).read_bytes()
        assert b"SECRET DETAIL" not in content
    assert b"SECRET DETAIL" in (results / SLUG / "Anna Adams" / "instructor.html").read_bytes()


def test_a_zip_holds_the_same(
    autograder: Callable[..., Said],
    results: Path,
    tmp_path: Path,
) -> None:
    autograder(*call(results, tmp_path / "out", "--zip"))
    zips = files_below(tmp_path / "out")
    assert zips.keys() == {"Anna Adams.zip", "Bob.zip"}
    with zipfile.ZipFile(io.BytesIO(zips["Anna Adams.zip"])) as archive:
        assert archive.namelist() == ["feedback.html", "executed.ipynb"]
        page = archive.read("feedback.html")
    assert page == (results / SLUG / "Anna Adams" / "feedback.html").read_bytes()


@pytest.mark.parametrize("source", [HIDDEN, HIDDEN.splitlines(keepends=True)])
def test_hidden_tests_of_nbgrader_are_left_out(source: str | list[str]) -> None:
    shown = json.loads(without_hidden(notebook(source)))
    assert shown["cells"][0]["source"] == "assert f(1) == 1\nprint('done')"
    open_end = json.loads(without_hidden(notebook("x\n### BEGIN HIDDEN TESTS\nSECRET")))
    assert open_end["cells"][0]["source"] == "x\n"


def test_a_notebook_without_hidden_tests_stays_as_it_is() -> None:
    plain = notebook("print(1)")
    assert without_hidden(plain) == plain


def test_it_is_written_down_who_got_what(
    autograder: Callable[..., Said],
    results: Path,
    tmp_path: Path,
) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    autograder(*call(results, tmp_path / "out"))
    autograder(*call(results, tmp_path / "zips", "--zip"))
    rows = releases(results / SLUG)
    page = sha256((results / SLUG / "Anna Adams" / "feedback.html").read_bytes()).hexdigest()
    assert [row[1:] for row in rows if row[1] == "Anna Adams" and row[4] == "feedback.html"] == [
        ["Anna Adams", "12345", "folder", "feedback.html", page],
        ["Anna Adams", "12345", "zip", "feedback.html", page],
    ]
    assert all(before <= datetime.fromisoformat(row[0]) for row in rows) and len(rows) == 6


def test_moodles_feedback_is_written_down_too(
    autograder: Callable[..., Said],
    worksheet: Path,
    tmp_path: Path,
) -> None:
    anna = Student(name="Anna Adams", handed_in={"platform": "Moodle", "id": "101"})
    results = make_results(tmp_path, anna)
    autograder(*moodle(results, worksheet, tmp_path / "out"))
    (row,) = releases(results / SLUG)
    assert row[1:5] == ["Anna Adams", "101", "export moodle", "feedback.html"]


def test_a_folder_with_the_instructors_files_is_refused(
    autograder: Callable[..., Said],
    results: Path,
) -> None:
    before = files_below(results)
    code, _, said = autograder(*call(results, results / SLUG))
    assert code == 2 and "which is nothing for students" in said
    assert files_below(results) == before


def test_a_missing_page_writes_nothing(
    autograder: Callable[..., Said],
    results: Path,
    tmp_path: Path,
) -> None:
    (results / SLUG / "Bob" / "feedback.html").unlink()
    code, _, said = autograder(*call(results, tmp_path / "out"))
    assert code == 2 and "autograder report" in said
    assert not (tmp_path / "out").exists() and releases(results / SLUG) == []


def test_a_notebook_that_is_gone_is_not_given_again(
    autograder: Callable[..., Said],
    results: Path,
    tmp_path: Path,
) -> None:
    autograder(*call(results, tmp_path / "out"))
    (results / SLUG / "Anna Adams" / "executed.ipynb").unlink()
    autograder(*call(results, tmp_path / "out"))
    assert "Anna Adams/executed.ipynb" not in files_below(tmp_path / "out")
