"""Requests kernels from a running zygote."""

from __future__ import annotations

import contextlib
import json
import secrets
import select
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from autograder.errors import GraderError
from autograder.execution.devices import GpuBudget
from autograder.execution.kernel_process import KernelProcess
from autograder.execution.sandbox import box, runtime_tree, temp_dirs
from autograder.records import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRequest:
    """What is asked of a zygote for one submission."""

    limits: Limits = field(default_factory=Limits)
    """What the kernel may use."""

    seed: int = 0
    """For torch, NumPy and random."""

    cuda_fallback: bool = False
    """Whether "cuda" means the CPU there."""

    ahead: bool = False
    """Whether a kernel more is started meanwhile, for the next request with the same limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Starting:
    """A kernel that the zygote was asked for and that may still be starting."""

    control: socket.socket
    probe: socket.socket
    key: str
    folders: tuple[str, ...]
    limits: Limits

    def await_ready(self) -> KernelProcess:
        """Return the kernel once it has bound its sockets."""
        return KernelProcess(self.control, self.probe, self.key, folders=self.folders)


class ZygoteLink:
    """A way to ask a running zygote for kernels; several processes may hold one to the same zygote.

    Requests are single messages that bring their own reply sockets, so that links need no lock.

    Args:
        requests: The grader's end of the zygote's socket; None once closed.
        student_dir: The folder that students receive.
        device: `cpu` or `cuda`.
        mode: The sandbox mode that the zygote found.
        gpu: The one GPU that kernels see, as `CUDA_VISIBLE_DEVICES` names it; empty: as the zygote has it.
        gpu_budget: What a kernel may use of that GPU's memory; None: all there is.
        hurried: Kernels that were put away are waited for when the next one is asked for, not before: their
            memory takes some hundredths of a second to be given back.

    Attributes:
        layers: The layers that are on, of `sandbox.LAYERS`.
    """

    def __init__(
        self,
        requests: socket.socket | None,
        *,
        student_dir: Path,
        device: str,
        mode: str,
        gpu: str = "",
        gpu_budget: GpuBudget | None = None,
        hurried: bool = False,
    ) -> None:
        self._socket = requests
        self._hurried = hurried
        self._ending: list[KernelProcess] = []
        self.student_dir = student_dir.resolve()
        self.device = device
        self.mode = mode
        self.layers = box.MODES[mode]
        self.gpu_budget = gpu_budget
        self._gpu = gpu
        self._spare: _Starting | None = None

    def is_alive(self) -> bool:
        """Tell whether there is a zygote at the other end."""
        if self._socket is None:
            return False
        poll = select.poll()
        poll.register(self._socket, 0)  # a hang-up is told unasked
        return not poll.poll(0)

    def handle(self) -> int:
        """Return the descriptor of the link, to be handed to another process.

        Raises:
            GraderError: If the link is closed.
        """
        if self._socket is None:
            raise GraderError("The warm process has been closed.")
        return self._socket.fileno()

    def fork(self, request: KernelRequest) -> KernelProcess:
        """Fork a kernel in a box of its own, or take the one that was prepared.

        Raises:
            GraderError: If the zygote has died, the box cannot be built, or the GPU has no room.
        """
        self.await_ends()
        if self.gpu_budget is not None:
            self.gpu_budget.wait()
        process = self._prepared(request.limits) or self._ask_for_kernel(request.limits).await_ready()
        process.begin(seed=request.seed, cuda_fallback=request.cuda_fallback)
        if request.ahead:
            # It starts while this one works, and knows nothing of a submission until one takes it.
            self._spare = self._ask_for_kernel(request.limits)
        return process

    def _prepared(self, limits: Limits) -> KernelProcess | None:
        """Return the kernel that was prepared, if it fits and lives."""
        spare, self._spare = self._spare, None
        if spare is None:
            return None
        try:
            process = spare.await_ready()
        except GraderError:
            return None
        if spare.limits == limits and process.is_alive():
            return process
        process.close()
        return None

    def _ask_for_kernel(self, limits: Limits) -> _Starting:
        """Ask the zygote for a kernel."""
        if self._socket is None:
            raise GraderError("The warm process has been closed.")
        boxed = "mounts" in self.layers
        box_dir = runtime_tree.BOX if boxed else temp_dirs.make_folder("box")
        sockets = runtime_tree.SOCKETS if boxed else temp_dirs.make_folder("run")
        plan = {
            "layers": sorted(self.layers),
            "box": box_dir,
            "sockets": sockets,
            "student": runtime_tree.STUDENT if boxed else str(self.student_dir),
            "limits": asdict(limits),
            "gpu": self.device != "cpu",
        }
        key = secrets.token_hex(16)
        kernel = {
            "device": self.device,
            "key": key,
            "home": "/tmp/home" if boxed else f"{box_dir}/.home",
            "temporary": "" if boxed else f"{box_dir}/.tmp",  # the machine's own would be shared with others
            "gpu": self._seat(),
        }
        control, their_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        probe, their_probe = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with their_control, their_probe:
            request = json.dumps({"plan": plan, "kernel": kernel}).encode()
            try:
                socket.send_fds(self._socket, [request], [their_control.fileno(), their_probe.fileno()])
            except OSError as error:
                raise GraderError(f"The warm process has died ({error}); start the command again.") from None
        folders = () if boxed else (box_dir, sockets)
        return _Starting(control=control, probe=probe, key=key, folders=folders, limits=limits)

    def _seat(self) -> Mapping[str, Any] | None:
        """Return what a kernel needs to know of its GPU."""
        if self.device == "cpu":
            return None
        return {"name": self._gpu, "share": self.gpu_budget.share if self.gpu_budget is not None else None}

    def put_away(self, process: KernelProcess) -> None:
        """End a kernel for good and close it, now or soon."""
        process.kill()
        self._ending.append(process)
        if not self._hurried:
            self.await_ends()

    def await_ends(self) -> None:
        """Wait until the kernels that were put away have gone."""
        while self._ending:
            self._ending.pop().close()

    def close(self) -> None:
        """Let go of the zygote, which ends when the last link is closed."""
        self.await_ends()
        spare, self._spare = self._spare, None
        if spare is not None:
            # A kernel that could not be started has ended already.
            with contextlib.suppress(GraderError):
                spare.await_ready().close()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
