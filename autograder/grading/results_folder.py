"""A folder of results as one grader holds it: locked, swept, its submissions' state looked up.

Two locks, both of the kernel's, which a death releases: one is the coordinator's, and a second grader is refused
while it is held; the other is shared with the workers (`workers_lock`), so that after a death nothing is written
before the last of them has gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from autograder import failpoints
from autograder.course.policy.attempts import OWN_FOLDER
from autograder.errors import AssignmentError, AutograderError, GraderError
from autograder.grading.journal import Entry, Journal
from autograder.records import GradeReport
from autograder.report.atomic_files import PARTIAL_PATTERN
from autograder.report.serialise import REPORT_NAME, from_json, light

_WORKERS_TIMEOUT_S = 15.0
_WORKERS_POLL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The results of one assignment, held by this process alone."""

    folder: Path
    """`DIR/<slug>`."""

    journal: Journal
    """What has been done."""

    workers_lock: int
    """A descriptor that workers inherit: the next grader waits until all of them have closed it."""

    scratch: Path
    """For files of this run; not there until it is made, and removed at its end or by the next run."""

    def finished(self, entry: Entry) -> GradeReport | None:
        """Return the report of a submission as it was graded; None if its files are not as they were left."""
        place = self.folder / entry.folder
        if not entry.files or not all((place / name).is_file() for name in entry.files):
            return None
        data = self._read(entry.folder)
        return light(from_json(data, own=True)) if _digest(data) == entry.report else None

    def present(self, name: str, entry: Entry | None) -> GradeReport | None:
        """Return the report that lies in a student's folder, whoever left it there; None if there is none.

        Args:
            name: The student's folder.
            entry: What the journal knows of it.
        """
        data = self._read(name)
        try:
            return light(from_json(data, own=entry is not None and _digest(data) == entry.report))
        except AutograderError:
            return None

    def _read(self, name: str) -> bytes:
        try:
            return (self.folder / name / REPORT_NAME).read_bytes()
        except OSError:
            return b""


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@contextmanager
def open_results(out: Path, slug: str) -> Iterator[Results]:
    """Hold the results folder of an assignment; made if there is none.

    Args:
        out: What the command was given as --out.
        slug: The assignment.

    Raises:
        AssignmentError: If it cannot be written, or another grader is at work in it.
        GraderError: If the journal cannot be read.
    """
    folder = out.absolute() / slug
    try:
        own = _made(folder)
        lock, workers_lock = (_opened(own / name) for name in ("lock", "workers-lock"))
    except OSError as error:
        raise AssignmentError(
            f"{folder}: results cannot be written here: {error.strerror}.\nChoose another folder with --out DIR."
        ) from None
    with contextlib.ExitStack() as stack:
        # Closed in the opposite order: who gets the first lock finds the second one free.
        stack.callback(os.close, lock)
        stack.callback(os.close, workers_lock)
        _lock(lock, folder)
        _await_workers(workers_lock, folder)
        failpoints.reach("results.locked")
        scratch = own / "scratch"
        _sweep(folder, scratch)
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        journal = stack.enter_context(Journal(own))
        failpoints.reach("journal.opened")
        yield Results(folder=folder, journal=journal, workers_lock=workers_lock, scratch=scratch)


def _made(folder: Path) -> Path:
    """Make the folder and see that it can be written."""
    own = folder / OWN_FOLDER
    own.mkdir(parents=True, exist_ok=True)
    probe = folder / ".writable"
    probe.write_bytes(b"")
    probe.unlink()
    return own


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)


def _lock(lock: int, folder: Path) -> None:
    """Become the only coordinator here.

    Raises:
        AssignmentError: If there is one.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
        raise AssignmentError(
            f"{folder}: another autograder is grading into this folder (process {holder or 'unknown'}). "
            "Wait until it is done, or choose another folder with --out DIR."
        ) from None
    except OSError as error:
        raise AssignmentError(
            f"{folder}: files on this file system cannot be locked: {error.strerror}. "
            "Choose a folder on a local disk with --out DIR."
        ) from None
    # Only for that sentence; a full disk must not keep anyone from grading.
    with contextlib.suppress(OSError):
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)


def _await_workers(workers_lock: int, folder: Path) -> None:
    """Wait until the workers of a run that was killed have gone; they do at once."""
    deadline = time.monotonic() + _WORKERS_TIMEOUT_S
    while True:
        try:
            fcntl.flock(workers_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise GraderError(
                    f"{folder}: workers of an earlier run still hold this folder. End them, then start again."
                ) from None
            time.sleep(_WORKERS_POLL_S)
        else:
            return


def _sweep(folder: Path, scratch: Path) -> None:
    """Remove what a killed run left: half-written files and unpacked archives."""
    for pattern in (PARTIAL_PATTERN, f"*/{PARTIAL_PATTERN}"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
    shutil.rmtree(scratch, ignore_errors=True)
