"""Who is in the course: any CSV file with a row for each student."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from autograder.course.policy.sheet import Sheet, letters, name_key, repeated
from autograder.errors import AssignmentError, did_you_mean, some

ROSTER_FILE = "roster.csv"
_NEAR = 82
_OWN_NUMBERS = ("Moodle", "Canvas", "Brightspace", "ILIAS")
_NAMES = {
    "id": (
        "id",
        "student id",
        "id number",
        "matriculation number",
        "sis user id",
        "sid",
        "matrikelnummer",
        "id-nummer",
    ),
    "name": ("name", "full name", "student", "student name", "vollständiger name"),
    "first": ("first name", "given name", "vorname"),
    "last": ("last name", "surname", "family name", "nachname"),
    "email": ("email", "e-mail", "email address", "mail", "e-mail-adresse"),
    "section": ("section", "sections", "tutorial", "sektion"),
    "group": ("group", "groups", "team", "gruppe"),
    "login": ("login", "username", "user name", "sis login id", "anmeldename"),
    "lms": ("lms id", "canvas id", "moodle id", "gradescope id"),
}
FIELDS = tuple(_NAMES)
"""What a roster's column may be."""


class Student(Protocol):
    """Someone who has results."""

    @property
    def student(self) -> str:
        """As report.json names them."""

    @property
    def name(self) -> str:
        """The plain name."""

    @property
    def handed_in(self) -> Mapping[str, str]:
        """What the learning platform states; see `Submission.handed_in`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterEntry:
    """One student of the course."""

    name: str
    """For people; `Adams, Anna` is `Anna Adams`."""

    id: str = ""
    """The university's id."""

    email: str = ""
    """The address."""

    section: str = ""
    """The section or tutorial."""

    group: str = ""
    """The group that hands in together."""

    others: tuple[str, ...] = ()
    """Login and ids of platforms."""

    @property
    def names(self) -> frozenset[str]:
        """All by which course.toml may name the student."""
        return frozenset(filter(None, (self.name, self.id, self.email, self.group, *self.others)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The results beside the roster."""

    entries: Mapping[str, RosterEntry] = field(default_factory=dict)
    """By the student's name in the results."""

    unknown: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Students of the results who are not on the roster, with similar names there: a person has to decide."""

    missing: tuple[RosterEntry, ...] = ()
    """Who is on the roster and handed in nothing."""


def read_roster(path: Path, columns: Mapping[str, str]) -> list[RosterEntry]:
    """Read a roster.

    Args:
        path: A CSV file of any platform or program.
        columns: From what a column is (see `FIELDS`) to its name, where that is not one of the usual ones.

    Raises:
        AssignmentError: If it cannot be read, has no names, or two rows have one id.
    """
    sheet = Sheet(path)
    if strange := columns.keys() - set(FIELDS):
        raise AssignmentError(
            f"{some(sorted(strange))} is nothing that a roster's column can be: {', '.join(FIELDS)}."
        )
    found: dict[str, list[str]] = {}
    for kind, usual in _NAMES.items():
        at = sheet.find([columns[kind]] if kind in columns else usual)
        if at is None and kind in columns:
            raise AssignmentError(
                f"{sheet.name}: has no column {columns[kind]!r}.{did_you_mean(columns[kind], sheet.header)}"
            )
        if at is not None:
            found[kind] = sheet.column(at)
    if "name" not in found and not {"first", "last"} <= found.keys():
        raise AssignmentError(
            f"{sheet.name}: no column holds the names. Say which one does, as in --roster-column name=NAME: "
            f"{', '.join(sheet.header)}."
        )
    entries = [_entry({kind: values[row] for kind, values in found.items()}) for row in range(len(sheet))]
    entries = [entry for entry in entries if entry.name]
    if twice := repeated(entry.id for entry in entries):
        raise AssignmentError(f"{sheet.name}: several rows have the id {some(twice)}. Remove all but one.")
    return entries


def _entry(row: Mapping[str, str]) -> RosterEntry:
    name = row.get("name") or f"{row.get('first', '')} {row.get('last', '')}".strip()
    last, comma, first = name.partition(", ")
    return RosterEntry(
        name=f"{first} {last}" if comma else name,
        id=row.get("id", ""),
        email=row.get("email", ""),
        section=row.get("section", ""),
        group=row.get("group", ""),
        others=tuple(filter(None, (row.get("login", ""), row.get("lms", "")))),
    )


def join(students: Iterable[Student], roster: Sequence[RosterEntry]) -> Joined:
    """Join results with a roster: by an id, a login or an address, else by the same name; never by a similar one."""
    # Numbers that a platform gives itself may be another student's id at the university.
    of_platform = _index((key.casefold(), entry) for entry in roster for key in (entry.email, *entry.others))
    by_id = _index(
        (key.casefold(), entry) for entry in roster for key in (entry.id, entry.email, *entry.others)
    )
    by_name = _index((key, entry) for entry in roster for key in _name_keys(entry.name))
    entries, unknown = {}, {}
    for student in students:
        known = of_platform if student.handed_in.get("platform") in _OWN_NUMBERS else by_id
        stated = [student.handed_in.get(key, "") for key in ("id", "login", "email")]
        found = [known.get(key.casefold(), ()) for key in (*stated, student.name) if key]
        found += [by_name.get(name_key(student.name), ()), by_name.get(letters(student.name), ())]
        first = next(filter(None, found), ())
        if len(first) == 1:
            entries[student.student] = first[0]
        else:
            near = tuple(f"{entry.name} ({entry.id})" for entry in first) or _near(student.name, roster)
            unknown[student.student] = near
    matched = set(entries.values())
    return Joined(
        entries=entries, unknown=unknown, missing=tuple(entry for entry in roster if entry not in matched)
    )


def _index(pairs: Iterable[tuple[str, RosterEntry]]) -> dict[str, tuple[RosterEntry, ...]]:
    found: dict[str, tuple[RosterEntry, ...]] = {}
    for key, entry in pairs:
        if key and entry not in found.get(key, ()):
            found[key] = (*found.get(key, ()), entry)
    return found


def _name_keys(name: str) -> set[str]:
    """Return the forms of a name: its words in order, and run together as Canvas does, whichever is the last name."""
    words = name.split()
    return {name_key(name)} | {letters("".join(words[cut:] + words[:cut])) for cut in range(len(words))}


def _near(name: str, roster: Sequence[RosterEntry]) -> tuple[str, ...]:
    from rapidfuzz import fuzz, process

    names = {entry.name: _plain(entry.name) for entry in roster}
    near = process.extract(_plain(name), names, scorer=fuzz.ratio, score_cutoff=_NEAR, limit=2)
    return tuple(str(key) for _, _, key in near)


def _plain(name: str) -> str:
    """Return a name's words without accents, in the order of the alphabet."""
    letters_alone = (c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return name_key("".join(letters_alone))
