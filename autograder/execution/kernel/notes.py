"""What a kernel did otherwise than the student's own Jupyter would have, for the remarks."""

from __future__ import annotations

STOPS_AT_FIRST_ERROR = "stops_at_first_error"
"""Key in the metadata of an execution request: the cell ends with its first error, whatever it is."""

_MOST = 60
_MOST_CHARS = 200


class Notes:
    """Short records of what was skipped, replaced or could not run; each once, and not too many.

    Attributes:
        entries: Each a kind, the number of the cell, what it was about and why.
    """

    def __init__(self) -> None:
        self.entries: list[tuple[str, int, str, str]] = []

    def add(self, kind: str, cell: int, what: str, why: str = "") -> None:
        """Remember one; the first line of a text is enough to recognise it by."""
        entry = (kind, cell, _first_line(what), _first_line(why))
        if len(self.entries) < _MOST and entry not in self.entries:
            self.entries.append(entry)


def _first_line(text: str) -> str:
    line, _, more = text.strip().partition("\n")
    return line if len(line) <= _MOST_CHARS and not more else f"{line[:_MOST_CHARS].rstrip()} …"
