"""What the student's plot cells show that is no PNG: other pictures, coloured words, plotly figures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autograder.course.notebooks.written_answers import is_plot_cell
from autograder.records import ShownOutput

MAX_SHOWN = 12
"""Of such outputs in a report."""

_MAX_CHARS = 500_000
_MAX_PICTURE_CHARS = 2 * 2**20
_PLOTLY = "application/vnd.plotly.v1+json"
_WIDGET = "application/vnd.jupyter.widget-view+json"


def shown_outputs(
    notebook: Mapping[str, Any], cell_ids: Sequence[str] = (), tag: str = "plot"
) -> tuple[ShownOutput, ...]:
    """Collect what plot cells show beside PNGs, as the kernel claims it: to be sanitised where it is shown.

    Args:
        notebook: The executed notebook.
        cell_ids: Grade ids of plot cells, beside the tagged ones.
        tag: Cells with this tag are plot cells.
    """
    found: list[ShownOutput] = []
    for cell in notebook["cells"]:
        if is_plot_cell(cell, cell_ids, tag):
            found.extend(_shown(cell.get("outputs", ())))
    return tuple(found[:MAX_SHOWN])


def _shown(outputs: Sequence[Mapping[str, Any]]) -> Iterator[ShownOutput]:
    for output in outputs:
        data = output.get("data")
        if not isinstance(data, Mapping) or "image/png" in data:
            continue
        if (jpeg := _text(data, "image/jpeg")) and len(jpeg) <= _MAX_PICTURE_CHARS:
            yield ShownOutput(kind="jpeg", content=jpeg)
        elif svg := _text(data, "image/svg+xml"):
            yield _capped("svg", svg)
        elif isinstance(data.get(_PLOTLY), Mapping):
            yield _capped("plotly", json.dumps(data[_PLOTLY]))
        elif html := _text(data, "text/html"):
            yield _capped("html", html)
        elif _WIDGET in data and (text := _text(data, "text/plain")):
            yield _capped("text", text)


def _capped(kind: Any, content: str) -> ShownOutput:
    return ShownOutput(kind=kind if len(content) <= _MAX_CHARS else "too large", content=content[:_MAX_CHARS])


def _text(data: Mapping[str, Any], kind: str) -> str:
    value = data.get(kind)
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "".join(value)
    return value if isinstance(value, str) else ""
