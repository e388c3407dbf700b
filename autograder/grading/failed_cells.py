"""Tie each cell that failed to its task, or to the earlier task from which its error follows."""

from __future__ import annotations

import symtable
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from autograder.checks.follows import lost_tasks
from autograder.records import CellFailure, CheckResult

_PARSED_CHARS = 50_000


@dataclass(frozen=True, slots=True)
class _Cell:
    """What a code cell speaks of."""

    uses: frozenset[str]
    """Names that it loads, also in functions that it defines."""

    makes: frozenset[str]
    """Names that it assigns or defines."""


def with_tasks(
    failures: Sequence[CellFailure],
    notebook: Mapping[str, Any],
    results: Sequence[CheckResult],
    tasks: Sequence[str],
) -> tuple[CellFailure, ...]:
    """Say of each failed cell which task it belongs to, and which earlier one its error follows from.

    The course's own cells are right, so that one of them fails by what it uses: where the task that it checks has
    passed, by an earlier task that has not. A cell of the student's may have mistakes of its own. Only a name that an
    earlier task leaves undefined, or a function that is not written, makes it follow.

    Args:
        failures: The cells that did not end well.
        notebook: As it was executed.
        results: Of all checks.
        tasks: The contract's functions in the assignment's order; a function's check cell has the id `check-NAME`.
    """
    # A task that follows from another one altogether is no cause.
    lost = [task for task in lost_tasks(results, tasks) if not _all_follow(results, task)]
    cells = [_read(cell) for cell in notebook["cells"]]
    failed = frozenset(failure.index for failure in failures)

    def tied(failure: CellFailure) -> CellFailure:
        cell = notebook["cells"][failure.index]
        own = failure.cell.removeprefix("check-")
        own = own if own in tasks else ""
        if failure.kind != "error":
            return replace(failure, task=own)
        earlier = [
            task
            for task in _upstream(cells, failure.index, lost)
            if task != own and (not own or tasks.index(task) < tasks.index(own))
        ]
        is_check = bool(own) and failure.cell != own
        follows = (
            own not in lost if is_check else _is_locked(cell) or _ended_by(cell, "NotImplementedError", {""})
        )
        if not follows:
            made = {name for place in failed if place < failure.index for name in cells[place].makes}
            undefined = {f"name {name!r} is not defined" for name in made.union(earlier)}
            follows = _ended_by(cell, "NameError", undefined)
        return replace(failure, task=own, follows_from=earlier[0] if earlier and follows else "")

    return tuple(map(tied, failures))


def _all_follow(results: Sequence[CheckResult], task: str) -> bool:
    return all(
        result.follows_from or result.outcome == "skipped"
        for result in results
        if result.task == task and result.outcome != "passed"
    )


def _read(cell: Mapping[str, Any]) -> _Cell:
    """Read which names a code cell uses and makes; none of what is no Python."""
    source = str(cell["source"])
    if cell["cell_type"] != "code" or len(source) > _PARSED_CHARS:
        return _Cell(frozenset(), frozenset())
    # A magic line is none of the names'.
    plain = "\n".join("" if line.lstrip().startswith(("!", "%")) else line for line in source.splitlines())
    try:
        table = symtable.symtable(plain, "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _Cell(frozenset(), frozenset())
    symbols = table.get_symbols()
    return _Cell(
        frozenset(_globals_in(table)).union(one.get_name() for one in symbols if one.is_referenced()),
        frozenset(one.get_name() for one in symbols if one.is_assigned() or one.is_imported()),
    )


def _globals_in(table: symtable.SymbolTable) -> Iterator[str]:
    """Yield the global names that the functions and comprehensions of a cell use."""
    for inner in table.get_children():
        yield from (one.get_name() for one in inner.get_symbols() if one.is_global() and one.is_referenced())
        yield from _globals_in(inner)


def _upstream(cells: Sequence[_Cell], index: int, tasks: Sequence[str]) -> list[str]:
    """Return the tasks that a cell uses, the nearest first: itself, then through cells that made what it uses."""
    found: dict[str, None] = {}
    places, seen = [index], {index}
    while places:
        used = frozenset[str]().union(*(cells[place].uses for place in places))
        found |= dict.fromkeys(task for task in tasks if task in used)
        makers = {_maker(cells[:place], name) for place in places for name in cells[place].uses}
        places = sorted(place for place in makers if place is not None and place not in seen)
        seen.update(places)
    return list(found)


def _maker(before: Sequence[_Cell], name: str) -> int | None:
    """Return the number of the last of these cells that makes a name."""
    return next((place for place in reversed(range(len(before))) if name in before[place].makes), None)


def _ended_by(cell: Mapping[str, Any], exception: str, messages: Collection[str]) -> bool:
    return any(
        output["output_type"] == "error" and output["ename"] == exception and output["evalue"] in messages
        for output in cell.get("outputs", ())
    )


def _is_locked(cell: Mapping[str, Any]) -> bool:
    marks = cell.get("metadata", {}).get("nbgrader", {})
    return not marks.get("solution") and bool(marks.get("grade") or marks.get("locked"))
