"""Brings grades.csv and the pages of the results up to date behind the marking, so that no decision waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from autograder.errors import AutograderError

PAUSE_S = 2.0
"""Seconds between two refreshes: what is decided meanwhile is taken by the next one."""


class Refresher:
    """A thread that works once for all that was decided since it last did.

    Args:
        work: What it does.

    Attributes:
        problem: Why the last time failed, in a sentence; else empty.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self.problem = ""
        self._work = work
        self._due = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="refresher", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Say that something was decided."""
        self._due.set()

    def _run(self) -> None:
        while not self._closing.wait(PAUSE_S):
            self._catch_up()
        self._catch_up()

    def _catch_up(self) -> None:
        if not self._due.is_set():
            return
        self._due.clear()
        try:
            self._work()
            self.problem = ""
        except (OSError, AutograderError) as error:
            self.problem = f"grades.csv and the pages of the results are out of date: {error}"

    def close(self) -> None:
        """Do what is due, then end."""
        self._closing.set()
        self._thread.join()
