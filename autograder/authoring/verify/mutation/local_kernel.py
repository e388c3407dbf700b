"""Call a function of this process the way a kernel does: on copies, with transferred answers and a student's errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from autograder.errors import StudentCodeError, SubmissionError
from autograder.execution.wire import codec, describe_figure
from autograder.execution.wire.describe_figure import is_figure
from autograder.execution.wire.figures import FigureDescription, rebuild

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredCall:
    """One call and its answer."""

    args: tuple[Any, ...]
    """Positional arguments."""

    kwargs: dict[str, Any]
    """Keyword arguments."""

    answer: Any
    """As it was transferred."""


class LocalKernel:
    """One function behind the interface of a kernel.

    Attributes:
        calls: The answered calls, in order.
    """

    def __init__(self, name: str, function: Function) -> None:
        self._name = name
        self._function = function
        self.calls: list[AnsweredCall] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Answer a call.

        Raises:
            StudentCodeError: If the function raised.
            SubmissionError: If its answer cannot be transferred.
        """
        try:
            answer = self._function(*_copied(args), **_copied(kwargs))
            if is_figure(answer):  # drawn here, so that an error while drawing counts as the function's
                answer = rebuild(describe_figure.describe(answer, picture=False))
        except Exception as error:
            raise StudentCodeError(self._name, type(error).__name__, str(error)) from None
        answer = transferred(self._name, answer)
        self.calls.append(AnsweredCall(args=args, kwargs=kwargs, answer=answer))
        return answer


def transferred(name: str, answer: Any) -> Any:
    """Return an answer as it arrives from a kernel; a figure stays one, which checks accept as well.

    Raises:
        SubmissionError: If it cannot be transferred.
    """
    if is_figure(answer) or isinstance(answer, FigureDescription):
        return answer
    try:
        return codec.decode(*codec.encode(answer), arrays=False)
    except codec.WireError as error:
        raise SubmissionError(f"{name}() returned {error}, which cannot be graded.") from None


def _copied(value: Any) -> Any:
    """Copy tensors and nests; models and tokenizers stay the same."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, (list, tuple)):
        return type(value)(_copied(item) for item in value)
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return value
