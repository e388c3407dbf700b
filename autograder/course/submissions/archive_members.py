"""What zips and tars hold, in one form; nothing is written and no stated size is believed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any

from autograder.errors import SubmissionError

_MB = 2**20
_MAX_MEMBERS = 300_000
_MAX_DIRECTORY_BYTES = 64 * _MB
# What a tar unpacks to has to be read through, virtual environments included.
_MAX_TAR_BYTES = 4096 * _MB
_MAX_TAR_READ = 16 * _MB
_ENCRYPTED, _UTF8 = 0x1, 0x800
_UNIX = 3
_END_OF_DIRECTORY = b"PK\x05\x06"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file or folder in an archive."""

    name: str
    """Its path as the archive states it."""

    is_folder: bool
    """Whether it is a folder."""

    packed_bytes: int
    """Bytes that it takes in the archive."""

    problem: str
    """Why it is not unpacked (`is a link, ...`), or empty."""

    modified: float
    """When it was last changed, in seconds since 1970; a claim."""

    open: Callable[[], AbstractContextManager[Any]]
    """Open its content for reading."""


@contextmanager
def zip_members(archive: Path) -> Iterator[list[Member]]:
    """Open a zip and list its members.

    Raises:
        SubmissionError: If it has more members than are listed.
    """
    # zipfile builds some 500 bytes a member before it says how many there are.
    if _directory_bytes(archive) > _MAX_DIRECTORY_BYTES:
        raise _too_many(archive)
    with zipfile.ZipFile(archive) as opened:
        infos = opened.infolist()
        if len(infos) > _MAX_MEMBERS:
            raise _too_many(archive)
        yield [
            Member(
                name=_zip_name(info),
                is_folder=info.filename.endswith("/"),
                packed_bytes=info.compress_size,
                problem=_zip_problem(info),
                modified=_seconds(info.date_time),
                open=partial(opened.open, info),
            )
            for info in infos
        ]


def _seconds(moment: tuple[int, ...]) -> float:
    try:
        return datetime(*moment[:6], tzinfo=UTC).timestamp()  # type: ignore[arg-type,misc]
    except (ValueError, TypeError):
        return 0.0


def _directory_bytes(archive: Path) -> int:
    """Return the size of a zip's list of members as it states it; 0 if it does not."""
    with archive.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 2**16 - 22))
        tail = file.read()
    place = tail.rfind(_END_OF_DIRECTORY)
    if place < 0 or len(tail) < place + 16:
        return 0
    (stated,) = struct.unpack_from("<I", tail, place + 12)
    # A zip64 states the largest number here and the true one elsewhere: its file bounds it.
    return min(int(stated), size)


def _too_many(archive: Path) -> SubmissionError:
    return SubmissionError(f"{archive.name} holds too many files. Pack the notebooks alone.")


def _zip_name(info: zipfile.ZipInfo) -> str:
    if not info.flag_bits & _UTF8:
        # macOS writes UTF-8 without saying so; zipfile then reads the bytes as code page 437.
        try:
            return info.filename.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    return info.filename


def _zip_problem(info: zipfile.ZipInfo) -> str:
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted. Pack it without a password."
    if info.create_system == _UNIX and stat.S_ISLNK(info.external_attr >> 16):
        return "is a link, not a file. Pack the notebook itself."
    return ""


@contextmanager
def tar_members(archive: Path) -> Iterator[list[Member]]:
    """Open a tar, compressed or not, and list its members.

    Raises:
        SubmissionError: If it has more members than are listed.
    """
    size = archive.stat().st_size
    with _decompressed(archive) as plain:
        bounded: Any = _Bounded(plain)
        opened = tarfile.TarFile(fileobj=bounded)
        members = []
        for info in opened:
            members.append(
                Member(
                    name=info.name,
                    is_folder=info.isdir(),
                    packed_bytes=size,
                    problem="" if info.isfile() else "is a link, not a file. Pack the notebook itself.",
                    modified=float(info.mtime),
                    open=partial(_open_tar_member, opened, info),
                )
            )
            if len(members) > _MAX_MEMBERS:
                raise _too_many(archive)
        yield members


def _open_tar_member(opened: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = opened.extractfile(info)
    if file is None:
        raise tarfile.ReadError("it is no file")
    return file


def _decompressed(archive: Path) -> Any:
    with archive.open("rb") as file:
        magic = file.read(6)
    if magic.startswith(b"\x1f\x8b"):
        return gzip.open(archive)
    if magic.startswith(b"BZh"):
        return bz2.open(archive)
    if magic.startswith(b"\xfd7zXZ"):
        return lzma.open(archive)
    return archive.open("rb")


class _Bounded:
    """A file for tarfile: no read into memory is large, and no position is far."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        # tarfile reads a header of the size that it states in one go.
        if not 0 <= size <= _MAX_TAR_READ:
            raise tarfile.ReadError("a header is too large")
        data: bytes = self._file.read(size)
        return data

    def seek(self, place: int, whence: int = 0) -> int:
        if whence != 0 or place > _MAX_TAR_BYTES:
            raise tarfile.ReadError("it unpacks to too many bytes")
        return int(self._file.seek(place))

    def tell(self) -> int:
        return int(self._file.tell())
