"""One submission being checked: what the fixtures hand out, and what comes of each check."""

from __future__ import annotations

import builtins
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from autograder.checks.answer_cache import MemoisedReference
from autograder.checks.comparing import Mismatch
from autograder.checks.decorators import CheckInfo
from autograder.checks.diagnosing import Passed, explained
from autograder.checks.recorder import Recorder
from autograder.checks.scoring import points_for
from autograder.checks.submission_proxy import SubmissionProxy
from autograder.diagnosis import Explanation, Misconception
from autograder.errors import CallTimeoutError, MissingFunctionError, StudentCodeError, SubmissionError
from autograder.records import Assignment, CheckResult, Outcome, Tolerance

_UNEXPLAINED_HIDDEN = (
    "On inputs that you have not seen, the result is not the expected one. "
    "Compare with what was asked, and test on inputs of other sizes."
)


@dataclass(kw_only=True)
class Grading:
    """What the checks of one submission share."""

    assignment: Assignment
    """The assignment."""

    checks: tuple[CheckInfo, ...]
    """What is to be run, in order."""

    proxy: SubmissionProxy
    """Asks the student's functions."""

    reference: MemoisedReference
    """The reference module."""

    models: tuple[Any, ...]
    """LoadedModel records, the shipped one first."""

    misconceptions: tuple[Misconception, ...]
    """Known mistakes of all tasks."""

    tolerances: Mapping[str, Tolerance]
    """The assignment's calibration."""

    seed_parts: tuple[str, ...]
    """Course key, student, assignment."""

    results: dict[str, CheckResult] = field(default_factory=dict)
    """By check id, as they come."""

    _passed: list[Passed] = field(default_factory=list)
    """What the running check found right so far."""

    _mistaken: dict[str, Misconception] = field(default_factory=dict)
    """The mistake named in a function, by its task."""

    def info(self, check: str) -> CheckInfo:
        """Return what is said of a check."""
        return next(info for info in self.checks if info.id == check)

    def unmet(self, check: str) -> list[str]:
        """Return the titles of required checks that did not pass."""
        needed = self.info(check).requires
        return [
            self.info(other).title
            for other in needed
            if other not in self.results or self.results[other].outcome != "passed"
        ]

    def ordered_results(self) -> tuple[CheckResult, ...]:
        """Return one result a check in the order of checks.py; one that never ran is a fault of ours."""
        return tuple(
            self.results.get(info.id) or blank_result(info, "errored", fault="The check was not run.")
            for info in self.checks
        )

    def conclude(self, check: str, error: BaseException | None, record: Recorder) -> CheckResult:
        """Turn what happened in a check into its result, and keep it.

        Args:
            check: The check's id.
            error: What it raised; None if it returned.
            record: What it noted.
        """
        info = self.info(check)
        explanation = self._explain(info, error)
        diagnosis = explanation.diagnosis
        outcome, fault = _outcome(error, record)
        hint = "" if outcome == "passed" or fault else _hint(info, error, explanation)
        result = CheckResult(
            id=info.id,
            task=info.task,
            title=info.title,
            points=points_for(outcome, info.points, record.awarded) if not fault else 0.0,
            max_points=info.points,
            outcome=outcome,
            visibility=info.visibility,
            feedback=_feedback(info, outcome, error, hint, fault),
            hint=hint,
            detail=_detail(error, explanation, fault),
            diagnosis=diagnosis,
            remarks=tuple(record.remarks),
            metrics=dict(record.metrics),
            strips=tuple(record.strips) if info.visibility == "visible" else (),
            fault=fault,
        )
        self.results[check] = result
        return result

    def skip(self, check: str, reason: str) -> None:
        """Keep that a check was not run, and why."""
        self.results[check] = blank_result(self.info(check), "skipped", feedback=reason, hint=reason)

    def begin(self, check: str) -> None:
        """Start a check."""
        self.proxy.begin(check)
        self._passed.clear()

    def witness(self, nearness: Callable[[Any], float], tau: float) -> None:
        """Keep what the running check found right: no mistake that gives something else there is named."""
        if self.proxy.last is not None:
            self._passed.append(Passed(self.proxy.last, nearness, tau))

    def _explain(self, info: CheckInfo, error: BaseException | None) -> Explanation:
        call = self.proxy.last
        if not isinstance(error, Mismatch) or call is None:
            return Explanation()
        mistaken = {task: known for task, known in self._mistaken.items() if task != call.function}
        found = explained(
            error,
            call,
            misconceptions=self.misconceptions,
            reference=self.reference,
            models=self.models,
            passed=self._passed,
            mistaken=mistaken,
        )
        if len(found.known) == 1 and found.known[0].task == info.task:
            self._mistaken.setdefault(info.task, found.known[0])
        return found


def blank_result(
    info: CheckInfo, outcome: Outcome, *, feedback: str = "", hint: str = "", fault: str = ""
) -> CheckResult:
    """Return the result of a check that earned nothing and compared nothing."""
    return CheckResult(
        id=info.id,
        task=info.task,
        title=info.title,
        points=0.0,
        max_points=info.points,
        outcome=outcome,
        visibility=info.visibility,
        feedback=feedback,
        hint=hint,
        fault=fault,
    )


def _outcome(error: BaseException | None, record: Recorder) -> tuple[Outcome, str]:
    """Return the outcome, and why it is ours if it is."""
    if error is None:
        return ("passed" if record.awarded is None or record.awarded >= 1 else "failed"), ""
    if isinstance(error, AssertionError | pytest.fail.Exception):
        return "failed", ""
    if isinstance(error, CallTimeoutError):
        return "timed_out", ""
    if isinstance(error, SubmissionError):
        return "errored", ""
    return "errored", f"{type(error).__name__}: {error}"


def _feedback(info: CheckInfo, outcome: str, error: BaseException | None, hint: str, fault: str) -> str:
    """Write what the student reads."""
    if fault:
        return "This check could not be run; a person will look at it."
    if outcome == "passed":
        return ""
    said = str(error) if error is not None and info.visibility == "visible" else ""
    return "\n".join(part for part in (said, hint) if part)


def _hint(info: CheckInfo, error: BaseException | None, explanation: Explanation) -> str:
    """Write the hint: fixed words only, since hidden checks show it, too."""
    said = explanation.diagnosis.hint if explanation.diagnosis else explanation.said
    # What is said of the values alone says nothing of the task.
    hint = said if explanation.known else f"{said} {info.hint}".strip()
    if info.visibility == "visible":
        # What is said of the missing function is all that helps.
        return "" if isinstance(error, MissingFunctionError) or _is_unwritten(error) else hint
    if isinstance(error, CallTimeoutError):
        return (
            f"{error} Look for a loop without end, or for many small steps that one batch could do at once."
        )
    if isinstance(error, MissingFunctionError) or _is_unwritten(error):
        return "This runs once the function is written."
    if isinstance(error, StudentCodeError):
        # The name of an exception class of the student's own could carry a hidden input out.
        name = str(error).partition(" raised ")[2].partition(":")[0].strip()
        kind = f" ({name})" if isinstance(getattr(builtins, name, None), type) else ""
        return f"Your function raised an error{kind} on an input that you have not seen. {hint}".strip()
    if isinstance(error, SubmissionError):
        return f"Your function gave no usable answer on an input that you have not seen. {hint}".strip()
    return hint or _UNEXPLAINED_HIDDEN


def _is_unwritten(error: BaseException | None) -> bool:
    said = str(error).partition("() ")[2]
    return isinstance(error, StudentCodeError) and said.startswith("is not written yet:")


def _detail(error: BaseException | None, explanation: Explanation, fault: str) -> str:
    """Write what the instructor reads."""
    if error is None:
        return ""
    if fault:
        return "".join(traceback.format_exception(error))
    lines = [str(error)]
    diagnosis = explanation.diagnosis
    if diagnosis is not None:
        lines.append(f"The values equal those of {diagnosis.misconception}: {diagnosis.title}")
    lines += [explanation.detail] if explanation.detail else []
    if isinstance(error, StudentCodeError) and error.traceback:
        lines.append(error.traceback)
    return "\n".join(lines)
