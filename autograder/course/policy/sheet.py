"""A CSV file of another program's, of which single cells are changed and every other byte stays."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import AssignmentError

_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_DELIMITERS = ",;\t"
_LINE_END = "\r\n|\n|\r|\\Z"
_NUMBER = re.compile(r"-?\d+(?:(?P<decimal>[.,])\d+)?")
_MAX_BYTES = 500 * 2**20
_DECIMALS = 5


@dataclass(slots=True)
class _Cell:
    """One cell as it stands in the file."""

    raw: str
    """With its quotes."""

    end: str
    """The delimiter or line end behind it."""

    @property
    def value(self) -> str:
        """What it says."""
        return self.raw[1:-1].replace('""', '"') if self.raw.startswith('"') else self.raw


class Sheet:
    """A CSV file: encoding, byte order mark, delimiter, quotes, order and line ends stay as they are.

    Args:
        path: The file.

    Attributes:
        name: The file's name.
        header: The names of the columns.
        delimiter: What stands between two cells.

    Raises:
        AssignmentError: If it is no readable CSV file, or a row has more or fewer cells than the header.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._bom, self._codec, text = _decoded(path)
        first_line = re.sub(r'"(?:[^"]|"")*"', "", text).splitlines()[:1]
        self.delimiter = max(_DELIMITERS, key=lambda mark: sum(line.count(mark) for line in first_line))
        lines = _lines(text, self.delimiter, self.name)
        self._lines = lines
        self._rows = [line for line in lines if len(line) > 1 or line[0].raw]
        if not self._rows:
            raise AssignmentError(f"{self.name}: is empty. Download it again.")
        self.header = [cell.value.strip() for cell in self._rows[0]]
        for row in self._rows[1:]:
            if len(row) != len(self.header):
                number = 1 + next(index for index, line in enumerate(lines) if line is row)
                raise AssignmentError(
                    f"{self.name}: row {number} has {len(row)} cells, but the header {len(self.header)}. Was it "
                    "changed by hand? Download it again."
                )

    def __len__(self) -> int:
        """Return the number of rows below the header."""
        return len(self._rows) - 1

    def column(self, index: int) -> list[str]:
        """Return the values of a column, without white space around them."""
        return [row[index].value.strip() for row in self._rows[1:]]

    def find(self, names: Iterable[str]) -> int | None:
        """Return the first column that has one of these names, upper or lower case; None if there is none."""
        wanted = {name.casefold() for name in names}
        return next((index for index, name in enumerate(self.header) if name.casefold() in wanted), None)

    def put(self, row: int, column: int, value: str) -> None:
        """Change a cell.

        Args:
            row: From 0, without the header.
            column: From 0.
            value: Its new text.
        """
        cell = self._rows[row + 1][column]
        needs_quotes = cell.raw.startswith('"') or any(mark in value for mark in (self.delimiter, *'"\r\n'))
        cell.raw = '"' + value.replace('"', '""') + '"' if needs_quotes else value

    def to_bytes(self) -> bytes:
        """Return the file's content."""
        text = "".join(cell.raw + cell.end for line in self._lines for cell in line)
        return self._bom + text.encode(self._codec)


def _decoded(path: Path) -> tuple[bytes, str, str]:
    """Return a file's byte order mark, encoding and text."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise AssignmentError(f"{path}: is too large for a table of grades.")
        data = path.read_bytes()
    except OSError as error:
        raise AssignmentError(
            f"{path}: cannot be read: {error.strerror}. Name the file that you downloaded."
        ) from None
    if data.startswith(b"PK\x03\x04"):
        raise AssignmentError(f"{path.name}: is an Excel file or a zip. Download it as CSV.")
    bom = next((mark for mark in _BOMS if data.startswith(mark)), b"")
    for codec in [_BOMS[bom]] if bom else ["utf-8", "cp1252"]:
        try:
            return bom, codec, data[len(bom) :].decode(codec)
        except UnicodeDecodeError:
            continue
    raise AssignmentError(
        f"{path.name}: is no text in UTF-8, UTF-16 or Windows-1252. Download it again as CSV."
    )


def _lines(text: str, delimiter: str, name: str) -> list[list[_Cell]]:
    pattern = re.compile(
        rf'("(?:[^"]|"")*"|[^"{delimiter}\r\n][^{delimiter}\r\n]*|)({delimiter}|{_LINE_END})'
    )
    lines: list[list[_Cell]] = []
    place, is_new = 0, True
    while place < len(text) or not is_new:
        match = pattern.match(text, place)
        if match is None:
            number = text.count("\n", 0, place) + 1
            raise AssignmentError(
                f"{name}: line {number} has a quotation mark where none can be. Download the file again."
            )
        if is_new:
            lines.append([])
        lines[-1].append(_Cell(raw=match[1], end=match[2]))
        is_new, place = match[2] != delimiter, match.end()
    return lines


def number_of(text: str) -> float | None:
    """Return the number that a cell states with a decimal point or comma; None if it is none."""
    match = _NUMBER.fullmatch(text)
    return float(text.replace(",", ".")) if match else None


def decimal_mark(name: str, texts: Iterable[str], otherwise: str) -> str:
    """Return the decimal mark of a file.

    Args:
        name: The file's.
        texts: Its numbers.
        otherwise: What holds if none of them has decimals.

    Raises:
        AssignmentError: If they have different ones.
    """
    found = {match["decimal"] for text in texts if (match := _NUMBER.fullmatch(text)) and match["decimal"]}
    if len(found) > 1:
        raise AssignmentError(
            f"{name}: has numbers with a decimal point and with a decimal comma. Download it again."
        )
    return found.pop() if found else otherwise


def number_text(value: float, mark: str) -> str:
    """Return a number for a cell: `38,5`."""
    text = f"{value:.{_DECIMALS}f}".rstrip("0").rstrip(".")
    return ("0" if text == "-0" else text).replace(".", mark)


def name_key(name: str) -> str:
    """Return a name's words in the order of the alphabet: which of them comes first differs between platforms."""
    return " ".join(sorted(name.casefold().replace(",", " ").split()))


def letters(text: str) -> str:
    """Return the letters and digits of a text in lower case."""
    return "".join(filter(str.isalnum, text)).casefold()


def repeated(values: Iterable[str]) -> list[str]:
    """Return the values that occur more than once, empty ones apart."""
    return [value for value, count in Counter(values).items() if value and count > 1]
