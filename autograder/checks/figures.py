"""What a check sees of pictures: of a returned Figure, wherever it was drawn, and of the PNGs that a cell showed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograder.checks.outcomes import CheckFailure, NoFigureShown
from autograder.execution.wire import describe_figure
from autograder.execution.wire.figures import FigureDescription, rebuild

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def figure_of(value: Any) -> FigureDescription | None:
    """Return the description of a Figure.

    Args:
        value: What a function returned: a description out of a kernel, or a Figure of this process (the reference's
            and the misconceptions', when an assignment is verified), which is drawn without its picture.

    Returns:
        The description; None if the value is no Figure.
    """
    if isinstance(value, FigureDescription):
        return value
    return (
        rebuild(describe_figure.describe(value, picture=False)) if describe_figure.is_figure(value) else None
    )


def assert_figure_shown(images: Sequence[bytes], *, pixels: int = 60) -> None:
    """Assert that a cell showed a figure that can be read.

    Args:
        images: From `submission.plots(cell)`: PNG files of the student's, and other figures, whose size counts not.
        pixels: Least width and height.

    Raises:
        NoFigureShown: If there is none.
        CheckFailure: If none is large enough.
    """
    if not images:
        raise NoFigureShown("The plot cell showed no figure.")
    sizes = [png_size(image) for image in images if image.startswith(_PNG_MAGIC)]
    if len(sizes) == len(images) and all(min(size) < pixels for size in sizes):
        raise CheckFailure(f"The figure is too small to be read: {sizes[0]} pixels.")


def png_size(image: bytes) -> tuple[int, int]:
    """Return a PNG's width and height from its header, without decoding a student's file; (0, 0) if it is none."""
    if not image.startswith(_PNG_MAGIC) or image[12:16] != b"IHDR" or len(image) < 24:
        return 0, 0
    return int.from_bytes(image[16:20], "big"), int.from_bytes(image[20:24], "big")
