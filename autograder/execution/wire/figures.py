"""Figures as the grader gets them: what stands where, as plain data, and a PNG that it never decodes.

`drawing` describes a figure where it was drawn; here the description's form is checked. Its content is what a
student's process claims.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

MAX_AXES = 16
MAX_GRIDS = 8
MAX_CELLS = 2**16
MAX_TEXTS = 4096
MAX_TEXT_CHARS = 200
MAX_PLACES = 2**20
"""Texts and tick labels of an axes times edges of its grids, summed over a figure: checks look up texts in grids."""

MAX_PNG_BYTES = 4 * 2**20
_MALFORMED = "a malformed figure"
_PNG_HEAD = b"\x89PNG\r\n\x1a\n"


class FigureError(Exception):
    """A figure that cannot be described, or a description that no figure has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedText:
    """A text in an axes."""

    text: str
    """What stands there, at most 200 characters."""

    visible: bool
    """Whether the picture shows it: not in the colour of what is behind it, transparent, covered, outside or of no
    size. True of a figure that was drawn without its picture."""

    x: float
    """In the axes' data coordinates; of a y tick label 0."""

    y: float
    """In the axes' data coordinates; of an x tick label 0."""

    centre_x: float
    """Of the text as it is drawn, where x is that of the point that it is aligned to; of a tick label x."""

    centre_y: float
    """Likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellGrid:
    """An image or a mesh of coloured cells."""

    shape: tuple[int, int]
    """Rows and columns of its array."""

    x_edges: tuple[float, ...]
    """Where the columns begin and end, in data coordinates and in the array's order; empty for a very large grid."""

    y_edges: tuple[float, ...]
    """The same of the rows."""

    values: torch.Tensor | None
    """What the colours stand for, shape (row, column), masked cells NaN; None for colours given as such."""

    colour_bar: bool
    """Whether a colour bar tells what its colours mean."""

    one_colour: bool
    """Whether the colours of all cells look alike, whatever their values; False for a very large grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AxesDescription:
    """One axes of a figure."""

    title: str
    """Above it."""

    x_label: str
    """Below it."""

    y_label: str
    """Beside it."""

    grids: tuple[CellGrid, ...]
    """Images first, then meshes."""

    texts: tuple[PlacedText, ...]
    """All but ticks, labels and title, in drawing order."""

    x_ticks: tuple[PlacedText, ...]
    """Labelled ticks of the x axis."""

    y_ticks: tuple[PlacedText, ...]
    """Labelled ticks of the y axis."""

    is_colour_bar: bool
    """Whether the axes is another one's colour bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureDescription:
    """What stands in a figure: a claim of the process that drew it."""

    axes: tuple[AxesDescription, ...]
    """In the order of their making."""

    png: bytes
    """The picture, undecoded: it begins as a PNG does, nothing more is known. Empty where none was asked for."""

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height that the PNG's header states; (0, 0) if it states none."""
        if self.png[12:16] != b"IHDR" or len(self.png) < 24:
            return 0, 0
        return int.from_bytes(self.png[16:20], "big"), int.from_bytes(self.png[20:24], "big")


def rebuild(described: Any) -> FigureDescription:
    """Check the form of a description and make the record.

    Args:
        described: From `describe`, perhaps by way of a hostile process.

    Raises:
        FigureError: If it is none that `describe` makes.
    """
    axes, png = _fields(described, axes=list, png=torch.Tensor).values()
    if len(axes) > MAX_AXES or png.dtype is not torch.uint8 or png.dim() != 1 or len(png) > MAX_PNG_BYTES:
        raise FigureError(_MALFORMED)
    data = bytes(png.numpy())
    if data and not data.startswith(_PNG_HEAD):
        raise FigureError(_MALFORMED)
    described = tuple(map(_axes_of, axes))
    if sum(map(_places, described)) > MAX_PLACES:
        raise FigureError(_MALFORMED)
    return FigureDescription(axes=described, png=data)


def _places(axes: AxesDescription) -> int:
    texts = len(axes.texts) + len(axes.x_ticks) + len(axes.y_ticks)
    return texts * sum(len(grid.x_edges) + len(grid.y_edges) for grid in axes.grids)


def shorten(text: str) -> str:
    """Cut a text that is too long to be of use."""
    return text[:MAX_TEXT_CHARS]


def _fields(found: Any, **kinds: Any) -> dict[str, Any]:
    """Return a dictionary's entries in the order of `kinds`, each of its kind."""
    if not isinstance(found, Mapping) or found.keys() != kinds.keys():
        raise FigureError(_MALFORMED)
    if not all(isinstance(found[name], kind) for name, kind in kinds.items()):
        raise FigureError(_MALFORMED)
    return {name: found[name] for name in kinds}


def _axes_of(found: Any) -> AxesDescription:
    fields = _fields(
        found, title=str, x_label=str, y_label=str, grids=list, texts=list, x_ticks=list, y_ticks=list,
        is_colour_bar=bool,
    )  # fmt: skip
    if len(fields["grids"]) > MAX_GRIDS:
        raise FigureError(_MALFORMED)
    for name in ("title", "x_label", "y_label"):
        fields[name] = shorten(fields[name])
    for name in ("texts", "x_ticks", "y_ticks"):
        if len(fields[name]) > MAX_TEXTS:
            raise FigureError(_MALFORMED)
        fields[name] = tuple(map(_text_of, fields[name]))
    return AxesDescription(**{**fields, "grids": tuple(map(_grid_of, fields["grids"]))})


def _text_of(found: Any) -> PlacedText:
    fields = _fields(
        found, text=str, visible=bool, x=float, y=float, centre_x=float, centre_y=float
    )  # fmt: skip
    if not all(math.isfinite(fields[name]) for name in ("x", "y", "centre_x", "centre_y")):
        raise FigureError(_MALFORMED)
    return PlacedText(**{**fields, "text": shorten(fields["text"])})


def _grid_of(found: Any) -> CellGrid:
    fields = _fields(
        found,
        shape=list,
        x_edges=torch.Tensor,
        y_edges=torch.Tensor,
        values=(torch.Tensor, type(None)),
        colour_bar=bool,
        one_colour=bool,
    )
    shape, values = tuple(fields["shape"]), fields["values"]
    if len(shape) != 2 or not all(type(side) is int and 0 <= side < 2**31 for side in shape):
        raise FigureError(_MALFORMED)
    rows, columns = shape
    small = rows * columns <= MAX_CELLS
    for edges, cells in ((fields["x_edges"], columns), (fields["y_edges"], rows)):
        if tuple(edges.shape) != ((cells + 1,) if small else (0,)) or not bool(
            torch.isfinite(edges.double()).all()
        ):
            raise FigureError(_MALFORMED)
    if values is not None and (tuple(values.shape) != shape or not values.is_floating_point()):
        raise FigureError(_MALFORMED)
    return CellGrid(
        shape=(rows, columns),
        x_edges=tuple(fields["x_edges"].double().tolist()),
        y_edges=tuple(fields["y_edges"].double().tolist()),
        values=values,
        colour_bar=fields["colour_bar"],
        one_colour=fields["one_colour"],
    )
