"""Reduce a notebook's bytes to what grading looks at: no outputs, no widget states, no pasted pictures.

Also a program: given a file as standard input it writes the result as JSON, within limits of memory and time. It
needs the standard library alone, so that it starts quickly.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

MAX_CELLS = 2000
"""Cells that are read of a notebook."""

MAX_DIGITS = 300
"""Digits of a number in a notebook."""

MAX_SOURCE = 500_000
"""Characters of one cell, without pictures."""

_MEMORY_BYTES = 2**29
# Text with a single emoji takes four bytes a character in memory, beside the file's own.
_MEMORY_PER_BYTE = 5
_CPU_S = 40
_MAX_METADATA = 20_000
_MAX_ATTACHMENTS = 5 * 2**20
_TOP = ("nbformat", "nbformat_minor", "cells", "worksheets")
_CELL = ("cell_type", "id", "metadata", "source", "input", "attachments", "level", "language", "collapsed")
_METADATA = ("nbgrader", "tags", "deletable", "editable")
_DATA = r"data:image/[\w.+-]{1,20};base64,[A-Za-z0-9+/=%\s]{1000,}"
_MARKDOWN_PICTURE = re.compile(rf"!\[([^\[\]]{{0,200}})\]\(\s*<?{_DATA}>?[^()]{{0,200}}\)")
_PICTURE = re.compile(_DATA)
_CONFLICT = re.compile(r"^<{7} ", re.MULTILINE)


def slim(raw: bytes) -> dict[str, Any]:
    """Parse and reduce a notebook.

    Args:
        raw: The file's content.

    Returns:
        `{"notebook": ...}`, or `{"problem": kind, "values": [...]}` with what a sentence about it needs.
    """
    try:
        # PowerShell and Windows' Notepad write UTF-16 with its mark.
        text = raw.decode("utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError as error:
        return _problem("encoding", error.start)
    del raw
    try:
        data = json.loads(
            text, parse_int=_parse_int, parse_constant=lambda _: None, object_hook=_without_outputs
        )
    except json.JSONDecodeError as error:
        if mark := _CONFLICT.search(text):
            return _problem("conflict", text.count("\n", 0, mark.start()) + 1)
        return _problem("json", error.lineno, error.colno, error.msg)
    except ValueError:
        return _problem("digits")
    except RecursionError:
        return _problem("nested")
    if not isinstance(data, dict):
        return _problem("no notebook")
    cells = data.get("cells")
    if isinstance(cells, list) and len(cells) > MAX_CELLS:
        return _problem("cells", len(cells))
    return {"notebook": {key: data[key] for key in _TOP if key in data} | {"metadata": {}}}


def _problem(kind: str, *values: int | str) -> dict[str, Any]:
    return {"problem": kind, "values": list(values)}


def _parse_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("too many digits")
    return int(digits)


def _without_outputs(found: dict[str, Any]) -> dict[str, Any]:
    """Reduce a cell as soon as it is parsed, so that its outputs do not stay in memory."""
    # nbgrader's marks state a cell_type as well.
    if "cell_type" not in found or not found.keys() & {"source", "input", "outputs"}:
        return found
    cell = {key: found[key] for key in _CELL if key in found}
    for key in ("source", "input"):
        text = cell.get(key)
        if isinstance(text, list) and all(isinstance(line, str) for line in text):
            text = "".join(text)
        if isinstance(text, str):
            cell[key] = shorten_pictures(text, is_code=cell.get("cell_type") == "code")
    if cell.get("cell_type") == "code":
        cell["outputs"] = []  # nbformat's converters of old formats ask for them
    metadata = cell.get("metadata")
    if isinstance(metadata, dict):
        cell["metadata"] = {
            key: metadata[key]
            for key in _METADATA
            if key in metadata and len(json.dumps(metadata[key])) <= _MAX_METADATA
        }
    if "attachments" in cell and len(json.dumps(cell["attachments"])) > _MAX_ATTACHMENTS:
        del cell["attachments"]
    return cell


def shorten_pictures(source: str, *, is_code: bool) -> str:
    """Replace pictures that an editor wrote into a text by a note, as Colab does when one pastes a screenshot.

    Args:
        source: The cell's source.
        is_code: Whether it is code: code may need its data, so only too long a cell is shortened.
    """
    if "base64," not in source or (is_code and len(source) <= MAX_SOURCE):
        return source
    if not is_code:
        source = _MARKDOWN_PICTURE.sub(lambda match: f"[picture: {match[1]}]", source)
    return _PICTURE.sub("picture", source)


def main() -> None:
    """Reduce standard input to standard output."""
    import gc
    import resource

    gc.disable()  # it would look through all that is parsed again and again, and parsing makes no cycles
    memory_bytes = _MEMORY_BYTES + _MEMORY_PER_BYTE * os.fstat(0).st_size
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S + 1))
    try:
        result = slim(sys.stdin.buffer.read())
        text = json.dumps(result)
    except MemoryError:
        text = json.dumps(_problem("memory"))
    except RecursionError:
        text = json.dumps(_problem("nested"))
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
