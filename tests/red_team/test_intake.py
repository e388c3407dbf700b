"""Intake: hostile files. Each ends as a sentence for one student, quickly, and stops nobody."""

from __future__ import annotations

import hashlib
import json
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.course.notebooks import read_notebook
from autograder.course.submissions import discover
from autograder.errors import AssignmentError, SubmissionError
from autograder.execution.session import KernelSession
from autograder.execution.zygote_client import Zygote
from autograder.records import Limits
from autograder.records.visible_text import one_line

from .attacks import notebook
from .grading import Grader

pytestmark = pytest.mark.sandbox


def found(folder: Path, scratch: Path) -> dict[str, str]:
    """Return each student's problem."""
    return {each.student: each.problem for each in discover([folder], "standardise", scratch)}


@pytest.mark.attack("51", "zip slip", layer="checked names", control="the name leads outside")
@pytest.mark.parametrize("name", ["../out.ipynb", "/tmp/out.ipynb", "a/../../out.ipynb", "C:\\out.ipynb"])
def test_zip_slip(name: str, grader: Grader, tmp_path: Path) -> None:
    folder, scratch = tmp_path / "in", tmp_path / "scratch"
    folder.mkdir()
    grader.handed_in(student="in/ana")
    with zipfile.ZipFile(folder / "eve.zip", "w") as archive:
        archive.writestr(name, "{}")
        assert archive.namelist() == [name]
        assert name.startswith("C:") or not (scratch / name).resolve().is_relative_to(scratch)

    problems = found(folder, scratch)
    assert problems["ana"] == "" and "leads out of the folder" in problems["eve"]
    assert not list(tmp_path.rglob("out.ipynb")) and not Path("/tmp/out.ipynb").exists()


@pytest.mark.attack(
    "51", "zip bomb", layer="counted bytes", control="the archive unpacks to 400 times its size"
)
def test_zip_bomb(grader: Grader, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    grader.handed_in(student="in/ana")
    with zipfile.ZipFile(folder / "eve.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("standardise.ipynb", bytes(40 * 2**20))
        member = archive.getinfo("standardise.ipynb")
        assert member.file_size > 400 * member.compress_size

    problems = found(folder, tmp_path / "scratch")
    assert problems["ana"] == "" and "zip bomb" in problems["eve"]
    assert sum(path.stat().st_size for path in (tmp_path / "scratch").rglob("*") if path.is_file()) < 2**21


@pytest.mark.attack(
    "51", "links in a zip and in a folder", layer="links not followed", control="the link can be read"
)
def test_links_to_the_reference(grader: Grader, tmp_path: Path) -> None:
    folder, secret = tmp_path / "in", tmp_path / "secret.ipynb"
    folder.mkdir()
    secret.write_text("{}")
    grader.handed_in(student="in/ana")
    (folder / "eve.ipynb").symlink_to(secret)
    (folder / "bob").symlink_to(tmp_path)
    assert (folder / "eve.ipynb").read_text() == "{}"
    link = zipfile.ZipInfo("standardise.ipynb")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(folder / "zoe.zip", "w") as archive:
        archive.writestr(link, str(secret))

    problems = found(folder, tmp_path / "scratch")
    assert problems["ana"] == ""
    assert "leads out of the folder" in problems["eve"] and "is a link" in problems["zoe"]
    assert not [path for path in (tmp_path / "scratch").rglob("*") if path.is_symlink()]


def _many_brackets(path: Path) -> None:
    path.write_bytes(b'{"cells": [' + b"[]," * 30_000_000 + b"[]]}")


def _nested(path: Path) -> None:
    path.write_bytes(b'{"cells": ' + b"[" * 400_000 + b"]" * 400_000 + b"}")


def _fifo(path: Path) -> None:
    os.mkfifo(path)


FILES: dict[str, Callable[[Path], object]] = {
    "90 MB of brackets": _many_brackets,
    "deep nesting": _nested,
    "a huge int": lambda path: path.write_text('{"nbformat": 4, "cells": [], "x": ' + "9" * 100_000 + "}"),
    "invalid UTF-8": lambda path: path.write_bytes(b'{"nbformat": 4, "cells": ["\xff\xfe"]}'),
    "not JSON": lambda path: path.write_bytes(b"PK\x03\x04"),
    "empty": lambda path: path.write_bytes(b""),
    "a wrong kind of cells": lambda path: path.write_text('{"nbformat": 4, "cells": {"a": 1}}'),
    "cells that are none": lambda path: path.write_text('{"nbformat": 4, "cells": [1, null, []]}'),
    "format 99": lambda path: path.write_text('{"nbformat": 99, "cells": []}'),
    "an odd format 3": lambda path: path.write_text('{"nbformat": 3, "worksheets": 5}'),
    "a million cells": lambda path: path.write_text(
        json.dumps({"nbformat": 4, "cells": [{"cell_type": "raw", "source": "", "metadata": {}}] * 100_000})
    ),
    "a FIFO": _fifo,
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.attack(
    "52",
    "files that are no notebook, or too much of one",
    layer="bounded reading",
    control="the right one is read",
)
@pytest.mark.parametrize("name", FILES)
def test_no_file_is_a_fault_of_ours(name: str, grader: Grader, tmp_path: Path) -> None:
    assert read_notebook(grader.handed_in()).cells
    path = tmp_path / "eve.ipynb"
    FILES[name](path)
    began = time.monotonic()
    report = grader.grade_file(path, "eve").report

    assert time.monotonic() - began < 10
    assert report.problem and report.needs_review == () and report.score == 0
    with pytest.raises(SubmissionError):
        read_notebook(path)


EXPLODING = {
    "attributes without end": "x = None\nx" + ".a" * 20_000,
    "brackets without end": "x = " + "[" * 5_000 + "]" * 5_000,
    "additions without end": "x = " + "+".join("1" * 20_000),
    "a number without end": "x = " + "9" * 200_000,
    "a power": "x = 10 ** 10 ** 8",
    "a format": "x = f'{0:>1000000000000}'",
    "a null byte": "x = '\0'",
    "a tower of functions": "\n".join(" " * n + f"def f{n}():" for n in range(99)) + "\n" + " " * 99 + "pass",
}


@pytest.mark.attack(
    "53",
    "source that explodes when compiled",
    layer="kernel of its own, limits",
    control="the cells before are run",
)
@pytest.mark.parametrize("name", EXPLODING)
def test_exploding_source_costs_its_cell(name: str, zygote: Zygote) -> None:
    cells = notebook("def answer(): return 7", EXPLODING[name])
    limits = Limits(cell_timeout_s=3, memory_bytes=2**30)
    with KernelSession(zygote, cells, limits=limits, seed=1) as session:
        execution = session.run()
        assert [failure.index for failure in execution.failures] in ([], [1])
        assert session.call("answer", seed=1) == 7


@pytest.mark.attack(
    "54", "file names with lines, quotes, marks", layer="safe names", control="the disk takes the names"
)
def test_odd_file_names_are_found_and_stop_nobody(grader: Grader, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    names = (
        "=cmd",
        "a\nb",
        "q\"u'ote",
        "rtl\u202egnp",
        "-rf",
        "$(id)",
        "a;b",
        "ümläut",
        "%s%n",
        "{0.__class__}",
    )
    for name in names:
        grader.handed_in(student=f"in/{name}")
        assert (folder / f"{name}.ipynb").is_file()

    assert set(found(folder, tmp_path / "scratch").values()) == {""}
    assert len(found(folder, tmp_path / "scratch2")) == len(names)


@pytest.mark.attack(
    "55",
    "two files of one student, and none",
    layer="a choice that is told, a problem",
    control="one file has none",
)
def test_two_files_and_none(grader: Grader, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for path in ("ana/first", "ana/second", "bob/standardise"):
        grader.handed_in(student=f"in/{path}")
    (folder / "eve").mkdir()

    problems = found(folder, tmp_path / "scratch")
    assert problems["bob"] == ""
    assert problems["ana"] == "" and "No notebook" in problems["eve"]
    (ana,) = (each for each in discover([folder], "standardise", tmp_path / "2") if each.student == "ana")
    assert ana.remarks[0].startswith("2 notebooks were handed in (first.ipynb and second.ipynb); ")
    with pytest.raises(AssignmentError):
        discover([folder / "eve"], "standardise", tmp_path / "scratch")


@pytest.mark.attack(
    "84", "names that look like another student's", layer="marked names", control="they look equal"
)
def test_names_that_look_equal_are_told_apart(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    names = ("Anna", "Anna\x1b[0m", "An\x1b[0mna", "An\u200bna", "\x1b[0m", "\x1b]0;")
    assert [one_line(name).replace("\ufffd", "") for name in names] == [*["Anna"] * 4, "", "0;"]
    for name in names:
        (folder / f"{name}.ipynb").write_text('{"nbformat": 4, "cells": []}')

    students = found(folder, tmp_path / "scratch")
    looks = [one_line(student) for student in students]
    assert len(set(looks)) == len(names) and "" not in looks
    assert "Anna" in students, "the one with nothing to hide keeps the name"
    assert sum(look.startswith("Anna (hidden characters, ") for look in looks) == 3
    assert sum(look.startswith("[0m.ipynb (hidden characters, ") for look in looks) == 1
    assert found(folder, tmp_path / "again").keys() == students.keys()


@pytest.mark.attack(
    "84", "the name that a mark would give", layer="marked names", control="the mark is known beforehand"
)
def test_a_mark_that_is_taken_is_no_shared_name(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    digest = hashlib.sha256(b"Anna\x1b[0m").hexdigest()[:6]
    for name in ("Anna", "Anna\x1b[0m", f"Anna (hidden characters, {digest})"):
        (tmp_path / "in" / f"{name}.ipynb").write_text('{"nbformat": 4, "cells": []}')

    assert len(found(tmp_path / "in", tmp_path / "scratch")) == 3
