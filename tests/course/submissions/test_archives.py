from __future__ import annotations

import contextlib
import random
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from autograder.course.submissions import discover
from autograder.course.submissions.archives import Budget, unpack
from autograder.errors import AssignmentError, SubmissionError


def pack(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content, zipfile.ZIP_DEFLATED)
    return path


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def refuse(archive: Path, folder: Path, budget: Budget | None = None) -> str:
    with pytest.raises(SubmissionError) as raised:
        unpack(archive, folder, budget or Budget())
    return str(raised.value)


@pytest.mark.parametrize(
    "name",
    [
        "../evil.ipynb",
        "a/../../evil.ipynb",
        "/evil.ipynb",
        "C:/evil.ipynb",
        "C:evil.ipynb",
        "..\\evil.ipynb",
        "\\\\host\\x.ipynb",
    ],
)
def test_refuses_names_that_lead_out(name: str, tmp_path: Path) -> None:
    archive = pack(tmp_path / "class.zip", (name, b"1"))
    sentence = refuse(archive, tmp_path / "a" / "b" / "out")
    assert "which leads out of the folder that it is unpacked into" in sentence
    assert files(tmp_path) == ["class.zip"]


def test_the_instructor_is_told_of_a_harmful_zip(tmp_path: Path) -> None:
    archive = pack(tmp_path / "class.zip", ("../evil.ipynb", b"1"))
    with pytest.raises(AssignmentError) as raised:
        discover([archive], "demo", tmp_path / "scratch")
    assert str(raised.value) == (
        f"{archive}: class.zip holds '../evil.ipynb', which leads out of the folder "
        "that it is unpacked into. Pack the notebooks again."
    )


def test_a_link_is_not_made(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("ana.ipynb")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive = pack(tmp_path / "class.zip", (link, b"/etc/passwd"), ("ben.ipynb", b"1"))
    unpacked = unpack(archive, tmp_path / "out", Budget())
    assert not (tmp_path / "out" / "ana.ipynb").is_symlink()
    assert (tmp_path / "out" / "ben.ipynb").read_bytes() == b"1"
    assert unpacked.problems == {
        tmp_path
        / "out"
        / "ana.ipynb": "ana.ipynb in class.zip is a link, not a file. Pack the notebook itself."
    }


def test_a_students_problem_reaches_the_submission(tmp_path: Path) -> None:
    archive = pack(tmp_path / "class.zip", ("ana.ipynb", bytes(30 * 2**20)), ("ben.ipynb", b"1"))
    found = discover([archive], "demo", tmp_path / "scratch")
    assert [(item.student, item.problem) for item in found] == [
        ("ana", "ana.ipynb in class.zip unpacks to more than 200 times its size, as a zip bomb does."),
        ("ben", ""),
    ]
    assert found[0].path.stat().st_size == 0


def test_one_large_file(tmp_path: Path) -> None:
    archive = pack(tmp_path / "class.zip", ("ana.ipynb", random.Random(0).randbytes(3 * 2**20)))
    unpacked = unpack(archive, tmp_path / "out", Budget(file_bytes=2**20))
    assert list(unpacked.problems.values()) == [
        "ana.ipynb in class.zip is larger than 1 MB. Clear its outputs."
    ]


def test_many_files_that_are_large_together(tmp_path: Path) -> None:
    noise = random.Random(0).randbytes(2**19)
    archive = pack(tmp_path / "class.zip", *((f"{i}.ipynb", noise) for i in range(4)))
    sentence = refuse(archive, tmp_path / "out", Budget(total_bytes=2**20))
    assert sentence == "class.zip unpacks to too many bytes. Pack the notebooks alone."


def test_the_budget_counts_over_all_archives(tmp_path: Path) -> None:
    noise = random.Random(0).randbytes(2**19)
    budget = Budget(total_bytes=2**20)
    archive = pack(tmp_path / "class.zip", ("ana.ipynb", noise))
    unpack(archive, tmp_path / "1", budget)
    unpack(archive, tmp_path / "2", budget)
    assert "too many bytes" in refuse(archive, tmp_path / "3", budget)


def test_too_many_files(tmp_path: Path) -> None:
    archive = pack(tmp_path / "class.zip", *((f"{i}.txt", b"") for i in range(11)))
    assert refuse(archive, tmp_path / "out", Budget(files=10)) == (
        "class.zip holds too many files (11). Pack the notebooks alone."
    )


def test_the_stated_size_is_not_believed(tmp_path: Path) -> None:
    archive = pack(tmp_path / "class.zip", ("ana.ipynb", bytes(5 * 2**20)))
    raw = bytearray(archive.read_bytes())
    central = raw.index(b"PK\x01\x02")
    raw[central + 24 : central + 28] = struct.pack("<I", 10)
    archive.write_bytes(bytes(raw))
    unpacked = unpack(archive, tmp_path / "out", Budget())
    assert (tmp_path / "out" / "ana.ipynb").stat().st_size <= 10
    assert list(unpacked.problems) == [tmp_path / "out" / "ana.ipynb"]


def test_an_encrypted_member(tmp_path: Path) -> None:
    archive = pack(tmp_path / "class.zip", ("ana.ipynb", b"1"))
    raw = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(signature) + offset] |= 1
    archive.write_bytes(bytes(raw))
    unpacked = unpack(archive, tmp_path / "out", Budget())
    assert list(unpacked.problems.values()) == [
        "ana.ipynb in class.zip is encrypted. Pack it without a password."
    ]


def test_a_name_that_stands_twice(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive = pack(tmp_path / "class.zip", ("ana.ipynb", b"1"), ("ana.ipynb", b"2"))
    unpacked = unpack(archive, tmp_path / "out", Budget())
    assert list(unpacked.problems.values()) == ["class.zip holds ana.ipynb twice. Pack it once."]


@pytest.mark.parametrize("names", [("x" * 300 + ".ipynb",), ("a.ipynb", "a.ipynb/b.ipynb")])
def test_a_name_that_cannot_be_a_files(names: tuple[str, ...], tmp_path: Path) -> None:
    archive = pack(tmp_path / "class.zip", *((name, b"1") for name in names))
    assert "holds a name that cannot be a file's" in refuse(archive, tmp_path / "out")


def test_reads_utf8_names_that_do_not_say_so(tmp_path: Path) -> None:
    archive = pack(tmp_path / "class.zip", ("J__rg.ipynb", b"1"))
    archive.write_bytes(archive.read_bytes().replace(b"J__rg", "Jörg".encode()))
    unpack(archive, tmp_path / "out", Budget())
    assert files(tmp_path / "out") == ["Jörg.ipynb"]


def test_unpacks_notebooks_and_zips_alone_and_keeps_folders(tmp_path: Path) -> None:
    archive = pack(
        tmp_path / "class.zip",
        ("ana/work.ipynb", b"1"),
        ("ana/model.bin", b"2"),
        ("ben/report.pdf", b"3"),
        ("__MACOSX/ana/._work.ipynb", b"4"),
        ("win\\dows.ipynb", b"5"),
        ("cem.zip", b"6"),
    )
    unpack(archive, tmp_path / "out", Budget())
    assert files(tmp_path / "out") == ["ana/work.ipynb", "cem.zip", "win/dows.ipynb"]
    assert (tmp_path / "out" / "ben").is_dir()


@pytest.mark.parametrize("seed", range(3))
def test_any_damage_gives_files_inside_or_a_sentence(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    archive = pack(tmp_path / "class.zip", ("ana/x.ipynb", b"12345" * 20), ("ben.ipynb", b"1"))
    original = archive.read_bytes()
    read = 0
    for number in range(150):
        raw = bytearray(original)
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(len(raw))
            raw[place : place + rng.randint(0, 2)] = rng.randbytes(rng.randint(0, 2))
        archive.write_bytes(bytes(raw))
        # Any other error fails the test.
        with contextlib.suppress(SubmissionError):
            unpack(archive, tmp_path / "scratch" / str(number), Budget())
            read += 1
    assert read > 5
    assert {path.name for path in tmp_path.iterdir()} == {"class.zip", "scratch"}
