"""Run a notebook again without the cells that end its kernel: such a cell costs only itself."""

from __future__ import annotations

import copy
from collections.abc import Callable

from nbformat import NotebookNode

from autograder.execution.cpu_clock import FairClock
from autograder.execution.driver import Run
from autograder.records import CellFailure

_MOST_RERUNS = 8


def run_without_fatal_cells(
    source: NotebookNode, start: Callable[[NotebookNode, frozenset[int]], Run], clock: FairClock
) -> tuple[NotebookNode, Run, frozenset[int]]:
    """Run a notebook in new kernels until one survives it.

    Args:
        source: The notebook; not changed.
        start: Runs a notebook in a new kernel, without the cells of these numbers.
        clock: Of the whole submission: when it has run down, there is no further run.

    Returns:
        The executed notebook, what the last run came to with all failures, and the numbers of the cells left out.
    """
    fatal: dict[int, tuple[CellFailure, NotebookNode]] = {}
    output_cut = False
    while True:
        notebook = copy.deepcopy(source)
        run = start(notebook, frozenset(fatal))
        output_cut |= run.output_cut
        number = run.fatal_cell
        if number is None or len(fatal) >= _MOST_RERUNS or clock.left_s() <= 0:
            break
        fatal[number] = (_failure_of(run, number, notebook.cells[number]), notebook.cells[number])
    for number, (failure, cell) in fatal.items():
        run.failures.append(failure)
        notebook.cells[number] = cell
    run.failures.sort(key=lambda failure: failure.index)
    run.output_cut = output_cut
    return notebook, run, frozenset(fatal).union(() if number is None else {number})


def _failure_of(run: Run, number: int, cell: NotebookNode) -> CellFailure:
    """Return how a cell ended the kernel."""
    for failure in run.failures:
        if failure.index == number:
            return failure
    message = "The kernel ended after this cell had run."
    return CellFailure(cell=str(cell.get("id") or number), index=number, kind="died", message=message)
