"""Unpack zips that students and learning platforms made, without trusting a byte of them.

Only notebooks and inner zips are written to disk. What is wrong with the whole archive raises; what is
wrong with one member is kept as a sentence for that member's place, so that one student's broken file does
not stop a class.
"""

from __future__ import annotations

import errno
import struct
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from autograder.errors import GraderError, SubmissionError

NOTEBOOK, ARCHIVE = ".ipynb", ".zip"
_MB = 2**20
_CHUNK = 2**18
# An uncompressed notebook of pictures compresses 1.3-fold, one of text some 10-fold.
_MAX_RATIO = 200
_RATIO_COUNTS_FROM = 1 * _MB
_ENCRYPTED, _UTF8 = 0x1, 0x800
_LINK, _KIND = 0o120000, 0o170000
_UNIX = 3
_HIDDEN = ("__MACOSX", ".")


@dataclass(slots=True)
class Budget:
    """What may still be unpacked in one run, over all archives."""

    total_bytes: int = 4096 * _MB
    """Bytes written to disk."""

    files: int = 20_000
    """Members looked at."""

    file_bytes: int = 64 * _MB
    """Bytes of one member; this one is not used up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """An unpacked archive."""

    folder: Path
    """Where its notebooks and inner zips lie."""

    problems: dict[Path, str] = field(default_factory=dict)
    """Members that could not be unpacked: an empty file stands in their place, and why."""


def is_hidden(name: str) -> bool:
    """Return whether a file or folder is a program's own: `.ipynb_checkpoints`, `__MACOSX`, dot files."""
    return name.startswith(_HIDDEN)


def unpack(archive: Path, folder: Path, budget: Budget) -> Unpacked:
    """Unpack the notebooks and inner zips of an archive; inner zips stay zips.

    Args:
        archive: A zip file.
        folder: A new folder to unpack into.
        budget: What may still be unpacked; it is lowered.

    Raises:
        SubmissionError: If the archive is no zip, or one that tries to do harm; a sentence.
        GraderError: If the machine cannot write.
    """
    name = archive.name
    unpacked = Unpacked(folder=folder)
    folder.mkdir(parents=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            budget.files -= len(members)
            if budget.files < 0:
                raise SubmissionError(
                    f"{name} holds too many files ({len(members)}). Pack the notebooks alone."
                )
            for member in members:
                _unpack_member(opened, member, unpacked, budget, name)
    except (zipfile.BadZipFile, struct.error, EOFError, NotImplementedError, ValueError) as error:
        raise SubmissionError(f"{name} is no readable zip: {error}. Pack it again.") from None
    except OSError as error:
        if error.errno == errno.EINVAL:  # a damaged zip sends zipfile to a negative place
            raise SubmissionError(f"{name} is no readable zip: it is damaged. Pack it again.") from None
        raise GraderError(f"{name} cannot be unpacked on the grading machine: {error.strerror}.") from None
    return unpacked


def _unpack_member(
    opened: zipfile.ZipFile, member: zipfile.ZipInfo, unpacked: Unpacked, budget: Budget, name: str
) -> None:
    parts = _safe_parts(member, name)
    if not parts or any(is_hidden(part) for part in parts):
        return
    target = unpacked.folder.joinpath(*parts)
    wanted = target.suffix.lower() in (NOTEBOOK, ARCHIVE) and not member.is_dir()
    try:
        # The folder says that the student is there, also where it holds no notebook.
        (target.parent if wanted or not member.is_dir() else target).mkdir(parents=True, exist_ok=True)
        if not wanted:
            return
        if target.exists():
            unpacked.problems[target] = f"{name} holds {'/'.join(parts)} twice. Pack it once."
            return
        problem = _write(opened, member, target, budget, name)
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.EILSEQ):
            shown = "/".join(parts)[:80]
            raise SubmissionError(
                f"{name} holds a name that cannot be a file's: {shown!r}. Rename it."
            ) from None
        raise
    if problem:
        target.write_bytes(b"")
        unpacked.problems[target] = problem


def _write(opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, budget: Budget, name: str) -> str:
    """Write one member; return why it cannot be, or ""."""
    shown = f"{target.name} in {name}"
    if member.flag_bits & _ENCRYPTED:
        return f"{shown} is encrypted. Pack it without a password."
    if member.create_system == _UNIX and (member.external_attr >> 16) & _KIND == _LINK:
        return f"{shown} is a link, not a file. Pack the notebook itself."
    written = 0
    try:
        with opened.open(member) as source, target.open("xb") as file:
            # The sizes that the zip states are claims: count what comes.
            while chunk := source.read(_CHUNK):
                written += len(chunk)
                budget.total_bytes -= len(chunk)
                if budget.total_bytes < 0:
                    raise SubmissionError(f"{name} unpacks to too many bytes. Pack the notebooks alone.")
                if written > budget.file_bytes:
                    return f"{shown} is larger than {budget.file_bytes // _MB} MB. Clear its outputs."
                if written > max(_RATIO_COUNTS_FROM, _MAX_RATIO * member.compress_size):
                    return f"{shown} unpacks to more than {_MAX_RATIO} times its size, as a zip bomb does."
                file.write(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        return f"{shown} cannot be unpacked: {error or 'it is damaged'}. Pack it again."
    return ""


def _safe_parts(member: zipfile.ZipInfo, name: str) -> tuple[str, ...]:
    """Return the member's path in parts.

    Raises:
        SubmissionError: If it leads out of the folder: `..`, absolute, or with a drive.
    """
    stated = member.filename
    if not member.flag_bits & _UTF8:
        # macOS writes UTF-8 without saying so; zipfile then reads the bytes as code page 437.
        try:
            stated = stated.encode("cp437").decode("utf-8")
        except UnicodeError:
            stated = member.filename
    path = PurePosixPath(unicodedata.normalize("NFC", stated).replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or PureWindowsPath(stated).drive:
        raise SubmissionError(
            f"{name} holds {stated[:80]!r}, which leads out of the folder that it is unpacked into. "
            "Pack the notebooks again."
        )
    return tuple(part for part in path.parts if part not in ("", "."))
