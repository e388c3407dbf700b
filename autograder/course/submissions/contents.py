"""What the content of a file says, where its name says too little or something untrue."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from autograder.course.submissions.names import ARCHIVE, NOTEBOOK, OTHER, PERHAPS, SEALED, kind_of

_LOOKED_AT_BYTES = 200 * 2**20
_CHUNK = 2**20
_LINK_BYTES = 2**16
_ZIP, _EMPTY_ZIP = b"PK\x03\x04", b"PK\x05\x06"
_SEALED_BY = {b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "RAR"}
_LINK_FILES = re.compile(r"\.(url|webloc|gdoc|lnk|desktop)$|^.+_link\.html$", re.IGNORECASE)
_BARE_LINK = re.compile(rb"(\xef\xbb\xbf)?\s*https?://\S+\s*")
_SHARED_NOTEBOOK = re.compile(
    rb"https?://(colab\.research\.google\.com/|(drive|docs)\.google\.com/|(www\.)?kaggle\.com/|"
    rb"(gist\.)?github\.com/|1drv\.ms/|[\w-]+\.sharepoint\.com/|deepnote\.com/|mybinder\.org/)"
)


def kind_of_file(path: Path) -> str:
    """Return what a file is by its name and, where they disagree, by its content."""
    kind = kind_of(path.name)
    if kind in (OTHER, SEALED):
        return kind
    if kind in (NOTEBOOK, PERHAPS) and _start(path, 4) == _ZIP:
        return ARCHIVE
    return NOTEBOOK if kind == NOTEBOOK or looks_like_notebook(path) else kind


def is_zip(path: Path) -> bool:
    """Return whether an archive is a zip; by its name where its content does not tell."""
    start = _start(path, 6)
    if start[:4] in (_ZIP, _EMPTY_ZIP):
        return True
    is_compressed = start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ"))
    return path.suffix.lower() == ".zip" and not is_compressed


def sealed_format(path: Path) -> str:
    """Return which archive a file is that cannot be opened, or ""."""
    return _SEALED_BY.get(_start(path, 6), "")


def is_cut_short(path: Path) -> bool:
    """Return whether a file starts as a zip and has no list of members, which stands at a zip's end."""
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(max(0, file.seek(0, 2) - 2**16 - 22))
        return start == _ZIP and _EMPTY_ZIP not in file.read()


def holds_link(path: Path) -> bool:
    """Return whether a file is a link to a notebook on another site and little else."""
    if _LINK_FILES.search(path.name):
        return True
    if kind_of(path.name) not in (NOTEBOOK, PERHAPS):
        return False
    try:
        if not path.is_file() or path.stat().st_size > _LINK_BYTES:
            return False
        text = path.read_bytes()
    except OSError:
        return False
    if text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return False
    return bool(_BARE_LINK.fullmatch(text) or _SHARED_NOTEBOOK.search(text))


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


def _start(path: Path, count: int) -> bytes:
    try:
        if not path.is_file():  # a named pipe would never answer
            return b""
        with path.open("rb") as file:
            return file.read(count)
    except OSError:
        return b""
