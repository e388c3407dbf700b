"""Chooses the state of a notebook in which each function is called: that right after its own check cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

END = -1
"""Stands for the state after the last cell."""

_MOST_NAMES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """A function at one moment, as the kernel claims."""

    digest: str
    """Equal for two moments: a call comes to the same in both."""

    undefined: frozenset[str]
    """Globals that its code loads and that are undefined."""


class CheckStates:
    """Compares what a notebook's functions depend on after each check cell and at the end.

    A fingerprint is a claim of the student's process. All it decides is which of two states of the student's own
    notebook a function is called in.

    Args:
        check_cells: Number of the check cell of each function that has one.
    """

    def __init__(self, check_cells: Mapping[str, int]) -> None:
        self._check_cells = dict(check_cells)
        self._moments: dict[int, dict[str, _Moment]] = {}

    @property
    def cells(self) -> frozenset[int]:
        """The numbers of all check cells."""
        return frozenset(self._check_cells.values())

    @property
    def functions(self) -> tuple[str, ...]:
        """The functions that have a check cell."""
        return tuple(self._check_cells)

    def clear(self) -> None:
        """Forget what was recorded: the notebook runs again."""
        self._moments.clear()

    def record(self, cell: int, reply: Mapping[str, Any]) -> None:
        """Keep the fingerprints that a kernel gave after a cell, or at the `END`."""
        claimed = reply.get("fingerprints")
        moments = {}
        for name, claim in claimed.items() if isinstance(claimed, dict) else ():
            match claim:
                case [str(digest), list(undefined)] if name in self._check_cells:
                    names = frozenset(entry for entry in undefined[:_MOST_NAMES] if isinstance(entry, str))
                    moments[name] = _Moment(digest=digest, undefined=names)
        self._moments[cell] = moments

    def changed(self) -> dict[str, int]:
        """Return the functions on which later cells had an effect, each with the cell after which to call it.

        A function or a global of it that is defined only later, behind a stub perhaps, leaves no state of its own: its
        calls go to the end.
        One cell serves as many functions as possible, since each costs a run of the notebook up to there.
        """
        last_good = {}
        for name, cell in self._check_cells.items():
            own, end = self._moment(cell, name), self._moment(END, name)
            if own is None or own == end or (end is not None and own.undefined - end.undefined):
                continue
            last_good[name] = self._last_equal(name, cell, own)
        chosen: dict[str, int] = {}
        for name in sorted(last_good, key=lambda name: last_good[name]):
            stops = [stop for stop in chosen.values() if self._check_cells[name] <= stop <= last_good[name]]
            chosen[name] = stops[0] if stops else last_good[name]
        return chosen

    def _moment(self, cell: int, name: str) -> _Moment | None:
        return self._moments.get(cell, {}).get(name)

    def _last_equal(self, name: str, cell: int, own: _Moment) -> int:
        """Return the last check cell up to which nothing has changed for a function since its own."""
        last = cell
        for later in sorted(number for number in self.cells if number > cell):
            if self._moment(later, name) != own:
                break
            last = later
        return last
