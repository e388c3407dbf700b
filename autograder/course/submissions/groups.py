"""Tell folders of groups, whose members are the students, from folders of students."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from autograder.course.submissions.folders import Folders
from autograder.course.submissions.gathering import files_below
from autograder.course.submissions.layouts import read_name
from autograder.course.submissions.names import (
    ARCHIVE,
    NOTEBOOK,
    is_group_name,
    is_instructors,
    is_sheet_name,
    is_version_name,
    kind_of,
    nfc,
    stem_of,
    without_copy_mark,
)

_MAX_DEPTH = 3


class Groups:
    """Looks for groups among the folders of a class, for one assignment."""

    def __init__(self, folders: Folders) -> None:
        self.folders = folders

    def among(self, children: Sequence[Path]) -> list[Path]:
        """Return the folders that hold several students each, and the groups of one beside them."""
        candidates = [child for child in children if child.is_dir() and not child.is_symlink()]
        groups = [child for child in candidates if self._is_group(child)]
        if not groups:
            return []
        return [
            child
            for child in candidates
            if child in groups or (is_group_name(child.name) and self._members(child))
        ]

    def unclear(self, children: Sequence[Path]) -> list[Path]:
        """Return folders that may be groups or students; few of them are taken for students' with much in them."""
        candidates = [child for child in children if child.is_dir() and not child.is_symlink()]
        members = {child: self._members(child) for child in candidates}
        crowded = [
            child
            for child in candidates
            if len(members[child]) > 1 and not any(_shares_a_word(child, member) for member in members[child])
        ]
        names = [member.name for child in crowded for member in members[child]]
        if len(crowded) < 2 or len(set(names)) < len(names):
            return []
        # Many students hand in several files; somebody among them has handed in one.
        has_files = any(kind_of(name) == NOTEBOOK for name in names)
        is_rule = len(crowded) == len(candidates) if has_files else 2 * len(crowded) > len(candidates)
        return crowded if is_rule else []

    def _is_group(self, folder: Path, depth: int = 1) -> bool:
        children = self.folders.children(folder)
        people = {
            stated.key for child in children if (stated := read_name(child.name, is_folder=child.is_dir()))
        }
        is_named = is_group_name(folder.name)
        if len(people) > 1 or (people and is_named):
            return True
        if not is_named or depth == _MAX_DEPTH:
            return False
        subgroups = [child for child in children if child.is_dir() and is_group_name(child.name)]
        inside = len(self._members(folder)) + sum(map(_has_work, subgroups))
        # A week is nobody's name, so what lies in one folder of it is somebody's.
        return inside > (0 if is_sheet_name(folder.name) else 1) or any(
            self._is_group(child, depth + 1) for child in subgroups
        )

    def _members(self, folder: Path) -> list[Path]:
        """Return what lies in a folder and may be one student's each; nothing if the folder is handed in as a whole."""
        children = self.folders.children(folder)
        if any(self._is_named_after_assignment(child) for child in children):
            return []
        return [child for child in children if self._is_persons(child)]

    def _is_named_after_assignment(self, path: Path) -> bool:
        return self.folders.is_slug(without_copy_mark(stem_of(path.name))[0])

    def _is_persons(self, path: Path) -> bool:
        name = path.name if path.is_dir() else stem_of(path.name)
        if is_version_name(name) or is_group_name(name) or is_instructors(path.name, is_folder=path.is_dir()):
            return False
        if path.is_symlink() or not path.is_dir():
            return kind_of(path.name) in (NOTEBOOK, ARCHIVE)
        return _has_work(path)


def _shares_a_word(folder: Path, member: Path) -> bool:
    """Return whether a member is named after its folder, as a student's own files often are."""
    words = [word for word in re.split(r"[\W_]+", nfc(folder.name).casefold()) if len(word) > 2]
    return any(word in nfc(member.name).casefold() for word in words)


def _has_work(folder: Path) -> bool:
    return any(kind_of(path.name) in (NOTEBOOK, ARCHIVE) for path in files_below(folder))
