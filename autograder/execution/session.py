"""One submission's kernel: runs the notebook, then answers calls of the student's functions."""

from __future__ import annotations

import asyncio
import copy
import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import nbformat

from autograder.errors import (
    CallTimeoutError,
    GraderError,
    KernelDiedError,
    SubmissionError,
)
from autograder.execution import answers, tidying, wire
from autograder.execution.driver import Run, drive
from autograder.execution.kernel_process import KernelProcess
from autograder.execution.probe_client import ProbeClient, ProbeDied, ProbeTimeout, sealed_copies
from autograder.execution.provisioner import SandboxedKernelManager
from autograder.execution.watchdog import MemoryWatchdog
from autograder.execution.wire import Handle
from autograder.execution.zygote_client import Zygote
from autograder.records import CellFailure, Execution, Limits

__all__ = ["Handle", "KernelSession"]

GPU_REMARK = "Your notebook asked for a GPU; it was graded on the CPU."
_PROVIDE_TIMEOUT_S = 120.0
_STATUS_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Provision:
    """A model or tokenizer to be loaded into every kernel of this submission."""

    loader: str
    folder: Path
    in_student_dir: bool


class KernelSession:
    """Runs one notebook and calls its functions.

    Args:
        zygote: Forks the kernels.
        notebook: nbformat 4 JSON; never changed.
        limits: What the submission may use.
        seed: Of the kernel's torch, NumPy and random.
        device: `cpu` or `cuda`; the zygote must have been made for it.

    Attributes:
        remarks: Sentences for the student that the calls gave rise to, in order, each once.
    """

    def __init__(
        self,
        zygote: Zygote,
        notebook: Mapping[str, Any],
        *,
        limits: Limits | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        if device != zygote.device:
            raise GraderError(f"A session on {device} was asked of a zygote for {zygote.device}.")
        self.remarks: list[str] = []
        self._zygote = zygote
        self._source = nbformat.from_dict(copy.deepcopy(dict(notebook)))
        self._limits = limits or Limits()
        self._seed = seed
        self._device = device
        self._cuda_fallback = device == "cpu" and tidying.mentions_cuda(self._source)
        self._provisions: dict[str, _Provision] = {}
        self._fatal_cell: int | None = None
        self._process: KernelProcess | None = None
        self._watchdog: MemoryWatchdog | None = None
        self._probe: ProbeClient | None = None
        self._deadline = float("inf")

    def run(self) -> Execution:
        """Run the notebook's cells.

        Returns:
            The executed notebook, its failures and remarks.

        Raises:
            GraderError: If no kernel can be started.
        """
        began = time.monotonic()
        self._deadline = began + self._limits.submission_timeout_s
        notebook = copy.deepcopy(self._source)
        run = self._start(notebook)
        seconds = time.monotonic() - began
        died = [failure.index for failure in run.failures if failure.kind == "died"]
        if run.process is not None and not run.process.is_alive():
            self._fatal_cell = self._first_fatal(run.failures, died)
        remarks = []
        if self._asked_for_gpu():
            remarks.append(GPU_REMARK)
        if run.output_cut:
            megabytes = self._limits.output_bytes / 2**20
            remarks.append(f"Your notebook printed more than {megabytes:g} MB; the rest was not kept.")
        return Execution(
            notebook=tidying.tidy(notebook),
            failures=tuple(run.failures),
            remarks=tuple(remarks),
            sandbox_mode=self._zygote.mode,
            device=self._device,
            seconds=seconds,
        )

    @staticmethod
    def _first_fatal(failures: list[CellFailure], died: list[int]) -> int | None:
        """Find the cell that ended the kernel: the last one that really ran."""
        ran = [failure.index for failure in failures if not failure.message.startswith("Not run")]
        return ran[-1] if ran else (died[0] if died else None)

    def _start(self, notebook: Any) -> Run:
        """Run a notebook in a new kernel and keep that kernel for the calls."""
        self._drop()
        manager = SandboxedKernelManager(
            zygote=self._zygote, seed=self._seed, limits=self._limits, cuda_fallback=self._cuda_fallback
        )
        run = _run_async(self._drive(notebook, manager))
        assert run.process is not None
        self._process = run.process
        self._probe = ProbeClient(run.process, self._limits.answer_bytes)
        return run

    async def _drive(self, notebook: Any, manager: SandboxedKernelManager) -> Run:
        def watch(process: KernelProcess) -> None:
            self._watchdog = MemoryWatchdog(process, self._limits.memory_bytes)

        return await drive(notebook, manager, limits=self._limits, deadline=self._deadline, on_start=watch)

    def _asked_for_gpu(self) -> bool:
        if not self._cuda_fallback or self._process is None or not self._process.is_alive():
            return False
        try:
            assert self._probe is not None
            reply, _ = self._probe.ask({"op": "status"}, {}, timeout_s=_STATUS_TIMEOUT_S)
        except (ProbeTimeout, ProbeDied, wire.WireError):
            return False
        return reply.get("gpu_asked") is True

    def provide(self, name: str, *, loader: str, folder: Path, in_student_dir: bool = False) -> None:
        """Load a model or tokenizer in the kernel; `Handle(name)` stands for it in calls.

        Args:
            name: `model:shipped`.
            loader: `module:Class` with a from_pretrained.
            folder: Where its files are. Files of a hidden model are sent now, and were not there before.
            in_student_dir: Whether the kernel sees the folder anyway.

        Raises:
            KernelDiedError: If the kernel ended.
            SubmissionError: If the kernel cannot load it.
            GraderError: If the folder is not what it should be.
        """
        self._provisions.pop(name, None)
        self._revive()
        provision = _Provision(loader=loader, folder=folder, in_student_dir=in_student_dir)
        self._provide(name, provision)
        self._provisions[name] = provision

    def _provide(self, name: str, provision: _Provision) -> None:
        request: dict[str, Any] = {"op": "provide", "name": name, "loader": provision.loader}
        fds: list[int] = []
        try:
            if provision.in_student_dir:
                inside = provision.folder.resolve().relative_to(self._zygote.student_dir)
                request["inside"] = str(inside)
            else:
                request["files"], fds = sealed_copies(provision.folder)
        except (ValueError, OSError) as error:
            raise GraderError(f"{name} cannot be provided: {error}.") from None
        try:
            reply, _ = self._ask(name, request, {}, timeout_s=_PROVIDE_TIMEOUT_S, fds=fds)
        finally:
            for fd in fds:
                os.close(fd)
        if reply["status"] != "ok":
            told = f"{answers.text(reply, 'error')}: {answers.text(reply, 'message')}"
            raise SubmissionError(f"{name} could not be loaded in the notebook's kernel ({told}).")

    def call(
        self,
        function: str,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        seed: int,
        timeout_s: float | None = None,
    ) -> Any:
        """Call a function that the notebook defines.

        Args:
            function: Its name.
            args: JSON values, tensors, arrays, lists, tuples, dicts and handles.
            kwargs: The same.
            seed: Of torch, NumPy and random for this call.
            timeout_s: Instead of the limits' own.

        Returns:
            What it returned, as plain values and CPU tensors.

        Raises:
            MissingFunctionError: If there is no such function.
            StudentCodeError: If it raised.
            CallTimeoutError: If it took too long.
            KernelDiedError: If it ended its process.
            SubmissionError: If it returned what cannot be carried.
            GraderError: If an argument cannot be sent.
        """
        self._revive()
        try:
            tree, tensors = wire.encode((tuple(args), dict(kwargs or {})))
        except wire.WireError as error:
            raise GraderError(f"{function}() cannot be given {error}.") from None
        request = {
            "op": "call",
            "name": function,
            "arguments": tree,
            "seed": seed,
            "answer_bytes": self._limits.answer_bytes,
        }
        limit_s = self._limits.call_timeout_s if timeout_s is None else timeout_s
        reply, answer = self._ask(f"{function}()", request, tensors, timeout_s=limit_s)
        for remark in answers.remarks(function, reply):
            if remark not in self.remarks:
                self.remarks.append(remark)
        if reply["status"] != "ok":
            answers.raise_reply(function, reply)
        try:
            return wire.decode(reply.get("value"), answer, arrays=False)
        except wire.WireError as error:
            raise SubmissionError(f"{function}() returned {error}, which cannot be graded.") from None

    def _ask(
        self,
        what: str,
        request: dict[str, Any],
        tensors: dict[str, Any],
        *,
        timeout_s: float,
        fds: list[int] | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Ask the probe, and turn what can go wrong into the submission's errors."""
        assert self._probe is not None and self._process is not None
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise CallTimeoutError(f"{what} was not run: the time for the whole submission was used up.")
        try:
            return self._probe.ask(request, tensors, timeout_s=min(timeout_s, left_s), fds=fds)
        except ProbeTimeout:
            raise CallTimeoutError(f"{what} did not return within {timeout_s:g} s.") from None
        except ProbeDied:
            ending = self._process.how_it_ended()
            raise KernelDiedError(f"The kernel ended during {what}: {ending}.") from None
        except wire.WireError as error:
            raise SubmissionError(f"{what} returned {error}, which cannot be graded.") from None

    def _revive(self) -> None:
        """Make sure that a kernel with the notebook's definitions and models runs.

        Raises:
            KernelDiedError: If the notebook ends every kernel.
        """
        if self._process is not None and self._process.is_alive():
            return
        if self._process is None and self._deadline == float("inf"):
            raise GraderError("call() and provide() come after run().")
        notebook = copy.deepcopy(self._source)
        if self._fatal_cell is not None:
            notebook.cells = notebook.cells[: self._fatal_cell]
        self._start(notebook)
        assert self._process is not None
        if not self._process.is_alive():
            raise KernelDiedError(
                f"The notebook's kernel ended while it ran again: {self._process.how_it_ended()}."
            )
        for name, provision in self._provisions.items():
            self._provide(name, provision)

    def _drop(self) -> None:
        """End the present kernel."""
        if self._watchdog is not None:
            self._watchdog.close()
            self._watchdog = None
        if self._process is not None:
            self._process.close()
            self._process = None
        self._probe = None

    def close(self) -> None:
        """End the kernel and all its processes."""
        self._drop()

    def __enter__(self) -> KernelSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _run_async(work: Any) -> Run:
    """Run a coroutine to its end, also where this thread already runs an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)  # type: ignore[no-any-return]
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()  # type: ignore[no-any-return]
