"""Plotly figures drawn by matplotlib: plotly itself draws in a browser only, and the pages run no script.

The common traces are drawn from their data: bars, lines and points, histograms, heat maps. What is left out is said.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MOST_TRACES = 10
_MOST_VALUES = 5_000
_MOST_LABELS = 100
_MOST_ROWS = 200
_MOST_CHARS = 80
_DTYPES = {"i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8"}
_DRAWN = ("bar", "scatter", "scattergl", "histogram", "heatmap")


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnFigure:
    """A plotly figure as a page may show it."""

    png: str
    """PNG, base64; empty if nothing of it can be drawn."""

    missing: tuple[str, ...]
    """Kinds of traces that are not drawn."""

    title: str
    """The figure's own title; may be empty."""

    cut: bool
    """Whether it is so large that only its first traces or values may be drawn."""


def drawn_figure(source: str) -> DrawnFigure:
    """Draw a figure.

    Args:
        source: JSON of `application/vnd.plotly.v1+json`, as a kernel claims it.
    """
    try:
        figure = json.loads(source)
    except (ValueError, RecursionError):
        figure = None
    figure = figure if isinstance(figure, Mapping) else {}
    traces = [trace for trace in _list(figure.get("data"))[:_MOST_TRACES] if isinstance(trace, Mapping)]
    layout = figure.get("layout")
    layout = layout if isinstance(layout, Mapping) else {}
    title = _title(layout)
    good: list[tuple[str, Mapping[str, Any]]] = []
    missing: list[tuple[str, Mapping[str, Any]]] = []
    for trace in traces:
        kind = str(trace.get("type", "scatter"))[:_MOST_CHARS]
        (good if kind in _DRAWN else missing).append((kind, trace))
    png = _drawn(good, layout, title) if good else ""
    absent = missing if png else [*good, *missing]
    many = any(len(_list(trace.get(axis))) > _MOST_LABELS for _, trace in good for axis in ("x", "y", "z"))
    return DrawnFigure(
        png=png,
        missing=tuple(dict.fromkeys(kind for kind, _ in absent)),
        title=title,
        cut=many or len(_list(figure.get("data"))) > _MOST_TRACES,
    )


def _drawn(traces: list[tuple[str, Mapping[str, Any]]], layout: Mapping[str, Any], title: str) -> str:
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    # A dollar sign is a dollar sign; numbers at the end of the range overflow.
    with rc_context({"text.parse_math": False}), warnings.catch_warnings(action="ignore"):
        try:
            for kind, trace in traces:
                _draw(axes, kind, trace)
            if _mapping(layout.get("yaxis")).get("autorange") == "reversed":
                axes.invert_yaxis()
            axes.set_title(title)
            axes.set_xlabel(_title(_mapping(layout.get("xaxis"))))
            axes.set_ylabel(_title(_mapping(layout.get("yaxis"))))
            if any(trace.get("name") for _, trace in traces) and axes.get_legend_handles_labels()[0]:
                axes.legend()
            file = io.BytesIO()
            canvas.print_png(file)
        except (ValueError, TypeError, ArithmeticError, KeyError, IndexError):
            return ""
    return base64.b64encode(file.getvalue()).decode("ascii")


def _draw(axes: Any, kind: str, trace: Mapping[str, Any]) -> None:
    name = _text(trace.get("name"))
    if kind == "heatmap":
        rows = [_numbers(row) for row in _list(trace.get("z"))[:_MOST_ROWS]]
        width = max(map(len, rows), default=0)
        filled = [row[:_MOST_ROWS] + [math.nan] * (min(width, _MOST_ROWS) - len(row)) for row in rows]
        image = axes.imshow(filled, aspect="auto", origin="lower")  # plotly's first row is the lowest
        axes.figure.colorbar(image, ax=axes)
        for axis, labels in ((axes.xaxis, _list(trace.get("x"))), (axes.yaxis, _list(trace.get("y")))):
            if labels and len(labels) <= 40:
                axis.set_ticks(range(len(labels)), [_text(label) for label in labels])
        return
    x, y = _list(trace.get("x")), _list(trace.get("y"))
    # Each bar and each label is drawn by itself, which takes milliseconds.
    most = _MOST_LABELS if kind == "bar" or not (_are_numbers(x) and _are_numbers(y)) else _MOST_VALUES
    x, y = x[:most], y[:most]
    if kind == "histogram":
        axes.hist(_positions(x or y), bins=30, label=name, orientation="vertical" if x else "horizontal")
    elif kind == "bar":
        across = trace.get("orientation") == "h"
        places, lengths = (y, x) if across else (x, y)
        places = places or list(range(len(lengths)))
        (axes.barh if across else axes.bar)(_positions(places), _numbers(lengths), label=name)
    else:
        style = "" if "lines" in str(trace.get("mode", "lines")) else "o"
        axes.plot(_positions(x or list(range(len(y)))), _numbers(y), style, label=name)


def _list(value: Any) -> list[Any]:
    """Return an array of plotly's: a list, or typed bytes in base64."""
    if isinstance(value, list):
        return value
    if not isinstance(value, Mapping) or value.get("dtype") not in _DTYPES:
        return []
    import numpy as np

    try:
        flat = np.frombuffer(base64.b64decode(str(value.get("bdata")), validate=True), f"<{value['dtype']}")
        shape = [int(part) for part in str(value.get("shape") or len(flat)).split(",")]
        found: list[Any] = flat.reshape(shape).tolist()
    except (binascii.Error, ValueError, OverflowError):
        return []
    return found


def _numbers(values: Any) -> list[float]:
    return [float(value) if isinstance(value, int | float) else math.nan for value in _list(values)]


def _positions(values: list[Any]) -> list[Any]:
    """Return numbers as they are, anything else as labels."""
    return _numbers(values) if _are_numbers(values) else [_text(value) for value in values]


def _are_numbers(values: list[Any]) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _title(holder: Mapping[str, Any]) -> str:
    title = holder.get("title")
    return _text(title.get("text") if isinstance(title, Mapping) else title)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return "" if value is None else " ".join(str(value).split())[:_MOST_CHARS]
