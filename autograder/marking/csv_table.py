"""CSV files that other programs write: read row by row, each problem in a sentence that names its line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

from autograder.errors import did_you_mean
from autograder.marking.errors import MarkingError

# Spreadsheets take a cell that starts so for a formula; `grades.csv` guards such a text with an apostrophe.
_FORMULA = re.compile(r"'*\s*[=+\-@\t\r\n＝＋－＠]")


class TableError(MarkingError):
    """A file that cannot be imported; nothing was.

    Attributes:
        problems: A sentence for each row that is wrong.
    """

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        listing = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(f"{source}: nothing was imported:{listing}")


def read_table(
    data: bytes, source: str, *, needed: Sequence[str], optional: Sequence[str] = ()
) -> list[tuple[int, dict[str, str]]]:
    """Return the rows of a CSV file: the line on which each begins, and its cells by column.

    Args:
        data: The file: UTF-8, with a byte order mark or without, cells separated by commas.
        source: What an error message names.
        needed: Columns that must be there.
        optional: Columns that may be there; where one is not, its cells are empty.

    Raises:
        TableError: If it is no such file, or with every row that has too many or too few cells.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise TableError(
            source, [f"line {line}: not UTF-8. Save it as “CSV UTF-8 (comma delimited)”."]
        ) from None
    rows = list(_rows(text, source))
    columns = [name.strip() for name in rows[0][1]] if rows else []
    _check_columns(columns, source, needed, optional)
    problems = [
        f"line {line}: {len(cells)} cells instead of {len(columns)}. Text with a comma stands in double quotes."
        for line, cells in rows[1:]
        if len(cells) != len(columns)
    ]
    if problems:
        raise TableError(source, problems)
    empty = dict.fromkeys(optional, "")
    return [
        (line, {**empty, **dict(zip(columns, map(unguarded, cells), strict=True))})
        for line, cells in rows[1:]
    ]


def _rows(text: str, source: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank, with the line on which it begins."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise TableError(source, [f"line {line}: not CSV: {error}."]) from None


def _check_columns(
    columns: Sequence[str], source: str, needed: Sequence[str], optional: Sequence[str]
) -> None:
    known = (*needed, *optional)
    if len(columns) == 1 and (";" in columns[0] or "\t" in columns[0]):
        raise TableError(source, ["line 1: cells are not separated by commas. Save it as CSV with commas."])
    problems = [
        f"line 1: {name!r} is not a column.{did_you_mean(name, known)} Columns: {', '.join(known)}."
        for name in columns
        if name not in known
    ]
    problems += [f"line 1: the column {name!r} is missing." for name in needed if name not in columns]
    problems += [
        f"line 1: the column {name!r} is there twice." for name in set(columns) if columns.count(name) > 1
    ]
    if problems:
        raise TableError(source, problems)


def guarded(text: str) -> str:
    """Return a text as a cell that no spreadsheet runs: `'=1` for `=1`; `unguarded` takes the apostrophe away."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(cell: str) -> str:
    """Return what `guarded` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell[1:]) else cell


def write_table(rows: Sequence[Sequence[str]]) -> bytes:
    """Return a CSV file as `read_table` reads it: UTF-8, every cell in quotes."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(
        [[guarded(cell) for cell in row] for row in rows]
    )
    return buffer.getvalue().encode("utf-8", "backslashreplace")
