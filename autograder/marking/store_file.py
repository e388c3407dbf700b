"""The SQLite file that holds a log of decisions: made, recognised, opened by several processes at once."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from autograder.marking.errors import StoreError

_APPLICATION = 0x41474D4B
"""What SQLite's header names as the program that a file belongs to: `AGMK`."""

_VERSION = 1
_BUSY_S = 30.0
NEVER_REMOVED = """CREATE TRIGGER IF NOT EXISTS never_removed BEFORE DELETE ON decisions
        BEGIN SELECT RAISE(ABORT, 'decisions are never removed'); END"""
_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS decisions (
        row INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        at TEXT NOT NULL,
        by TEXT NOT NULL,
        kind TEXT NOT NULL,
        student TEXT NOT NULL,
        target TEXT NOT NULL,
        value TEXT NOT NULL,
        previous TEXT NOT NULL,
        reason TEXT NOT NULL,
        basis TEXT NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS slots ON decisions (student, kind, target)",
    """CREATE TRIGGER IF NOT EXISTS never_changed BEFORE UPDATE ON decisions
        BEGIN SELECT RAISE(ABORT, 'decisions are never changed'); END""",
    NEVER_REMOVED,
)


def open_log(path: Path) -> sqlite3.Connection:
    """Open a log of decisions; made if there is none.

    Args:
        path: The file.

    Returns:
        A connection that several threads may use, one after the other.

    Raises:
        StoreError: If another program or a newer version wrote the file.
        sqlite3.DatabaseError: If it is damaged or cannot be written.
    """
    database = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        _prepare(database, path)
    except BaseException:
        database.close()
        raise
    return database


@contextlib.contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Write all of what happens meanwhile, or nothing.

    Args:
        database: From `open_log`.
    """
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if database.in_transaction:  # SQLite has rolled back by itself where the disk is full
            database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    application, version, tables = _header(database)
    if tables and application != _APPLICATION:
        raise StoreError(
            f"{path}: not a log of decisions: another program wrote this file. "
            "Move it elsewhere, then start again."
        )
    if version > _VERSION:
        raise StoreError(
            f"{path}: written by a newer version of autograder (log {version}, this one reads {_VERSION}). "
            "Use that version."
        )
    _use_write_ahead_log(database)
    database.execute("PRAGMA synchronous = FULL")
    if version < _VERSION:
        with transaction(database):
            for statement in _SCHEMA:
                database.execute(statement)
            database.execute(f"PRAGMA application_id = {_APPLICATION}")
            database.execute(f"PRAGMA user_version = {_VERSION}")


def _header(database: sqlite3.Connection) -> list[int]:
    """Return application, version and number of tables, of one moment: other processes may be making the file."""
    queries = ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
    database.execute("BEGIN")
    found = [int(database.execute(query).fetchone()[0]) for query in queries]
    database.execute("COMMIT")
    return found


def _use_write_ahead_log(database: sqlite3.Connection) -> None:
    """Set the journal mode; SQLite does not wait here for others that open the file at the same moment."""
    deadline = time.monotonic() + _BUSY_S
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)
