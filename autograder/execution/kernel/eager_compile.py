"""Lets code that calls `torch.compile` run uncompiled: no box has a complete compiler, and compiling takes long."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch


def install(on_compile: Callable[[], None]) -> None:
    """Patch torch in this process for good.

    Args:
        on_compile: Called whenever something would have been compiled.
    """

    @functools.wraps(torch.compile)
    def uncompiled(model: Any = None, *args: Any, **kwargs: Any) -> Any:
        if model is None:
            return functools.partial(uncompiled, **kwargs)
        on_compile()
        return model

    def compile_module(module: torch.nn.Module, *args: Any, **kwargs: Any) -> None:
        on_compile()

    torch.compile = uncompiled
    torch.nn.Module.compile = functools.wraps(torch.nn.Module.compile)(compile_module)  # type: ignore[method-assign,assignment]
