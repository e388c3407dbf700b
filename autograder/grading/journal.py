"""The journal of a results folder: what has been graded, from what, and what is under way.

    with Journal(folder) as journal:
        entries = journal.entries()
        journal.schedule([Entry(folder="ana", student="ana", key=...)])
        journal.start("ana")
        journal.finish("ana", "done", mode="full", report=digest, files=names)

SQLite with a write-ahead log and full synchronisation: what a method has done is on the disk when it returns,
and a process killed inside one leaves the journal as it was before. One process writes at a time
(`results_folder.Results` sees to that). Nothing here depends on a clock.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

from autograder import failpoints
from autograder.course.policy.attempts import JOURNAL_NAME, Attempt
from autograder.errors import GraderError

State = Literal["waiting", "running", "done", "quarantined"]

_VERSION = 1
_TABLE = """
CREATE TABLE IF NOT EXISTS submissions (
    folder TEXT PRIMARY KEY,
    student TEXT NOT NULL,
    key TEXT NOT NULL,
    mode TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'quarantined')),
    attempts INTEGER NOT NULL,
    report TEXT NOT NULL,
    files TEXT NOT NULL,
    previous TEXT
)
"""


_ATTEMPTS = """
CREATE TABLE IF NOT EXISTS attempts (
    number INTEGER PRIMARY KEY,
    folder TEXT NOT NULL,
    submission TEXT NOT NULL,
    at TEXT NOT NULL,
    score REAL NOT NULL,
    UNIQUE (folder, submission)
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the journal knows of one submission."""

    folder: str
    """Name of the student's folder of results: one a student."""

    student: str
    """The student, for people who look into the journal."""

    key: str
    """Hash of all that the result depends on."""

    mode: str = ""
    """The sandbox mode it was graded in; empty until then."""

    state: State = "waiting"
    """waiting: to be graded; running: handed to a worker; done; quarantined: a person must look, or try again."""

    attempts: int = 0
    """Times that a process ended while it graded this submission."""

    report: str = ""
    """SHA-256 of its report.json; empty until done."""

    files: tuple[str, ...] = ()
    """Names of its files."""

    previous: str | None = None
    """What the grade was before this submission was graded again, as the batch wrote it down; else None."""


class Journal:
    """The journal in a folder; made if there is none.

    Args:
        folder: Where it lies.

    Raises:
        GraderError: If it is damaged, of another version, or the disk is full.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / JOURNAL_NAME
        with self._sentences():
            self._database = sqlite3.connect(self._path, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._database.close()
                raise

    def _prepare(self) -> None:
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise GraderError(
                f"{self._path}: written by another version of autograder (journal {version}, this one reads "
                f"{_VERSION}). Use that version, or another --out."
            )
        with self._transaction():
            self._database.execute(_TABLE)
            self._database.execute(_ATTEMPTS)
            self._database.execute(f"PRAGMA user_version = {_VERSION}")

    def entries(self) -> dict[str, Entry]:
        """Return what is known, by the name of the student's folder."""
        with self._sentences():
            found = self._database.execute("SELECT * FROM submissions ORDER BY folder").fetchall()
        names = Entry.__dataclass_fields__
        rows = [dict(zip(names, values, strict=True)) for values in found]
        return {row["folder"]: Entry(**{**row, "files": tuple(json.loads(row["files"]))}) for row in rows}

    def schedule(self, entries: Iterable[Entry]) -> None:
        """Write down what is to be graded, all of it or nothing."""
        with self._sentences(), self._transaction():
            for entry in entries:
                self._put(entry)
            failpoints.reach("journal.scheduling")

    def _put(self, entry: Entry) -> None:
        # A name may hold what is no UTF-8; it is only for people here.
        student = entry.student.encode("utf-8", "backslashreplace").decode()
        values = (entry.folder, student, entry.key, entry.mode, entry.state, entry.attempts, entry.report)
        places = ", ".join("?" * len(Entry.__dataclass_fields__))
        self._database.execute(
            f"INSERT OR REPLACE INTO submissions VALUES ({places})",
            (*values, json.dumps(entry.files), entry.previous),
        )

    def start(self, folder: str) -> None:
        """Note that a worker has the submission."""
        self._change("state = 'running'", folder)

    def died(self, folder: str) -> int:
        """Note that a process ended while it graded the submission; return how often that happened."""
        self._change("state = 'waiting', attempts = attempts + 1", folder)
        with self._sentences():
            asked = self._database.execute("SELECT attempts FROM submissions WHERE folder = ?", (folder,))
            return int(asked.fetchone()[0])

    def finish(self, folder: str, state: State, *, mode: str, report: str, files: Iterable[str]) -> None:
        """Note that a submission's files lie in their place.

        Args:
            folder: The student's folder, synchronised.
            state: `done` or `quarantined`.
            mode: The sandbox mode.
            report: SHA-256 of report.json.
            files: Names of all its files.
        """
        named = json.dumps(sorted(files))
        self._change("state = ?, mode = ?, report = ?, files = ?", folder, state, mode, report, named)

    def record_attempts(self, attempts: Iterable[Attempt]) -> None:
        """Note what students' current submissions came to; each becomes the last one of its student."""
        with self._sentences(), self._transaction():
            self._database.executemany(
                "INSERT OR REPLACE INTO attempts (folder, submission, at, score) VALUES (?, ?, ?, ?)",
                [(each.folder, each.submission, each.at, each.score) for each in attempts],
            )

    def remove(self, folder: str) -> None:
        """Forget a submission; nothing of it stays in the file, nor in the log beside it."""
        with self._sentences():
            self._database.execute("PRAGMA secure_delete = ON")
            with self._transaction():
                for table in ("submissions", "attempts"):
                    self._database.execute(f"DELETE FROM {table} WHERE folder = ?", (folder,))
            self._database.execute("VACUUM")
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def forget_previous(self) -> None:
        """Drop the old grades: the differences have been told."""
        with self._sentences(), self._transaction():
            self._database.execute("UPDATE submissions SET previous = NULL")

    def _change(self, assignments: str, folder: str, *values: str) -> None:
        with self._sentences(), self._transaction():
            self._database.execute(
                f"UPDATE submissions SET {assignments} WHERE folder = ?", (*values, folder)
            )
            failpoints.reach("journal.changing")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            # SQLite has rolled back by itself where the disk is full.
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    @contextlib.contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise GraderError(
                f"{self._path}: the journal cannot be written: {error}. Is the disk full? What was graded until "
                "now is kept; with space on the disk, the same command goes on."
            ) from None
        except sqlite3.DatabaseError as error:
            raise GraderError(
                f"{self._path}: the journal is damaged: {error}. Remove it; then all submissions are graded again."
            ) from None

    def close(self) -> None:
        """Fold the log into the journal and close it."""
        with contextlib.suppress(sqlite3.Error):
            self._database.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
