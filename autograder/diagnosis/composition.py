"""Two mistakes at once: a function of the reference replaced by a mistake, wherever it is called.

A mistake in misconceptions.py is given the reference, and many call it: `-reference.divergence(...)`. Handed a
reference whose `divergence` is another mistake, such a one gives what a student gets who makes both. The same holds for
functions that build on each other: in the reference's own module, each call of `build_baseline` can go to a mistake in
it. What a mistake computes without the reference cannot be composed in this way, and no pair is made of it.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from autograder.diagnosis.misconceptions import Misconception

Function = Callable[..., Any]


class Substituted:
    """The reference with some functions replaced, also where its own functions call them.

    Args:
        reference: The module, or what stands for it with its attributes and, as `module`, the module itself.
        replaced: Functions by name, called with the arguments alone.

    Attributes:
        asked: Names of the replaced functions that were called.
    """

    def __init__(self, reference: Any, replaced: Mapping[str, Function]) -> None:
        self._reference = reference
        self.asked: set[str] = set()
        self._replaced = {name: self._noted(name, function) for name, function in replaced.items()}
        self.module = patched(getattr(reference, "module", reference), self._replaced)

    def _noted(self, name: str, function: Function) -> Function:
        def ask(*args: Any, **kwargs: Any) -> Any:
            self.asked.add(name)
            return function(*args, **kwargs)

        return ask

    def memoise(self, label: str, compute: Function, *args: Any) -> Any:
        """Compute, and keep nothing: the answer is not the reference's."""
        return compute(*args)

    def __getattr__(self, name: str) -> Any:
        if name in self._replaced:
            return self._replaced[name]
        here = vars(self.module).get(name)
        if isinstance(here, types.FunctionType) and names_used(here) & set(self._replaced):
            return here
        return getattr(self._reference, name)


def patched(module: Any, replaced: Mapping[str, Function]) -> types.ModuleType:
    """Return a copy of a module whose functions call these in place of those of the same names."""
    copy = types.ModuleType(getattr(module, "__name__", "reference"))
    space = vars(copy)
    space.update(vars(module))
    for name, value in list(space.items()):
        if isinstance(value, types.FunctionType) and value.__globals__ is vars(module):
            again = types.FunctionType(
                value.__code__, space, value.__name__, value.__defaults__, value.__closure__
            )
            again.__kwdefaults__ = value.__kwdefaults__
            space[name] = again
    space.update(replaced)
    return copy


def names_used(function: Any, seen: frozenset[int] = frozenset()) -> set[str]:
    """Return names that a function's code speaks of, and the functions of its own module that it calls."""
    code = getattr(function, "__code__", None)
    if code is None or id(code) in seen:
        return set()
    names = _names_in(code)
    space = getattr(function, "__globals__", {})
    for name in tuple(names):
        other = space.get(name)
        if isinstance(other, types.FunctionType) and other.__globals__ is space:
            names |= names_used(other, seen | {id(code)})
    return names


def _names_in(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names_in(constant)
    return names


class DidNotComposeError(Exception):
    """The outer mistake did not call the function that the inner one replaces."""


def composed(outer: Misconception, inner: Mapping[str, Misconception]) -> Function:
    """Return the function of someone who makes several mistakes.

    Args:
        outer: Computes the answer.
        inner: Replace the functions of these names that it calls.

    Returns:
        Takes the reference and the arguments; raises DidNotComposeError if one of `inner` was never called.
    """

    def run(reference: Any, *args: Any, **kwargs: Any) -> Any:
        replaced = {name: partial(known.run, reference) for name, known in inner.items()}
        substituted = Substituted(reference, replaced)
        answer = outer.program(substituted, *args, **kwargs)
        if substituted.asked != set(inner):
            raise DidNotComposeError(f"{outer.id} never calls {', '.join(inner)}")
        return answer

    return run


def following(task: str, inner: Mapping[str, Misconception]) -> Function:
    """Return a right function of a task that builds on wrong ones; as `composed`."""

    def run(reference: Any, *args: Any, **kwargs: Any) -> Any:
        replaced = {name: partial(known.run, reference) for name, known in inner.items()}
        substituted = Substituted(reference, replaced)
        answer = getattr(substituted.module, task)(*args, **kwargs)
        if substituted.asked != set(inner):
            raise DidNotComposeError(f"{task} never calls {', '.join(inner)}")
        return answer

    return run


def pairs(candidates: Sequence[Misconception]) -> Iterator[tuple[Misconception, Misconception]]:
    """Yield (outer, inner) of one task where the outer one calls the task's function."""
    for outer in candidates:
        if outer.task in outer.calls:
            for inner in candidates:
                if inner.id != outer.id:
                    yield outer, inner
