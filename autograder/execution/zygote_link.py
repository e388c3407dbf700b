"""A way to ask a running zygote for kernels."""

from __future__ import annotations

import json
import secrets
import select
import socket
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.errors import GraderError
from autograder.execution import leftovers, runtime_tree, sandbox
from autograder.execution.kernel_process import KernelProcess
from autograder.records import Limits

if TYPE_CHECKING:
    from autograder.execution.gpu import Room


def _plain(plan: sandbox.BoxPlan) -> dict[str, Any]:
    """Return what the zygote does not know itself."""
    known = {key: value for key, value in asdict(plan).items() if key not in ("covered", "runtime")}
    return {**known, "layers": sorted(plan.layers)}


class ZygoteLink:
    """A way to ask a running zygote for kernels; several processes may hold one to the same zygote.

    Requests are single messages that bring their own reply sockets, so that links need no lock.

    Args:
        requests: The grader's end of the zygote's socket; None once closed.
        student_dir: The folder that students receive.
        device: `cpu` or `cuda`.
        mode: The sandbox mode that the zygote found.
        hurried: Kernels that were put away are waited for when the next one is asked for, not before: their
            memory takes some hundredths of a second to be given back.

    Attributes:
        layers: The layers that are on, of `sandbox.LAYERS`.
        gpu: The one GPU that kernels see, as `CUDA_VISIBLE_DEVICES` names it; empty: as the zygote has it.
        room: What a kernel may use of that GPU's memory; None: all there is.
    """

    def __init__(
        self,
        requests: socket.socket | None,
        *,
        student_dir: Path,
        device: str,
        mode: str,
        hurried: bool = False,
    ) -> None:
        self._socket = requests
        self._hurried = hurried
        self._ending: list[KernelProcess] = []
        self.student_dir = student_dir.resolve()
        self.device = device
        self.mode = mode
        self.layers = sandbox.MODES[mode]
        self.gpu = ""
        self.room: Room | None = None

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

    def fork(
        self, *, seed: int, limits: Limits, cuda_fallback: bool = False, plain: bool = False
    ) -> KernelProcess:
        """Fork a kernel in a box of its own.

        Args:
            seed: For torch, NumPy and random.
            limits: What it may use.
            cuda_fallback: Whether "cuda" means the CPU there.
            plain: Whether tracebacks come without colours.

        Raises:
            GraderError: If the zygote has died, the box cannot be built, or the GPU has no room.
        """
        if self._socket is None:
            raise GraderError("The warm process has been closed.")
        self.await_ends()
        if self.room is not None:
            self.room.wait()
        boxed = "mounts" in self.layers
        box = runtime_tree.BOX if boxed else leftovers.make_folder("box")
        plan = sandbox.BoxPlan(
            layers=self.layers,
            box=box,
            sockets=runtime_tree.SOCKETS if boxed else leftovers.make_folder("run"),
            student=runtime_tree.STUDENT if boxed else str(self.student_dir),
            processes=limits.processes,
            file_bytes=limits.file_bytes,
            memory_bytes=limits.memory_bytes,
            gpu=self.device != "cpu",
        )
        key = secrets.token_hex(16)
        kernel = {
            "seed": seed,
            "device": self.device,
            "key": key,
            "sockets": plan.sockets,
            "box": box,
            "home": "/tmp/home" if boxed else f"{box}/.home",
            "temporary": "" if boxed else f"{box}/.tmp",  # the machine's own would be shared with others
            "student": plan.student,
            "cuda_fallback": cuda_fallback,
            "plain": plain,
            "gpu": self._seat(),
        }
        control, their_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        probe, their_probe = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with their_control, their_probe:
            request = json.dumps({"plan": _plain(plan), "kernel": kernel}).encode()
            try:
                socket.send_fds(self._socket, [request], [their_control.fileno(), their_probe.fileno()])
            except OSError as error:
                raise GraderError(f"The warm process has died ({error}); start the command again.") from None
        return KernelProcess(control, probe, key, folders=() if boxed else (box, plan.sockets))

    def _seat(self) -> Mapping[str, Any] | None:
        """Return what a kernel needs to know of its GPU."""
        if self.device == "cpu":
            return None
        return {"name": self.gpu, "share": self.room.share if self.room is not None else None}

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
        if self._socket is not None:
            self._socket.close()
            self._socket = None
