"""Watches the GPU memory of a kernel from outside and ends it when it takes too much."""

from __future__ import annotations

import contextlib
import threading

from autograder.execution.devices import CONTEXT_BYTES, GpuBudget, gigabytes
from autograder.execution.kernel_process import KernelProcess

_INTERVAL_S = 0.25


class GpuWatchdog:
    """A thread that measures what a kernel takes of the GPU, from outside, and ends it when that is too much.

    CUDA tells each process what is free on the whole device; where several kernels share it, what is missing could
    be anybody's, and only torch's own bound in the kernel holds.

    Args:
        process: The kernel.
        budget: Of the GPU.

    Attributes:
        gpu_bytes: The most that was seen in use, CUDA's own included.
    """

    def __init__(self, process: KernelProcess, budget: GpuBudget) -> None:
        self.gpu_bytes = 0
        self._process = process
        self._budget = budget
        self._before = budget.memory()[0] + budget.own()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="gpu-watchdog", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        limit = self._budget.limit_bytes + CONTEXT_BYTES
        while not self._stop.wait(_INTERVAL_S) and self._process.is_alive():
            # A GPU that cannot be asked is noticed by whoever computes on it next.
            with contextlib.suppress(RuntimeError):
                used = self._before - self._budget.memory()[0] - self._budget.own()
                self.gpu_bytes = max(self.gpu_bytes, used)
                if used > limit and self._budget.shared_by == 1:
                    self._process.kill(
                        f"it used more than {gigabytes(self._budget.limit_bytes)} of GPU memory"
                    )

    def close(self) -> None:
        """Stop watching; must come before the process is closed."""
        self._stop.set()
        self._thread.join()
