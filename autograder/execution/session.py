"""Runs one submission's notebook, then calls the student's functions."""

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
from autograder.execution.check_states import END
from autograder.execution.kernel_notes import KernelNotes
from autograder.execution.model_transfer import Provision
from autograder.execution.notebook_kernels import NotebookKernels
from autograder.execution.probe_client import ProbeDied, ProbeTimeout
from autograder.execution.replies import SideEffect
from autograder.execution.supervised_kernel import SupervisedKernel
from autograder.execution.wire import arguments, codec
from autograder.execution.wire.codec import Handle
from autograder.execution.zygote_link import KernelRequest, ZygoteLink
from autograder.records import Execution, Limits

__all__ = ["Handle", "KernelSession"]

_PROVIDE_TIMEOUT_S = 120.0


class KernelSession:
    """Runs one notebook and calls its functions.

    Args:
        zygote: Forks the kernels.
        notebook: nbformat 4 JSON; never changed.
        limits: What the submission may use.
        seed: Of the kernel's torch, NumPy and random.
        ahead: Whether another submission follows: its kernel is started while this one works.
        check_cells: Id of each function's check cell: what later cells do changes nothing in how it is called.

    Attributes:
        side_effects: What calls left changed of models and tokenizers, in order, each once.
        changing: The functions that left their arguments changed, in order, each once.
    """

    def __init__(
        self,
        zygote: ZygoteLink,
        notebook: Mapping[str, Any],
        *,
        limits: Limits | None = None,
        seed: int = 0,
        ahead: bool = False,
        check_cells: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.side_effects: list[SideEffect] = []
        self.changing: list[str] = []
        self._zygote = zygote
        self._limits = limits or Limits()
        source = nbformat.from_dict(copy.deepcopy(dict(notebook)))
        request = KernelRequest(
            limits=self._limits, seed=seed, cuda_fallback=zygote.device == "cpu", ahead=ahead
        )
        self._kernels = NotebookKernels(zygote, source, request, _numbers(source, check_cells))
        self._provisions: dict[str, Provision] = {}
        self._notes = KernelNotes({})

    def run(self) -> Execution:
        """Run the notebook's cells.

        Returns:
            The executed notebook, its failures and remarks.

        Raises:
            GraderError: If no kernel can be started.
        """
        began = time.monotonic()
        notebook, run = self._kernels.run()
        seconds = time.monotonic() - began
        unfinished = {failure.index: failure.message for failure in run.failures if failure.kind != "error"}
        status = self._kernels.status()
        self._notes = KernelNotes(status)
        remarks = self._notes.remarks()
        if run.output_cut:
            limit = f"{self._limits.output_bytes / 2**20:g} MB"
            remarks.append(f"Your notebook printed more than {limit}; the rest was not kept.")
        return Execution(
            notebook=normalise_outputs.tidy(notebook, unfinished),
            failures=tuple(run.failures),
            remarks=tuple(remarks),
            missing_modules=self._notes.missing_modules(),
            sandbox_mode=self._zygote.mode,
            device=self._zygote.device,
            seconds=seconds,
        )

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
        self._kernels.forget(name)
        kernel = self._with_models(self._kernels.after(END))
        provision = Provision(
            loader=loader, folder=folder, in_student_dir=in_student_dir, options=dict(options)
        )
        self._provide(kernel, name, provision)
        self._provisions[name] = provision

    def _with_models(self, kernel: SupervisedKernel) -> SupervisedKernel:
        """Have a kernel load what was provided before it started."""
        for name, provision in self._provisions.items():
            if name not in kernel.provided:
                self._provide(kernel, name, provision)
        return kernel

    def _provide(self, kernel: SupervisedKernel, name: str, provision: Provision) -> None:
        try:
            request, fds = provision.request(name, self._zygote.student_dir)
        except (ValueError, OSError) as error:
            raise GraderError(f"{name} cannot be provided: {error}.") from None
        try:
            reply, _ = self._ask(kernel, name, request, {}, timeout_s=_PROVIDE_TIMEOUT_S, fds=fds)
        finally:
            for fd in fds:
                os.close(fd)
        if reply["status"] != "ok":
            told = f"{replies.text(reply, 'error')}: {replies.text(reply, 'message')}"
            raise SubmissionError(f"{name} could not be loaded in the notebook's kernel ({told}).")
        kernel.provided.add(name)

    def call(
        self,
        function: str,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        seed: int,
        timeout_s: float | None = None,
    ) -> Any:
        """Call a function that the notebook defines, in the state right after its own check cell.

        A kernel that ran only up to there is started where later cells changed what the function depends on.

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
        kernel = self._with_models(self._kernels.of(function))
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
            "answer_bytes": self._limits.answer_bytes,
        }
        limit_s = self._limits.call_timeout_s if timeout_s is None else timeout_s
        reply, answer = self._ask(kernel, f"{function}()", request, tensors, timeout_s=limit_s)
        for effect in replies.side_effects(function, reply, self._provisions):
            if effect not in self.side_effects:
                self.side_effects.append(effect)
        if reply["status"] != "ok":
            replies.raise_reply(function, reply, self._notes.because)
        # They come back and are compared here: whether they are changed costs a point.
        if (
            arguments.are_changed(tree, tensors, reply.get("arguments"), answer)
            and function not in self.changing
        ):
            self.changing.append(function)
        try:
            return codec.decode(reply.get("value"), answer, arrays=False)
        except codec.WireError as error:
            raise SubmissionError(f"{function}() returned {error}, which cannot be graded.") from None

    def _ask(
        self,
        kernel: SupervisedKernel,
        what: str,
        request: dict[str, Any],
        tensors: dict[str, Any],
        *,
        timeout_s: float,
        fds: list[int] | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Ask the probe, and turn what can go wrong into the submission's errors."""
        assert self._kernels.clock is not None
        left_s = self._kernels.clock.left_s()
        if left_s <= 0:
            raise CallTimeoutError(f"{what} was not run: the time for the whole submission was used up.")
        try:
            return kernel.probe.ask(request, tensors, timeout_s=min(timeout_s, left_s), fds=fds)
        except ProbeTimeout:
            raise CallTimeoutError(f"{what} did not return within {timeout_s:g} s.") from None
        except ProbeDied:
            self._kernels.blame_the_zygote()
            ending = kernel.process.how_it_ended()
            raise KernelDiedError(f"The kernel ended during {what}: {ending}.") from None
        except codec.WireError as error:
            raise SubmissionError(f"{what} returned {error}, which cannot be graded.") from None

    @property
    def early_runs(self) -> int:
        """How many times the notebook was run up to a check cell, for the state after it."""
        return self._kernels.early_runs

    @property
    def gpu_bytes(self) -> int:
        """The most GPU memory that was seen in use, CUDA's own included; 0 on the CPU."""
        return self._kernels.gpu_bytes

    def close(self) -> None:
        """End the kernels and all their processes."""
        self._kernels.close()

    def __enter__(self) -> KernelSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _numbers(notebook: Any, cells: Mapping[str, str]) -> dict[str, int]:
    """Return the numbers of the code cells with these ids, under the same keys."""
    numbers = {
        cell.get("id"): number for number, cell in enumerate(notebook.cells) if cell.cell_type == "code"
    }
    return {key: numbers[cell] for key, cell in cells.items() if cell in numbers}
