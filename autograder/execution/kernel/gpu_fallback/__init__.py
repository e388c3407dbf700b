"""Lets a notebook that asks for a GPU run on a machine without one.

A device other than the CPU is replaced where torch parses it, and what raises without a GPU has a stand-in. Whatever
works without a GPU, `torch.cuda.is_available` among it, stays as it is: code that asks first takes its CPU branch.
"""

from __future__ import annotations

from collections.abc import Callable

from autograder.execution.kernel.gpu_fallback import libraries, stand_ins, tensors
from autograder.execution.kernel.gpu_fallback.devices import Redirection


def install(on_ask: Callable[[], None]) -> None:
    """Patch torch in this process for good.

    Args:
        on_ask: Called whenever something asks for a GPU.
    """
    redirection = Redirection(on_ask)
    tensors.install(redirection)
    stand_ins.install(on_ask)
    libraries.install(redirection)
