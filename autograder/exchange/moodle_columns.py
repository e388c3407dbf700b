"""The columns of Moodle's grading worksheet, in the languages that are known here and, named by a person, in others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from autograder.course.policy.sheet import Sheet, decimal_mark, letters, number_of, repeated
from autograder.errors import AssignmentError, some

_IDENTIFIER = re.compile(r"(\D*)(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Headers:
    """The columns' names in one language."""

    grade: str
    """The grade."""

    maximum: str
    """The largest grade."""

    scale: str
    """The words of a scale, where grades are no points."""

    changeable: str
    """Whether the grade is locked."""

    no: str
    """What that column says if it is."""

    modified: str
    """When the grade was changed; Moodle does not read a worksheet without it."""

    name: str
    """The student's name; not there in blind marking."""

    group: str
    """The student's group, where groups hand in together."""

    decimal: str
    """The language's decimal mark."""


_LANGUAGES = (
    _Headers(
        grade="Grade",
        maximum="Maximum grade",
        scale="Scale",
        changeable="Grade can be changed",
        no="No",
        modified="Last modified (grade)",
        name="Full name",
        group="Group",
        decimal=".",
    ),
    _Headers(
        grade="Bewertung",
        maximum="Bestwertung",
        scale="Skala",
        changeable="Bewertung kann geändert werden",
        no="Nein",
        modified="Zuletzt geändert (Bewertung)",
        name="Vollständiger Name",
        group="Gruppe",
        decimal=",",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorksheetColumns:
    """A worksheet's columns; None where it has none."""

    ids: list[str]
    """The participants' numbers, a row each."""

    prefix: str
    """The letters before each number: `participant`."""

    grade: int
    """The grade."""

    maximum: float | None
    """The largest grade."""

    decimal: str
    """The decimal mark."""

    locked: frozenset[int]
    """Rows whose grade Moodle does not change."""

    names: list[str] | None
    """The students' names, a row each."""

    groups: Mapping[str, list[int]]
    """The rows of each group's members, by the letters of the group's name."""


def read_columns(sheet: Sheet, grade_column: str) -> WorksheetColumns:
    """Find a worksheet's columns.

    Args:
        sheet: The downloaded worksheet.
        grade_column: The name of the grade's column; empty: as in the languages that are known here.

    Raises:
        AssignmentError: If it is no worksheet, or a column is missing.
    """
    language = next((one for one in _LANGUAGES if sheet.find([one.grade]) is not None), None)
    grade = sheet.find([grade_column or (language.grade if language else "")])
    matches = [_IDENTIFIER.fullmatch(text) for text in sheet.column(0)]
    if not (len(sheet) and all(matches)):
        raise AssignmentError(
            f"{sheet.name}: is no grading worksheet of Moodle: its first column ({sheet.header[0]!r}) holds no "
            "identifiers such as 'Participant 123'. Download the grading worksheet of the assignment."
        )
    if grade is None:
        raise AssignmentError(
            f"{sheet.name}: has no column {grade_column or 'Grade (or Bewertung)'!r}. Name the grade's column with "
            f"--grade-column: {', '.join(sheet.header[1:])}."
        )
    ids = [match[2] for match in matches if match]
    if twice := repeated(ids):
        raise AssignmentError(
            f"{sheet.name}: several rows have the identifier {some(twice)}. Download it again."
        )
    if language and not grade_column and sheet.find([language.modified]) is None:
        raise AssignmentError(
            f"{sheet.name}: has no column {language.modified!r}, without which Moodle does not read it. Download the "
            "worksheet again and do not remove columns."
        )
    return _details(sheet, language, grade, ids)


def _details(sheet: Sheet, language: _Headers | None, grade: int, ids: list[str]) -> WorksheetColumns:
    def at(name: str) -> int | None:
        return sheet.find([getattr(language, name)]) if language else None

    if at("scale") is not None:
        raise AssignmentError(
            f"{sheet.name}: this assignment is graded by the words of a scale, not by points. Set points in Moodle."
        )
    # In any language the largest grade stands right behind the grade.
    maximum_at = at("maximum") if language else grade + 1
    largest = (
        set(sheet.column(maximum_at)) if maximum_at is not None and maximum_at < len(sheet.header) else set()
    )
    maxima = {number_of(text) for text in largest}
    changeable, name = at("changeable"), at("name")
    numbers = [*sheet.column(grade), *(largest if None not in maxima else ())]
    return WorksheetColumns(
        ids=ids,
        prefix=letters(sheet.column(0)[0]).removesuffix(ids[0]),
        grade=grade,
        maximum=maxima.pop() if len(maxima) == 1 else None,
        decimal=decimal_mark(sheet.name, numbers, language.decimal if language else "."),
        locked=frozenset(
            row
            for row, text in enumerate(sheet.column(changeable) if changeable is not None else ())
            if language and text.casefold() == language.no.casefold()
        ),
        names=sheet.column(name) if name is not None else None,
        groups=_groups(sheet, at("group")),
    )


def _groups(sheet: Sheet, column: int | None) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row, name in enumerate(sheet.column(column) if column is not None else ()):
        if key := letters(name):
            found.setdefault(key, []).append(row)
    return found
