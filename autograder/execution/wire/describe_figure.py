"""Describe matplotlib figures in the process that drew them, for `figures.rebuild` on the other side."""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch

from autograder.execution.wire.figures import (
    MAX_AXES,
    MAX_CELLS,
    MAX_GRIDS,
    MAX_PLACES,
    MAX_PNG_BYTES,
    MAX_TEXTS,
    FigureError,
    shorten,
)
from autograder.execution.wire.visible_texts import on_white, visible_texts

_DPI = 100
_LONGEST_PIXELS = 1600
_INDISTINGUISHABLE = 6 / 255
"""How far colours may lie apart in a channel, 0 to 1, and still look alike."""


def is_figure(value: Any) -> bool:
    """Say whether a value is a matplotlib Figure, without importing matplotlib."""
    module = sys.modules.get("matplotlib.figure")
    return module is not None and isinstance(value, module.Figure)


def describe(figure: Any, *, picture: bool = True) -> dict[str, Any]:
    """Draw a figure, describe it and close it.

    Args:
        figure: A matplotlib Figure, made by pyplot or not.
        picture: Whether to render the PNG, too.

    Returns:
        Strings, numbers and tensors, for `rebuild`.

    Raises:
        FigureError: If there is too much in it.
        Exception: Whatever matplotlib raises while it draws.
    """
    # Tick labels and annotations get their texts and places when they are drawn.
    png = _render(figure) if picture else b""
    if not picture:
        figure.draw_without_rendering()
    shown = [axes for axes in figure.axes if axes.get_visible()]
    if len(shown) > MAX_AXES:
        raise FigureError(f"a figure with {len(shown)} axes, more than {MAX_AXES}")
    for axes in shown:
        _bounded(axes.texts)  # before any of them is drawn again
    artists = [text for axes in shown for text in _all_texts(axes)]
    seen = visible_texts(figure, artists, _dpi(figure)) if picture else set(map(id, artists))
    all_axes = [_describe_axes(axes, seen) for axes in shown]
    if (places := sum(map(_places, all_axes))) > MAX_PLACES:
        raise FigureError(
            f"a figure with too many texts and cells ({places} texts times edges of cells, more than {MAX_PLACES})"
        )
    described = {
        "axes": all_axes,
        "png": torch.from_numpy(np.frombuffer(png, dtype=np.uint8).copy()),
    }
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        # pyplot keeps every figure that it made until it is told not to.
        pyplot.close(figure)
    return described


def _dpi(figure: Any) -> float:
    longest = max(float(side) for side in figure.get_size_inches())
    return min(_DPI, _LONGEST_PIXELS / longest)


def _render(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_dpi(figure))
    if len(buffer.getvalue()) > MAX_PNG_BYTES:
        raise FigureError(
            f"a figure whose picture takes {len(buffer.getvalue())} bytes, over {MAX_PNG_BYTES}"
        )
    return buffer.getvalue()


def _all_texts(axes: Any) -> list[Any]:
    return [*axes.texts, *axes.xaxis.get_ticklabels(which="both"), *axes.yaxis.get_ticklabels(which="both")]


def _describe_axes(axes: Any, seen: set[int]) -> dict[str, Any]:
    meshes = [one for one in axes.collections if hasattr(one, "get_coordinates")]
    grids = [*map(_image, axes.images), *map(_mesh, meshes)]
    if len(grids) > MAX_GRIDS:
        raise FigureError(f"a figure with {len(grids)} images in one axes, more than {MAX_GRIDS}")
    return {
        "title": shorten(axes.get_title()),
        "x_label": shorten(axes.get_xlabel()),
        "y_label": shorten(axes.get_ylabel()),
        "grids": grids,
        "texts": _bounded(_texts(axes, seen)),
        "x_ticks": _bounded(_ticks(axes.xaxis, 0, seen)),
        "y_ticks": _bounded(_ticks(axes.yaxis, 1, seen)),
        "is_colour_bar": hasattr(axes, "_colorbar"),
    }


def _places(axes: dict[str, Any]) -> int:
    """Count texts times edges of cells, as `figures.rebuild` does."""
    texts = sum(len(axes[name]) for name in ("texts", "x_ticks", "y_ticks"))
    return texts * sum(len(grid[name]) for grid in axes["grids"] for name in ("x_edges", "y_edges"))


def _bounded(found: Iterable[Any]) -> list[Any]:
    texts = list(found)
    if len(texts) > MAX_TEXTS:
        raise FigureError(f"a figure with {len(texts)} texts in one axes, more than {MAX_TEXTS}")
    return texts


def _texts(axes: Any, seen: set[int]) -> Iterator[dict[str, Any]]:
    """Describe texts that are not switched off; their places may be given in any coordinates."""
    to_data = axes.transData.inverted()
    for text in axes.texts:
        if not text.get_visible() or not text.get_text().strip():
            continue
        box = text.get_window_extent()
        centre = ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2)
        anchor = text.get_transform().transform(_place(text, axes))
        places = [float(value) for value in to_data.transform([anchor, centre]).ravel()]
        if all(map(math.isfinite, places)):
            yield _placed(text, id(text) in seen, *places)


def _placed(text: Any, visible: bool, x: float, y: float, centre_x: float, centre_y: float) -> dict[str, Any]:
    places = {"x": x, "y": y, "centre_x": centre_x, "centre_y": centre_y}
    return {"text": shorten(text.get_text()), "visible": visible, **places}


def _place(text: Any, axes: Any) -> tuple[float, float]:
    x, y = text.get_position()
    return float(axes.convert_xunits(x)), float(axes.convert_yunits(y))


def _ticks(axis: Any, coordinate: int, seen: set[int]) -> Iterator[dict[str, Any]]:
    """Describe the labelled ticks of an axis, along it only."""
    for label in axis.get_ticklabels(which="both"):
        if label.get_visible() and label.get_text().strip():
            place = [0.0, 0.0]
            place[coordinate] = float(label.get_position()[coordinate])
            if all(map(math.isfinite, place)):
                yield _placed(label, id(label) in seen, *place, *place)


def _image(image: Any) -> dict[str, Any]:
    array = np.ma.asarray(image.get_array())
    rows, columns = array.shape[:2]
    left, right, bottom, top = (float(value) for value in image.get_extent())
    first, last = (top, bottom) if image.origin == "upper" else (bottom, top)
    x_edges, y_edges = np.linspace(left, right, columns + 1), np.linspace(first, last, rows + 1)
    return _grid(image, x_edges, y_edges, array if array.ndim == 2 else None)


def _mesh(mesh: Any) -> dict[str, Any]:
    corners = np.asarray(mesh.get_coordinates(), dtype=float)
    rows, columns = corners.shape[0] - 1, corners.shape[1] - 1
    array = mesh.get_array()
    values = (
        None if array is None or array.size != rows * columns else np.ma.asarray(array).reshape(rows, columns)
    )
    if corners[0, 0, 0] == corners[0, -1, 0]:
        # The array's first axis runs along x.
        corners, values = corners.swapaxes(0, 1), None if values is None else values.T
    return _grid(mesh, corners[0, :, 0], corners[:, 0, 1], values)


def _grid(mappable: Any, x_edges: Any, y_edges: Any, values: Any) -> dict[str, Any]:
    shape = [len(y_edges) - 1, len(x_edges) - 1]
    small = shape[0] * shape[1] <= MAX_CELLS
    numbers = values is not None and small and np.ma.asarray(values).dtype.kind in "fiub"
    return {
        "shape": shape,
        "x_edges": _tensor(x_edges) if small else _tensor([]),
        "y_edges": _tensor(y_edges) if small else _tensor([]),
        "values": _tensor(np.ma.filled(np.ma.asarray(values, dtype=float), np.nan)) if numbers else None,
        "colour_bar": getattr(mappable, "colorbar", None) is not None,
        "one_colour": small and _has_one_colour(mappable),
    }


def _has_one_colour(mappable: Any) -> bool:
    """Say whether all cells of an image or a mesh look alike, whatever their values."""
    if hasattr(mappable, "get_coordinates"):
        mappable.update_scalarmappable()
        return _alike(mappable.get_facecolor()) and _alike(mappable.get_edgecolor())
    return _alike(mappable.to_rgba(mappable.get_array(), alpha=mappable.get_alpha()))


def _alike(colours: Any) -> bool:
    each = on_white(np.asarray(colours, dtype=float).reshape(-1, 4))
    return bool((np.ptp(each, axis=0) <= _INDISTINGUISHABLE).all()) if len(each) else True


def _tensor(values: Any) -> torch.Tensor:
    return torch.tensor(np.asarray(values, dtype=float), dtype=torch.float64)
