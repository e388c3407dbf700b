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
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import nbformat
from nbformat import NotebookNode

from autograder.course.notebooks import slimming
from autograder.errors import GraderError, SubmissionError

NOTEBOOK_METADATA: Mapping[str, Any] = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

_MAX_BYTES = 200 * 2**20
_PARSED_HERE_BYTES = 2**20
"""Larger files are parsed in a process of their own."""
_SLIM_BYTES = 30 * 2**20
_SLIM_S = 120
_MAX_TAGS = 20
_CELL_TYPES = ("code", "markdown", "raw")
_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_RESAVE = "Open it in Jupyter, save it as a notebook (.ipynb) and hand it in again."


def read_notebook(path: Path, limit_bytes: int = _MAX_BYTES) -> NotebookNode:
    """Read a submitted notebook; outputs, execution counts and pasted pictures are dropped.

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
    found = _read_slim(path, limit_bytes)
    if problem := found.get("problem"):
        raise SubmissionError(_sentence(name, problem, found["values"]))
    try:
        return _clean(_as_version_4(found["notebook"], name), name)
    except RecursionError:
        raise SubmissionError(_sentence(name, "nested", [])) from None


def _read_slim(path: Path, limit_bytes: int) -> dict[str, Any]:
    name = path.name
    try:
        # Without O_NONBLOCK a named pipe in place of the notebook would hold the grader for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise SubmissionError(f"{name} is not a file. Hand in the notebook itself.")
            if status.st_size > limit_bytes:
                raise SubmissionError(
                    f"{name} is {status.st_size / 2**20:.0f} MB large; "
                    f"at most {limit_bytes / 2**20:.3g} MB are read. "
                    "Clear all outputs, remove embedded files, save and hand in again."
                )
            if status.st_size > _PARSED_HERE_BYTES:
                return _slim_elsewhere(file)
            raw = file.read(_PARSED_HERE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise SubmissionError(f"{name} does not exist. Hand in a notebook (.ipynb).") from None
    except IsADirectoryError:
        raise SubmissionError(f"{name} is a folder. Hand in the notebook itself.") from None
    except (OSError, ValueError) as error:
        raise GraderError(f"{name} cannot be read on the grading machine: {error}") from None
    if not raw.strip(b" \t\r\n\0\xef\xbb\xbf"):
        raise SubmissionError(f"{name} is empty. Save the notebook and hand it in again.")
    return slimming.slim(raw)


def _slim_elsewhere(file: IO[bytes]) -> dict[str, Any]:
    """Parse in a process with limits: what a large file takes is known only when it has been parsed."""
    command = [sys.executable, "-I", "-S", slimming.__file__]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdin=file, stdout=output, stderr=subprocess.DEVNULL)
        try:
            failed = process.wait(timeout=_SLIM_S) != 0
        except subprocess.TimeoutExpired:
            failed = True
        finally:
            process.kill()
            process.wait()
        size = output.seek(0, os.SEEK_END)
        output.seek(0)
        if failed or size > _SLIM_BYTES:
            return {"problem": "memory", "values": []}
        found: dict[str, Any] = json.load(output)
        return found


def _sentence(name: str, problem: str, values: Sequence[Any]) -> str:
    """Say to the student what is wrong with a file that cannot be parsed."""
    sentences = {
        "encoding": "is not UTF-8 text (byte {} is not). ",
        "json": "is not JSON, so it is no notebook or a damaged one: line {}, column {}: {}. ",
        "conflict": "holds the marks of a merge that Git could not finish (line {}). Choose one version. ",
        "digits": f"holds a number of more than {slimming.MAX_DIGITS} digits. ",
        "nested": "is nested too deeply to be a notebook. ",
        "no notebook": "is JSON, but no notebook. ",
        "memory": "takes more memory or time to read than any course notebook, even without its outputs. ",
        "cells": f"has {{}} cells; at most {slimming.MAX_CELLS} are read. Remove some.",
    }
    advice = "" if problem == "cells" else _RESAVE
    return f"{name} {sentences[problem].format(*values)}{advice}"


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
    if len(cells) > slimming.MAX_CELLS:
        raise SubmissionError(_sentence(name, "cells", [len(cells)]))
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
    if len(source) > slimming.MAX_SOURCE:
        raise SubmissionError(
            f"{where} is {len(source)} characters long; at most {slimming.MAX_SOURCE} are read. "
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
