"""Turn the paths of a command line into one Submission a student."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.course.submissions.archives import unpack
from autograder.course.submissions.names import is_skipped
from autograder.errors import AssignmentError, SubmissionError, did_you_mean
from autograder.records import Submission

NOTEBOOK, ARCHIVE = ".ipynb", ".zip"
_SUBMITTED = "submitted"
_MAX_WRAPPERS = 3
_COPY = re.compile(r"\(\d+\)$")
_WHAT = (
    "Give a notebook (.ipynb), a folder of notebooks named after the students, "
    "an nbgrader submitted/ folder, or a zip of these."
)


def discover(paths: Sequence[Path], slug: str, scratch: Path) -> list[Submission]:
    """Find the submissions of one assignment.

    Args:
        paths: Notebooks, folders of notebooks, nbgrader `submitted/` trees (or a folder that has one), zips.
        slug: The assignment: the name of its folder and notebook in an nbgrader tree.
        scratch: Folder to unpack zips into; must outlive the submissions.

    Returns:
        One submission a student, sorted by name. Two files of one student, and a student without a
        notebook, give a submission whose `problem` says so.

    Raises:
        AssignmentError: If a path is missing or unreadable, or nothing was handed in at all.
        GraderError: If a zip cannot be unpacked for want of space.
    """
    search = _Search(slug, scratch)
    try:
        found = [item for path in paths for item in search.in_path(path)]
    except (OSError, ValueError) as error:
        place = getattr(error, "filename", None) or ", ".join(map(str, paths))
        reason = getattr(error, "strerror", None) or error
        raise AssignmentError(
            f"{place}: cannot be read: {reason}. Check the path and its permissions."
        ) from None
    if not any(item.notebook for item in found):
        where = ", ".join(str(path) for path in paths) or "no path"
        raise AssignmentError(f"{where}: no submissions of {slug} found.{search.hint(found)}\n{_WHAT}")
    by_student: dict[str, list[_Found]] = {}
    for item in found:
        by_student.setdefault(item.student, []).append(item)
    return [_submission(student, items) for student, items in sorted(by_student.items())]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A notebook, or the place where one should be."""

    student: str
    path: Path
    origin: str
    problem: str = ""
    notebook: bool = True


def _submission(student: str, items: Sequence[_Found]) -> Submission:
    notebooks = list({item.path.resolve(): item for item in items if item.notebook}.values())
    chosen = notebooks[0] if notebooks else items[0]
    problem = chosen.problem
    if len(notebooks) > 1:
        listing = " and ".join(item.origin for item in notebooks)
        problem = f"{len(notebooks)} files of one student: {listing}. Keep the one that counts."
    return Submission(student=student, path=chosen.path, origin=chosen.origin, problem=problem)


class _Search:
    """One run over all paths: the slug, the scratch folder, and what the zips may still unpack."""

    def __init__(self, slug: str, scratch: Path) -> None:
        self.slug = slug
        self.scratch = scratch
        self.unpacked = 0
        self.problems: dict[Path, str] = {}
        self.seen: set[str] = set()
        # `ana_logit-lens`, `Logit Lens - ana`: whatever joins the words.
        name = re.escape(slug).replace("_", "[-_ ]?")
        self.whole = re.compile(name, re.IGNORECASE)
        self.prefix = re.compile(rf"^{name}[-_. ]+", re.IGNORECASE)
        self.suffix = re.compile(rf"[-_. ]+{name}$", re.IGNORECASE)

    def in_path(self, path: Path) -> Iterator[_Found]:
        is_folder, exists = path.is_dir(), path.exists()
        if not exists:
            siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
            raise AssignmentError(f"{path}: does not exist.{did_you_mean(path.name, siblings)}")
        if is_folder:
            yield from self.in_folder(path, path.resolve(), path.name or str(path))
        elif path.suffix.lower() == ARCHIVE:
            try:
                folder = self.unpack(path, shared=True)
            except SubmissionError as error:
                raise AssignmentError(f"{path}: {error}") from None
            yield from self.in_folder(folder, folder.resolve(), f"{path.name}:")
        elif path.suffix.lower() == NOTEBOOK:
            yield self.notebook(path, self.student_of(path), path.name)
        else:
            raise AssignmentError(f"{path}: is no notebook. {_WHAT}")

    def in_folder(self, folder: Path, root: Path, origin: str) -> Iterator[_Found]:
        """Search a folder; `root` is what links must not lead out of."""
        for _ in range(_MAX_WRAPPERS):
            nested = self.wrapped(folder)
            if nested is None:
                break
            folder, origin = nested, _join(origin, nested.name)
        if (folder / self.slug).is_dir():
            yield self.in_student_folder(folder, _nfc(folder.resolve().name), root, origin)
            return
        if folder.name == self.slug and [Path(name).stem for name in self.notebooks(folder)] == [self.slug]:
            yield self.in_student_folder(folder, _nfc(folder.resolve().parent.name), root, origin)
            return
        children = self.children(folder)
        is_flat = any(child.suffix.lower() in (NOTEBOOK, ARCHIVE) and child.is_file() for child in children)
        for child in children:
            place = _join(origin, child.name)
            if not _is_inside(child, root):
                if child.suffix.lower() in (NOTEBOOK, ARCHIVE):
                    problem = f"{child.name} is a link that leads out of the folder; it is not followed."
                    yield self.missing(child, self.student_name(child.stem), place, problem)
            elif child.is_dir():
                item = self.in_student_folder(child, _nfc(child.name), root, place)
                # Beside the students' files a folder without a notebook is data, not a student.
                if item.notebook or not is_flat:
                    yield item
            elif child.suffix.lower() == NOTEBOOK:
                yield self.notebook(child, self.student_name(child.stem), place)
            elif child.suffix.lower() == ARCHIVE:
                yield self.in_student_zip(child, place)

    def wrapped(self, folder: Path) -> Path | None:
        """Return the folder that holds the students where this one only wraps it, else None."""
        children = self.children(folder)
        submitted = folder / _SUBMITTED
        if submitted.is_dir() and folder.name != _SUBMITTED:
            return submitted
        shared = folder / self.slug
        if shared.is_dir() and not self.is_one_students(shared):
            return shared
        folders = [child for child in children if child.is_dir()]
        files = [child for child in children if child.suffix.lower() in (NOTEBOOK, ARCHIVE)]
        if files or len(folders) != 1 or folder.name == _SUBMITTED or folders[0].is_symlink():
            return None
        (only,) = folders
        if only.name == self.slug or (only / self.slug).is_dir():
            return None
        alone = self.notebooks(only)
        # One folder with one notebook named after the assignment is a student's.
        return None if len(alone) == 1 and self.is_slug(Path(alone[0]).stem) else only

    def is_one_students(self, folder: Path) -> bool:
        """Return whether a folder named <slug> is a student's own, not one that all students share."""
        names = self.notebooks(folder)
        if f"{self.slug}{NOTEBOOK}" in names or len(names) == 1:
            return True
        return not names and not any(child.is_dir() for child in self.children(folder))

    def in_student_folder(self, folder: Path, student: str, root: Path, origin: str) -> _Found:
        """Choose the notebook in a student's folder: below <slug>/ as nbgrader has it, or right in it."""
        own = folder / self.slug
        if own.is_dir():
            folder, origin = own, _join(origin, own.name)
        else:
            self.seen |= {child.name for child in self.children(folder) if child.is_dir()}
        inside = [child for child in self.children(folder) if _is_inside(child, root)]
        notebooks = [child for child in inside if child.suffix.lower() == NOTEBOOK and child.is_file()]
        archives = [child for child in inside if child.suffix.lower() == ARCHIVE and child.is_file()]
        if not notebooks and len(archives) == 1:
            return self.in_student_zip(archives[0], _join(origin, archives[0].name), student)
        return self.chosen(notebooks, student, folder, origin)

    def in_student_zip(self, archive: Path, origin: str, student: str = "") -> _Found:
        """Choose the notebook in one student's zip."""
        student = student or self.student_name(archive.stem)
        if archive in self.problems:
            return self.missing(archive, student, origin, self.problems[archive])
        try:
            folder = self.unpack(archive)
        except SubmissionError as error:
            return self.missing(archive, student, origin, str(error))
        found = sorted(Path(place, name) for place, _, names in os.walk(folder) for name in names)
        files = [path for path in found if path.suffix.lower() in (NOTEBOOK, ARCHIVE)]
        notebooks = [path for path in files if path.suffix.lower() == NOTEBOOK]
        if files and not notebooks:
            problem = f"{origin} holds a zip in a zip, which is not opened. Hand in the notebook itself."
            return self.missing(archive, student, origin, problem)
        return self.chosen(notebooks, student, folder, origin + ":" if notebooks else origin)

    def chosen(self, notebooks: Sequence[Path], student: str, folder: Path, origin: str) -> _Found:
        named = [path for path in notebooks if path.stem == self.slug] or [
            path for path in notebooks if self.is_slug(path.stem)
        ]
        candidates = named if len(named) == 1 else notebooks
        if len(candidates) == 1:
            return self.notebook(candidates[0], student, _join(origin, candidates[0].name))
        if not candidates:
            problem = f"No notebook was handed in: {origin} holds none."
            return self.missing(folder / f"{self.slug}{NOTEBOOK}", student, origin, problem)
        listing = " and ".join(path.name for path in candidates)
        problem = f"{len(candidates)} notebooks of one student: {listing}. Name one {self.slug}.ipynb."
        return _Found(student=student, path=candidates[0], origin=origin, problem=problem)

    def notebook(self, path: Path, student: str, origin: str) -> _Found:
        return _Found(student=student, path=path, origin=origin, problem=self.problems.get(path, ""))

    def missing(self, path: Path, student: str, origin: str, problem: str) -> _Found:
        return _Found(student=student, path=path, origin=origin, problem=problem, notebook=False)

    def unpack(self, archive: Path, *, shared: bool = False) -> Path:
        folder = self.scratch / f"zip-{self.unpacked:04d}"
        while folder.exists():
            self.unpacked += 1
            folder = self.scratch / f"zip-{self.unpacked:04d}"
        unpacked = unpack(archive, folder, shared=shared)
        self.problems |= unpacked.problems
        return unpacked.folder

    def children(self, folder: Path) -> list[Path]:
        return sorted(child for child in folder.iterdir() if not is_skipped(child.name))

    def notebooks(self, folder: Path) -> list[str]:
        return [child.name for child in self.children(folder) if child.suffix.lower() == NOTEBOOK]

    def is_slug(self, stem: str) -> bool:
        return self.whole.fullmatch(stem) is not None

    def student_of(self, path: Path) -> str:
        """Return the student of a notebook that was named itself; nbgrader's tree says it in the folder."""
        parent = path.resolve().parent
        if parent.name == self.slug and self.is_slug(path.stem):
            return _nfc(parent.parent.name)
        return self.student_name(path.stem)

    def student_name(self, stem: str) -> str:
        """Return the file name's stem without the assignment's name before or behind it."""
        stem = _nfc(stem)
        name = self.suffix.sub("", self.prefix.sub("", stem)).strip()
        # `token_attribution (1).ipynb` is a second download, by nobody called (1).
        return stem if _COPY.sub("", name).strip(". ") == "" else name

    def hint(self, found: Sequence[_Found]) -> str:
        near = did_you_mean(self.slug, self.seen)
        if not found:
            return ""
        listing = f" Folders there: {', '.join(sorted(self.seen)[:8])}." if self.seen else ""
        return f" {found[0].problem}{listing}{near}"


def _is_inside(path: Path, root: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # links in a circle
        return False


def _join(origin: str, name: str) -> str:
    """Put a name behind where it comes from: `class.zip:` takes no slash."""
    return f"{origin}{name}" if origin.endswith(":") else f"{origin}/{name}"


def _nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)
