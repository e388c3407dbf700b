"""Canvas' side of the gradebook, by its rules; nothing of the harness is used.

Rules: the first columns are Student and ID, assignments are `Title (id)`. Rows are matched by ID. EX excuses; a blank
where a score stands is a change; with `;` a decimal comma is read. A filled "Points Possible" row sets the points of an
assignment; columns marked "(read only)" are ignored.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field


@dataclass
class CanvasCourse:
    """A course as Canvas has it."""

    students: set[int]
    scores: dict[tuple[int, int], str] = field(default_factory=dict)
    """By student and assignment."""
    points: dict[int, str] = field(default_factory=dict)

    def import_gradebook(self, data: bytes) -> dict[tuple[int, int], str]:
        """Import a gradebook; return the scores that changed."""
        text = data.decode("utf-8-sig")
        delimiter = ";" if text.splitlines()[0].count(";") > text.splitlines()[0].count(",") else ","
        header, *rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
        assert header[:2] == ["Student", "ID"]
        found = {index: re.search(r" \((\d+)\)$", name) for index, name in enumerate(header)}
        columns = {index: int(match[1]) for index, match in found.items() if match}
        changed = {}
        for row in rows:
            cells = [cell.replace(",", ".") if delimiter == ";" else cell for cell in row]
            if row[0].strip() == "Points Possible":
                self.points |= {number: cells[index] for index, number in columns.items() if cells[index]}
            elif row[1].isdigit() and int(row[1]) in self.students:
                for index, number in columns.items():
                    key = (int(row[1]), number)
                    if not _same(cells[index], self.scores.get(key, "")):
                        changed[key] = cells[index]
        self.scores |= changed
        return changed


def _same(new: str, old: str) -> bool:
    try:
        return float(new) == float(old)
    except ValueError:
        return new == old
