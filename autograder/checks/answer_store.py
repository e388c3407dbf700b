"""Expected values on the disk: what a reference or a known mistake answers is computed once a machine.

Inputs come from a fixed pool, so that every student of every year asks for the same few answers. An answer's
name is a hash of the question and of everything that could change the answer (`fingerprint`, and the machine's kind).
Nothing is ever out of date; it is only asked for no more.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch

from autograder.course.fingerprint import course_fingerprint, folder_hash
from autograder.execution.wire import codec
from autograder.records import GradingSettings, ModelSpec

CACHE_VARIABLE = "AUTOGRADER_CACHE"
TOTAL_BYTES = 512 * 2**20
"""All answers of all courses; the oldest go."""

ANSWER_BYTES = 8 * 2**20
_LENGTH = struct.Struct("<I")


def cache_dir() -> Path:
    """Return the folder of everything that can be computed again; `AUTOGRADER_CACHE` names another."""
    named = os.environ.get(CACHE_VARIABLE)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named) if named else Path(base) / "autograder"


class Store:
    """Answers of one assignment, one file each; a damaged file counts as none.

    Args:
        folder: Where the files are; made with the first one. Unwritable: nothing is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, key: Any) -> tuple[bool, Any]:
        """Return whether there is an answer, and the answer.

        Args:
            key: From `content_key`; its repr names the question.
        """
        try:
            data = self._path(key).read_bytes()
            (length,) = _LENGTH.unpack_from(data)
            tree, tensors = codec.unpack(
                data[_LENGTH.size : _LENGTH.size + length], data[_LENGTH.size + length :]
            )
            return True, codec.decode(tree["answer"], tensors, arrays=True)
        except (OSError, struct.error, codec.WireError, KeyError):
            return False, None

    def save(self, key: Any, answer: Any) -> None:
        """Keep an answer of plain values and CPU tensors; anything else is let go."""
        if any(tensor.device.type != "cpu" for tensor in _tensors(answer)):
            return  # read back it would lie on the CPU
        try:
            tree, tensors = codec.encode(answer)
            head, blob = codec.pack({"answer": tree}, tensors)
        except codec.WireError:
            return
        data = _LENGTH.pack(len(head)) + head + blob
        if len(data) > ANSWER_BYTES:
            return
        with contextlib.suppress(OSError):  # a full or read-only disk costs time, nothing else
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write(self._path(key), data)

    def _path(self, key: Any) -> Path:
        return self._folder / hashlib.sha256(repr(key).encode()).hexdigest()[:40]


def open_store(settings: GradingSettings) -> Store:
    """Return the answers of an assignment as its files stand now, and drop the oldest of all where there are many.

    Args:
        settings: The content of the assignment's files and the kind of device are part of every answer's name.
    """
    root = cache_dir() / "expected"
    prune(root, TOTAL_BYTES)
    return Store(root / settings.assignment.slug / context(settings))


def context(settings: GradingSettings) -> str:
    """Return a hash of all that answers depend on but the question itself: a grade depends on no less."""
    state = [
        course_fingerprint(settings),
        platform.machine(),
        torch.backends.cpu.get_cpu_capability(),
    ]
    return hashlib.sha256(json.dumps(state).encode()).hexdigest()[:16]


def model_names(spec: ModelSpec) -> tuple[str, str] | None:
    """Return names of a model and its tokenizer by their files' content; None if they lie in the hub's cache."""
    if not (spec.path.is_dir() and spec.tokenizer.is_dir()):
        return None
    model = f"{spec.loader} {spec.attention} {folder_hash(spec.path)}"
    return model, f"tokenizer {folder_hash(spec.tokenizer)}"


def prune(root: Path, total_bytes: int) -> None:
    """Remove the answers that were written first until the rest takes no more than this."""
    with contextlib.suppress(OSError):
        found = [(path, path.stat()) for path in root.glob("*/*/*") if path.is_file()]
        found.sort(key=lambda pair: pair[1].st_mtime)
        excess = sum(status.st_size for _, status in found) - total_bytes
        for path, status in found:
            if excess <= 0:
                return
            path.unlink(missing_ok=True)
            excess -= status.st_size


def _write(path: Path, data: bytes) -> None:
    """Write a file in one step, for readers at the same time; a power cut may leave a damaged one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        yield from _in(value)
    elif isinstance(value, dict):
        yield from _in(value.values())


def _in(values: Iterable[Any]) -> Iterator[torch.Tensor]:
    for value in values:
        yield from _tensors(value)
