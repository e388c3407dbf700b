"""Write the files of an export, all of them or none, and keep what stood there."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from autograder.errors import AssignmentError
from autograder.report.atomic_files import write_files

_EARLIEST = (1980, 1, 1, 0, 0, 0)


def write_export(files: Mapping[str, bytes], folder: Path, *, keep: bool = True) -> list[str]:
    """Write files into a folder, which is made if missing.

    Args:
        files: From names to contents.
        folder: Where to.
        keep: Keep what stood there.

    Returns:
        Names of the backups: of each file that stood there and was another.

    Raises:
        AssignmentError: If the folder cannot be written to; all is then as it was before.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        backups = {
            _backup_name(folder, name): kept
            for name, content in files.items()
            if keep and (folder / name).exists() and (kept := (folder / name).read_bytes()) != content
        }
        write_files({**backups, **files}, folder)
    except OSError as error:
        raise AssignmentError(
            f"{error.filename or folder}: cannot be written: {error.strerror or error}. Nothing was exported; choose "
            "another folder with --out DIR."
        ) from None
    return list(backups)


def _backup_name(folder: Path, name: str) -> str:
    path, number = Path(name), 1
    while (folder / (chosen := f"{path.stem}.backup-{number}{path.suffix}")).exists():
        number += 1
    return chosen


def packed(files: Mapping[str, bytes]) -> bytes:
    """Return a zip of files, the same bytes for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, date_time=_EARLIEST)
            info.external_attr = 0o644 << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
