"""What a check sees of a returned Figure, wherever it was drawn."""

from __future__ import annotations

from typing import Any

from autograder.execution import drawing
from autograder.execution.figures import FigureDescription, rebuild


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
    return rebuild(drawing.describe(value, picture=False)) if drawing.is_figure(value) else None
