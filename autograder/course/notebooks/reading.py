"""Turn the bytes that a student handed in into a clean nbformat 4 notebook, or into a sentence.

What is kept is built anew from a short list of fields, so that nothing unexpected (widget states, outputs
stored from a friend, odd metadata) travels on into the kernel, the report or the HTML.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.errors import GraderError, SubmissionError

NOTEBOOK_METADATA: Mapping[str, Any] = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

_MAX_BYTES = 20 * 2**20
_MAX_CELLS = 2000
_MAX_SOURCE = 500_000
# A parsed `[]` takes some 60 bytes where its text takes 3: so lists and dictionaries are bounded too.
_MAX_CONTAINERS = 500_000
_MAX_DIGITS = 300
_MAX_TAGS = 20
_CELL_TYPES = ("code", "markdown", "raw")
_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_RESAVE = "Open it in Jupyter, save it as a notebook (.ipynb) and hand it in again."


def read_notebook(path: Path, limit_bytes: int = _MAX_BYTES) -> NotebookNode:
    """Read a submitted notebook; outputs and execution counts are dropped.

    Args:
        path: The file that was handed in.
        limit_bytes: Largest file that is read, in bytes.

    Returns:
        A valid notebook of nbformat 4.5 with unique cell ids.

    Raises:
        SubmissionError: If the file is no notebook that can be run; a sentence for the student.
        GraderError: If the machine cannot read a file that is there.
    """
    name = path.name
    raw = _read_bytes(path, limit_bytes)
    data = _parse(raw, name)
    try:
        return _clean(_as_version_4(data, name), name)
    except RecursionError:
        raise SubmissionError(_nested(name)) from None


def _read_bytes(path: Path, limit_bytes: int) -> bytes:
    name = path.name
    try:
        # Without O_NONBLOCK a named pipe in place of the notebook would hold the grader for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise SubmissionError(f"{name} is not a file. Hand in the notebook itself.")
            raw = file.read(limit_bytes + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise SubmissionError(f"{name} does not exist. Hand in a notebook (.ipynb).") from None
    except IsADirectoryError:
        raise SubmissionError(f"{name} is a folder. Hand in the notebook itself.") from None
    except (OSError, ValueError) as error:
        raise GraderError(f"{name} cannot be read on the grading machine: {error}") from None
    if len(raw) > limit_bytes:
        size = max(status.st_size, len(raw)) / 2**20
        raise SubmissionError(
            f"{name} is {size:.0f} MB large; at most {limit_bytes / 2**20:.3g} MB are read. "
            "Clear all outputs, remove embedded files, save and hand in again."
        )
    if not raw.strip(b" \t\r\n\0\xef\xbb\xbf"):
        raise SubmissionError(f"{name} is empty. Save the notebook and hand it in again.")
    return raw


def _parse(raw: bytes, name: str) -> dict[str, Any]:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SubmissionError(f"{name} is not UTF-8 text (byte {error.start} is not). {_RESAVE}") from None
    if raw.count(b"[") + raw.count(b"{") > _MAX_CONTAINERS:
        raise SubmissionError(
            f"{name} holds more than {_MAX_CONTAINERS} brackets: it is no course notebook. {_RESAVE}"
        )
    try:
        data = json.loads(text, parse_int=_parse_int, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        raise SubmissionError(
            f"{name} is not JSON, so it is no notebook or a damaged one: "
            f"line {error.lineno}, column {error.colno}: {error.msg}. {_RESAVE}"
        ) from None
    except ValueError:
        raise SubmissionError(f"{name} holds a number of more than {_MAX_DIGITS} digits. {_RESAVE}") from None
    except RecursionError:
        raise SubmissionError(_nested(name)) from None
    if not isinstance(data, dict):
        raise SubmissionError(f"{name} is JSON, but no notebook. {_RESAVE}")
    return data


def _parse_int(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError("too many digits")
    return int(digits)


def _nested(name: str) -> str:
    return f"{name} is nested too deeply to be a notebook. {_RESAVE}"


def _as_version_4(data: dict[str, Any], name: str) -> Mapping[str, Any]:
    """Return the notebook as nbformat 4, upgrading what nbformat itself can upgrade."""
    major = data.get("nbformat")
    if not isinstance(major, int) or isinstance(major, bool):
        raise SubmissionError(f"{name} is JSON, but no notebook: it states no nbformat. {_RESAVE}")
    if major == 4:
        return data
    if major > 4 or major < 1:
        raise SubmissionError(
            f"{name} is of notebook format {major}; formats 3 and 4 are read. "
            "Save it with a current Jupyter as format 4 and hand it in again."
        )
    # nbformat logs what it finds invalid while converting; the cells are checked below anyway.
    logger = logging.getLogger("traitlets")
    was_disabled, logger.disabled = logger.disabled, True
    try:
        converted: Mapping[str, Any] = nbformat.convert(nbformat.from_dict(data), 4)
    except RecursionError:
        raise
    except Exception:
        # The converters take the old formats' structure for granted and fail in their own many ways.
        raise SubmissionError(
            f"{name} is of the old notebook format {major} and cannot be converted. "
            "Open it in a current Jupyter, save it and hand it in again."
        ) from None
    finally:
        logger.disabled = was_disabled
    return converted


def _clean(data: Mapping[str, Any], name: str) -> NotebookNode:
    cells = data.get("cells")
    if not isinstance(cells, list):
        raise SubmissionError(f"{name} is JSON, but no notebook: it has no list of cells. {_RESAVE}")
    if not cells:
        raise SubmissionError(f"{name} has no cells. Hand in the notebook that you worked in.")
    if len(cells) > _MAX_CELLS:
        raise SubmissionError(f"{name} has {len(cells)} cells; at most {_MAX_CELLS} are read. Remove some.")
    clean = [_clean_cell(cell, number, name) for number, cell in enumerate(cells, start=1)]
    _number_ids(clean)
    return nbformat.from_dict(
        {"cells": clean, "metadata": dict(NOTEBOOK_METADATA), "nbformat": 4, "nbformat_minor": 5}
    )


def _clean_cell(cell: Any, number: int, name: str) -> dict[str, Any]:
    where = f"Cell {number} of {name}"
    if not isinstance(cell, dict):
        raise SubmissionError(f"{where} is no notebook cell. {_RESAVE}")
    kind = cell.get("cell_type")
    if kind not in _CELL_TYPES:
        raise SubmissionError(f"{where} is of the unknown type {str(kind)[:40]!r}. {_RESAVE}")
    source = cell.get("source")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise SubmissionError(f"The source of cell {number} of {name} is not text. {_RESAVE}")
    if len(source) > _MAX_SOURCE:
        raise SubmissionError(
            f"{where} is {len(source)} characters long; at most {_MAX_SOURCE} are read. "
            "Load data from a file instead of writing it into a cell."
        )
    clean: dict[str, Any] = {
        "cell_type": kind,
        "id": cell.get("id"),
        "metadata": _clean_metadata(cell.get("metadata")),
        "source": _whole(source),
    }
    if kind == "code":
        clean |= {"outputs": [], "execution_count": None}
    elif attachments := _clean_attachments(cell.get("attachments")):
        clean["attachments"] = attachments
    return clean


def _clean_metadata(metadata: Any) -> dict[str, Any]:
    """Keep what grading looks at: nbgrader's marks, tags and the two locks."""
    if not isinstance(metadata, dict):
        return {}
    clean: dict[str, Any] = {}
    marks = metadata.get("nbgrader")
    if isinstance(marks, dict):
        clean["nbgrader"] = {
            _whole(key): _whole(value) if isinstance(value, str) else value
            for key, value in marks.items()
            if len(key) <= 64 and _is_plain(value)
        }
    tags = metadata.get("tags")
    if isinstance(tags, list):
        # nbformat wants tags that are unique and without commas.
        texts = [_whole(tag) for tag in tags[:_MAX_TAGS] if isinstance(tag, str) and len(tag) <= 64]
        if kept := list(dict.fromkeys(tag for tag in texts if re.fullmatch(r"[^,]+", tag))):
            clean["tags"] = kept
    for key in ("deletable", "editable"):
        if isinstance(metadata.get(key), bool):
            clean[key] = metadata[key]
    return clean


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= 200
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, (bool, int))


def _clean_attachments(attachments: Any) -> dict[str, dict[str, str]]:
    if not isinstance(attachments, dict):
        return {}
    clean = {}
    for name, bundle in attachments.items():
        if isinstance(bundle, dict):
            images = {
                kind: data
                for kind, data in bundle.items()
                if re.fullmatch(r"image/[a-z]{3,4}", kind) and isinstance(data, str) and data.isascii()
            }
            if images:
                clean[_whole(name)] = images
    return clean


def _whole(text: str) -> str:
    """Replace lone surrogates, which JSON can write and UTF-8 cannot."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _number_ids(cells: list[dict[str, Any]]) -> None:
    """Give every cell an id of its own, keeping the ids that are good; the same input gives the same ids."""
    given = [
        cell["id"] if isinstance(cell["id"], str) and _ID.fullmatch(cell["id"]) else "" for cell in cells
    ]
    taken: set[str] = set()
    free = iter(f"cell-{number}" for number in range(2 * len(cells) + 1))
    reserved = set(given)
    for cell, known in zip(cells, given, strict=True):
        if not known or known in taken:
            known = next(name for name in free if name not in reserved)
        taken.add(known)
        cell["id"] = known
