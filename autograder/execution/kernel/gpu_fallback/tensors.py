"""Replaces the device wherever torch makes or moves tensors, modules and generators."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch.utils import _device
from torch.utils.weak import WeakIdKeyDictionary

from autograder.execution.kernel.gpu_fallback.calls import (
    Arguments,
    call_from_above,
    put,
    replace_arguments_of_new,
    with_arguments,
)
from autograder.execution.kernel.gpu_fallback.devices import Redirection

FACTORIES = (
    *("arange", "bartlett_window", "blackman_window", "empty", "empty_like", "empty_permuted"),
    *("empty_quantized", "empty_strided", "eye", "from_file", "full", "full_like", "hamming_window"),
    *("hann_window", "kaiser_window", "linspace", "logspace", "normal", "ones", "ones_like", "rand"),
    *("rand_like", "randint", "randint_like", "randn", "randn_like", "randperm", "range", "scalar_tensor"),
    *("sparse_bsc_tensor", "sparse_bsr_tensor", "sparse_compressed_tensor", "sparse_coo_tensor"),
    *("sparse_csc_tensor", "sparse_csr_tensor", "tensor", "tril_indices", "triu_indices", "zeros"),
    "zeros_like",
)
"""Functions of torch that make a new tensor on `device`."""

CONVERSIONS = ("as_tensor", "asarray")
"""Functions of torch that return their argument where it is on `device` already."""

METHODS = ("new", "new_empty", "new_empty_strided", "new_full", "new_ones", "new_tensor", "new_zeros")
"""Methods of a tensor that make another one on `device`."""

Replace = Callable[[Any], Any]


def install(redirection: Redirection) -> None:
    """Patch torch in this process for good."""
    # Built from the functions as torch calls them, so before any is replaced.
    _device._device_constructors()
    _replace_factories(redirection)
    _replace_moves(redirection)
    _replace_module_methods(redirection)
    _replace_defaults(redirection)
    replace_arguments_of_new(torch.Generator, redirection.arguments)
    replace_arguments_of_new(torch.device, _numbered_device)


def _numbered_device(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    """Give `torch.device(0)` the name that it has where there is a GPU; using it asks for one."""
    match args, kwargs:
        case ((int(number),), {}) | ((), {"device": int(number)}) if number >= 0 and not kwargs.keys() - {
            "device"
        }:
            return ("cuda", int(number)), {}
    return args, kwargs


def _replace_factories(redirection: Redirection) -> None:
    def keywords(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        return args, redirection.keywords(kwargs)

    for owner, names in (
        (torch, FACTORIES),
        (torch.fft, ("fftfreq", "rfftfreq")),
        (torch.nested, ("nested_tensor", "as_nested_tensor")),
        (torch.Tensor, METHODS),
    ):
        for name in names:
            if (native := getattr(owner, name, None)) is not None:
                put(owner, name, with_arguments(native, keywords))


class _Moves:
    """Functions that move a tensor to a device.

    A tensor moved to a GPU is a copy: what is then written to it does not change the original. One that is there
    already is not copied, and neither is a leaf that collects gradients: its copy would collect none.

    Args:
        redirection: What stands for a GPU.
    """

    def __init__(self, redirection: Redirection) -> None:
        self._redirection = redirection
        self._moved = WeakIdKeyDictionary()

    def replace(self, owner: Any, name: str, replace: Replace) -> None:
        """Replace a function whose first argument may come back moved.

        Args:
            owner: Has the function.
            name: Of the function.
            replace: Given one argument or keyword after the first, returns what stands for it.
        """
        native = getattr(owner, name)

        @functools.wraps(native, updated=())
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            new_args = (*args[:1], *(replace(arg) for arg in args[1:]))
            new_kwargs = {key: replace(arg) for key, arg in kwargs.items()}
            result = call_from_above(native, new_args, new_kwargs)
            pairs = zip((*new_args, *new_kwargs.values()), (*args, *kwargs.values()), strict=True)
            return result if all(new is old for new, old in pairs) else self.arrive(args[:1], result)

        put(owner, name, wrapper)

    def replace_move_to_gpu(self, name: str) -> None:
        """Replace a method of a tensor that is named after a GPU, or pins memory for one."""

        @functools.wraps(getattr(torch.Tensor, name), updated=())
        def wrapper(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
            self._redirection.on_ask()
            return self.arrive((tensor,), tensor)

        put(torch.Tensor, name, wrapper)

    def arrive(self, before: tuple[Any, ...], after: torch.Tensor) -> torch.Tensor:
        """Return a tensor as a GPU would have it: a copy, where `after` may share what `before` holds."""
        stays = after in self._moved or (after.is_leaf and after.requires_grad)
        if not stays and not (before and isinstance(before[0], torch.Tensor) and before[0] is not after):
            after = after.clone()
        self._moved[after] = True
        return after


def _replace_moves(redirection: Redirection) -> None:
    moves = _Moves(redirection)
    moves.replace(torch.Tensor, "to", redirection.device)
    moves.replace(torch.Tensor, "type", redirection.tensor_type)
    for name in CONVERSIONS:
        moves.replace(torch, name, redirection.device)
    for name in ("cuda", "xpu", "pin_memory"):
        moves.replace_move_to_gpu(name)


def _replace_module_methods(redirection: Redirection) -> None:
    """A module stays where it is: its parameters must remain the ones that the grader knows."""

    def moved(native: Any) -> Any:
        @functools.wraps(native)
        def to_gpu(self: torch.nn.Module, device: Any = None) -> torch.nn.Module:
            redirection.on_ask()
            return self

        return to_gpu

    module = torch.nn.Module
    # What Module.to and PackedSequence.to read their arguments with.
    put(torch._C._nn, "_parse_to", with_arguments(torch._C._nn._parse_to, redirection.arguments))
    for name in ("cuda", "xpu"):
        put(module, name, moved(getattr(module, name)))


def _replace_defaults(redirection: Redirection) -> None:
    """The default device: set for good, or for a block by `with torch.device("cuda")`."""

    def no_device(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        """Prefer no default to the CPU as a default, for which torch intercepts every function."""
        new_args, new_kwargs = redirection.arguments(args, dict(kwargs))
        return (new_args, new_kwargs) if (new_args, new_kwargs) == (args, kwargs) else ((None,), {})

    def tensor_type(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        return tuple(redirection.tensor_type(arg) for arg in args), kwargs

    context = _device.DeviceContext
    context.__init__ = with_arguments(context.__init__, redirection.arguments)  # type: ignore[method-assign]
    put(torch, "set_default_device", with_arguments(torch.set_default_device, no_device))
    put(torch, "set_default_tensor_type", with_arguments(torch.set_default_tensor_type, tensor_type))
