"""A GPU as one worker and its kernels use it: the same arithmetic each time, a share of the memory, a last look.

Nothing here starts CUDA by itself in a process that has not asked for the GPU: a zygote forks, and a fork
of a process with a CUDA context has none that works.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from autograder.errors import GraderError
from autograder.execution.devices import ENVIRONMENT, VISIBLE
from autograder.execution.kernel_process import KernelProcess

CONTEXT_BYTES = 2**30
"""What a process takes of a GPU beside its tensors: CUDA's context, the libraries' kernels and workspaces."""

_INTERVAL_S = 0.25
_ROOM_TIMEOUT_S = 20.0

Memory = Callable[[], tuple[int, int]]
"""Free and total bytes of the GPU, all processes counted."""


def be_reproducible() -> None:
    """Have this process compute on GPUs in float32 proper, and with the same bits each time."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    # What has no deterministic way may still be used: that is no mistake of a student's.
    torch.use_deterministic_algorithms(True, warn_only=True)
    warnings.filterwarnings("ignore", message=".*does not have a deterministic implementation.*")


def take_seat(gpu: str) -> None:
    """Let this process see one GPU alone; before CUDA starts in it.

    Args:
        gpu: As `CUDA_VISIBLE_DEVICES` names it; empty: all that it sees already.
    """
    os.environ.update(ENVIRONMENT)
    if gpu:
        os.environ[VISIBLE] = gpu
    be_reproducible()


def limit_allocator(share: float) -> None:
    """Bound what torch's allocator takes in this process, once CUDA starts in it.

    Args:
        share: Of the GPU's memory, 0 to 1.
    """
    if torch.version.cuda is not None:
        torch.cuda._lazy_call(  # type: ignore[no-untyped-call]
            lambda: torch.cuda.set_per_process_memory_fraction(share, 0)
        )


@dataclass(kw_only=True)
class Room:
    """The memory of a worker's GPU that one submission may use.

    The worker's own tensors and CUDA context are there before and are not counted.
    """

    limit_bytes: int
    """For the tensors of one submission."""

    shared_by: int = 1
    """Kernels on the GPU at a time."""

    memory: Memory = field(default=lambda: torch.cuda.mem_get_info(0))
    """Measures."""

    own: Callable[[], int] = field(default=lambda: torch.cuda.memory_reserved(0))
    """Bytes of this process."""

    @property
    def total(self) -> int:
        """Bytes of the whole GPU."""
        return self.memory()[1]

    @property
    def share(self) -> float:
        """What `limit_allocator` is to get."""
        return min(1.0, self.limit_bytes / self.total)

    def check_size(self) -> None:
        """See that the GPU has room for all who share it.

        Raises:
            GraderError: If it has not.
        """
        needed = self.shared_by * (self.limit_bytes + CONTEXT_BYTES)
        if needed > self.total:
            fitting = int(self.total // (self.limit_bytes + CONTEXT_BYTES))
            way = f"--per-gpu {fitting}" if fitting else "a smaller gpu_memory_bytes in [limits]"
            raise GraderError(
                f"The GPU has {_gb(self.total)}, and {self.shared_by} submission(s) at a time may use "
                f"{_gb(needed)} with what CUDA itself takes. Give {way}."
            )

    def is_there(self) -> bool:
        """Return whether a submission could take all that it may."""
        return self.memory()[0] >= self.limit_bytes

    def wait(self, timeout_s: float = _ROOM_TIMEOUT_S) -> None:
        """Wait until the memory is free: that of the kernel before takes a moment to be given back.

        Raises:
            GraderError: If it is not in time: others use the GPU.
        """
        end = time.monotonic() + timeout_s
        while not self.is_there():
            if time.monotonic() > end:
                raise GraderError(
                    f"The GPU has only {_gb(self.memory()[0])} free, and a submission may use "
                    f"{_gb(self.limit_bytes)}: other programs use it."
                )
            time.sleep(_INTERVAL_S / 5)


class GpuWatchdog:
    """A thread that measures what a kernel takes of the GPU, from outside, and ends it when that is too much.

    CUDA tells each process what is free on the whole device; where several kernels share it, what is missing could
    be anybody's, and only torch's own bound in the kernel holds.

    Args:
        process: The kernel.
        room: Of the GPU.

    Attributes:
        gpu_bytes: The most that was seen in use, CUDA's own included.
    """

    def __init__(self, process: KernelProcess, room: Room) -> None:
        self.gpu_bytes = 0
        self._process = process
        self._room = room
        self._before = room.memory()[0] + room.own()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="gpu-watchdog", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        limit = self._room.limit_bytes + CONTEXT_BYTES
        while not self._stop.wait(_INTERVAL_S) and self._process.is_alive():
            # A GPU that cannot be asked is noticed by whoever computes on it next.
            with contextlib.suppress(RuntimeError):
                used = self._before - self._room.memory()[0] - self._room.own()
                self.gpu_bytes = max(self.gpu_bytes, used)
                if used > limit and self._room.shared_by == 1:
                    self._process.kill(f"it used more than {_gb(self._room.limit_bytes)} of GPU memory")

    def close(self) -> None:
        """Stop watching; must come before the process is closed."""
        self._stop.set()
        self._thread.join()


def fault_of_device() -> str:
    """Compute on this worker's GPU; return what is wrong with it, or "".

    A GPU that a process has lost stays lost for that process.
    """
    try:
        ones = torch.ones(64, 64, device="cuda")
        total = float((ones @ ones).sum())
        torch.cuda.synchronize()
    except RuntimeError as error:
        return str(error).strip().partition("\n")[0] or type(error).__name__
    return "" if total == 64.0**3 else f"a product came to {total} instead of {64.0**3}"


def says_out_of_memory(*texts: Any) -> bool:
    """Tell whether one of these error texts speaks of GPU memory that was used up."""
    return any("out of memory" in str(text).lower() and "cuda" in str(text).lower() for text in texts)


def _gb(size: int) -> str:
    return f"{size / 2**30:.1f} GB"
