"""Fingerprints of what a function's result depends on, to compare two moments of one notebook.

A later cell may rebind a builtin, a helper or a global of a function, patch torch or change its global state. A
fingerprint covers the function's code, defaults and closure, the globals that its code loads, in turn with theirs,
and torch's global state. It errs on the side of a difference, which costs a second run of the notebook and no points.
"""

from __future__ import annotations

import builtins
import functools
import hashlib
import itertools
import sys
import types
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from autograder.execution.kernel.code_objects import code_digest, loaded_globals, shortened
from autograder.execution.kernel.global_state import global_state

_MOST_OBJECTS = 20_000
_MOST_DEPTH = 60
_HASHED_BYTES = 2**16
_ATOMS = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    type(Ellipsis),
    torch.dtype,
    torch.device,
    torch.Size,
)
_PATCHED = (builtins, torch, torch.nn.functional, torch.Tensor, torch.nn.Module)


class Fingerprints:
    """Takes fingerprints within one kernel.

    Args:
        names: The notebook's global names.
        folder: Modules below it are the student's own.
    """

    def __init__(self, names: Mapping[str, Any], folder: str) -> None:
        self._names = names
        self._folder = folder
        self._tokens: dict[int, tuple[Any, int]] = {}
        self._numbers = itertools.count()
        self._pristine = [(space, dict(vars(space))) for space in _PATCHED]

    def of(self, name: str) -> tuple[str, list[str]] | None:
        """Return a function's fingerprint and the globals that its code loads and that are undefined.

        Args:
            name: The function's name in the notebook.

        Returns:
            None where the name stands for nothing that can be called.
        """
        function = self._names.get(name)
        if not callable(function):
            return None
        walk = _Walk(self)
        walk.visit(function)
        walk.add("state", global_state(), *self._patches())
        return walk.digest(), sorted(walk.undefined)

    def token(self, value: Any) -> int:
        """Return a number that no other object of this process gets, also after this one is gone."""
        reference, number = self._tokens.get(id(value), (None, -1))
        if number < 0 or reference() is not value:
            number = next(self._numbers)
            try:
                reference = weakref.ref(value)
            except TypeError:
                reference = functools.partial(_itself, value)
            self._tokens[id(value)] = reference, number
        return number

    def is_own(self, function: types.FunctionType) -> bool:
        """Tell whether the student wrote a function, not a library."""
        return function.__globals__ is self._names or self._is_below(function.__code__.co_filename)

    def is_own_class(self, kind: type) -> bool:
        """Tell whether the student wrote a class."""
        place = type.__getattribute__(kind, "__module__")
        return place == "__main__" or self.is_own_module(sys.modules.get(str(place)))

    def is_own_module(self, module: Any) -> bool:
        """Tell whether the student wrote a module."""
        return isinstance(module, types.ModuleType) and self._is_below(vars(module).get("__file__"))

    def _is_below(self, file: object) -> bool:
        return isinstance(file, str) and file.startswith(f"{self._folder}/")

    def _patches(self) -> Iterator[tuple[str, int]]:
        """List what was replaced in the builtins and in torch since the kernel started."""
        for space, pristine in self._pristine:
            now = vars(space)
            # A module gets new names when a part of it is imported; a class only hides those of its base.
            names = [*pristine, *(now.keys() - pristine.keys() if isinstance(space, type) else ())]
            for name in names:
                if now.get(name) is not pristine.get(name):
                    yield f"{space.__name__}.{name}", self.token(now.get(name))


class _Walk:
    """Visits what one function reaches, in a fixed order."""

    def __init__(self, fingerprints: Fingerprints) -> None:
        self._fingerprints = fingerprints
        self._hash = hashlib.sha256()
        self._seen: dict[int, int] = {}
        self._depth = 0
        self.undefined: set[str] = set()

    def add(self, *parts: object) -> None:
        """Add plain values."""
        self._hash.update(repr(parts).encode(errors="backslashreplace"))

    def digest(self) -> str:
        """Return the fingerprint of what was added."""
        return self._hash.hexdigest()

    def visit(self, value: Any) -> None:
        """Add a value with what it consists of; beyond the limits, its identity only."""
        if type(value) in _ATOMS:
            self.add(type(value).__name__, shortened(value))
        elif id(value) in self._seen:
            self.add("again", self._seen[id(value)])
        elif len(self._seen) >= _MOST_OBJECTS or self._depth >= _MOST_DEPTH:
            self.add(self._fingerprints.token(value))
        else:
            self._seen[id(value)] = len(self._seen)
            self._depth += 1
            try:
                self._take_apart(value)
            except Exception:  # its class is the student's, and may raise whatever it is asked
                self.add("unreadable", self._fingerprints.token(value))
            finally:
                self._depth -= 1

    def _take_apart(self, value: Any) -> None:
        match value:
            case types.FunctionType():
                self._function(value)
            case types.MethodType():
                self._all("method", value.__func__, value.__self__)
            case functools.partial():
                self._all("partial", value.func, value.args, value.keywords)
            case staticmethod() | classmethod():
                self._all("wrapped", value.__func__)
            case property():
                self._all("property", value.fget, value.fset)
            case list():
                self._all("list", *list.__iter__(value))
            case tuple():
                self._all("tuple", *tuple.__iter__(value))
            case set() | frozenset():
                self.add("set", len(value), sorted(shortened(item) for item in value if type(item) in _ATOMS))
            case dict():
                self._table(value)
            case torch.Tensor():
                self._tensor(value)
            case np.ndarray():
                self.add("array", self._fingerprints.token(value), _content(value))
            case types.ModuleType():
                self.add("module", self._fingerprints.token(value))
                if self._fingerprints.is_own_module(value):
                    self._table(vars(value))
            case type():
                self._class(value)
            case _:
                self._object(value)

    def _all(self, kind: str, *values: Any) -> None:
        self.add(kind, len(values))
        for value in values:
            self.visit(value)

    def _table(self, table: Mapping[Any, Any]) -> None:
        items = list(dict.items(table) if isinstance(table, dict) else table.items())
        self.add("dict", len(items))
        for key, value in items:
            self.visit(key)
            self.visit(value)

    def _function(self, function: types.FunctionType) -> None:
        if not self._fingerprints.is_own(function):
            self.add(
                "function", self._fingerprints.token(function), self._fingerprints.token(function.__code__)
            )
            return
        code, space = function.__code__, function.__globals__
        self.add("function", code_digest(code))
        cells = [_cell(cell) for cell in function.__closure__ or ()]
        self._all("parts", function.__defaults__, function.__kwdefaults__, vars(function), *cells)
        for name, *attributes in loaded_globals(code):
            self.add(name, attributes)
            if name in space:
                self.visit(space[name])
                self._attributes(space[name], attributes)
            elif name in vars(builtins):
                self.add("builtin")
            else:
                self.undefined.add(name)

    def _attributes(self, value: Any, names: list[str]) -> None:
        """Add what a function takes out of a library's module, which may be replaced there."""
        for name in names:
            if not isinstance(value, types.ModuleType):
                return
            value = vars(value).get(name)
            self.add(self._fingerprints.token(value))

    def _class(self, kind: type) -> None:
        self.add("class", self._fingerprints.token(kind))
        own = self._fingerprints.is_own_class(kind)
        for base in kind.__mro__:
            for name, value in list(vars(base).items()):
                if own and self._fingerprints.is_own_class(base):
                    self.add(name)
                    self.visit(value)
                elif isinstance(value, types.FunctionType):
                    self.add(name, self._fingerprints.token(value))

    def _tensor(self, tensor: torch.Tensor) -> None:
        self.add("tensor", self._fingerprints.token(tensor), tensor._version, tensor.requires_grad)
        if tensor.device.type == "cpu" and tensor.layout is torch.strided and tensor.nbytes <= _HASHED_BYTES:
            flat = tensor.detach().resolve_conj().resolve_neg().contiguous().view(-1)
            self.add(_content(flat.view(torch.uint8).numpy()) if flat.numel() else "")

    def _object(self, value: Any) -> None:
        self.add("object", self._fingerprints.token(value))
        if self._fingerprints.is_own_class(type(value)):
            self.visit(type(value))
        try:
            attributes = object.__getattribute__(value, "__dict__")
        except AttributeError:
            return
        if isinstance(attributes, dict):
            self._table(attributes)


def _itself(value: Any) -> Any:
    return value


def _content(array: np.ndarray[Any, Any]) -> str:
    if array.nbytes > _HASHED_BYTES or array.dtype.hasobject:
        return ""
    return hashlib.sha256(array.tobytes()).hexdigest()


def _cell(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not bound yet
        return None
