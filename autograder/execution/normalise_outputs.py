"""Takes from an executed notebook what differs from run to run and says nothing about the answer."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,16}\b")
_CELL_FILE = re.compile(r"/tmp/ipykernel_\d+/\d+\.py")
_VOLATILE = ("execution", "collapsed", "scrolled")


def join_streams(outputs: list[Any]) -> list[Any]:
    """Make one output of all that a cell printed to a stream, as a terminal would show it.

    What nbclient does (`coalesce_streams`), in time that grows with the text and not with its square: there, one
    printed line of a megabyte takes hours.

    Args:
        outputs: Of one cell; stdout comes before stderr where they are neighbours.
    """
    joined: list[Any] = []
    texts: dict[str, list[str]] = {}
    for output in outputs:
        if output["output_type"] != "stream":
            joined.append(output)
        elif output["name"] in texts:
            texts[output["name"]].append(output["text"])
        else:
            texts[output["name"]] = [output["text"]]
            joined.append(output)
    for output in joined:
        if output["output_type"] == "stream":
            output["text"] = _as_on_a_terminal("".join(texts[output["name"]]))
    for place, (first, second) in enumerate(itertools.pairwise(joined)):
        if first.get("name") == "stderr" and second.get("name") == "stdout":
            joined[place : place + 2] = [second, first]
            break
    return joined


def _as_on_a_terminal(text: str) -> str:
    """Let carriage returns erase what stands before them in their line."""
    if "\r" not in text:
        return text
    # A return at the line's end erases nothing: as in Windows' line ends.
    return "\n".join(line[line.rfind("\r", 0, -1) + 1 :] for line in text.split("\n"))


def tidy(notebook: Any, unfinished: Mapping[int, str] | None = None) -> dict[str, Any]:
    """Return a notebook as plain JSON without timestamps, memory addresses and process ids.

    Args:
        notebook: An executed NotebookNode; left as it is.
        unfinished: What to say of cells that were interrupted or killed, by the cell's number. Where such a cell
            was at that moment, and which of its last messages came through, is chance.
    """
    plain: dict[str, Any] = json.loads(json.dumps(notebook))
    for index, message in (unfinished or {}).items():
        cell = plain["cells"][index]
        kept = [output for output in cell.get("outputs", ()) if output["output_type"] != "error"]
        told = {"output_type": "stream", "name": "stderr", "text": f"{message}\n"}
        cell.update(execution_count=None, outputs=[*kept, told])
    for cell in plain["cells"]:
        for key in _VOLATILE:
            cell.get("metadata", {}).pop(key, None)
        if "outputs" in cell:
            cell["outputs"] = [_map_text(output, steady) for output in cell["outputs"]]
    return plain


def steady(text: str) -> str:
    """Return a text without memory addresses and process ids."""
    return _CELL_FILE.sub("<cell>", _ADDRESS.sub("at 0x0", text))


def _map_text(value: Any, change: Callable[[str], str], key: str = "") -> Any:
    """Apply a change to every text in an output but pictures."""
    if isinstance(value, str):
        return value if key.startswith("image/") else change(value)
    if isinstance(value, list):
        return [_map_text(item, change, key) for item in value]
    if isinstance(value, dict):
        return {name: _map_text(item, change, name) for name, item in value.items()}
    return value
