"""Which devices mean a GPU, and what takes their place."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch

from autograder.execution.kernel.gpu_fallback.calls import Arguments

_KINDS = ("cuda", "mps", "xpu")
_NAME = re.compile(rf"(?:{'|'.join(_KINDS)})(?::\d+)?")
_TENSOR_TYPE = re.compile(rf"torch\.(?:{'|'.join(_KINDS)})\.((?:sparse\.)?\w+Tensor)")


class Redirection:
    """Replaces GPUs by the CPU and tells it.

    Args:
        on_ask: Called whenever a GPU was replaced.
    """

    def __init__(self, on_ask: Callable[[], None]) -> None:
        self.on_ask = on_ask

    def device(self, value: Any) -> Any:
        """Replace a device, whatever torch takes for one; an integer is the number of a GPU."""
        if isinstance(value, torch.device):
            return self._cpu() if value.type in _KINDS else value
        if isinstance(value, str):
            return self._cpu() if _NAME.fullmatch(value) else value
        return self._cpu() if type(value) is int and value >= 0 else value

    def tensor_type(self, value: Any) -> Any:
        """Replace `torch.cuda.FloatTensor` or its name."""
        name = value if isinstance(value, str) else getattr(value, "name_of_gpu_tensor", "")
        if not (found := _TENSOR_TYPE.fullmatch(name)):
            return value
        self.on_ask()
        return f"torch.{found[1]}"

    def keywords(self, keywords: dict[str, Any]) -> dict[str, Any]:
        """Replace the keywords `device` and `pin_memory` of a function that makes tensors."""
        if keywords.get("device") is not None:
            keywords["device"] = self.device(keywords["device"])
        if keywords.get("pin_memory") is True:
            keywords["pin_memory"] = False
            self.on_ask()
        return keywords

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        """Replace the devices among the arguments of a function that takes no sizes."""
        return tuple(self.device(arg) for arg in args), self.keywords(kwargs)

    def _cpu(self) -> torch.device:
        self.on_ask()
        return torch.device("cpu")
