"""Whose an error is that ends a comparison: the answer's, unless what was expected causes it as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch

from autograder.errors import AutograderError, UnusableAnswerError

T = TypeVar("T")

# CUDA's, and that of the CPU's allocator, which is a plain RuntimeError.
_OUT_OF_MEMORY = (MemoryError, torch.OutOfMemoryError)
_ALLOCATION = "allocate memory"


def read_answer(read: Callable[[Any], T], answer: Any, *, name: str = "result") -> T:
    """Read something out of a student's answer; what goes wrong there is an error of the answer.

    Args:
        read: Is given the answer. It must work for every right one.
        answer: What came back, of any form.
        name: What it is, for the message.

    Raises:
        UnusableAnswerError: If `read` raised; its cause is what it raised. Errors of this package, assertions of `read`
            itself and a want of memory pass as they are.
    """
    try:
        return read(answer)
    except (AutograderError, *_OUT_OF_MEMORY):
        raise
    except Exception as error:
        if _ALLOCATION in str(error) or (isinstance(error, AssertionError) and _raised_beside(read, error)):
            raise
        raise UnusableAnswerError(f"{name}: this value cannot be compared with the expected one.") from error


def _raised_beside(function: Callable[[Any], Any], error: BaseException) -> bool:
    """Return whether the innermost frame of an exception's traceback is in the function's own file."""
    trace, code = error.__traceback__, getattr(function, "__code__", None)
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and code is not None and trace.tb_frame.f_code.co_filename == code.co_filename


def judged(compute: Callable[[Any], T], actual: Any, expected: Any, *, name: str = "result") -> T:
    """Compute something of an answer, such as its distance from what was expected.

    An error is the answer's only if the expected value, put in its place, causes none.

    Args:
        compute: Is given the answer, or what was expected.
        actual: What came back, of any form.
        expected: What was expected.
        name: What it is, for the message.

    Raises:
        UnusableAnswerError: As `read_answer`.
        Exception: What `compute` raised, if it is ours.
    """
    try:
        return read_answer(compute, actual, name=name)
    except UnusableAnswerError as error:
        try:
            compute(expected)
        except Exception:
            raise (error.__cause__ or error) from None
        raise
