"""Collect all that one student handed in, from a file, a folder of any depth or an archive."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.course.submissions.archives import Budget, unpack
from autograder.course.submissions.contents import holds_link, kind_of_file
from autograder.course.submissions.layouts import Stated, read_name, uploaded
from autograder.course.submissions.names import (
    ARCHIVE,
    ENVIRONMENT_FOLDERS,
    ENVIRONMENT_MARK,
    NBGRADERS_FILES,
    NOTEBOOK,
    OTHER,
    is_skipped,
    kind_of,
    nfc,
)
from autograder.errors import SubmissionError

_MAX_FILES = 5_000
_MAX_LISTED = 100
_MAX_ARCHIVES = 20
_MAX_DEPTH = 3
_NAMED = 4


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

    kind: str = OTHER
    """What it is by name and content."""

    problem: str = ""
    """Why it cannot be read; else empty."""

    @property
    def is_notebook(self) -> bool:
        """Whether it is read as a notebook."""
        return self.kind == NOTEBOOK


class Gatherer:
    """Unpacks archives into a scratch folder and remembers what is wrong with their members."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.problems: dict[Path, str] = {}
        self._count = 0

    def unpack_class(self, archive: Path) -> Path:
        """Unpack an archive of many students into a new folder.

        Raises:
            SubmissionError: If the archive cannot be unpacked; a sentence.
        """
        unpacked = unpack(archive, self._new_folder(), shared=True)
        self.problems |= unpacked.problems
        return unpacked.folder

    def _new_folder(self) -> Path:
        while (folder := self.scratch / f"archive-{self._count:04d}").exists():
            self._count += 1
        return folder

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
            found = [self._in_folder(path, place, root) for path in _worth_a_look(place.path)]
        else:
            found = [self._handed(place.path, place.origin, place.path.name, place.stated)]
        return self._opened(found)

    def _opened(self, found: Sequence[Handed]) -> list[Handed]:
        """Replace archives, and archives in them, by what they hold; all of one student's share one budget."""
        waiting = deque((item, 0) for item in found)
        result, left, archives = [], Budget(), 0
        while waiting:
            item, depth = waiting.popleft()
            if item.kind != ARCHIVE or item.problem:
                result.append(item)
            elif depth == _MAX_DEPTH or archives == _MAX_ARCHIVES:
                problem = (
                    f"{item.origin} is not opened: archives lie inside each other, or there are too many. "
                    "Hand in the notebook itself."
                )
                result.append(replace(item, problem=problem))
            else:
                archives += 1
                folder = self._new_folder()
                waiting.extend((inside, depth + 1) for inside in self._in_archive(item, folder, left))
                left = _less(left, folder)
        return result

    def _in_folder(self, path: Path, place: StudentPlace, root: Path) -> Handed:
        shown = path.relative_to(place.path).as_posix()
        stated = place.stated
        if time := uploaded(path.name):
            stated = replace(stated, attempt=time, handed_in=time)
        problem = ""
        if not is_inside(path, root):
            problem = f"{path.name} is a link that leads out of the folder; it is not followed."
        return self._handed(path, join(place.origin, shown), shown, stated, problem)

    def _in_archive(self, archive: Handed, folder: Path, budget: Budget) -> list[Handed]:
        """Return what lies in a student's archive; archives in it are still closed."""
        try:
            self.problems |= unpack(archive.path, folder, budget).problems
        except SubmissionError as error:
            return [replace(archive, problem=str(error))]
        if several := _students_in(folder):
            problem = (
                f"{archive.origin} holds what several students handed in ({', '.join(several)}). "
                "Give that archive itself to the command."
            )
            return [replace(archive, problem=problem)]
        inside = []
        for path in _worth_a_look(folder):
            shown = path.relative_to(folder).as_posix()
            origin = f"{archive.origin}:{shown}"
            inside.append(self._handed(path, origin, f"{archive.shown}:{shown}", archive.stated))
        return inside or [
            replace(archive, problem=f"No notebook was handed in: {archive.origin} holds none.")
        ]

    def _handed(self, path: Path, origin: str, shown: str, stated: Stated, problem: str = "") -> Handed:
        problem = problem or self.problems.get(path, "")
        kind = kind_of(path.name) if problem else kind_of_file(path)
        if kind == NOTEBOOK and not problem and not path.is_file():
            problem = f"{path.name} is not a file. Hand in the notebook itself."
        elif not problem and holds_link(path):
            problem = (
                f"You handed in a link ({path.name}), not a notebook, and links are not opened. Download the "
                "notebook (in Colab: File, Download, Download .ipynb) and hand in that file."
            )
        return Handed(
            path=path,
            origin=origin,
            shown=nfc(shown),
            stated=stated,
            kind=kind,
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


def _worth_a_look(folder: Path) -> list[Path]:
    """Return the notebooks and archives in a folder, and so many of the other files as are named or looked into."""
    found, others = [], 0
    for path in sorted(files_below(folder)):
        if kind_of(path.name) not in (NOTEBOOK, ARCHIVE):
            others += 1
            if path.name in NBGRADERS_FILES or others > _MAX_LISTED:
                continue
        found.append(path)
    return found[:_MAX_FILES]


def _students_in(folder: Path) -> list[str]:
    """Return the students in an unpacked folder whose names a learning platform wrote; nobody if it is one's."""
    stated = [read_name(child.name, is_folder=child.is_dir()) for child in sorted(folder.iterdir())]
    names = {each.key: each.student for each in stated if each}
    return list(names.values())[:_NAMED] if len(names) > 1 else []


def _less(budget: Budget, folder: Path) -> Budget:
    """Return what is left of a budget after an archive was unpacked into a folder."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    return replace(
        budget, total_bytes=budget.total_bytes - sum(sizes), files=max(0, budget.files - len(sizes))
    )


def is_inside(path: Path, root: Path) -> bool:
    """Return whether a path, all links followed, lies in a folder."""
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # links in a circle
        return False


def join(origin: str, name: str) -> str:
    """Put a name behind where it comes from: `class.zip:` takes no slash."""
    return f"{origin}{name}" if origin.endswith(":") else f"{origin}/{name}"
