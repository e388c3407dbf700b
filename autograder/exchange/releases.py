"""The record of what students were given: who, when, how, and the hash of each file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from autograder.errors import AssignmentError
from autograder.exchange.feedback import GivenFeedback
from autograder.records.course_settings import CourseSettings
from autograder.report.atomic_files import write_files
from autograder.report.tables import csv_text

RELEASES_NAME = "released.csv"
_COLUMNS = ("at", "student", "id", "how", "file", "sha256")


def record_releases(folder: Path, handed: Iterable[GivenFeedback], how: str, now: datetime) -> None:
    """Add to the record of an assignment.

    Args:
        folder: `RESULTS/<slug>`.
        handed: What was written.
        how: `folder`, `zip` or what made the files: `export moodle`.
        now: When.

    Raises:
        OSError: If it cannot be written.
    """
    moment = now.astimezone(UTC).isoformat(timespec="seconds")
    rows = [
        (moment, csv_text(one.student.student), csv_text(one.student.id), how, name, digest)
        for one in handed
        for name, digest in one.hashes.items()
    ]
    _write(folder, [*releases(folder), *rows])


def see_that_it_may_be_sent(settings: CourseSettings, slug: str, now: datetime, *, released: bool) -> None:
    """Refuse to send or upload anything to students before a person or the course's date allows it.

    Args:
        settings: The course's.
        slug: The assignment.
        now: Today, with a time zone.
        released: A person said so, with --release.

    Raises:
        AssignmentError: If it is too early.
    """
    date = settings.dates(slug).release
    if not released and (date is None or now < date):
        until = f"released on {date:%Y-%m-%d %H:%M}" if date else "not released: course.toml states no date"
        raise AssignmentError(f"{slug}: feedback is {until}. Give --release to send it now.")


def forget_releases(folder: Path, student: str) -> int:
    """Remove a student from the record; return how many rows."""
    rows = releases(folder)
    kept = [row for row in rows if row[1] != csv_text(student)]
    if len(kept) < len(rows):
        _write(folder, kept)
    return len(rows) - len(kept)


def releases(folder: Path) -> Sequence[Sequence[str]]:
    """Return the record's rows without the header: when, student, id, how, file, hash."""
    path = folder / RELEASES_NAME
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def _write(folder: Path, rows: Sequence[Sequence[str]]) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows([_COLUMNS, *rows])
    write_files({RELEASES_NAME: buffer.getvalue().encode()}, folder)
