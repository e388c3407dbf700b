"""One submission's kernel: runs the notebook, then answers calls of the student's functions."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

import nbformat

from autograder.errors import CallTimeoutError, GraderError, KernelDiedError, SubmissionError
from autograder.execution import normalise_outputs, replies
from autograder.execution.cpu_clock import FairClock
from autograder.execution.driver import Run, drive, run_async
from autograder.execution.kernel_notes import KernelNotes
from autograder.execution.kernel_process import KernelProcess
from autograder.execution.model_transfer import Provision
from autograder.execution.probe_client import ProbeDied, ProbeTimeout
from autograder.execution.provisioner import SandboxedKernelManager
from autograder.execution.replies import SideEffect
from autograder.execution.reruns import run_without_fatal_cells
from autograder.execution.supervised_kernel import SupervisedKernel
from autograder.execution.wire import codec
from autograder.execution.wire.codec import Handle
from autograder.execution.zygote_link import KernelRequest, ZygoteLink
from autograder.records import Execution, Limits

__all__ = ["Handle", "KernelSession"]

GPU_REMARK = "Your notebook asked for a GPU; it was graded on the CPU."
_PROVIDE_TIMEOUT_S = 120.0


class KernelSession:
    """Runs one notebook and calls its functions.

    Args:
        zygote: Forks the kernels.
        notebook: nbformat 4 JSON; never changed.
        limits: What the submission may use.
        seed: Of the kernel's torch, NumPy and random.
        ahead: Whether another submission follows: its kernel is started while this one works.

    Attributes:
        side_effects: What calls left changed, in order, each once.
    """

    def __init__(
        self,
        zygote: ZygoteLink,
        notebook: Mapping[str, Any],
        *,
        limits: Limits | None = None,
        seed: int = 0,
        ahead: bool = False,
    ) -> None:
        self.side_effects: list[SideEffect] = []
        self._gpu_peak_bytes = 0
        self._zygote = zygote
        self._source = nbformat.from_dict(copy.deepcopy(dict(notebook)))
        self._request = KernelRequest(
            limits=limits or Limits(),
            seed=seed,
            cuda_fallback=zygote.device == "cpu" and normalise_outputs.mentions_cuda(self._source),
            ahead=ahead,
        )
        self._provisions: dict[str, Provision] = {}
        self._left_out: frozenset[int] = frozenset()
        self._notes = KernelNotes({})
        self._kernel: SupervisedKernel | None = None
        self._clock: FairClock | None = None

    def run(self) -> Execution:
        """Run the notebook's cells.

        Returns:
            The executed notebook, its failures and remarks.

        Raises:
            GraderError: If no kernel can be started.
        """
        began = time.monotonic()
        self._clock = FairClock(self._request.limits.submission_timeout_s)
        notebook, run, self._left_out = run_without_fatal_cells(self._source, self._start, self._clock)
        seconds = time.monotonic() - began
        self._blame_the_zygote()
        unfinished = {failure.index: failure.message for failure in run.failures if failure.kind != "error"}
        status = self._kernel.status() if self._kernel is not None else {}
        self._notes = KernelNotes(status)
        remarks = self._notes.remarks()
        if self._request.cuda_fallback and status.get("gpu_asked") is True:
            remarks.append(GPU_REMARK)
        if run.output_cut:
            limit = f"{self._request.limits.output_bytes / 2**20:g} MB"
            remarks.append(f"Your notebook printed more than {limit}; the rest was not kept.")
        return Execution(
            notebook=normalise_outputs.tidy(notebook, unfinished),
            failures=tuple(run.failures),
            remarks=tuple(remarks),
            sandbox_mode=self._zygote.mode,
            device=self._zygote.device,
            seconds=seconds,
        )

    def _blame_the_zygote(self) -> None:
        """Tell a kernel that ended by itself from one that went down with the zygote.

        Raises:
            GraderError: If the zygote has ended: the student has no part in that.
        """
        if not self._zygote.is_alive():
            raise GraderError("The warm process ended while a submission ran; its result says nothing.")

    def _start(self, notebook: Any, left_out: frozenset[int]) -> Run:
        """Run a notebook in a new kernel and keep that kernel for the calls."""
        assert self._clock is not None
        self._drop()
        self._blame_the_zygote()
        manager = SandboxedKernelManager(self._zygote, self._request)
        return run_async(drive(notebook, manager, clock=self._clock, left_out=left_out, on_start=self._adopt))

    def _adopt(self, process: KernelProcess) -> None:
        """Own a kernel from its first moment, so that no error leaves it behind."""
        assert self._clock is not None
        self._kernel = SupervisedKernel(process, self._zygote, self._request.limits, self._clock)

    def provide(
        self,
        name: str,
        *,
        loader: str,
        folder: Path,
        in_student_dir: bool = False,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Load a model or tokenizer in the kernel; `Handle(name)` stands for it in calls.

        Args:
            name: `model:shipped`.
            loader: `module:Class` with a from_pretrained.
            folder: Where its files are. Files of a hidden model are sent now, and were not there before.
            in_student_dir: Whether the kernel sees the folder anyway.
            options: What else from_pretrained is given.

        Raises:
            KernelDiedError: If the kernel ended.
            SubmissionError: If the kernel cannot load it.
            GraderError: If the folder is not what it should be.
        """
        self._provisions.pop(name, None)
        self._revive()
        provision = Provision(
            loader=loader, folder=folder, in_student_dir=in_student_dir, options=dict(options)
        )
        self._provide(name, provision)
        self._provisions[name] = provision

    def _provide(self, name: str, provision: Provision) -> None:
        try:
            request, fds = provision.request(name, self._zygote.student_dir)
        except (ValueError, OSError) as error:
            raise GraderError(f"{name} cannot be provided: {error}.") from None
        try:
            reply, _ = self._ask(name, request, {}, timeout_s=_PROVIDE_TIMEOUT_S, fds=fds)
        finally:
            for fd in fds:
                os.close(fd)
        if reply["status"] != "ok":
            told = f"{replies.text(reply, 'error')}: {replies.text(reply, 'message')}"
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
            tree, tensors = codec.encode((tuple(args), dict(kwargs or {})))
        except codec.WireError as error:
            raise GraderError(f"{function}() cannot be given {error}.") from None
        unknown = replies.handles(tree) - self._provisions.keys()
        if unknown:
            raise GraderError(f"{function}() was to get {sorted(unknown)[0]}, which was not provided.")
        request = {
            "op": "call",
            "name": function,
            "arguments": tree,
            "seed": seed,
            "answer_bytes": self._request.limits.answer_bytes,
        }
        limit_s = self._request.limits.call_timeout_s if timeout_s is None else timeout_s
        reply, answer = self._ask(f"{function}()", request, tensors, timeout_s=limit_s)
        for effect in replies.side_effects(function, reply, self._provisions):
            if effect not in self.side_effects:
                self.side_effects.append(effect)
        if reply["status"] != "ok":
            replies.raise_reply(function, reply, self._notes.because)
        try:
            return codec.decode(reply.get("value"), answer, arrays=False)
        except codec.WireError as error:
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
        assert self._kernel is not None and self._clock is not None
        left_s = self._clock.left_s()
        if left_s <= 0:
            raise CallTimeoutError(f"{what} was not run: the time for the whole submission was used up.")
        try:
            return self._kernel.probe.ask(request, tensors, timeout_s=min(timeout_s, left_s), fds=fds)
        except ProbeTimeout:
            raise CallTimeoutError(f"{what} did not return within {timeout_s:g} s.") from None
        except ProbeDied:
            self._blame_the_zygote()
            ending = self._kernel.process.how_it_ended()
            raise KernelDiedError(f"The kernel ended during {what}: {ending}.") from None
        except codec.WireError as error:
            raise SubmissionError(f"{what} returned {error}, which cannot be graded.") from None

    def _revive(self) -> None:
        """Make sure that a kernel with the notebook's definitions and models runs.

        Raises:
            KernelDiedError: If the notebook ends every kernel.
        """
        if self._kernel is not None and self._kernel.process.is_alive():
            return
        if self._clock is None:
            raise GraderError("call() and provide() come after run().")
        self._start(copy.deepcopy(self._source), self._left_out)
        assert self._kernel is not None
        if not self._kernel.process.is_alive():
            raise KernelDiedError(
                f"The notebook's kernel ended while it ran again: {self._kernel.process.how_it_ended()}."
            )
        for name, provision in self._provisions.items():
            self._provide(name, provision)

    def _drop(self) -> None:
        """End the present kernel."""
        if self._kernel is not None:
            self._kernel.close()
            self._gpu_peak_bytes = self.gpu_bytes
            self._kernel = None

    @property
    def gpu_bytes(self) -> int:
        """The most GPU memory that was seen in use, CUDA's own included; 0 on the CPU."""
        return max(self._gpu_peak_bytes, self._kernel.gpu_bytes if self._kernel is not None else 0)

    def close(self) -> None:
        """End the kernel and all its processes."""
        self._drop()

    def __enter__(self) -> KernelSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
