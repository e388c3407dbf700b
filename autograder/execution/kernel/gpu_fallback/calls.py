"""Functions and types of torch replaced without a trace: same results, errors and warnings as before."""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

from torch.jit import _builtins

Arguments = tuple[tuple[Any, ...], dict[str, Any]]

_CALL = (lambda __tracebackhide__, function, args, kwargs: function(*args, **kwargs)).__code__

# Offsets in CPython's PyTypeObject on 64-bit machines, unchanged since Python 3.4.
_FLAGS_OFFSET = 168
_NEW_OFFSET = 312
_IMMUTABLE = 1 << 8


def with_arguments(function: Callable[..., Any], replace: Callable[..., Arguments]) -> Callable[..., Any]:
    """Return a function that calls another one with other arguments.

    Args:
        function: What is called.
        replace: Given the arguments, `(args, kwargs)`; returns those to call with.
    """

    @functools.wraps(function, updated=())
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return call_from_above(function, *replace(args, kwargs))

    return wrapper


def put(owner: Any, name: str, function: Any) -> None:
    """Put a function where pickle and TorchScript find the one that it replaces."""
    native = getattr(owner, name)
    function.__module__ = getattr(owner, "__module__", owner.__name__)
    function.__qualname__ = f"{owner.__qualname__}.{name}" if isinstance(owner, type) else name
    setattr(owner, name, function)
    if (known := _builtins._find_builtin(native)) is not None:  # type: ignore[no-untyped-call]
        _builtins._register_builtin(function, known)


def call_from_above(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function for the code that called into this package.

    torch attributes its warnings to the innermost Python frame, and Python shows one warning a line. So the frame of
    the call claims to be at the line of that code.
    """
    __tracebackhide__ = True
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__package__") == __package__:
        frame = frame.f_back
    code = _CALL.replace(co_filename=frame.f_code.co_filename, co_firstlineno=frame.f_lineno)
    return FunctionType(code, frame.f_globals)(True, function, args, kwargs)


def replace_arguments_of_new(kind: type, replace: Callable[..., Arguments]) -> None:
    """Have a type of C be constructed from other arguments.

    A subclass in its place would be another type: isinstance, pickle and TorchScript could tell. Python refuses to
    set `__new__` of such a type, so its flag is taken off meanwhile.

    Args:
        kind: Such as `torch.Generator`.
        replace: As for `with_arguments`.
    """
    flags = ctypes.c_ulong.from_address(id(kind) + _FLAGS_OFFSET)
    if flags.value != kind.__flags__:
        return  # another layout: leave it alone
    new = ctypes.c_void_p.from_address(id(kind) + _NEW_OFFSET).value
    # With PYFUNCTYPE an exception raised by `new` arrives here.
    native = ctypes.PYFUNCTYPE(*(ctypes.py_object,) * 4)(new or 0)

    def construct(cls: type, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return native(cls, *replace(args, kwargs))

    flags.value &= ~_IMMUTABLE
    kind.__new__ = construct  # type: ignore[assignment]
    flags.value |= _IMMUTABLE
