"""The `submission` fixture: asks the student's functions, wherever they run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from autograder.checks.answer_cache import content_key, copied
from autograder.errors import CallTimeoutError
from autograder.execution.wire.figures import FigureDescription
from autograder.seeds import seed_for


class FunctionCaller(Protocol):
    """Calls the student's functions: in a sandboxed kernel, or functions of this process when verifying."""

    def call(self, function: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], *, seed: int) -> Any:
        """Call a function of the notebook.

        Raises:
            SubmissionError: One of its kinds, if there is no answer.
        """
        ...

    def plots(self, cell: str) -> list[bytes]:
        """Return the PNG images that a cell of the notebook showed."""
        ...

    @property
    def changing(self) -> Collection[str]:
        """The functions that have left their arguments changed in some call, in order."""
        ...

    def begin_hidden(self) -> None:
        """Take notice that hidden inputs come from now on: what calls leave behind may depend on them."""
        ...


class Call:
    """The last question asked: what diagnosis asks the misconceptions too."""

    __slots__ = ("args", "function", "kwargs", "seed")

    def __init__(
        self, function: str, args: tuple[Any, ...], kwargs: dict[str, Any], *, seed: int = 0
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.seed = seed


class SubmissionProxy:
    """Asks the student's functions; the same for every kind of `FunctionCaller`.

    A function that did not answer in time is not asked again: it would only cost the time once more.

    Attributes:
        last: The last question.
        check: The id of the running check.
        figures: The figures that functions returned, PNG files by the check that asked; they are the student's claims.
        built_on: The functions that `own` was asked for.
    """

    def __init__(self, functions: FunctionCaller, seed_parts: tuple[str, ...]) -> None:
        self._functions = functions
        self._seed_parts = seed_parts
        self._timed_out: dict[str, str] = {}
        self._answered: dict[Any, tuple[Any, list[Any]]] = {}
        self._asked_in: dict[Any, set[str]] = {}
        self._seeds: dict[Any, int] = {}
        self._judged: Mapping[str, frozenset[str]] = {}
        self.check = ""
        self._count = 0
        self.last: Call | None = None
        self.figures: dict[str, list[bytes]] = {}
        self.built_on: set[str] = set()

    def begin(
        self, check: str, judged: Mapping[str, frozenset[str]] = MappingProxyType({}), *, late: bool = False
    ) -> None:
        """Start a check: calls are seeded by its name and their number in it.

        Args:
            check: Its id.
            judged: For each function the finished checks whose shared answers `own` may return.
            late: Whether hidden inputs may have been asked by then.
        """
        if late:
            self._functions.begin_hidden()
        self.check, self._count, self.last, self._judged = check, 0, None, judged

    def call(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """Call a function of the student's notebook.

        Args:
            function: Its name, of the contract.
            *args: Tensors, numbers, strings, nests of them, and the fixtures' models and tokenizers.
            **kwargs: Likewise.

        Returns:
            What it returned; tensors plain, detached, on the CPU.

        Raises:
            MissingFunctionError: If the notebook defines no such function.
            StudentCodeError: If it raised.
            CallTimeoutError: If it did not return in its time, now or before.
            KernelDiedError: If the process ended.
        """
        if function in self._timed_out:
            raise CallTimeoutError(self._timed_out[function])
        self._count += 1
        seed = seed_for(*self._seed_parts, self.check, function, str(self._count))
        self.last = Call(function, args, kwargs, seed=seed)
        try:
            answer = self._functions.call(function, args, kwargs, seed=seed)
        except CallTimeoutError as error:
            self._timed_out[function] = str(error)
            raise
        if isinstance(answer, FigureDescription):
            self.figures.setdefault(self.check, []).append(answer.png)
        return answer

    @property
    def changing(self) -> Collection[str]:
        """The functions that have left their arguments changed in some call: it costs each one point."""
        return self._functions.changing

    def recall(self, function: str, *args: Any) -> Any:
        """Call a function, or take its answer to the same arguments from an earlier `recall`.

        For several checks of one costly result: each looks at its own part of it. Arguments, return value and errors
        as of `call`; an error is not kept.
        """
        keep: list[Any] = []
        key = content_key((function, args), keep)
        if key not in self._answered:
            self._answered[key] = (self.call(function, *args), keep)
            self._seeds[key] = self.last.seed if self.last else 0
        self._asked_in.setdefault(key, set()).add(self.check)
        self.last = Call(function, args, {}, seed=self._seeds[key])
        return self._answered[key][0]

    def own(self, function: str, *args: Any) -> Any:
        """Return what an earlier function has answered, for a check that accepts what a later one makes of it.

        Only an answer that the earlier function was judged by counts: one of its own checks, of the same visibility,
        has asked the same by `recall`. A hidden check must have taken points from it. So a mistake costs once, and no
        answer that is given for the later check alone is ever accepted.

        Args:
            function: The earlier function.
            *args: Its arguments.

        Returns:
            The answer; None if there is none that counts.
        """
        self.built_on.add(function)
        key = content_key((function, args), [])
        judged = self._judged.get(function, frozenset())
        return self._answered[key][0] if self._asked_in.get(key, set()) & judged else None

    def plots(self, cell: str) -> list[bytes]:
        """Return the PNG images that the cell with this id showed."""
        return self._functions.plots(cell)


class LocalFunctions:
    """Plain functions of this process: the reference and its variants, for `verify`. Never a student's.

    Attributes:
        changing: The functions that have left a tensor changed that they were given.
    """

    def __init__(
        self, functions: Mapping[str, Callable[..., Any]], plots: Mapping[str, list[bytes]] | None = None
    ) -> None:
        self._functions = functions
        self._plots = plots or {}
        self.changing: list[str] = []

    def call(self, function: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], *, seed: int) -> Any:
        """Call the function of that name on copies; the seed is used for torch, so that sampling repeats."""
        import torch

        torch.manual_seed(seed)
        given = copied((args, dict(kwargs)))
        answer = self._functions[function](*given[0], **given[1])
        if function not in self.changing and content_key(given, []) != content_key((args, dict(kwargs)), []):
            self.changing.append(function)
        return answer

    def plots(self, cell: str) -> list[bytes]:
        """Return the images given at construction for the cell."""
        return self._plots.get(cell, [])

    def begin_hidden(self) -> None:
        """Do nothing: these functions are nobody's to mislead."""
