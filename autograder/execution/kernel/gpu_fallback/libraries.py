"""Devices that are named where a library loads something: `torch.load`, transformers' `device_map`."""

from __future__ import annotations

import sys
from typing import Any

import torch

from autograder.execution.kernel.gpu_fallback.calls import Arguments, with_arguments
from autograder.execution.kernel.gpu_fallback.devices import Redirection

_BEFORE_CUDA = 15
"""torch asks its packages in this order: the CPU has 10, CUDA 20."""


def install(redirection: Redirection) -> None:
    """Have saved GPU tensors loaded to the CPU, and models of transformers as well."""

    def restored(storage: Any, location: str) -> Any:
        return storage if redirection.device(location) is not location else None

    torch.serialization.register_package(_BEFORE_CUDA, lambda storage: None, restored)
    if modeling := sys.modules.get("transformers.modeling_utils"):
        model = modeling.PreTrainedModel
        load = model.from_pretrained.__func__
        model.from_pretrained = classmethod(with_arguments(load, _without_device_map(redirection)))


def _without_device_map(redirection: Redirection) -> Any:
    """Drop `device_map`: there is one device, and accelerate, which reads it, need not be there."""

    def replace(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        device_map = kwargs.pop("device_map", None)
        places = device_map.values() if isinstance(device_map, dict) else [device_map]
        if any(place == "auto" or redirection.device(place) is not place for place in places):
            redirection.on_ask()
        return args, kwargs

    return replace
