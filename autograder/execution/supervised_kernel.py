"""A kernel with all that belongs to it: its watchdogs and its probe."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from autograder.execution.gpu_watchdog import GpuWatchdog
from autograder.execution.kernel_process import KernelProcess
from autograder.execution.memory_watchdog import MemoryWatchdog
from autograder.execution.probe_client import ProbeClient, ProbeDied, ProbeTimeout
from autograder.execution.wire import codec
from autograder.execution.zygote_link import ZygoteLink
from autograder.records import Limits

_STATUS_TIMEOUT_S = 5.0


class SupervisedKernel:
    """Watches a kernel from its first moment until it is closed.

    Args:
        process: The kernel.
        zygote: It was forked by.
        limits: What it may use.

    Attributes:
        process: The kernel.
        probe: Asks it.
        provided: Names of the models and tokenizers that it has loaded.
    """

    def __init__(self, process: KernelProcess, zygote: ZygoteLink, limits: Limits) -> None:
        self.process = process
        self.provided: set[str] = set()
        self._zygote = zygote
        if "memory" in zygote.layers:
            process.confine(limits.memory_bytes)
        self._memory_watchdog = (
            MemoryWatchdog(
                process,
                limits.memory_bytes,
                own_files="mounts" in zygote.layers,
                own_network="network" in zygote.layers,
            )
            if "memory" in zygote.layers
            else None
        )
        self._gpu_watchdog = (
            GpuWatchdog(process, zygote.gpu_budget) if zygote.gpu_budget is not None else None
        )
        self.probe = ProbeClient(process, limits.answer_bytes)

    @property
    def gpu_bytes(self) -> int:
        """The most GPU memory that was seen in use, CUDA's own included; 0 on the CPU."""
        return self._gpu_watchdog.gpu_bytes if self._gpu_watchdog is not None else 0

    def status(self) -> dict[str, Any]:
        """Ask the kernel what its cells asked for and could not have; no answer counts as nothing."""
        return self._claims({"op": "status"})

    def fingerprints(self, functions: Iterable[str]) -> dict[str, Any]:
        """Ask for the functions' fingerprints in the present state; no answer counts as nothing."""
        return self._claims({"op": "fingerprint", "names": list(functions)})

    def _claims(self, request: dict[str, Any]) -> dict[str, Any]:
        if not self.process.is_alive():
            return {}
        try:
            return self.probe.ask(request, {}, timeout_s=_STATUS_TIMEOUT_S)[0]
        except (ProbeTimeout, ProbeDied, codec.WireError):
            return {}

    def close(self) -> None:
        """End the kernel and all its processes."""
        for watchdog in (self._memory_watchdog, self._gpu_watchdog):
            if watchdog is not None:
                watchdog.close()
        self._zygote.put_away(self.process)
