"""Where a member of an archive belongs: a path that leads nowhere else, and whose budget it takes from."""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath, PureWindowsPath

from autograder.course.submissions.names import ENVIRONMENT_FOLDERS, is_group_name
from autograder.errors import SubmissionError

_MAX_NAME_BYTES = 255
_MAX_SUFFIX = 12


def safe_parts(stated: str, name: str) -> tuple[str, ...]:
    """Return a member's path in parts.

    Raises:
        SubmissionError: If it leads out of the folder: `..`, absolute, or with a drive.
    """
    path = PurePosixPath(unicodedata.normalize("NFC", stated).replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or PureWindowsPath(stated).drive:
        raise SubmissionError(
            f"{name} holds {stated[:80]!r}, which leads out of the folder that it is unpacked into. "
            "Pack the notebooks again."
        )
    return tuple(part for part in path.parts if part not in ("", "."))


def shortened(name: str) -> str:
    """Return a name that fits into a folder.

    Windows and macOS count letters, Linux the bytes that they take.
    """
    whole = name.encode("utf-8", "surrogateescape")
    if len(whole) <= _MAX_NAME_BYTES:
        return name
    dot = name.find(".", len(name) - _MAX_SUFFIX)
    suffix = name[dot:] if dot > 0 else ""
    mark = f"~{zlib.crc32(whole):08x}"
    room = _MAX_NAME_BYTES - len((mark + suffix).encode("utf-8", "surrogateescape"))
    return whole[:room].decode("utf-8", "ignore") + mark + suffix


def is_in_environment(parts: tuple[str, ...], environments: Collection[tuple[str, ...]]) -> bool:
    """Return whether a member lies in a virtual environment."""
    # `python -m venv .` makes the student's own folder one: only what it puts there is left out.
    return any(
        parts[:depth] in environments and parts[depth].lower() in ENVIRONMENT_FOLDERS
        for depth in range(len(parts) - 1)
    )


def common_depth(folders: Sequence[tuple[str, ...]]) -> int:
    """Return how many folders all members lie in."""
    first, last = min(folders, default=()), max(folders, default=())
    pairs = zip(first, last, strict=False)
    return next(
        (depth for depth, (one, other) in enumerate(pairs) if one != other), min(len(first), len(last))
    )


def owner(parts: tuple[str, ...], common: int) -> tuple[str, ...]:
    """Return whose budget a member of a class's archive takes from: that of the first folder that differs."""
    if "submitted" in parts[common:-1]:
        common = parts.index("submitted", common) + 1
    while common < len(parts) - 2 and is_group_name(parts[common]):
        common += 1
    return parts[: common + 1]
