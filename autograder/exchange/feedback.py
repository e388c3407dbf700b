"""What belongs to each student: the feedback page and the executed notebook, never anything of the instructor's."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.errors import AssignmentError
from autograder.exchange.totals import StudentTotal
from autograder.exchange.writing import packed
from autograder.records.folder_names import student_folder_name
from autograder.report.atomic_files import write_files

PAGE, NOTEBOOK = "feedback.html", "executed.ipynb"
_HIDDEN = re.compile(
    r"^[ \t]*### BEGIN HIDDEN TESTS.*?(?:^[ \t]*### END HIDDEN TESTS[^\n]*\n?|\Z)", re.M | re.S
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenFeedback:
    """What one student was given."""

    student: StudentTotal
    """The student."""

    hashes: Mapping[str, str]
    """SHA-256 of each file by its name."""


def given(student: StudentTotal, files: Mapping[str, bytes]) -> GivenFeedback:
    """Return what the record keeps of files that a student is given."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return GivenFeedback(student=student, hashes=hashes)


def student_files(student: StudentTotal) -> dict[str, bytes]:
    """Return a student's page and, if their notebook ran, the executed notebook.

    Raises:
        AssignmentError: If a file is missing or unreadable.
    """
    page, notebook = student.folder / PAGE, student.folder / NOTEBOOK
    try:
        files = {PAGE: page.read_bytes()}
        if notebook.is_file():
            files[NOTEBOOK] = without_hidden(notebook.read_bytes())
    except (OSError, ValueError) as error:
        raise AssignmentError(
            f"{student.folder}: what belongs to the student cannot be read ({error}). Run `autograder report` on the "
            "results, or grade this submission again."
        ) from None
    return files


def without_hidden(notebook: bytes) -> bytes:
    """Return a notebook without nbgrader's hidden tests; one without them stays as it is, byte for byte.

    Raises:
        ValueError: If it is no notebook.
    """
    content: dict[str, Any] = json.loads(notebook)
    changed = False
    for cell in content["cells"]:
        source = cell["source"]
        text = "".join(source) if isinstance(source, list) else source
        cell["source"], count = _HIDDEN.subn("", text)
        changed |= count > 0
    return f"{json.dumps(content, ensure_ascii=False, indent=1)}\n".encode() if changed else notebook


def write_feedback(students: Sequence[StudentTotal], out: Path, *, as_zips: bool) -> Iterator[GivenFeedback]:
    """Write each student's files into a folder or zip named as their folder of results.

    Args:
        students: Whose.
        out: Where to; made if missing.
        as_zips: A zip for each student.

    Yields:
        What was written, student by student.

    Raises:
        AssignmentError: If a file is missing or `out` holds anything else; then nothing has been written.
    """
    for student in students:
        student_files(student)
    _see_that_it_is_ours(students, out)
    try:
        for student in students:
            files, name = student_files(student), student_folder_name(student.student)
            if as_zips:
                out.mkdir(parents=True, exist_ok=True)
                write_files({f"{name}.zip": packed(files)}, out)
            else:
                (out / name).mkdir(parents=True, exist_ok=True)
                write_files(files, out / name)
                if NOTEBOOK not in files:
                    (out / name / NOTEBOOK).unlink(missing_ok=True)
            yield given(student, files)
    except OSError as error:
        raise AssignmentError(
            f"{error.filename or out}: cannot be written: {error.strerror or error}. Choose another folder "
            "with --out DIR."
        ) from None


def _see_that_it_is_ours(students: Sequence[StudentTotal], out: Path) -> None:
    """Refuse a folder in which students would find what is not theirs."""
    for student in students:
        folder = out / student_folder_name(student.student)
        strange = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        if left := sorted(set(strange) - {PAGE, NOTEBOOK}):
            raise AssignmentError(
                f"{folder}: holds {', '.join(left[:3])}, which is nothing for students. Choose another folder with "
                "--out DIR."
            )
