"""Unpack archives that students and learning platforms made, without trusting a byte of them.

Only notebooks, what may be one, and inner archives are written to disk; virtual environments and caches are
not looked at. What is wrong with the whole archive raises; what is wrong with one member is kept as a
sentence for that member's place, so that one student's broken file does not stop a class.
"""

from __future__ import annotations

import errno
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from autograder.course.submissions.archive_members import Member, tar_members, zip_members
from autograder.course.submissions.contents import is_cut_short, is_zip, sealed_format
from autograder.course.submissions.member_paths import (
    common_depth,
    is_in_environment,
    owner,
    safe_parts,
    shortened,
)
from autograder.course.submissions.names import (
    ENVIRONMENT_MARK,
    GRADESCOPE_METADATA,
    OTHER,
    PERHAPS,
    SEALED,
    is_skipped,
    kind_of,
)
from autograder.errors import GraderError, SubmissionError

_MB = 2**20
_CHUNK = 2**18
# An uncompressed notebook of pictures compresses 1.3-fold, one of text some 10-fold.
_MAX_RATIO = 200
_RATIO_COUNTS_FROM = 1 * _MB
_LISTED_FILES = 100
_MAX_OWNERS_DEPTH = 4
_UNUSABLE_NAME = (errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.EILSEQ)
_UNREADABLE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be unpacked of one student's."""

    total_bytes: int = 1024 * _MB
    """Bytes written to disk."""

    files: int = 2_000
    """Files written to disk."""

    file_bytes: int = 200 * _MB
    """Bytes of one file."""


@dataclass(slots=True)
class _Used:
    """What was taken of one budget."""

    bytes: int = 0
    """Bytes written."""

    files: int = 0
    """Notebooks and archives."""

    perhaps: int = 0
    """Files that may be notebooks by their names."""

    others: int = 0
    """Other files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """An unpacked archive."""

    folder: Path
    """Where its notebooks and inner archives lie."""

    problems: dict[Path, str] = field(default_factory=dict)
    """Members that could not be unpacked: an empty file stands in their place, and why."""


def unpack(archive: Path, folder: Path, budget: Budget | None = None, *, shared: bool = False) -> Unpacked:
    """Unpack the notebooks and inner archives of an archive; inner archives stay packed.

    Args:
        archive: A zip or tar file.
        folder: A new folder to unpack into.
        budget: What may be unpacked.
        shared: Whether it holds many students: each of them then has the budget, and exceeding it is that
            student's problem alone.

    Raises:
        SubmissionError: If the file is no archive, or one that tries to do harm; a sentence.
        GraderError: If the machine cannot write.
    """
    folder.mkdir(parents=True)
    return _Unpacking(archive.name, Unpacked(folder=folder), budget or Budget(), shared=shared).run(archive)


class _Unpacking:
    """One archive: what was written and what may still be."""

    def __init__(self, name: str, unpacked: Unpacked, budget: Budget, *, shared: bool) -> None:
        self.name = name
        self.unpacked = unpacked
        self.budget = budget
        self.shared = shared
        self.used: dict[tuple[str, ...], _Used] = {}

    def run(self, archive: Path) -> Unpacked:
        if archive.stat().st_size == 0:
            raise SubmissionError(f"{self.name} is empty. Pack it again.")
        if sealed := sealed_format(archive):
            raise SubmissionError(
                f"{self.name} is a {sealed} archive under another name. Of archives zip and tar are opened. "
                "Hand in the notebook (.ipynb) itself."
            )
        if is_cut_short(archive):
            raise SubmissionError(f"{self.name} is cut short, as by a broken upload. Pack it again.")
        kind = "zip" if is_zip(archive) else "tar"
        try:
            with (zip_members if kind == "zip" else tar_members)(archive) as members:
                self.unpack_all(members)
        except _UNREADABLE as error:
            raise self.unreadable(kind, str(error) or "it is damaged") from None
        except OSError as error:
            # gzip raises a bare OSError, and a damaged zip sends zipfile to a negative place.
            if error.errno in (None, errno.EINVAL):
                raise self.unreadable(kind, "it is damaged") from None
            raise GraderError(
                f"{self.name} cannot be unpacked on the grading machine: {error.strerror}."
            ) from None
        return self.unpacked

    def unreadable(self, kind: str, reason: str) -> SubmissionError:
        return SubmissionError(f"{self.name} is no readable {kind}: {reason}. Pack it again.")

    def unpack_all(self, members: Sequence[Member]) -> None:
        placed = [(member, tuple(map(shortened, safe_parts(member.name, self.name)))) for member in members]
        environments = {parts[:-1] for _, parts in placed if parts and parts[-1] == ENVIRONMENT_MARK}
        wanted = [
            (member, parts)
            for member, parts in placed
            if parts and not any(map(is_skipped, parts)) and not is_in_environment(parts, environments)
        ]
        # Whose folder holds nothing else is there all the same.
        for folder in {
            tuple(takewhile(lambda part: not is_skipped(part), parts[:-1])) for _, parts in placed
        }:
            if len(folder) <= _MAX_OWNERS_DEPTH and not is_in_environment((*folder, ""), environments):
                self.unpacked.folder.joinpath(*folder).mkdir(parents=True, exist_ok=True)
        common = common_depth([parts[:-1] for _, parts in wanted])
        for member, parts in wanted:
            whose = owner(parts, common) if self.shared else ()
            self.unpack_member(member, parts, self.used.setdefault(whose, _Used()))

    def unpack_member(self, member: Member, parts: tuple[str, ...], used: _Used) -> None:
        target = self.unpacked.folder.joinpath(*parts)
        try:
            # The folder says that the student is there, also where it holds no notebook.
            (target if member.is_folder else target.parent).mkdir(parents=True, exist_ok=True)
            if member.is_folder:
                return
            kind = kind_of(target.name)
            if kind in (OTHER, SEALED) and target.name != GRADESCOPE_METADATA:
                # An empty file says what was handed in; a data set of thousands is not listed.
                used.others += 1
                if used.others <= _LISTED_FILES:
                    target.touch()
                return
            if target.exists():
                self.unpacked.problems[target] = f"{self.name} holds {'/'.join(parts)} twice. Pack it once."
                return
            problem = self.counted(kind, used)
            if problem is None:
                return
            problem = problem or self.write(member, target, used)
        except OSError as error:
            if error.errno in _UNUSABLE_NAME:
                shown = "/".join(parts)[:80]
                raise SubmissionError(
                    f"{self.name} holds a name that cannot be a file's: {shown!r}. Rename it."
                ) from None
            raise
        if problem:
            target.write_bytes(b"")
            self.unpacked.problems[target] = problem

    def counted(self, kind: str, used: _Used) -> str | None:
        """Count one file; return why it is not unpacked, "" if it is, None if it is left out."""
        if kind == PERHAPS:
            used.perhaps += 1
            return "" if used.perhaps <= _LISTED_FILES else None
        used.files += 1
        if used.files <= self.budget.files:
            return ""
        return self.exceeded(f"{self.name} holds too many files ({used.files}). Pack the notebooks alone.")

    def exceeded(self, sentence: str) -> str:
        if self.shared:
            return sentence
        raise SubmissionError(sentence)

    def write(self, member: Member, target: Path, used: _Used) -> str:
        """Write one member; return why it cannot be, or ""."""
        shown = f"{target.name} in {self.name}"
        if member.problem:
            return f"{shown} {member.problem}"
        written = 0
        try:
            with member.open() as source, target.open("xb") as file:
                # The sizes that the archive states are claims: count what comes.
                while chunk := source.read(_CHUNK):
                    written += len(chunk)
                    used.bytes += len(chunk)
                    if used.bytes > self.budget.total_bytes:
                        return self.exceeded(
                            f"{self.name} unpacks to too many bytes. Pack the notebooks alone."
                        )
                    if written > self.budget.file_bytes:
                        return (
                            f"{shown} is larger than {self.budget.file_bytes // _MB} MB. Clear its outputs."
                        )
                    if written > max(_RATIO_COUNTS_FROM, _MAX_RATIO * member.packed_bytes):
                        return (
                            f"{shown} unpacks to more than {_MAX_RATIO} times its size, as a zip bomb does."
                        )
                    file.write(chunk)
            if 0 < member.modified < 2**32:
                os.utime(target, (member.modified, member.modified))
        except _UNREADABLE as error:
            return f"{shown} cannot be unpacked: {error or 'it is damaged'}. Pack it again."
        return ""
