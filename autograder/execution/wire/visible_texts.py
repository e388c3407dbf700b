"""Find the texts of a figure that can be seen: those without which its pixels would be others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_LEAST_CONTRAST = 24
"""How far a channel, 0 to 255, must change somewhere: a tenth, less than any text that is meant to be read."""

_LEAST_PIXELS = 3
"""Size of a font below which nothing can be read; matplotlib draws one of size 0 in one point."""
_MOST_GROUPS = 6
"""How many pictures are drawn at most; texts that overlap so much are looked at together."""


def visible_texts(figure: Any, texts: Sequence[Any], dpi: float) -> set[int]:
    """Return the ids of the texts that change the picture.

    Transparent ones do not, nor those in the colour of what is behind them, of no size, outside, or covered. The
    figure is left as it was.

    Args:
        figure: A matplotlib Figure.
        texts: Its artists in question.
        dpi: Pixels an inch.
    """
    # Only in a process that draws.
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    kept = figure.canvas, figure.dpi
    texts = [text for text in texts if text.get_fontsize() * dpi / 72 >= _LEAST_PIXELS]
    seen: set[int] = set()
    try:
        canvas = FigureCanvasAgg(figure)
        figure.dpi = dpi
        full = _pixels(canvas)
        boxes = [text.get_window_extent(canvas.get_renderer()).extents for text in texts]
        for group in _apart(boxes):
            changed = np.abs(full - _without(canvas, [texts[number] for number in group])).max(axis=2)
            seen |= {id(texts[number]) for number in group if _differs(changed, boxes[number])}
    finally:
        figure.set_canvas(kept[0])
        figure.dpi = kept[1]
    return seen


def _apart(boxes: Sequence[Any]) -> list[list[int]]:
    """Return the numbers of the boxes in groups without overlap: what changes in a box is then its own text's doing."""
    groups: list[list[int]] = []
    for number, (left, bottom, right, top) in enumerate(boxes):
        for group in groups:
            others = np.array([boxes[other] for other in group])
            beside = (others[:, 0] > right) | (others[:, 2] < left)
            if (beside | (others[:, 1] > top) | (others[:, 3] < bottom)).all():
                group.append(number)
                break
        else:
            if len(groups) < _MOST_GROUPS:
                groups.append([number])
            else:
                groups[-1].append(number)
    return groups


def _without(canvas: Any, texts: Sequence[Any]) -> Any:
    """Return the picture without some texts."""
    kept = [text.get_alpha() for text in texts]
    try:
        # Not switched off: a layout that makes room for them would move all else.
        for text in texts:
            text.set_alpha(0)
        return _pixels(canvas)
    finally:
        for text, alpha in zip(texts, kept, strict=True):
            text.set_alpha(alpha)


def _pixels(canvas: Any) -> Any:
    """Draw, and return the picture on white paper, shape (row, column, 3)."""
    canvas.draw()
    rgba = np.asarray(canvas.buffer_rgba()).astype(np.float32)
    return on_white(rgba / 255) * 255


def on_white(rgba: Any) -> Any:
    """Return what colours (..., 4) look like on white paper, (..., 3); both from 0 to 1."""
    alpha = rgba[..., 3:]
    return rgba[..., :3] * alpha + (1 - alpha)


def _differs(changed: Any, box: Any) -> bool:
    height, width = changed.shape
    if not np.isfinite(box).all():
        return False
    x0, y0, x1, y1 = box
    left, right = (int(np.clip(value, 0, width)) for value in (np.floor(x0), np.ceil(x1)))
    top, bottom = (int(np.clip(height - value, 0, height)) for value in (np.ceil(y1), np.floor(y0)))
    part = changed[top:bottom, left:right]
    return bool(part.size and part.max() >= _LEAST_CONTRAST)
