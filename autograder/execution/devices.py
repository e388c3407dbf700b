"""GPUs: which there are, who computes on which, what CUDA needs for the same bits each time, how much memory is free.

The coordinator asks for seats and imports no torch, so only the functions that use torch import it. None of them
starts CUDA in a process that has not asked for the GPU: a zygote forks, and CUDA does not work in a fork of a process
that has a CUDA context.
"""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import AssignmentError, GraderError

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""CUDA's own variable: what a process may see, by number or name, in its own order."""

ENVIRONMENT = {
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # cuBLAS sums in another order each time without it
    "CUDA_DEVICE_ORDER": os.environ.get("CUDA_DEVICE_ORDER", "FASTEST_FIRST"),
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # is_available() without a context: kernels are forked after it
}
"""For every process that computes on a GPU, before CUDA starts."""

CONTEXT_BYTES = 2**30
"""What a process takes of a GPU beside its tensors: CUDA's context, the libraries' kernels and workspaces."""

_NODE = re.compile(r"nvidia(\d+)")
_ROOM_TIMEOUT_S = 20.0
_ROOM_INTERVAL_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """Where one worker and its kernels compute."""

    device: str
    """cpu or cuda: of several GPUs a worker sees its own alone."""

    gpu: str = ""
    """What `CUDA_VISIBLE_DEVICES` is there; empty on the CPU."""

    shared_by: int = 1
    """Workers whose kernels use the GPU at a time."""


def visible(environment: Mapping[str, str] = os.environ, devices: Path = Path("/dev")) -> list[str]:
    """List the GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them.

    Args:
        environment: Where that variable may be.
        devices: Where the driver's device files are.
    """
    if VISIBLE in environment:
        names = [name.strip() for name in environment[VISIBLE].split(",")]
        # CUDA takes the names up to the first that cannot be one.
        cut = next((place for place, name in enumerate(names) if name in ("", "-1")), len(names))
        return names[:cut]
    count = sum(_NODE.fullmatch(path.name) is not None for path in devices.glob("nvidia*"))
    return [str(number) for number in range(count)]


def seats(device: str, *, jobs: int, per_gpu: int, found: list[str] | None = None) -> list[Seat]:
    """Give every worker its place.

    Args:
        device: `cpu`; `cuda` for all GPUs; `cuda:i` for one of them.
        jobs: Workers; 0: one a core, or as many as the GPUs take. GPUs never take more than `per_gpu` each.
        per_gpu: Kernels of one GPU at a time.
        found: The GPUs there are; None: look.

    Raises:
        AssignmentError: If there is no such device.
    """
    if device == "cpu":
        return [Seat(device="cpu")] * (jobs or os.cpu_count() or 1)
    kind, colon, number = device.partition(":")
    if kind != "cuda" or (colon and not number.isdigit()):
        raise AssignmentError(f"There is no device {device!r}. Name one of: cpu, cuda, cuda:0.")
    there = visible() if found is None else found
    if not there:
        raise AssignmentError(
            f"There is no GPU here for {device!r}: `autograder doctor` says what it finds. "
            "Leave --device out to grade on the CPU."
        )
    if colon and int(number) >= len(there):
        raise AssignmentError(f"There is no device {device!r}: this machine shows {len(there)} GPU(s).")
    chosen = [there[int(number)]] if colon else there
    # One after the other, so that few workers are spread over all of them.
    return [Seat(device="cuda", gpu=gpu, shared_by=per_gpu) for _ in range(per_gpu) for gpu in chosen][
        : jobs or None
    ]


def be_reproducible() -> None:
    """Have this process compute on GPUs in float32 proper, and with the same bits each time."""
    import torch

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
    import torch

    if torch.version.cuda is not None:
        torch.cuda._lazy_call(  # type: ignore[no-untyped-call]
            lambda: torch.cuda.set_per_process_memory_fraction(share, 0)
        )


def _free_and_total() -> tuple[int, int]:
    """Return free and total bytes of this process's GPU, all processes counted."""
    import torch

    return torch.cuda.mem_get_info(0)


def _own_bytes() -> int:
    """Return the bytes that torch holds of the GPU in this process."""
    import torch

    return torch.cuda.memory_reserved(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuBudget:
    """The memory of a worker's GPU that one submission may use.

    The worker's own tensors and CUDA context are there before and are not counted.
    """

    limit_bytes: int
    """For the tensors of one submission."""

    shared_by: int = 1
    """Kernels on the GPU at a time."""

    memory: Callable[[], tuple[int, int]] = _free_and_total
    """Measures free and total bytes of the GPU, all processes counted."""

    own: Callable[[], int] = _own_bytes
    """Measures the bytes of this process."""

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
                f"The GPU has {gigabytes(self.total)}, and {self.shared_by} submission(s) at a time may use "
                f"{gigabytes(needed)} with what CUDA itself takes. Give {way}."
            )

    def is_free(self) -> bool:
        """Return whether a submission could take all that it may."""
        return self.memory()[0] >= self.limit_bytes

    def wait(self, timeout_s: float = _ROOM_TIMEOUT_S) -> None:
        """Wait until the memory is free: that of the kernel before takes a moment to be given back.

        Raises:
            GraderError: If it is not in time: others use the GPU.
        """
        end = time.monotonic() + timeout_s
        while not self.is_free():
            if time.monotonic() > end:
                raise GraderError(
                    f"The GPU has only {gigabytes(self.memory()[0])} free, and a submission may use "
                    f"{gigabytes(self.limit_bytes)}: other programs use it."
                )
            time.sleep(_ROOM_INTERVAL_S)


def fault_of_device() -> str:
    """Compute on this worker's GPU; return what is wrong with it, or "".

    A GPU that a process has lost stays lost for that process.
    """
    import torch

    try:
        ones = torch.ones(64, 64, device="cuda")
        total = float((ones @ ones).sum())
        torch.cuda.synchronize()
    except RuntimeError as error:
        return next(iter(str(error).strip().splitlines()), type(error).__name__)
    return "" if total == 64.0**3 else f"a product came to {total} instead of {64.0**3}"


def is_out_of_memory(exception: str, message: str) -> bool:
    """Return whether an exception says that the GPU's memory was used up.

    Args:
        exception: Name of its class.
        message: Its message. CUDA's own errors arrive as RuntimeError; only their words tell them apart.
    """
    words = message.lower()
    return exception == "OutOfMemoryError" or ("cuda" in words and "out of memory" in words)


def gigabytes(size: int) -> str:
    """Return a number of bytes as people read it."""
    return f"{size / 2**30:.1f} GB"
