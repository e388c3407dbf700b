"""The log of decisions: what people decided, never changed, only added to.

    with MarkingStore(results / slug) as store:
        store.append(Decision(...))             # on the disk when it returns
        news = store.since(last_row)

SQLite with a write-ahead log and full synchronisation. Several processes and threads write at once; one decision at a
time is checked and added. A decision names the decisions that it replaces (`previous`): if someone else has decided on
the same meanwhile, nothing is written and `ConflictError` says who decided what.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from autograder import failpoints
from autograder.marking.errors import ConflictError, StoreError
from autograder.marking.records import Decision, Slot
from autograder.marking.store_file import NEVER_REMOVED, open_log, transaction

STORE_NAME = "marking.sqlite"

_COLUMNS = ("id", "at", "by", "kind", "student", "target", "value", "previous", "reason", "basis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A decision and where it stands in this log."""

    row: int
    """Grows with each decision; for `MarkingStore.since`."""

    decision: Decision
    """The decision."""


def new_id() -> str:
    """Return an id that no other decision has."""
    return str(uuid.uuid4())


def utc_now() -> str:
    """Return the present as decisions have it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def heads(decisions: Iterable[Decision]) -> list[Decision]:
    """Return the decisions of one slot that no other replaces, the one that counts first.

    More than one remains only where two machines decided without knowing of each other. The order depends on what the
    decisions say alone, so that every machine comes to the same.
    """
    known = list(decisions)
    replaced = {name for one in known for name in one.previous.split()}
    return sorted((one for one in known if one.id not in replaced), key=lambda one: (one.at, one.id))[::-1]


def revision(current: Iterable[Decision]) -> str:
    """Return what `previous` of the next decision must be, from the current heads of its slot."""
    return " ".join(sorted(one.id for one in current))


class MarkingStore:
    """The decisions in a folder; made if there are none.

    It can be used by several threads.

    Args:
        folder: `RESULTS/<slug>`.

    Raises:
        StoreError: If the file is damaged, no log of decisions, or of a newer version, or cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / STORE_NAME
        self._lock = threading.RLock()
        if not folder.is_dir():
            raise StoreError(f"{folder}: no such folder. Name the folder given to `autograder grade --out`.")
        with self._sentences():
            self._database = open_log(self.path)
            self._database.text_factory = _decoded

    def append(self, *decisions: Decision) -> int:
        """Add decisions, all of them or none; on the disk when it returns.

        Args:
            decisions: Each states in `previous` what it replaces: the `revision` of the record that it was made from.

        Returns:
            The row of the last one.

        Raises:
            ConflictError: If someone has decided on the same as one of them meanwhile.
            StoreError: If they cannot be written.
        """
        with self._lock, self._sentences(), transaction(self._database):
            for decision in decisions:
                current = heads(one.decision for one in self._of_slot(decision.slot))
                if decision.previous != revision(current):
                    raise ConflictError(decision, current)
                self._insert(decision)
            failpoints.reach("marking.appending")
            return self._last()

    def merge(self, decisions: Iterable[Decision]) -> int:
        """Add decisions of another log, those that are not here yet; all of them or none.

        Returns:
            How many were new.

        Raises:
            StoreError: If a decision here has the same id and says something else, or they cannot be written.
        """
        added = 0
        with self._lock, self._sentences(), transaction(self._database):
            for decision in decisions:
                found = self._select("WHERE id = CAST(? AS TEXT)", (_encoded(decision.id),))
                if found and found[0].decision != decision:
                    raise StoreError(
                        f"Decision {decision.id} of {decision.by} is not the same in both logs. Decisions never "
                        "change, so one of the files was edited; nothing was merged."
                    )
                if not found:
                    self._insert(decision)
                    added += 1
        return added

    def since(self, row: int = 0) -> list[Logged]:
        """Return the decisions after a row, oldest first.

        Args:
            row: The last row that the caller knows; 0: all.
        """
        with self._lock, self._sentences():
            return self._select("WHERE row > ? ORDER BY row", (row,))

    def on_student(self, student: str) -> list[Decision]:
        """Return the decisions on one student, and those on no student: rubrics, assignments of questions."""
        with self._lock, self._sentences():
            found = self._select("WHERE student IN (CAST(? AS TEXT), '') ORDER BY row", (_encoded(student),))
        return [one.decision for one in found]

    def forget(self, student: str) -> None:
        """Remove the decisions on a student who has to be forgotten: the one exception to a log that only grows.

        Nothing of them stays in the file, nor in the write-ahead log beside it.
        """
        with self._lock, self._sentences():
            self._database.execute("PRAGMA secure_delete = ON")
            with transaction(self._database):
                self._database.execute("DROP TRIGGER never_removed")
                self._database.execute(
                    "DELETE FROM decisions WHERE student = CAST(? AS TEXT)", (_encoded(student),)
                )
                self._database.execute(NEVER_REMOVED)
            self._database.execute("VACUUM")
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def last_row(self) -> int:
        """Return the row of the last decision; 0 without any. Costs next to nothing."""
        with self._lock, self._sentences():
            return self._last()

    def _last(self) -> int:
        return int(self._database.execute("SELECT coalesce(max(row), 0) FROM decisions").fetchone()[0])

    def _of_slot(self, slot: Slot) -> list[Logged]:
        where = " AND ".join(f"{name} = CAST(? AS TEXT)" for name in ("kind", "student", "target"))
        return self._select(f"WHERE {where}", tuple(map(_encoded, slot)))

    def _select(self, where: str, values: tuple[object, ...]) -> list[Logged]:
        found = self._database.execute(f"SELECT row, {', '.join(_COLUMNS)} FROM decisions {where}", values)
        return [Logged(row=row, decision=_decision(texts)) for row, *texts in found.fetchall()]

    def _insert(self, decision: Decision) -> None:
        texts = [getattr(decision, name) for name in _COLUMNS]
        texts[_COLUMNS.index("value")] = json.dumps(decision.value, sort_keys=True, allow_nan=False)
        places = ", ".join(["CAST(? AS TEXT)"] * len(_COLUMNS))
        self._database.execute(
            f"INSERT INTO decisions ({', '.join(_COLUMNS)}) VALUES ({places})", tuple(map(_encoded, texts))
        )

    @contextlib.contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise StoreError(
                f"{self.path}: the log of decisions cannot be used: {error}. Is the disk full, or the folder "
                "read-only or on a network drive? What was saved until now is kept."
            ) from None
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"{self.path}: no log of decisions, or a damaged one: {error}. Move it elsewhere and put a copy back."
            ) from None

    def close(self) -> None:
        """Fold the write-ahead log into the file and close it."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._database.close()

    def __enter__(self) -> MarkingStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _encoded(text: str) -> bytes:
    # The name of a file, and so of a student, may hold what is no UTF-8.
    return text.encode("utf-8", "surrogatepass")


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _decision(texts: Sequence[str]) -> Decision:
    named = dict(zip(_COLUMNS, texts, strict=True))
    return Decision(**{**named, "value": json.loads(named["value"])})
