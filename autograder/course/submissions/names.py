"""What the name of a file or folder says: a notebook, an archive, or something that nobody handed in."""

from __future__ import annotations

import re
import unicodedata

NOTEBOOK, ARCHIVE, SEALED, PERHAPS, OTHER = "notebook", "archive", "sealed", "perhaps", "other"
"""Kinds of files. `perhaps` may hold a notebook, which only its content tells; `sealed` archives are not opened."""

_NOTEBOOK = re.compile(r"\.ipynb(\.(txt|json|download|ipynb))*( ?\(\d+\))?\.*$", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.(zip|tar|tgz|tbz2?|txz|tar\.(gz|bz2|xz))$", re.IGNORECASE)
_SEALED = re.compile(r"\.(7z|rar|tar\.zst|gz|bz2|xz)$", re.IGNORECASE)
_PERHAPS = re.compile(
    r"\.(json|txt|html?|url|webloc|gdoc)$|\.ipynb[^.]*$|\.ipynb\.(bak|old|orig|tmp|part|crdownload)$",
    re.IGNORECASE,
)
_AFTER_NOTEBOOK = re.compile(r"\.ipynb(?![a-z0-9]).*$", re.IGNORECASE | re.DOTALL)
_SUFFIX = re.compile(r"\.[a-z][a-z0-9]{0,7}$|\.7z$", re.IGNORECASE)

ENVIRONMENT_MARK = "pyvenv.cfg"
"""The file that makes a folder a virtual environment (PEP 405)."""

ENVIRONMENT_FOLDERS = frozenset(["bin", "etc", "include", "lib", "lib64", "scripts", "share"])
"""What a virtual environment consists of."""

GRADESCOPE_METADATA = "submission_metadata.yml"
"""The file of a Gradescope export that says whose each folder is."""

_COPY = re.compile(
    r"(?P<before>^copy[ _-]of[ _-]|^kopie[ _-]von[ _-])|"
    r"(?P<after>[ _-]*(?:-copy(?P<a>\d*)|\((?P<b>\d+)\)|[-_ ]copy|[-_ ]v(?P<c>\d+)|-(?P<d>\d{1,2})|[-_ ]final))$",
    re.IGNORECASE,
)
_PROGRAMS_OWN = ("__MACOSX", ".", "~$")
_SKIPPED = re.compile(
    r"venv|virtualenv|site-packages|dist-packages|conda-meta|node_modules|__pycache__|"
    r"ipynb_checkpoints|thumbs\.db|desktop\.ini|icon\r",
    re.IGNORECASE,
)
_GROUP = re.compile(
    r"(group|gruppe|team|section|sektion|tutor\w*|tutorium|class|klasse|kurs|course|lab|seminar|session|cohort|"
    r"[tg](?=[ ._-]?\d))([ ._-].*|\d{1,3}|[A-H])?",
    re.IGNORECASE,
)
_SHEET = re.compile(
    r"(week|woche|sheet|blatt|(ü|ue)bung(sblatt)?|unit|lesson|assignment|aufgabe|homework|hw|ex|exercise|task)"
    r"[ ._-]?\d*",
    re.IGNORECASE,
)
_VERSION = re.compile(
    r"(v|ver|version|old|alt|backup|final|copy|kopie|attempt|versuch|abgabe|submissions?|submitted|solutions?|"
    r"l(ö|oe)sung(en)?|work|scratch|tests?|draft|entwurf|tmp|temp|neu|new|notebooks?|nb|untitled|interp|code|src|"
    r"student_template|upload|part|teil|experiments?|output|plots?|home|desktop|downloads?|my[ ._-].*|meine?[ ._-].*)?"
    r"[ ._-]*\d{0,4}",
    re.IGNORECASE,
)
NBGRADERS_FILES = frozenset(["timestamp.txt", "submission_secret.txt"])
"""What nbgrader writes beside what a student handed in."""

_INSTRUCTORS_FILES = re.compile(
    r"(readme|notes?|index|licen[cs]e|requirements|roster|makefile|timestamp|submission_metadata|"
    r"grades?|grading[ _-]?worksheet|gradebook)(\.\w+)?|grades[-_ ].*\.csv|.*[-_ ]grades\.csv|.*\.(log|ya?ml|toml)",
    re.IGNORECASE,
)
_INSTRUCTORS_FOLDERS = re.compile(
    r"images|image|img|figures|data|dataset|datasets|models|model|assets|static|scripts|src|docs|"
    r"feedback|solutions|solution|source|release|autograded|template|student_template|results|"
    r"__results__",
    re.IGNORECASE,
)


def is_skipped(name: str) -> bool:
    """Return whether a file or folder is a program's own: caches, virtual environments, dot files."""
    return name.startswith(_PROGRAMS_OWN) or _SKIPPED.fullmatch(name) is not None


def is_instructors(name: str, *, is_folder: bool) -> bool:
    """Return whether something beside the students' files is known to be no student's."""
    if is_folder:
        return _INSTRUCTORS_FOLDERS.fullmatch(name) is not None
    return _INSTRUCTORS_FILES.fullmatch(name) is not None


def is_group_name(name: str) -> bool:
    """Return whether a folder is named as groups of students or parts of a term are: `groupA`, `week1`."""
    return _GROUP.fullmatch(name) is not None or is_sheet_name(name)


def is_sheet_name(name: str) -> bool:
    """Return whether a folder is named as a part of a term: `week1`."""
    return _SHEET.fullmatch(name) is not None


def is_version_name(name: str) -> bool:
    """Return whether a name says which of a student's versions something is, and not whose: `v2`, `old`, `work`."""
    return _VERSION.fullmatch(without_copy_mark(name)[0]) is not None


def kind_of(name: str) -> str:
    """Return what a file is by its name."""
    if _NOTEBOOK.search(name):
        return NOTEBOOK
    if _ARCHIVE.search(name):
        return ARCHIVE
    if _SEALED.search(name):
        return SEALED
    return PERHAPS if _PERHAPS.search(name) or not _SUFFIX.search(name) else OTHER


def stem_of(name: str) -> str:
    """Return a file's name without its endings, all of `.ipynb.txt` and `.tar.gz`."""
    for pattern in (_AFTER_NOTEBOOK, _ARCHIVE, _SUFFIX):
        if match := pattern.search(name):
            return nfc(name[: match.start()] or name)
    return nfc(name)


def nfc(name: str) -> str:
    """Return a name in composed form, as all systems but macOS write it."""
    return unicodedata.normalize("NFC", name)


def without_copy_mark(stem: str) -> tuple[str, int]:
    """Return a name without what marks a copy, and the copy's number."""
    number = 0
    while match := _COPY.search(stem):
        digits = next((match[group] for group in "abcd" if match[group]), "1")
        number = max(number, int(digits[:6]))
        stem = stem[: match.start()] + stem[match.end() :]
    return stem, number
