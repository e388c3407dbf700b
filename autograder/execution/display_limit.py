"""A bound on the outputs that a notebook may update later: nbclient rewrites all outputs of an id for each update."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_DISPLAYS = 200
"""Outputs of a notebook that have a display id at a time. Later ones are kept as plain outputs."""


class DisplayLimit:
    """Counts the outputs that have a display id."""

    def __init__(self) -> None:
        self._count = 0

    def limit(self, message: dict[str, Any], displays: dict[str, dict[int, list[int]]]) -> dict[str, Any]:
        """Return an output message, without its display id if there are too many.

        Args:
            message: An output or an update; an update adds no output.
            displays: nbclient's map: display id to cell to numbers of outputs. Ids without outputs are dropped.
        """
        content: Mapping[str, Any] = message["content"]
        transient = content.get("transient")
        if message["msg_type"] == "update_display_data" or not transient or not transient.get("display_id"):
            return message
        if self._count >= MAX_DISPLAYS:
            # The cell may have cleared its outputs.
            for name in [name for name, cells in displays.items() if not any(cells.values())]:
                del displays[name]
            self._count = sum(len(outputs) for cells in displays.values() for outputs in cells.values())
        if self._count >= MAX_DISPLAYS:
            return {**message, "content": {**content, "transient": {}}}
        self._count += 1
        return message
