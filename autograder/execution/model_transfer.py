"""Models and tokenizers on their way into a kernel."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.execution.wire import codec

_DOCUMENTS = frozenset({".md", ".png", ".h5", ".msgpack", ".ot", ".onnx", ".gitattributes"})
"""Kinds of files beside a model that nothing loads."""

_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Provision:
    """A model or tokenizer that every kernel of a submission loads."""

    loader: str
    """`module:Class` with a from_pretrained."""

    folder: Path
    """Where its files are."""

    in_student_dir: bool
    """Whether the kernel sees the folder anyway."""

    options: dict[str, str] = field(default_factory=dict)
    """What else from_pretrained is given."""

    def request(self, name: str, student_dir: Path) -> tuple[dict[str, Any], list[int]]:
        """Make the probe's request.

        Args:
            name: What the handle is called.
            student_dir: The student's folder.

        Returns:
            The request, and descriptors that travel along and that the caller closes.

        Raises:
            ValueError: If the folder is not in the student's folder as stated, or holds no or too many files.
            OSError: If it cannot be read.
        """
        request: dict[str, Any] = {
            "op": "provide",
            "name": name,
            "loader": self.loader,
            "options": self.options,
        }
        if self.in_student_dir:
            inside = self.folder.resolve().relative_to(student_dir)
            return {**request, "inside": str(inside)}, []
        names, fds = sealed_copies(self.folder)
        return {**request, "files": names}, fds


def sealed_copies(folder: Path) -> tuple[list[str], list[int]]:
    """Copy a folder's files into memory files that nobody can change.

    A kernel gets the bytes and nothing else: no path, and no file whose permissions matter. It gets files of its
    own: times, modes and locks of shared ones would be a way to leave word for the next submission.

    Args:
        folder: With plain files or links to them, at most `wire.MAX_FDS` that count: documents do not.

    Returns:
        Their names relative to the folder, and descriptors that the caller closes.

    Raises:
        ValueError: If there are none or too many.
        OSError: If one cannot be read, or memory is short.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in _DOCUMENTS)
    if not 0 < len(paths) <= codec.MAX_FDS:
        raise ValueError(f"{folder}: {len(paths)} files; a model's folder has 1 to {codec.MAX_FDS}")
    fds: list[int] = []
    try:
        fds.extend(_sealed_copy(path) for path in paths)
    except OSError:
        for fd in fds:
            os.close(fd)
        raise
    return [str(path.relative_to(folder)) for path in paths], fds


def _sealed_copy(path: Path) -> int:
    fd = os.memfd_create("model", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.fchmod(fd, 0o444)
        with path.open("rb") as source:
            while chunk := source.read(2**20):
                os.write(fd, chunk)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
        os.lseek(fd, 0, os.SEEK_SET)
    except OSError:
        os.close(fd)
        raise
    return fd
