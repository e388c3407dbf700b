"""Files of the results: written whole or not at all, in folders whose names are safe."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import IO

from autograder import failpoints
from autograder.errors import GraderError

PARTIAL_PATTERN = ".*.part"
"""Names of files that are being written; what matches when nobody writes is left of a killed process."""

_SYNCING_THREADS = 6


def write_files(files: Mapping[str, bytes], folder: Path, *, nested: bool = False) -> None:
    """Write files that are there in full or not at all, also after a power cut; on the disk when it returns.

    All are written, and then waited for at the same time: the disk takes them together. They come into their places
    in their order, so that where the last one is, the others are.

    Args:
        files: From names to contents.
        folder: Where; it exists.
        nested: Whether the folder itself may be new: the one above then has to know it for good, too.

    Raises:
        OSError: If the folder cannot be written to or the disk is full; all is then as it was before.
    """
    with contextlib.ExitStack() as stack:
        waiting = {name: stack.enter_context(_partial(folder, name)) for name in files}
        for name, file in waiting.items():
            file.write(files[name])
            file.flush()
            failpoints.reach(f"{name}.written")
        synced = {name: _syncing().submit(os.fsync, file.fileno()) for name, file in waiting.items()}
        parent = _syncing().submit(sync_folder, folder.parent) if nested else None
        # Nothing is closed while it is waited for.
        wait([*synced.values(), *filter(None, [parent])])
        if parent is not None:
            parent.result()
        for name, file in waiting.items():
            synced[name].result()
            # mkstemp gives 0600; results are read by whoever may read the folder.
            os.fchmod(file.fileno(), 0o644)
            failpoints.reach(f"{name}.synced")
        for name, file in waiting.items():
            Path(file.name).replace(folder / name)
            failpoints.reach(f"{name}.renamed")
    sync_folder(folder)


@functools.cache
def _syncing() -> ThreadPoolExecutor:
    """Return this process's threads that wait for the disk."""
    return ThreadPoolExecutor(_SYNCING_THREADS, thread_name_prefix="sync")


# A fork has no threads but its own.
os.register_at_fork(after_in_child=_syncing.cache_clear)


@contextlib.contextmanager
def _partial(folder: Path, name: str) -> Iterator[IO[bytes]]:
    """Open a file beside the one that it will become; gone at the end unless it has become that."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{name}.", suffix=".part", delete=False) as file:
        try:
            yield file
        finally:
            Path(file.name).unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the renames in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from writing pages into a folder meanwhile: what they are made from may have changed."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def refusal(error: OSError) -> GraderError:
    """Return the sentence for a file that could not be written: a full disk, as a rule."""
    where = f"{error.filename}: " if error.filename else ""
    return GraderError(
        f"{where}{error.strerror or error}. Grading has stopped; what was graded until now is kept. "
        "When this is mended, the same command goes on from there."
    )
