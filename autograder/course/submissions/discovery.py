"""Turn the paths of a command line into one Submission a student."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from autograder.course.submissions import blackboard, nbgrader_tree
from autograder.course.submissions.choosing import Chooser, submission_of
from autograder.course.submissions.contents import looks_like_notebook
from autograder.course.submissions.distinct_names import distinct_names
from autograder.course.submissions.folders import SUBMITTED, Folders
from autograder.course.submissions.gathering import (
    Gatherer,
    Handed,
    StudentPlace,
    files_below,
    is_inside,
    join,
)
from autograder.course.submissions.gradescope import read_metadata
from autograder.course.submissions.groups import Groups
from autograder.course.submissions.layouts import Stated, read_name
from autograder.course.submissions.names import (
    ARCHIVE,
    GRADESCOPE_METADATA,
    NOTEBOOK,
    PERHAPS,
    is_instructors,
    is_sheet_name,
    kind_of,
    nfc,
    stem_of,
)
from autograder.errors import AssignmentError, SubmissionError, did_you_mean
from autograder.records import Assignment, Submission

_MAX_WRAPPERS = 3
_WHAT = (
    "Give a notebook (.ipynb), a folder of notebooks named after the students, "
    "an nbgrader submitted/ folder, or a zip of these."
)


def discover(
    paths: Sequence[Path], slug: str, scratch: Path, assignment: Assignment | None = None
) -> list[Submission]:
    """Find the submissions of one assignment.

    Args:
        paths: Notebooks, folders of notebooks, nbgrader `submitted/` trees (or a folder that has one), what a
            learning platform lets an instructor download, archives of these.
        slug: The assignment: the name of its folder and notebook in an nbgrader tree.
        scratch: Folder to unpack archives into; must outlive the submissions.
        assignment: Tells an untouched notebook and another assignment's from the student's work.

    Returns:
        One submission a student, sorted by name. A student without a notebook gives a submission whose
        `problem` says what was handed in; of several notebooks one is chosen and a remark says why.

    Raises:
        AssignmentError: If a path is missing or unreadable, or nothing was handed in at all.
        GraderError: If an archive cannot be unpacked for want of space.
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
    if not any(files for _, files in found):
        where = ", ".join(str(path) for path in paths) or "no path"
        raise AssignmentError(f"{where}: no submissions of {slug} found.{search.hint(found)}\n{_WHAT}")
    chooser = Chooser(slug, assignment)
    names = distinct_names([place for place, _ in found])
    by_student: dict[tuple[str, str, str], list[tuple[StudentPlace, list[Handed]]]] = {}
    for place, files in found:
        by_student.setdefault(place.stated.key, []).append((place, files))
    submissions = [submission_of(names[key], items, chooser, slug) for key, items in by_student.items()]
    return sorted(submissions, key=lambda submission: submission.student)


class _Search:
    """One run over all paths: the slug, and what was unpacked."""

    def __init__(self, slug: str, scratch: Path) -> None:
        self.slug = slug
        self.folders = Folders(slug)
        self.groups = Groups(self.folders)
        self.gatherer = Gatherer(scratch)
        self.seen: set[str] = set()

    def in_path(self, path: Path) -> Iterator[tuple[StudentPlace, list[Handed]]]:
        """Find the students' places and files in a path of the command line."""
        is_folder, exists = path.is_dir(), path.exists()
        if not exists:
            siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
            raise AssignmentError(f"{path}: does not exist.{did_you_mean(path.name, siblings)}")
        folder, origin, kind = path, path.name or str(path), kind_of(path.name)
        if not is_folder and kind == ARCHIVE:
            try:
                folder, origin = self.gatherer.unpack_class(path), f"{path.name}:"
            except SubmissionError as error:
                raise AssignmentError(f"{path}: {error}") from None
        elif not is_folder:
            if kind != NOTEBOOK and not (kind == PERHAPS and looks_like_notebook(path)):
                raise AssignmentError(f"{path}: is no notebook. {_WHAT}")
            place = StudentPlace(path=path, origin=path.name, stated=self.student_of(path))
            yield place, self.gatherer.gather(place, path.resolve().parent)
            return
        root = folder.resolve()
        for place in self.in_folder(folder, root, origin, self.folders.student_name(stem_of(path.name))):
            yield place, self.gatherer.gather(place, root)

    def in_folder(self, folder: Path, root: Path, origin: str, alone: str) -> Iterator[StudentPlace]:
        """Find the students in a folder.

        Args:
            folder: The folder.
            root: What links must not lead out of.
            origin: The folder, for people.
            alone: Whose an archive is that holds one notebook named after the assignment.
        """
        for _ in range(_MAX_WRAPPERS):
            nested = self.folders.wrapped(folder)
            if nested is None:
                break
            folder, origin = nested, join(origin, nested.name)
        if (folder / GRADESCOPE_METADATA).is_file():
            yield from self.in_gradescope(folder, origin)
            return
        if own := self.folders.assignments_folder(folder):
            yield self.place(own, join(origin, own.name), nfc(folder.resolve().name))
            return
        notebooks = [Path(name).stem for name in self.folders.notebooks(folder)]
        if self.folders.is_slug(folder.name) and notebooks == [self.slug]:
            yield self.place(folder, origin, nfc(folder.resolve().parent.name))
            return
        children = self.folders.children(folder)
        if origin.endswith(":") and len(notebooks) == 1 and self.folders.is_slug(notebooks[0]):
            yield self.place(folder, origin, alone)
            return
        yield from self.among(children, folder, root, origin)

    def among(
        self, children: Sequence[Path], folder: Path, root: Path, origin: str
    ) -> Iterator[StudentPlace]:
        """Find the students among the files and folders of a class."""
        is_flat = any(kind_of(child.name) in (NOTEBOOK, ARCHIVE) and child.is_file() for child in children)
        is_nbgrader = folder.name == SUBMITTED or any(
            self.folders.assignments_folder(child) for child in children
        )
        has_folders = any(child.is_dir() for child in children)
        all_stated = self.stated(children)
        groups = [] if is_nbgrader else self.groups.among([c for c in children if c not in all_stated])
        if not (groups or is_nbgrader or is_flat or all_stated):
            self.refuse_unclear(children, origin)
        for child in children:
            place, is_folder = join(origin, child.name), child.is_dir()
            kind = kind_of(child.name)
            stated = all_stated.get(child)
            if child in groups:
                yield from self.group(child, root, place)
            elif not is_inside(child, root):
                if kind in (NOTEBOOK, ARCHIVE):
                    problem = f"{child.name} is a link that leads out of the folder; it is not followed."
                    found = stated or self.named(stem_of(child.name))
                    yield StudentPlace(path=child, origin=place, stated=found, problem=problem)
            elif stated:
                yield StudentPlace(path=child, origin=place, stated=stated)
            elif is_folder:
                yield from self.student_folder(child, place, is_flat=is_flat, is_nbgrader=is_nbgrader)
            elif kind in (NOTEBOOK, ARCHIVE) or self.is_handed_in(child, has_folders and not is_flat):
                yield StudentPlace(path=child, origin=place, stated=self.named(stem_of(child.name)))

    def stated(self, children: Sequence[Path]) -> dict[Path, Stated]:
        """Return what the names of a platform's download say, of those that fit its layout."""
        found = {
            child: stated
            for child in children
            if (stated := read_name(child.name, is_folder=child.is_dir())) is not None
        }
        at_blackboard = {path: each for path, each in found.items() if each.platform == blackboard.PLATFORM}
        texts = [path for path in at_blackboard if path.suffix == ".txt"]
        return found | blackboard.with_whole_ids(at_blackboard, self.folders.whole, texts)

    def group(self, folder: Path, root: Path, origin: str) -> Iterator[StudentPlace]:
        """Find the students in a group's folder; two groups may have students of one name."""
        name = "" if is_sheet_name(folder.name) else nfc(folder.name)
        for place in self.among(self.folders.children(folder), folder, root, origin):
            group = "/".join(filter(None, (name, place.stated.group)))
            yield replace(place, stated=replace(place.stated, group=group))

    def refuse_unclear(self, children: Sequence[Path], origin: str) -> None:
        """Refuse to guess whether folders are groups or students, where it decides who there is."""
        if unclear := self.groups.unclear(children):
            names = ", ".join(f"{origin}/{child.name}" for child in unclear[:4])
            raise AssignmentError(
                f"{origin}: it is not clear who handed in what: {names} hold the work of several students each, or "
                "several folders of one. Give to the command the folders in which each student has one folder or file."
            )

    def is_handed_in(self, path: Path, is_beside_folders: bool) -> bool:
        """Return whether a file that is no notebook by its name is a student's."""
        if is_instructors(path.name, is_folder=False):
            return False
        return not is_beside_folders or (kind_of(path.name) == PERHAPS and looks_like_notebook(path))

    def student_folder(
        self, folder: Path, origin: str, *, is_flat: bool, is_nbgrader: bool
    ) -> Iterator[StudentPlace]:
        """Return a student's folder, in nbgrader's tree the part that belongs to the assignment."""
        own = self.folders.assignments_folder(folder)
        if own is not None:
            yield self.place(own, join(origin, own.name), nfc(folder.name))
            return
        children = self.folders.children(folder)
        self.seen |= {child.name for child in children if child.is_dir()}
        if is_nbgrader and not any(child.is_file() for child in children) and not self.has_named(folder):
            # Other assignments' folders are not looked into: an empty place says that this one is missing.
            yield StudentPlace(path=folder / self.slug, origin=origin, stated=self.named(folder.name))
            return
        # Without nbgrader's tree a timestamp.txt is the student's own.
        plain = StudentPlace(path=folder, origin=origin, stated=Stated(student=nfc(folder.name)))
        place = self.place(folder, origin, nfc(folder.name)) if is_nbgrader else plain
        if is_instructors(folder.name, is_folder=True) and (is_flat or not children):
            return
        yield place

    def has_named(self, folder: Path) -> bool:
        """Return whether a notebook below a folder is named after the assignment."""
        return any(
            kind_of(path.name) == NOTEBOOK and self.folders.is_slug(stem_of(path.name))
            for path in files_below(folder)
        )

    def in_gradescope(self, folder: Path, origin: str) -> Iterator[StudentPlace]:
        """Find the students of a Gradescope export; each member of a group gets the group's files."""
        students = read_metadata(folder)
        for child in self.folders.children(folder):
            if child.name == GRADESCOPE_METADATA:
                continue
            for stated in students.get(child.name, [self.named(stem_of(child.name))]):
                yield StudentPlace(path=child, origin=join(origin, child.name), stated=stated)

    def place(self, path: Path, origin: str, student: str) -> StudentPlace:
        stated = nbgrader_tree.with_timestamp(Stated(student=student), path)
        return StudentPlace(path=path, origin=origin, stated=stated)

    def named(self, stem: str) -> Stated:
        return Stated(student=self.folders.student_name(stem))

    def student_of(self, path: Path) -> Stated:
        """Return the student of a notebook that was named itself; nbgrader's tree says it in the folder."""
        parent = path.resolve().parent
        if self.folders.is_slug(parent.name) and self.folders.is_slug(path.stem):
            return Stated(student=nfc(parent.parent.name))
        return read_name(path.name, is_folder=False) or self.named(stem_of(path.name))

    def hint(self, found: Sequence[tuple[StudentPlace, list[Handed]]]) -> str:
        """Return what may be wrong where nothing was found."""
        if not found:
            return ""
        listing = f" Folders there: {', '.join(sorted(self.seen)[:8])}." if self.seen else ""
        near = did_you_mean(self.slug, self.seen)
        return f" No notebook was handed in: {found[0][0].origin} holds none.{listing}{near}"
