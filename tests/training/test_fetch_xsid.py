"""Fetching the real sentences: every file is checked before it is written."""

import hashlib
from pathlib import Path

import pytest

from training.intent_de import fetch_xsid
from training.intent_de.fetch_xsid import CHECKSUMS, FetchError, fetch, main


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four small files, with the checksums set to theirs."""
    folder = tmp_path / "source"
    folder.mkdir()
    for name in CHECKSUMS:
        (folder / name).write_text(f"id\ttext\tintent\tslots\n{name}\n", encoding="utf-8")
    sums = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in CHECKSUMS}
    monkeypatch.setattr(fetch_xsid, "CHECKSUMS", sums)
    return folder


def test_right_files_are_copied(source: Path, tmp_path: Path) -> None:
    paths = fetch(tmp_path / "data", source)
    assert [path.read_bytes() for path in paths] == [(source / path.name).read_bytes() for path in paths]


def test_the_names_of_the_repository_are_found_too(source: Path, tmp_path: Path) -> None:
    (source / "val.csv").rename(source / "xsid_de_val.csv")
    assert (tmp_path / "data" / "val.csv") in fetch(tmp_path / "data", source)


def test_an_altered_file_is_refused_and_not_written(source: Path, tmp_path: Path) -> None:
    with (source / "test.csv").open("a", encoding="utf-8") as file:
        file.write(" ")
    with pytest.raises(FetchError, match=r"test\.csv: the SHA-256 checksum is [0-9a-f]{64}, expected"):
        fetch(tmp_path / "data", source)
    assert not (tmp_path / "data" / "test.csv").exists()


def test_a_missing_file_is_named(source: Path, tmp_path: Path) -> None:
    (source / "train.csv").unlink()
    with pytest.raises(FetchError, match=r"holds neither train\.csv nor xsid_de_train\.csv"):
        fetch(tmp_path / "data", source)


def test_without_a_network_the_remedy_is_told(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Port 9 of this machine answers nobody.
    monkeypatch.setattr(fetch_xsid, "ADDRESS", "http://127.0.0.1:9/{commit}/{name}")
    assert main([str(tmp_path / "data")]) == 1
    assert "Are you online?" in capsys.readouterr().err


def test_files_that_are_there_are_not_fetched_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(tmp_path / "data", source)
    monkeypatch.setattr(fetch_xsid, "ADDRESS", "http://127.0.0.1:9/{commit}/{name}")
    assert len(fetch(tmp_path / "data")) == len(CHECKSUMS)


def test_the_real_files_have_the_stated_checksums(xsid_dir: Path, tmp_path: Path) -> None:
    assert len(fetch(tmp_path / "data", xsid_dir)) == 4
