from pathlib import Path

import pytest

from autograder.report.atomic_files import write_files


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
