"""Which GPUs a batch runs on, and whose turn it is on which. Asks the machine alone: torch is not imported here."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import AssignmentError

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""CUDA's own variable: what a process may see, by number or name, in its own order."""

ENVIRONMENT = {
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # cuBLAS sums in another order each time without it
    "CUDA_DEVICE_ORDER": os.environ.get("CUDA_DEVICE_ORDER", "FASTEST_FIRST"),
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # is_available() without a context: kernels are forked after it
}
"""For every process that computes on a GPU, before CUDA starts."""

_NODE = re.compile(r"nvidia(\d+)")


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
