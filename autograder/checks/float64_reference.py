"""Exact answers: the reference in float64 throughout."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from autograder.checks.answer_cache import MemoisedReference


class _NothingSingle(TorchFunctionMode):
    """Make float64 of every float32 that a torch function is told to make."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is torch.Tensor.float:
            return args[0].double()
        double = [torch.float64 if value is torch.float32 else value for value in args]
        named = {
            key: torch.float64 if value is torch.float32 else value for key, value in (kwargs or {}).items()
        }
        return func(*double, **named)


@contextmanager
def in_double() -> Iterator[None]:
    """Have torch compute in float64 what a library computes in float32 whatever its input is.

    A norm that casts to float32 before it takes the mean of squares, a softmax with dtype=torch.float32, step sizes
    rounded to float32: without this the model in float64 is no nearer to the exact answer than the one in float32.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with _NothingSingle():
            yield
    finally:
        torch.set_default_dtype(before)


def cast(value: Any, old: torch.dtype, new: torch.dtype) -> Any:
    """Return a nest with its tensors of one dtype in another."""
    if isinstance(value, torch.Tensor):
        return value.to(new) if value.dtype is old else value
    if isinstance(value, (list, tuple)):
        return type(value)(cast(item, old, new) for item in value)
    if isinstance(value, dict):
        return {key: cast(item, old, new) for key, item in value.items()}
    return value


class Float64Reference:
    """The reference on models and tensors of float64 on the CPU, with the attributes that the `reference` fixture has.

    Args:
        reference: The module.
        models: In whose place copies in float64 are asked.
    """

    def __init__(self, reference: ModuleType, models: tuple[Any, ...]) -> None:
        self._memo = MemoisedReference(reference)
        self._doubles: Mapping[int, Any] = {id(one): copy.deepcopy(one).double().cpu() for one in models}

    @property
    def module(self) -> ModuleType:
        """The reference module, in the dtypes that it was written for."""
        return self._memo.module

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._memo, name)
        if not callable(value) or isinstance(value, type):
            return value

        def ask(*args: Any, **kwargs: Any) -> Any:
            doubled = {key: self._doubled(one) for key, one in kwargs.items()}
            with in_double():
                return value(*map(self._doubled, args), **doubled)

        return ask

    def memoise(self, label: str, compute: Callable[..., Any], *args: Any) -> Any:
        """Compute on float64."""
        with in_double():
            return self._memo.memoise(label, compute, *map(self._doubled, args))

    def _doubled(self, value: Any) -> Any:
        if id(value) in self._doubles:
            return self._doubles[id(value)]
        return cast(value, torch.float32, torch.float64)


def exact_answer(reference: Any, function: str, *args: Any) -> Any:
    """Return what a function of the reference gives in float64; kept by content like its other answers.

    Args:
        reference: The `reference` fixture.
        function: Of the reference.
        args: What it is asked; models among them are copied.
    """

    def compute(*given: Any) -> Any:
        models = tuple(one for one in given if isinstance(one, torch.nn.Module))
        return getattr(Float64Reference(reference.module, models), function)(*given)

    return reference.memoise(f"exact {function}", compute, *args)
