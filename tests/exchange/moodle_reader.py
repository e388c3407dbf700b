"""Moodle's side of the worksheet and of the feedback zip, by its rules; nothing of the harness is used.

Rules: needed are Identifier, Grade and Last modified (grade), in the language of the teacher. The identifier is
a localised "Participant " and the participant's number. Decimals follow the locale. A row is skipped when the grade is
equal, empty, negative, above the maximum or locked. An empty feedback cell overwrites a comment.
"""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass, field

WORDS = {
    "en": ("Identifier", "Grade", "Last modified (grade)", "Feedback comments", "Participant ", "."),
    "de": ("ID", "Bewertung", "Zuletzt geändert (Bewertung)", "Feedback als Kommentar", "Teilnehmer/in", ","),
}


@dataclass
class MoodleAssignment:
    """An assignment as Moodle has it."""

    language: str
    maximum: float
    participants: set[int]
    grades: dict[int, float] = field(default_factory=dict)
    comments: dict[int, str] = field(default_factory=dict)
    locked: set[int] = field(default_factory=set)
    feedback: dict[int, list[str]] = field(default_factory=dict)

    def import_worksheet(self, data: bytes, separator: str = ",") -> int:
        """Import a worksheet; return how many grades changed."""
        identifier, grade, modified, comment, prefix, decimal = WORDS[self.language]
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=separator))
        header = rows[0]
        for needed in (identifier, grade, modified):
            assert needed in header, f"invalid grade import: {needed}"
        changed = 0
        for row in rows[1:]:
            cells = dict(zip(header, row, strict=True))
            number = int(cells[identifier].removeprefix(prefix))
            assert number in self.participants
            if comment in cells:
                self.comments[number] = cells[comment]
            text = cells[grade].replace(decimal, ".") if decimal == "," else cells[grade]
            if text in ("", "-"):
                continue
            value = float(text)
            if value < 0 or value > self.maximum or number in self.locked or value == self.grades.get(number):
                continue
            self.grades[number] = value
            changed += 1
        return changed

    def import_feedback(self, data: bytes, *, is_old: bool) -> None:
        """Import a feedback zip; the folders' names say whose a file is.

        Args:
            data: The zip.
            is_old: Moodle before 4.1, which asks for five parts between the `_`.
        """
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                if name.rpartition("/")[2].startswith((".", "~")):
                    continue
                parts = (name if is_old else name.split("/")[0]).split("_", 4)
                if len(parts) < (5 if is_old else 4) or not parts[1].isdigit():
                    continue
                if int(parts[1]) in self.participants and parts[2] == "assignsubmission":
                    self.feedback.setdefault(int(parts[1]), []).append(name.rpartition("/")[2])
