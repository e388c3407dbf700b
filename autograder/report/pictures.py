"""Pictures of students: kept in the page where they are small PNG, JPEG or GIF files, never loaded from elsewhere."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote

PLOT_LIMIT_PIXELS = 10_000
"""Longest side of a plot that a browser is asked to draw."""

COURSE_PICTURE_LIMIT = 2 * 2**20
"""Size in bytes of a picture of the course that a page holds."""

Finder = Callable[[str], str | None]
"""From the source that a picture names to a data: address; None: the picture is not shown."""

_DATA = re.compile(r"data:image/(png|jpeg|gif);base64,([A-Za-z0-9+/=\s]+)", re.IGNORECASE)
_LIFTED = re.compile(r"data:image/[a-z]+;picture=([0-9]+)")
_MIME_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif"}
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_JPEG_MAGIC = b"\xff\xd8\xff"
_GIF_MAGICS = (b"GIF87a", b"GIF89a")


def plot_uri(data: str) -> str | None:
    """Return a data: address for a base64 PNG, or None if it is none or too large to draw.

    Args:
        data: Base64 text; white space in it is ignored.
    """
    return _uri("png", data)


def picture_uri(source: str) -> str | None:
    """Return a data: address of a PNG, JPEG or GIF as a page may hold it; None for any other source."""
    match = _DATA.fullmatch(source.strip())
    return _uri(match[1].lower(), match[2]) if match else None


def _uri(kind: str, data: str) -> str | None:
    try:
        raw = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    if not _is_drawable(kind, raw):
        return None
    return f"data:image/{kind};base64,{base64.b64encode(raw).decode('ascii')}"


def _is_drawable(kind: str, raw: bytes) -> bool:
    if kind == "jpeg":
        return raw.startswith(_JPEG_MAGIC)
    if kind == "gif":
        if not raw.startswith(_GIF_MAGICS) or len(raw) < 10:
            return False
        width, height = struct.unpack("<HH", raw[6:10])
    else:
        if not raw.startswith(_PNG_MAGIC) or raw[12:16] != b"IHDR" or len(raw) < 33:
            return False
        width, height = struct.unpack(">II", raw[16:24])
    return bool(0 < width <= PLOT_LIMIT_PIXELS and 0 < height <= PLOT_LIMIT_PIXELS)


def lift(text: str) -> tuple[str, list[str]]:
    """Return the text with a short name in place of each picture's data, and the data.

    A pasted screenshot has a million characters that are no Markdown; what is parsed should not hold them.
    """
    lifted: list[str] = []

    def name(match: re.Match[str]) -> str:
        lifted.append(match[0])
        return f"data:image/{match[1].lower()};picture={len(lifted) - 1}"

    return re.sub(
        r"data:image/(png|jpeg|gif);base64,[A-Za-z0-9+/=]+", name, text, flags=re.IGNORECASE
    ), lifted


class Gallery:
    """The pictures that the texts of one page name; each is shown once, so that a page cannot be blown up.

    Args:
        folder: Where relative sources lie: what students received. None: they are not shown.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._shown: set[Path] = set()

    def of_cell(self, lifted: list[str], attachments: Mapping[str, Mapping[str, str]]) -> Finder:
        """Return what finds the pictures of one cell.

        Args:
            lifted: Data that `lift` took out of its text.
            attachments: The cell's own files: name to type to base64 text, as nbformat has them.
        """
        shown: set[str] = set()

        def find(source: str) -> str | None:
            name = unquote(source.strip())
            match = _LIFTED.fullmatch(name)
            if match:  # "picture=0" and "picture=00" are one picture
                name = match[1].lstrip("0") or "0"
            if name in shown:
                return None
            shown.add(name)
            if match:
                number = int(name) if len(name) < 9 else len(lifted)
                return picture_uri(lifted[number]) if number < len(lifted) else None
            if name.startswith("attachment:"):
                bundle = attachments.get(name.removeprefix("attachment:"), {})
                uris = (picture_uri(f"data:{kind};base64,{data}") for kind, data in bundle.items())
                return next(filter(None, uris), None)
            return self._of_course(name)

        return find

    def _of_course(self, name: str) -> str | None:
        if self._folder is None or ":" in name or "\0" in name:
            return None
        mime_type = _MIME_TYPES.get(Path(name).suffix.lower())
        try:
            path = (self._folder / name).resolve()
            if mime_type is None or not path.is_relative_to(self._folder.resolve()) or path in self._shown:
                return None
            if path.stat().st_size > COURSE_PICTURE_LIMIT:
                return None
            data = base64.b64encode(path.read_bytes()).decode("ascii")
        except (OSError, ValueError):  # no such file, or a name that is none
            return None
        self._shown.add(path)
        return picture_uri(f"data:{mime_type};base64,{data}")
