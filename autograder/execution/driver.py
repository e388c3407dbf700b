"""nbclient driving one notebook in one sandboxed kernel, without nbclient's avoidable waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty
from typing import Any, Literal

from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode, ValidationError

from autograder.errors import GraderError
from autograder.execution.cpu_clock import FairClock
from autograder.execution.display_limit import DisplayLimit
from autograder.execution.kernel.notes import STOPS_AT_FIRST_ERROR
from autograder.execution.kernel_process import KernelProcess
from autograder.execution.normalise_outputs import join_streams
from autograder.execution.provisioner import SandboxedKernelManager, until_dead
from autograder.records import CellFailure

SKIP_TAG = "skip-grading"
_GRACE_S = 1.0
_READY_TIMEOUT_S = 60.0
_WELCOME_S = 0.5
_FIXED_MESSAGE_BYTES = 200
_OUTPUT_TYPES = frozenset({"stream", "display_data", "execute_result", "update_display_data", "error"})


@dataclass(slots=True, kw_only=True)
class Run:
    """What driving a notebook came to."""

    process: KernelProcess | None = None
    """The kernel, which goes on living for the calls."""

    failures: list[CellFailure] = field(default_factory=list)
    """Cells that failed, in order."""

    fatal_cell: int | None = None
    """Number of the cell that ended the kernel."""

    output_cut: bool = False
    """Whether output was dropped because there was too much of it."""


class CellDriver(NotebookClient):  # type: ignore[misc]
    """A NotebookClient with timeouts that end, capped output and instant news of a death.

    Args:
        notebook: Executed in place.
        manager: Has started a kernel.
        clock: Of the whole submission.
    """

    def __init__(self, notebook: NotebookNode, manager: SandboxedKernelManager, clock: FairClock) -> None:
        super().__init__(
            notebook,
            km=manager,
            allow_errors=True,
            record_timing=False,
            interrupt_on_timeout=True,
            skip_cells_with_tag=SKIP_TAG,
        )
        self.iopub_timeout = 4
        self._limits = manager.request.limits
        self._clock = clock
        self._printed_left = self._limits.output_bytes
        self._output_left = self._limits.output_bytes
        self._displays = DisplayLimit()
        self._process = manager.process
        self.output_cut = False
        self.timed_out = False
        self.reply: dict[str, Any] = {}
        self._cell_limit_s = self._limits.cell_timeout_s
        self.reset_execution_trackers()

    async def connect(self) -> None:
        """Open the channels and wait until the kernel's output channel knows us.

        The kernel has bound its sockets, so there is nothing to poll for: it answers a subscription with a
        welcome. ipykernel loses one now and then, when it publishes something else at that moment; asked what it is,
        it publishes that it is busy, and any message says that we are known. No answer is a GraderError.
        """
        self.kc = self.km.client(context=self.km.context)
        self.kc.start_channels(hb=False, stdin=False)
        self.kc.allow_stdin = False
        for _ in range(round(_READY_TIMEOUT_S / _WELCOME_S)):
            try:
                await self.kc.iopub_channel.get_msg(timeout=_WELCOME_S)
            except Empty:
                if not self._process.is_alive():
                    raise GraderError("A kernel ended before its first cell.") from None
                self.kc.kernel_info()
            else:
                return
        raise GraderError(f"A kernel said nothing within {_READY_TIMEOUT_S:.0f} s.")

    def disconnect(self) -> None:
        """Close the channels; the kernel lives on."""
        if self.kc is not None:
            self.kc.stop_channels()
            self.kc = None
        self.km._close_control_socket()
        self.km.context.destroy(linger=0)

    def _get_timeout(self, cell: NotebookNode | None) -> None:
        """Leave the timeouts to `_watch_time`: nbclient's are by the wall clock, and stop its watch for a death."""

    async def _watch_time(self) -> None:
        """Interrupt the cell when its time is over, and end the kernel if that does not help."""
        await self._run_down(FairClock(self._cell_limit_s, self._process), self._clock)
        self.timed_out = True
        self._process.interrupt()
        await self._run_down(FairClock(_GRACE_S, self._process))
        self._process.kill("a cell did not react to its interrupt")

    @staticmethod
    async def _run_down(*clocks: FairClock) -> None:
        """Wait until one of the clocks has run down."""
        while (left_s := min(clock.left_s() for clock in clocks)) > 0:
            await asyncio.sleep(max(left_s, 0.02))

    async def _async_poll_kernel_alive(self) -> None:
        await until_dead(self._process)
        if self.task_poll_for_reply is not None:
            self.task_poll_for_reply.cancel()

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> Any:
        """Cut what exceeds the output limit; widgets, comms, and outputs that no notebook can hold show nothing.

        Printed text has a limit of its own, so that a flood does not take a later cell's plot along, and is cut at
        the character, since how a flood is split into messages differs from run to run.
        """
        kind = msg["msg_type"]
        if kind.startswith("comm"):
            return None
        if kind == "stream":
            text = str(msg["content"].get("text", ""))
            kept = text[: self._printed_left]
            self._printed_left -= len(kept)
            self.output_cut |= len(kept) < len(text)
            if not kept:
                return None
            msg = {**msg, "content": {**msg["content"], "text": kept}}
        elif kind in _OUTPUT_TYPES:
            size = _FIXED_MESSAGE_BYTES + _text_size(msg["content"])
            if size > self._output_left:
                self.output_cut = True
                return None
            self._output_left -= size
            msg = self._displays.limit(msg, self._display_id_map)
        try:
            return super().process_message(msg, cell, cell_index)
        except ValidationError:
            return None

    async def _check_raise_for_error(
        self, cell: NotebookNode, cell_index: int, exec_reply: dict[str, Any] | None
    ) -> None:
        self.reply = exec_reply or {}

    async def run_cell(self, cell: NotebookNode, index: int) -> CellFailure | None:
        """Run one cell.

        Returns:
            How it failed, or None.
        """
        self.timed_out = False
        self.reply = {}
        name = str(cell.get("id") or index)
        limits = self._limits
        self._cell_limit_s = limits.locked_cell_timeout_s if _is_locked(cell) else limits.cell_timeout_s
        self.kc.session.metadata = {STOPS_AT_FIRST_ERROR: True} if _is_check(cell) else {}
        watch = asyncio.ensure_future(self._watch_time())
        try:
            await self.async_execute_cell(cell, index, execution_count=self.code_cells_executed + 1)
        except DeadKernelError:
            kind: Literal["timeout", "died"] = "timeout" if self.timed_out else "died"
            ending = self._process.how_it_ended()
            message = f"The kernel ended while this cell ran: {ending}."
            if self.timed_out:
                message = f"The cell ran longer than {self._cell_limit_s:g} s and ignored its interrupt."
            return CellFailure(cell=name, index=index, kind=kind, message=message)
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
            # Only a message that this kernel forged gets here.
            self._process.kill("it sent malformed messages")
            return CellFailure(
                cell=name, index=index, kind="died", message=f"Malformed messages: {type(error).__name__}."
            )
        finally:
            watch.cancel()
            cell.outputs = join_streams(cell.outputs)
        return self._failure(name, index)

    def _failure(self, name: str, index: int) -> CellFailure | None:
        """Read the kernel's reply: a claim, shown and not believed."""
        if self.timed_out:
            self.timed_out = False
            text = f"The cell ran longer than {self._cell_limit_s:g} s and was interrupted."
            return CellFailure(cell=name, index=index, kind="timeout", message=text)
        content = self.reply.get("content", {})
        if content.get("status") != "error":
            return None
        message = f"{content.get('ename', 'Error')}: {content.get('evalue', '')}"[:2000]
        return CellFailure(cell=name, index=index, kind="error", message=message)


def _is_locked(cell: NotebookNode) -> bool:
    """Tell whether it is the course's cell, by nbgrader's rule."""
    marks = cell.metadata.get("nbgrader", {})
    return not marks.get("solution") and bool(marks.get("grade") or marks.get("locked"))


def _is_check(cell: NotebookNode) -> bool:
    """Tell whether it is a cell of locked asserts."""
    return _is_locked(cell) and bool(cell.metadata["nbgrader"].get("grade"))


def _text_size(content: Any) -> int:
    """Measure an output message's text, in characters."""
    if isinstance(content, str):
        return len(content)
    if isinstance(content, dict):
        return sum(_text_size(item) for item in content.values())
    if isinstance(content, list):
        return sum(_text_size(item) for item in content)
    return 8


async def drive(
    notebook: NotebookNode,
    manager: SandboxedKernelManager,
    *,
    clock: FairClock,
    left_out: frozenset[int] = frozenset(),
    on_start: Callable[[KernelProcess], None],
    after_cell: Callable[[int], None] = lambda index: None,
) -> Run:
    """Start a kernel and run every code cell of a notebook in it.

    Args:
        notebook: Executed in place; cells that do not run lose their stored outputs.
        manager: Not yet started.
        clock: Of the whole submission.
        left_out: Numbers of cells that are not run.
        on_start: Called with the kernel before its first cell.
        after_cell: Called with the number of each cell that the kernel has survived.

    Raises:
        GraderError: If no kernel can be started.
    """
    manager.prepare()
    await manager.start_kernel()
    process = manager.process
    on_start(process)
    run = Run(process=process)
    driver = CellDriver(notebook, manager, clock)
    try:
        await driver.connect()
        dead = False
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            cell.outputs, cell.execution_count = [], None
            if index in left_out:
                continue
            failure = _not_run(cell, index, dead, clock) or await driver.run_cell(cell, index)
            if failure is not None:
                run.failures.append(failure)
            if not dead and not process.is_alive():
                dead, run.fatal_cell = True, index
            if not dead:
                after_cell(index)
    finally:
        driver.disconnect()
    run.output_cut = driver.output_cut
    return run


def _not_run(cell: NotebookNode, index: int, dead: bool, clock: FairClock) -> CellFailure | None:
    """Say why a cell cannot run, if it would have."""
    if not cell.source.strip() or SKIP_TAG in cell.metadata.get("tags", []):
        return None
    name = str(cell.get("id") or index)
    if dead:
        return CellFailure(
            cell=name, index=index, kind="died", message="Not run: the kernel had ended in an earlier cell."
        )
    if clock.left_s() <= 0:
        return CellFailure(
            cell=name,
            index=index,
            kind="timeout",
            message="Not run: the time for the whole notebook was used up.",
        )
    return None
