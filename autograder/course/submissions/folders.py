"""Where in a tree of folders the students begin, by the names of folders and files."""

from __future__ import annotations

import re
from pathlib import Path

from autograder.course.submissions.layouts import read_name
from autograder.course.submissions.names import (
    ARCHIVE,
    GRADESCOPE_METADATA,
    NOTEBOOK,
    is_skipped,
    kind_of,
    stem_of,
    without_copy_mark,
)

SUBMITTED = "submitted"
"""nbgrader's folder of what was handed in."""

_MAX_WRAPPERS = 3
_COPY = re.compile(r"\(\d+\)$")
_GENERIC = re.compile(
    r"student_template|interp|homework|notebooks?|src|code|work|submissions?|abgabe|home", re.IGNORECASE
)


class Folders:
    """Tells a student's folder from one that wraps all students', for one assignment."""

    def __init__(self, slug: str) -> None:
        self.slug = slug
        # `ana_logit-lens`, `Logit Lens - ana`: whatever joins the words.
        name = re.escape(slug).replace("_", "[-_ ]?")
        self.whole = re.compile(name, re.IGNORECASE)
        self.prefix = re.compile(rf"^{name}[-_. ]+", re.IGNORECASE)
        self.suffix = re.compile(rf"[-_. ]+((copy[ _-]of|kopie[ _-]von)[-_ ]+)?{name}$", re.IGNORECASE)

    def wrapped(self, folder: Path) -> Path | None:
        """Return the folder that holds the students where this one only wraps it, else None."""
        children = self.children(folder)
        submitted = folder / SUBMITTED
        if submitted.is_dir() and folder.name != SUBMITTED:
            return submitted
        if (folder / GRADESCOPE_METADATA).is_file():
            return None
        shared = self.assignments_folder(folder)
        if shared is not None and not self.is_one_students(shared):
            return shared
        folders = [child for child in children if child.is_dir()]
        files = [child for child in children if kind_of(child.name) in (NOTEBOOK, ARCHIVE)]
        if files or len(folders) != 1 or folder.name == SUBMITTED or folders[0].is_symlink():
            return None
        (only,) = folders
        if self.is_slug(only.name) or self.assignments_folder(only) or read_name(only.name, is_folder=True):
            return None
        return None if self.is_one_persons(only) else only

    def is_one_persons(self, folder: Path) -> bool:
        """Return whether a folder, or one some folders down, holds the assignment's notebook and its copies alone."""
        for depth in range(_MAX_WRAPPERS):
            children = self.children(folder)
            folders = [child for child in children if child.is_dir()]
            notebooks = self.notebooks(folder)
            if notebooks:
                is_students = depth == 0 or self.is_slug(folder.name) or bool(_GENERIC.fullmatch(folder.name))
                return is_students and all(
                    self.is_slug(without_copy_mark(stem_of(name))[0]) for name in notebooks
                )
            if len(folders) != 1:
                return False
            (folder,) = folders
        return False

    def is_one_students(self, folder: Path) -> bool:
        """Return whether a folder named <slug> is a student's own, not one that all students share."""
        names = self.notebooks(folder)
        if f"{self.slug}.ipynb" in names or len(names) == 1:
            return True
        children = self.children(folder)
        folders = [child for child in children if child.is_dir()]
        if not names and len(folders) == 1 and len(children) == 1:
            return self.is_one_persons(folder)
        return not names and not folders

    def assignments_folder(self, folder: Path) -> Path | None:
        """Return the folder of this assignment in a student's folder, as nbgrader has it."""
        if not folder.is_dir():
            return None
        if (folder / self.slug).is_dir():
            return folder / self.slug
        named = [child for child in self.children(folder) if self.is_slug(child.name) and child.is_dir()]
        return named[0] if len(named) == 1 else None

    def children(self, folder: Path) -> list[Path]:
        """Return what lies in a folder, in the order of names, without what programs leave there."""
        return sorted(child for child in folder.iterdir() if not is_skipped(child.name))

    def notebooks(self, folder: Path) -> list[str]:
        """Return the names of the notebooks right in a folder."""
        return [child.name for child in self.children(folder) if kind_of(child.name) == NOTEBOOK]

    def is_slug(self, stem: str) -> bool:
        """Return whether a name is the assignment's, however its words are joined."""
        return self.whole.fullmatch(stem) is not None

    def student_name(self, stem: str) -> str:
        """Return the file name's stem without the assignment's name before or behind it."""
        name = self.suffix.sub("", self.prefix.sub("", stem)).strip()
        # `token_attribution (1).ipynb` is a second download, by nobody called (1).
        return stem if _COPY.sub("", name).strip(". ") == "" else name
