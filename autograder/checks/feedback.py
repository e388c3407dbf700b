"""Write what student and instructor read of a check: message, hint and detail, each on its own."""

from __future__ import annotations

import traceback

from autograder.checks.comparing import Mismatch
from autograder.checks.decorators import CheckInfo
from autograder.diagnosis import Explanation
from autograder.errors import (
    CallTimeoutError,
    MissingFunctionError,
    StudentCodeError,
    SubmissionError,
    UnusableAnswerError,
)
from autograder.records import Outcome

_UNEXPLAINED_HIDDEN = (
    "On inputs that you have not seen, the result is not the expected one. "
    "Compare with what was asked, and test on inputs of other sizes."
)
_UNUSABLE = (
    "Your function gave no usable answer on an input that you have not seen. "
    "Print the type and the dtype of what it returns, and compare them with what the task asks for."
)
_UNWRITTEN = "This runs once the function is written."
_FAULT = "This check could not be run; a person will look at it."


def message_of(outcome: Outcome, error: BaseException | None, fault: str, *, late: bool) -> str:
    """Return what was found, for the student; nothing once hidden inputs have been asked."""
    if fault:
        return _FAULT
    if outcome == "passed" or error is None or late:
        return ""
    return str(error)


def hint_of(info: CheckInfo, error: BaseException | None, explanation: Explanation) -> str:
    """Return the hint of a check that runs before any hidden input has been asked."""
    if is_unwritten(error):
        # What is said of the missing function is all that helps.
        return ""
    said = explanation.diagnosis.hint if explanation.diagnosis else explanation.said
    # What is said of the values alone says nothing of the task.
    return said if explanation.known else f"{said} {info.hint}".strip()


def late_hint_of(info: CheckInfo, *, unwritten: bool) -> str:
    """Return the hint of a check on hidden inputs: the same however the check was lost.

    Args:
        info: The check.
        unwritten: Whether visible inputs have shown that its function is missing.
    """
    return _UNWRITTEN if unwritten else info.hint or _UNEXPLAINED_HIDDEN


def first_late_hint_of(info: CheckInfo, error: BaseException | None, explanation: Explanation) -> str:
    """Return the hint of the first check on hidden inputs that lost points: how it was lost, in fixed words.

    The student's code can choose among these texts, and each choice tells something of an input. So one check of a
    submission has such a hint, and it names neither an exception nor anything measured.
    """
    hint = explanation.known[0].hint if explanation.known else info.hint
    if isinstance(error, CallTimeoutError):
        return (
            f"{error} Look for a loop without end, or for many small steps that one batch could do at once."
        )
    if is_unwritten(error):
        return _UNWRITTEN
    if isinstance(error, StudentCodeError):
        return f"Your function raised an error on an input that you have not seen. {hint}".strip()
    if isinstance(error, SubmissionError) or (not explanation.known and _is_of_another_type(error)):
        return _UNUSABLE
    return hint or _UNEXPLAINED_HIDDEN


def _is_of_another_type(error: BaseException | None) -> bool:
    return isinstance(error, Mismatch) and error.comparison.problem in ("type", "dtype")


def is_unwritten(error: BaseException | None) -> bool:
    """Return whether a check found no function to call, or only the template's."""
    return isinstance(error, MissingFunctionError) or (isinstance(error, StudentCodeError) and error.is_stub)


def detail_of(error: BaseException | None, explanation: Explanation, fault: str) -> str:
    """Return what the instructor reads."""
    if error is None:
        return ""
    if fault:
        return "".join(traceback.format_exception(error))
    lines = [str(error)]
    diagnosis = explanation.diagnosis
    if diagnosis is not None:
        lines.append(f"The values equal those of {diagnosis.misconception}: {diagnosis.title}")
    lines += [explanation.said] if explanation.said else []
    lines += [explanation.detail] if explanation.detail else []
    if isinstance(error, StudentCodeError) and error.traceback:
        lines.append(error.traceback)
    if isinstance(error, UnusableAnswerError):
        lines.append(traceback_of(error))
    return "\n".join(lines)


def traceback_of(error: UnusableAnswerError) -> str:
    """Return the traceback of what went wrong with an answer, for the instructor."""
    return "".join(traceback.format_exception(error.__cause__ or error))
