from __future__ import annotations

import contextlib
import io
import random
import stat
import struct
import subprocess
import tarfile
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


def test_each_archive_has_the_whole_budget(tmp_path: Path) -> None:
    budget = Budget(total_bytes=2**20)
    archive = pack(tmp_path / "ana.zip", ("ana.ipynb", random.Random(0).randbytes(2**19)))
    for number in range(3):
        assert unpack(archive, tmp_path / str(number), budget).problems == {}


def test_too_many_notebooks(tmp_path: Path) -> None:
    archive = pack(tmp_path / "class.zip", *((f"{i}.ipynb", b"") for i in range(11)))
    assert refuse(archive, tmp_path / "out", Budget(files=10)) == (
        "class.zip holds too many files (11). Pack the notebooks alone."
    )


@pytest.mark.parametrize("wrapper", ["", "class/", "course/submitted/"])
def test_in_a_classs_archive_the_budget_is_each_students(wrapper: str, tmp_path: Path) -> None:
    many = [(f"{wrapper}bob/{i}.ipynb", b"{}") for i in range(11)]
    others = [(f"{wrapper}{name}/x.ipynb", b"{}") for name in ("anna", "carla", "dora")]
    extra = [("course/source/demo/demo.ipynb", b"{}")] if "course" in wrapper else []
    archive = pack(tmp_path / "class.zip", *many, *others, *extra)
    unpacked = unpack(archive, tmp_path / "out", Budget(files=10), shared=True)
    (problem,) = unpacked.problems.values()
    assert problem == "class.zip holds too many files (11). Pack the notebooks alone."
    assert len(files(tmp_path / "out")) == len(many) + len(others) + len(extra)


ENVIRONMENTS = {
    "by its name": ("venv/lib/site-packages/p/{}.ipynb", None),
    "by its mark": ("my-env/lib/python3/p/{}.ipynb", "my-env/pyvenv.cfg"),
    "made in the folder itself": ("lib/python3/p/{}.ipynb", "pyvenv.cfg"),
    "of Windows": ("env\\Lib\\p\\{}.ipynb", "env\\pyvenv.cfg"),
    "of Node": ("node_modules/p/{}.json", None),
    "cache": ("work/__pycache__/{}.ipynb", None),
    "checkpoints": (".ipynb_checkpoints/{}-checkpoint.ipynb", None),
    "git": (".git/objects/{}.ipynb", None),
    "conda": ("conda/conda-meta/{}.json", None),
    "python": ("src/{}.py", None),
    "a data set": ("corpus/{}.csv", None),
    "a data set of JSON": ("corpus/{}.json", None),
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_no_student_wrote_is_not_unpacked(name: str, tmp_path: Path) -> None:
    place, mark = ENVIRONMENTS[name]
    members = [(place.format(number), b"{}") for number in range(300)] + ([(mark, b"")] if mark else [])
    archive = pack(tmp_path / "bob.zip", *members, ("interp/demo.ipynb", b"1"), ("top.ipynb", b"2"))
    unpacked = unpack(archive, tmp_path / "out", Budget(files=10))
    assert unpacked.problems == {}
    found = files(tmp_path / "out")
    assert {"interp/demo.ipynb", "top.ipynb"} <= set(found) and len(found) <= 102


def tarred(path: Path, *members: tuple[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tgz", "tar.bz2", "tar.xz"])
def test_unpacks_tars(ending: str, tmp_path: Path) -> None:
    mode = {"tar": "w", "tgz": "w:gz"}.get(ending, f"w:{ending[4:]}")
    archive = tarred(tmp_path / f"ana.{ending}", ("a/demo.ipynb", b"1"), ("venv/lib/x.py", b"2"), mode=mode)
    unpack(archive, tmp_path / "out")
    assert files(tmp_path / "out") == ["a/demo.ipynb"]


def test_a_tars_links_are_not_made(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "ana.tar", "w") as archive:
        for name, kind in (("soft.ipynb", tarfile.SYMTYPE), ("hard.ipynb", tarfile.LNKTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    unpacked = unpack(tmp_path / "ana.tar", tmp_path / "out")
    assert sorted(unpacked.problems.values()) == [
        f"{name}.ipynb in ana.tar is a link, not a file. Pack the notebook itself."
        for name in ("hard", "soft")
    ]
    assert not [path for path in (tmp_path / "out").iterdir() if path.is_symlink() or path.stat().st_size]


def test_a_tar_that_leads_out(tmp_path: Path) -> None:
    archive = tarred(tmp_path / "eve.tar.gz", ("../evil.ipynb", b"1"))
    assert "leads out of the folder" in refuse(archive, tmp_path / "out")


def test_a_tar_bomb(tmp_path: Path) -> None:
    archive = tarred(tmp_path / "eve.tar.gz", ("demo.ipynb", bytes(40 * 2**20)))
    unpacked = unpack(archive, tmp_path / "out")
    assert "as a zip bomb does" in next(iter(unpacked.problems.values()))


def test_a_tars_huge_header_is_not_read_into_memory(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "eve.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("x" * 40 * 2**20))
    assert "a header is too large" in refuse(tmp_path / "eve.tar.gz", tmp_path / "out")


def test_a_file_that_is_no_tar(tmp_path: Path) -> None:
    (tmp_path / "iris.tar.gz").write_bytes(b"x")
    assert refuse(tmp_path / "iris.tar.gz", tmp_path / "out").startswith("iris.tar.gz is no readable tar: ")


def test_a_zip_of_more_members_than_are_listed(tmp_path: Path) -> None:
    archive = pack(tmp_path / "eve.zip", ("demo.ipynb", b"1"))
    raw = bytearray(archive.read_bytes())
    raw[-10:-6] = struct.pack("<I", 2**30)
    archive.write_bytes(bytes(65 * 2**20) + bytes(raw))
    assert "holds too many files" in refuse(archive, tmp_path / "out")


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


def test_a_name_that_cannot_be_a_files(tmp_path: Path) -> None:
    archive = pack(tmp_path / "class.zip", ("folder/" * 900 + "a.ipynb", b"1"))
    assert "holds a name that cannot be a file's" in refuse(archive, tmp_path / "out")


def test_a_file_and_a_folder_of_one_name(tmp_path: Path) -> None:
    archive = pack(tmp_path / "class.zip", ("a.ipynb", b"1"), ("a.ipynb/b.ipynb", b"1"))
    unpacked = unpack(archive, tmp_path / "out")
    assert list(unpacked.problems.values()) == ["class.zip holds a.ipynb twice. Pack it once."]
    assert files(tmp_path / "out") == ["a.ipynb/b.ipynb"]


@pytest.mark.parametrize("letter", ["x", "ё", "王", "🎉"])
def test_a_longer_name_than_a_folder_takes_is_shortened(letter: str, tmp_path: Path) -> None:
    names = [f"ana/{letter * 250}{number}.ipynb.txt" for number in (1, 2)]
    archive = pack(tmp_path / "class.zip", *((name, b"1") for name in names))
    assert unpack(archive, tmp_path / "out").problems == {}
    found = list((tmp_path / "out" / "ana").iterdir())
    assert len(found) == 2
    assert all(path.name.endswith(".ipynb.txt") and path.name.startswith(letter * 9) for path in found)


def test_a_sparse_file_in_a_tar_does_not_fill_the_disk(tmp_path: Path) -> None:
    with (tmp_path / "ana.ipynb").open("wb") as file:
        file.truncate(2**34)
    subprocess.run(["tar", "--sparse", "-czf", "eve.tar.gz", "ana.ipynb"], cwd=tmp_path, check=True)
    unpacked = unpack(tmp_path / "eve.tar.gz", tmp_path / "out")
    assert "as a zip bomb does" in next(iter(unpacked.problems.values()))
    assert (tmp_path / "out" / "ana.ipynb").stat().st_size == 0


NOTEBOOK = b'{"cells": [], "nbformat": 4}'


@pytest.mark.parametrize("name", ["ana.tar.gz", "ana.tgz", "ana.zip"])
def test_an_archive_is_read_by_what_it_is(name: str, tmp_path: Path) -> None:
    pack(tmp_path / "zip", ("x.ipynb", NOTEBOOK)).rename(tmp_path / name)
    unpack(tmp_path / name, tmp_path / "out")
    assert files(tmp_path / "out") == ["x.ipynb"]


def test_a_tar_named_zip_is_read(tmp_path: Path) -> None:
    tarred(tmp_path / "ana.zip", ("x.ipynb", NOTEBOOK))
    unpack(tmp_path / "ana.zip", tmp_path / "out")
    assert files(tmp_path / "out") == ["x.ipynb"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "ana.zip is empty. Pack it again."),
        (b"Rar!\x1a\x07\x01\x00", "ana.zip is a RAR archive under another name."),
        (b"7z\xbc\xaf\x27\x1c\x00", "ana.zip is a 7z archive under another name."),
        (b"PK\x03\x04" + bytes(500), "ana.zip is cut short, as by a broken upload. Pack it again."),
    ],
)
def test_says_why_an_archive_cannot_be_opened(content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "ana.zip").write_bytes(content)
    assert refuse(tmp_path / "ana.zip", tmp_path / "out").startswith(sentence)


def test_a_group_in_a_class_archive_has_no_budget_for_all(tmp_path: Path) -> None:
    members = [(f"group{g}/s{s}/{n}.ipynb", b"{}") for g in "AB" for s in range(4) for n in range(4)]
    archive = pack(tmp_path / "class.zip", *members)
    assert unpack(archive, tmp_path / "out", Budget(files=5), shared=True).problems == {}


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
    found = files(tmp_path / "out")
    assert found == ["ana/model.bin", "ana/work.ipynb", "ben/report.pdf", "cem.zip", "win/dows.ipynb"]
    assert (tmp_path / "out" / "ben" / "report.pdf").read_bytes() == b""


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
