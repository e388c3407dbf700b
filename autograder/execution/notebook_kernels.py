"""The kernels of one submission: one has run the whole notebook, another one may have stopped after a check cell."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from autograder.errors import GraderError, KernelDiedError
from autograder.execution.check_states import END, CheckStates
from autograder.execution.cpu_clock import FairClock
from autograder.execution.driver import Run, drive
from autograder.execution.kernel_process import KernelProcess
from autograder.execution.provisioner import SandboxedKernelManager
from autograder.execution.reruns import run_without_fatal_cells
from autograder.execution.supervised_kernel import SupervisedKernel
from autograder.execution.zygote_link import KernelRequest, ZygoteLink


class NotebookKernels:
    """Starts, keeps and ends kernels that have run one notebook.

    Every kernel has a box of its own, in which nothing is left of another one, and its cells have run before it
    gets the first call.

    Args:
        zygote: Forks the kernels.
        source: The notebook; never changed.
        request: What is asked of the zygote.
        check_cells: Number of the check cell of each function that has one.

    Attributes:
        source: The notebook.
        clock: Of the whole submission, from the first cell on; a kernel that stops early is not the student's doing,
            so that the time of its cells does not count.
    """

    def __init__(
        self, zygote: ZygoteLink, source: Any, request: KernelRequest, check_cells: Mapping[str, int]
    ) -> None:
        self.clock: FairClock | None = None
        self._zygote = zygote
        self.source = source
        self._request = request
        self._states = CheckStates(check_cells)
        self._called_after: dict[str, int] = {}
        self._left_out: frozenset[int] = frozenset()
        self._running: dict[int, SupervisedKernel] = {}
        self._early_left_s = request.limits.submission_timeout_s
        self._early_runs: set[int] = set()
        self._gpu_peak_bytes = 0

    def run(self) -> tuple[Any, Run]:
        """Run the whole notebook, without the cells that end their kernel.

        Returns:
            The executed notebook and what its last run came to.

        Raises:
            GraderError: If no kernel can be started.
        """
        self.clock = FairClock(self._request.limits.submission_timeout_s)
        notebook, run, self._left_out = run_without_fatal_cells(self.source, self._run_all, self.clock)
        self.blame_the_zygote()
        if END in self._running:
            self._states.record(END, self._running[END].fingerprints(self._states.functions))
        self._called_after = self._states.changed()
        return notebook, run

    @property
    def early_runs(self) -> int:
        """How many times the notebook was run up to a check cell."""
        return len(self._early_runs)

    def status(self) -> dict[str, Any]:
        """Return what the kernel of the whole notebook says it could not have; {} if it has ended."""
        return self._running[END].status() if END in self._running else {}

    def of(self, function: str) -> SupervisedKernel:
        """Return a running kernel in whose state a function is to be called.

        Raises:
            KernelDiedError: If the notebook ends every kernel.
            GraderError: If none can be started.
        """
        return self.after(self._called_after.get(function, END))

    def after(self, cell: int) -> SupervisedKernel:
        """Return a running kernel that has run the notebook up to a cell, or to its `END`; see `of`."""
        if self.clock is None:
            raise GraderError("call() and provide() come after run().")
        kernel = self._running.get(cell)
        if kernel is None or not kernel.process.is_alive():
            kernel = self._run_again(cell)
        self.clock.follow(kernel.process)
        return kernel

    def forget(self, name: str) -> None:
        """Have a model or tokenizer loaded again before the next call."""
        for kernel in self._running.values():
            kernel.provided.discard(name)

    def blame_the_zygote(self) -> None:
        """Tell a kernel that ended by itself from one that went down with the zygote.

        Raises:
            GraderError: If the zygote has ended: the student has no part in that.
        """
        if not self._zygote.is_alive():
            raise GraderError("The warm process ended while a submission ran; its result says nothing.")

    def _run_all(self, notebook: Any, left_out: frozenset[int]) -> Run:
        """Run the whole notebook in a new kernel, and take fingerprints on the way."""
        assert self.clock is not None
        self._states.clear()
        return self._start(END, notebook, left_out, self.clock, self._take_fingerprints)

    def _take_fingerprints(self, cell: int) -> None:
        if cell in self._states.cells:
            self._states.record(cell, self._running[END].fingerprints(self._states.functions))

    def _run_again(self, cell: int) -> SupervisedKernel:
        """Start a kernel in a state that the first run has passed through."""
        assert self.clock is not None
        notebook = copy.deepcopy(self.source)
        if cell == END or cell in self._early_runs:
            self._start(cell, notebook, self._left_out, self.clock)
        else:
            self._early_runs.add(cell)
            with self.clock.paused() as pause:
                self._start(cell, notebook, self._left_out, FairClock(self._early_left_s))
            self._early_left_s -= pause.seconds
        kernel = self._running[cell]
        if not kernel.process.is_alive():
            raise KernelDiedError(
                f"The notebook's kernel ended while it ran again: {kernel.process.how_it_ended()}."
            )
        return kernel

    def _start(
        self,
        cell: int,
        notebook: Any,
        left_out: frozenset[int],
        clock: FairClock,
        after_cell: Callable[[int], None] = lambda cell: None,
    ) -> Run:
        """Run a notebook up to a cell in a new kernel, and keep that kernel for the calls."""
        alone = self._zygote.gpu_budget is not None  # a GPU has room for one kernel of a submission
        for place in list(self._running):
            if place == cell or alone or END not in (place, cell):
                self._end(place)
        self.blame_the_zygote()

        def adopt(process: KernelProcess) -> None:
            # From its first moment, so that no error leaves it behind.
            self._running[cell] = SupervisedKernel(process, self._zygote, self._request.limits)
            clock.follow(process)

        if cell != END:
            notebook.cells = notebook.cells[: cell + 1]
        manager = SandboxedKernelManager(self._zygote, self._request)
        return _run_async(
            drive(notebook, manager, clock=clock, left_out=left_out, on_start=adopt, after_cell=after_cell)
        )

    def _end(self, cell: int) -> None:
        kernel = self._running.pop(cell)
        if self.clock is not None:
            self.clock.bank()
        kernel.close()
        self._gpu_peak_bytes = max(self._gpu_peak_bytes, kernel.gpu_bytes)

    @property
    def gpu_bytes(self) -> int:
        """The most GPU memory that one kernel was seen to use, CUDA's own included; 0 on the CPU."""
        return max([self._gpu_peak_bytes, *(kernel.gpu_bytes for kernel in self._running.values())])

    def close(self) -> None:
        """End the kernels and all their processes."""
        for cell in list(self._running):
            self._end(cell)


def _run_async(work: Any) -> Run:
    """Run a coroutine to its end, also where this thread already runs an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)  # type: ignore[no-any-return]
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()  # type: ignore[no-any-return]
