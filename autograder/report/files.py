"""Files of the results: written whole or not at all, in folders whose names are safe."""

from __future__ import annotations

import hashlib
import os
import tempfile
import unicodedata
from pathlib import Path

from autograder import failpoints
from autograder.errors import GraderError

NAME_LIMIT_BYTES = 100
PARTIAL_PATTERN = ".*.part"
"""Names of files that are being written; what matches when nobody writes is left of a killed process."""

_KEPT = frozenset(" .-_@',()+")
_WINDOWS_RESERVED = frozenset(
    ["con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))]
)
# These lie beside the students' folders.
_CLASS_FILES = frozenset(["grades.csv", "leaderboard.csv", "class.html"])


def student_folder_name(student: str) -> str:
    """Return a safe single path component for a student's name, the same one every time.

    Letters, marks and digits of any script stay, and space . - _ @ ' , ( ) +. Whatever else a name holds is
    replaced, and then a hash of the whole name follows after `~`. Since no unchanged name contains a
    `~`, two different names never share a folder, short of a collision of the hash.

    Args:
        student: Any text: `Łukasz Żak`, `王伟`, `../../etc`, the empty string.
    """
    name = "".join(c if c in _KEPT or _is_word(c) else "_" for c in unicodedata.normalize("NFC", student))
    name = name.rstrip(" .").lstrip(" ")
    if name.startswith("."):
        name = "_" + name.lstrip(".")
    stem = name.split(".", 1)[0].rstrip(" ").casefold()
    if stem in _WINDOWS_RESERVED or name.casefold() in _CLASS_FILES:
        name = "_" + name
    if name and name == student and len(name.encode()) <= NAME_LIMIT_BYTES:
        return name
    digest = hashlib.sha256(student.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    kept = name.encode()[: NAME_LIMIT_BYTES - len(digest) - 1].decode("utf-8", "ignore")
    return f"{kept.rstrip(' .') or 'student'}~{digest}"


def _is_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN"


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that is there in full or not at all, also after a power cut.

    Args:
        path: The file; its folder exists.
        data: Its content.

    Raises:
        OSError: If the folder cannot be written to or the disk is full; no part of the file stays.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            failpoints.reach(f"{path.name}.written")
            os.fsync(file.fileno())
            # mkstemp gives 0600; results are read by whoever may read the folder.
            os.fchmod(file.fileno(), 0o644)
        failpoints.reach(f"{path.name}.synced")
        Path(temporary).replace(path)
        failpoints.reach(f"{path.name}.renamed")
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the renames in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def refusal(error: OSError) -> GraderError:
    """Return the sentence for a file that could not be written: a full disk, as a rule."""
    where = f"{error.filename}: " if error.filename else ""
    return GraderError(
        f"{where}{error.strerror or error}. Grading has stopped; what was graded until now is kept. "
        "When this is mended, the same command goes on from there."
    )
