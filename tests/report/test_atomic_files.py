from pathlib import Path

import pytest

from autograder.report.atomic_files import NAME_LIMIT_BYTES, student_folder_name, write_files

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


def test_a_written_file_is_whole_and_readable(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_bytes(b"old and longer")
    write_files({"report.json": b"new"}, tmp_path)
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_failed_write_leaves_the_old_files_and_no_rest(tmp_path: Path) -> None:
    for name in ("page.html", "report.json"):
        (tmp_path / name).write_bytes(b"old")
    with pytest.raises(TypeError):
        write_files({"page.html": b"new", "report.json": "no bytes"}, tmp_path)  # type: ignore[dict-item]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "page.html": b"old",
        "report.json": b"old",
    }


def test_files_come_into_their_places_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "b.html").mkdir()  # cannot be replaced by a file
    with pytest.raises(IsADirectoryError):
        write_files({"a.html": b"new", "b.html": b"new", "report.json": b"new"}, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html"]
