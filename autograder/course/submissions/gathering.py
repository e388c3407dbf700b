"""Collect all that one student handed in, from a file, a folder of any depth or an archive."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.course.submissions.archives import unpack
from autograder.course.submissions.layouts import Stated, uploaded
from autograder.course.submissions.names import (
    ARCHIVE,
    ENVIRONMENT_FOLDERS,
    ENVIRONMENT_MARK,
    NOTEBOOK,
    PERHAPS,
    is_skipped,
    kind_of,
    nfc,
)
from autograder.errors import SubmissionError

_MAX_FILES = 5_000
_MAX_ARCHIVES = 20
_LOOKED_AT_BYTES = 200 * 2**20
_CHUNK = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentPlace:
    """A file or folder of one student's."""

    path: Path
    """Where it lies."""

    origin: str
    """Where it came from, for people."""

    stated: Stated
    """What its name or the platform says."""

    problem: str = ""
    """Why it is not looked at; else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """One file that a student handed in."""

    path: Path
    """Where it lies."""

    origin: str
    """Where it came from, for people."""

    shown: str
    """Its name within what the student handed in."""

    stated: Stated
    """What the platform says of it."""

    is_notebook: bool = False
    """Whether it is read as a notebook."""

    problem: str = ""
    """Why it cannot be read; else empty."""


class Gatherer:
    """Unpacks archives into a scratch folder and remembers what is wrong with their members."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.problems: dict[Path, str] = {}
        self._count = 0

    def unpack(self, archive: Path, *, shared: bool = False) -> Path:
        """Unpack into a new folder.

        Raises:
            SubmissionError: If the archive cannot be unpacked; a sentence.
        """
        while (folder := self.scratch / f"archive-{self._count:04d}").exists():
            self._count += 1
        unpacked = unpack(archive, folder, shared=shared)
        self.problems |= unpacked.problems
        return unpacked.folder

    def gather(self, place: StudentPlace, root: Path) -> list[Handed]:
        """Return a student's files; notebooks in archives are unpacked.

        Args:
            place: The student's file or folder.
            root: What links must not lead out of.

        Raises:
            OSError: If a folder cannot be read.
        """
        if place.problem:
            return [self._handed(place.path, place.origin, place.path.name, place.stated, place.problem)]
        if not place.path.exists():
            return []
        if place.path.is_dir():
            inside = sorted(files_below(place.path))
            found = [self._in_folder(path, place, root) for path in inside[:_MAX_FILES]]
        else:
            found = [self._handed(place.path, place.origin, place.path.name, place.stated)]
        archives = [item for item in found if kind_of(item.path.name) == ARCHIVE and not item.problem]
        for archive in archives[:_MAX_ARCHIVES]:
            found.remove(archive)
            found += self._in_archive(archive)
        return found

    def _in_folder(self, path: Path, place: StudentPlace, root: Path) -> Handed:
        shown = path.relative_to(place.path).as_posix()
        stated = place.stated
        if time := uploaded(path.name):
            stated = replace(stated, attempt=time)
        problem = ""
        if not is_inside(path, root):
            problem = f"{path.name} is a link that leads out of the folder; it is not followed."
        return self._handed(path, join(place.origin, shown), shown, stated, problem)

    def _in_archive(self, archive: Handed) -> list[Handed]:
        """Return what lies in a student's archive; archives in it stay closed."""
        try:
            folder = self.unpack(archive.path)
        except SubmissionError as error:
            return [replace(archive, problem=str(error))]
        inside = []
        for path in sorted(files_below(folder)):
            shown = path.relative_to(folder).as_posix()
            origin = f"{archive.origin}:{shown}"
            problem = ""
            if kind_of(path.name) == ARCHIVE:
                problem = (
                    f"{archive.origin} holds an archive in an archive, {path.name}, which is not opened. "
                    "Hand in the notebook itself."
                )
            inside.append(self._handed(path, origin, f"{archive.shown}:{shown}", archive.stated, problem))
        return inside or [
            replace(archive, problem=f"No notebook was handed in: {archive.origin} holds none.")
        ]

    def _handed(self, path: Path, origin: str, shown: str, stated: Stated, problem: str = "") -> Handed:
        problem = problem or self.problems.get(path, "")
        kind = kind_of(path.name)
        is_notebook = kind == NOTEBOOK or (kind == PERHAPS and not problem and looks_like_notebook(path))
        if is_notebook and not problem and not path.is_file():
            problem = f"{path.name} is not a file. Hand in the notebook itself."
        return Handed(
            path=path,
            origin=origin,
            shown=nfc(shown),
            stated=stated,
            is_notebook=is_notebook,
            problem=problem,
        )


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder but what programs leave there."""

    def refuse(error: OSError) -> None:
        raise error

    for place, folders, names in os.walk(folder, onerror=refuse):
        kept = (name for name in folders if not is_skipped(name))
        if ENVIRONMENT_MARK in names:
            kept = (name for name in kept if name.lower() not in ENVIRONMENT_FOLDERS)
        folders[:] = sorted(kept)
        yield from (Path(place, name) for name in names if not is_skipped(name) and name != ENVIRONMENT_MARK)


def looks_like_notebook(path: Path) -> bool:
    """Return whether a file of any name holds a notebook: JSON that has cells and states nbformat."""
    try:
        if not path.is_file() or path.stat().st_size > _LOOKED_AT_BYTES:
            return False
        with path.open("rb") as file:
            start = file.read(_CHUNK)
            if not start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
                return False
            return _holds(file, start, (b'"nbformat"', b'"cells"'))
    except OSError:
        return False


def _holds(file: Iterable[bytes], start: bytes, words: tuple[bytes, ...]) -> bool:
    missing, tail = set(words), b""
    chunk = start
    while chunk and missing:
        missing = {word for word in missing if word not in tail + chunk}
        tail = chunk[-32:]
        chunk = file.read(_CHUNK)  # type: ignore[attr-defined]
    return not missing


def is_inside(path: Path, root: Path) -> bool:
    """Return whether a path, all links followed, lies in a folder."""
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # links in a circle
        return False


def join(origin: str, name: str) -> str:
    """Put a name behind where it comes from: `class.zip:` takes no slash."""
    return f"{origin}{name}" if origin.endswith(":") else f"{origin}/{name}"
