"""The name of a student's results folder."""

from __future__ import annotations

import hashlib
import unicodedata

NAME_LIMIT_BYTES = 100

_KEPT = frozenset(" .-_@',()+")
_WINDOWS_RESERVED = frozenset(
    ["con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))]
)
# These lie beside the students' folders.
_CLASS_FILES = frozenset(
    ["grades.csv", "leaderboard.csv", "class.html", "released.csv", "totals.csv", "marking.sqlite"]
)


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
