"""Who looks at which answer right now, in all processes that serve one assignment."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

PRESENCE_NAME = ".marking-presence.sqlite"

STALE_S = 15.0
"""Seconds after which somebody who has not asked again is gone; pages ask every four."""


class Presence:
    """A note that others read; losing it costs nothing, so it is never waited for.

    Args:
        folder: `RESULTS/<slug>`.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(
            folder / PRESENCE_NAME, timeout=1.0, isolation_level=None, check_same_thread=False
        )
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS presence (who TEXT PRIMARY KEY, place TEXT NOT NULL, at REAL NOT NULL)"
        )

    def enter(self, who: str, place: str) -> None:
        """Note that somebody looks at an answer; they leave the one before."""
        self._run("INSERT OR REPLACE INTO presence VALUES (?, ?, ?)", who, place, time.time())

    def others(self, who: str) -> dict[str, str]:
        """Return who else is here and at which place."""
        since = time.time() - STALE_S
        return dict(
            self._run("SELECT who, place FROM presence WHERE who != ? AND at > ? ORDER BY who", who, since)
        )

    def _run(self, statement: str, *values: object) -> list[tuple[str, str]]:
        try:
            with self._lock:
                return self._database.execute(statement, values).fetchall()
        except sqlite3.Error:  # busy, or a full disk: nobody is seen for a moment
            return []

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()
