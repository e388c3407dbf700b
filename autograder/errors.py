"""The three kinds of error, by whose they are.

Only a `SubmissionError` may cost a student points. An `AssignmentError` is the instructor's and stops
the command before anything is graded. A `GraderError` is ours: the result is `needs_review`, never a zero.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class AutograderError(Exception):
    """Base of every error that this package raises on purpose; its text is meant for a person."""


class AutograderWarning(UserWarning):
    """Something that a person should know before they go on; its text is a sentence."""


class SubmissionError(AutograderError):
    """The student's: an unreadable notebook, a missing function, a wrong answer's form."""


class AssignmentError(AutograderError):
    """The instructor's: a configuration, a check or a path that cannot be right."""


class GraderError(AutograderError):
    """Ours, or the machine's: a worker that died, a sandbox that cannot be made."""


class StudentCodeError(SubmissionError):
    """A function of the student's raised an exception.

    Attributes:
        function: The function that was called.
        exception: Name of the exception's class.
        message: The exception's message; empty if it has none.
        traceback: The student's own traceback as plain text, without frames of the harness.
        undefined: The name that a NameError is about; else empty.
        frames: Names of the student's functions that were running, the innermost last. Like all the rest, claims.
    """

    def __init__(
        self,
        function: str,
        exception: str,
        message: str = "",
        traceback: str = "",
        *,
        undefined: str = "",
        frames: Sequence[str] = (),
    ) -> None:
        self.function = function
        self.exception = exception
        self.message = message
        self.traceback = traceback
        self.undefined = undefined
        self.frames = tuple(frames)
        super().__init__(self._sentence())

    @property
    def is_stub(self) -> bool:
        """Whether the function is the template's, still to be written."""
        return self.exception == "NotImplementedError" and not self.message

    def _sentence(self) -> str:
        if self.is_stub:
            return f"{self.function}() is not written yet: it raised NotImplementedError"
        raised = f"{self.function}() raised {self.exception}"
        return f"{raised}: {self.message}" if self.message else raised


class CallTimeoutError(SubmissionError):
    """A function of the student's did not return in its time."""


class KernelDiedError(SubmissionError):
    """The student's process ended while it was asked something (exit, crash, memory limit)."""


class MissingFunctionError(SubmissionError):
    """The notebook defines no callable of the asked name.

    Attributes:
        function: The name.
    """

    def __init__(self, sentence: str, function: str = "") -> None:
        self.function = function
        super().__init__(sentence)


class UnusableAnswerError(SubmissionError):
    """An answer that could not be read or compared; its cause is the exception that ended it."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean X?" for the nearest known names, or "" if none is near.

    Args:
        name: What was asked for.
        known: What there is.
    """
    near = difflib.get_close_matches(name, list(known), n=2, cutoff=0.5)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def some(names: Sequence[str], most: int = 5) -> str:
    """Return the first names of a list and how many more there are, for a sentence.

    Args:
        names: All of them.
        most: So many are named.
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
