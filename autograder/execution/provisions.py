"""Models and tokenizers on their way into a kernel."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.execution import wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Provision:
    """A model or tokenizer that every kernel of a submission loads."""

    loader: str
    """`module:Class` with a from_pretrained."""

    folder: Path
    """Where its files are."""

    in_student_dir: bool
    """Whether the kernel sees the folder anyway."""

    attention: str = ""
    """How a model's attention is computed, as in `records.ModelSpec`."""

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
        request: dict[str, Any] = {"op": "provide", "name": name, "loader": self.loader}
        if self.attention:
            request["attention"] = self.attention
        if self.in_student_dir:
            inside = self.folder.resolve().relative_to(student_dir)
            return {**request, "inside": str(inside)}, []
        names, fds = sealed_copies(self.folder)
        return {**request, "files": names}, fds


def sealed_copies(folder: Path) -> tuple[list[str], list[int]]:
    """Copy a folder's files into memory files that cannot be changed.

    A kernel gets the bytes and nothing else: no path, and no file whose permissions matter.

    Args:
        folder: With plain files, at most `wire.MAX_FDS` of them.

    Returns:
        Their names relative to the folder, and descriptors that the caller closes.

    Raises:
        ValueError: If there are none or too many.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    if not 0 < len(paths) <= wire.MAX_FDS:
        raise ValueError(f"{folder}: {len(paths)} files; a model's folder has 1 to {wire.MAX_FDS}")
    fds = []
    for path in paths:
        fd = os.memfd_create("model", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.fchmod(fd, 0o444)
        with path.open("rb") as source:
            while chunk := source.read(2**20):
                os.write(fd, chunk)
        os.lseek(fd, 0, os.SEEK_SET)
        fds.append(fd)
    return [str(path.relative_to(folder)) for path in paths], fds
