"""Lets a notebook that asks for a GPU run on a machine without one.

Every place where torch takes a device is given the CPU instead; that it happened is remembered, since the
student is told. It is installed only where a notebook mentions "cuda" and no GPU is to be used.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_QUIET = (
    *("synchronize", "empty_cache", "manual_seed", "manual_seed_all", "reset_peak_memory_stats"),
    *("set_device", "ipc_collect", "init"),
)


class _Usage:
    """Whether a GPU was asked for: state of the kernel's process, not of the package."""

    asked = False


def was_used() -> bool:
    """Tell whether anything asked for a GPU since `install`."""
    return _Usage.asked


def _is_cuda(value: Any) -> bool:
    if isinstance(value, torch.device):
        return value.type == "cuda"
    return isinstance(value, str) and (value == "cuda" or value.startswith("cuda:"))


def _to_cpu(value: Any) -> Any:
    if _is_cuda(value):
        _Usage.asked = True
        return "cpu" if isinstance(value, str) else torch.device("cpu")
    return value


def _replaced(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return tuple(_to_cpu(arg) for arg in args), {key: _to_cpu(item) for key, item in kwargs.items()}


class _CpuMode(TorchFunctionMode):
    """Sees every torch function, factories and tensor methods alike, and rewrites devices."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        new_args, new_kwargs = _replaced(args, kwargs or {})
        if func is torch.Tensor.cuda:
            _Usage.asked = True
            return new_args[0]
        return func(*new_args, **new_kwargs)


def _redirected(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        new_args, new_kwargs = _replaced(args, kwargs)
        return function(*new_args, **new_kwargs)

    return wrapper


def _module_cuda(module: torch.nn.Module, device: Any = None) -> torch.nn.Module:
    _Usage.asked = True
    return module


def install() -> None:
    """Patch torch in this process for good.

    The mode alone does not see Module.to (it parses devices itself), torch.load and the default device.
    """
    _CpuMode().__enter__()  # type: ignore[no-untyped-call]
    torch.nn.Module.to = _redirected(torch.nn.Module.to)  # type: ignore[method-assign]
    torch.nn.Module.cuda = _module_cuda  # type: ignore[method-assign,assignment]
    for name in ("load", "set_default_device"):
        setattr(torch, name, _redirected(getattr(torch, name)))
    for name in _QUIET:
        setattr(torch.cuda, name, _nothing)


def _nothing(*args: Any, **kwargs: Any) -> None:
    """Stand in for a CUDA call that has no effect on a CPU."""
