"""The checks of one submission while they run: what fixtures hand out, and what came of each check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autograder.checks.answer_cache import Reference
from autograder.checks.changed_arguments import with_costs
from autograder.checks.comparing import Mismatch
from autograder.checks.course_context import Course
from autograder.checks.decorators import CheckInfo, is_late
from autograder.checks.diagnosing import Passed, explained
from autograder.checks.feedback import (
    detail_of,
    first_late_hint_of,
    hint_of,
    is_unwritten,
    late_hint_of,
    message_of,
    traceback_of,
)
from autograder.checks.follows import with_origins
from autograder.checks.outcomes import faulty, outcome_of
from autograder.checks.recorder import Recorder
from autograder.checks.scoring import points_for
from autograder.checks.submission_proxy import FunctionCaller, SubmissionProxy
from autograder.course.assignment import CHECKS
from autograder.diagnosis import Explanation, Misconception
from autograder.errors import UnusableAnswerError
from autograder.records import Assignment, CheckResult, Outcome, Tolerance


@dataclass(kw_only=True)
class CheckRun:
    """What the checks of one submission share; made by `begin_checks`."""

    assignment: Assignment
    """The assignment."""

    checks: tuple[CheckInfo, ...]
    """What is to be run, in order."""

    proxy: SubmissionProxy
    """Calls the student's functions."""

    reference: Reference
    """The reference module, or its float64 counterpart."""

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

    errors: dict[str, BaseException] = field(default_factory=dict)
    """What a check raised, by check id: typed, where a result has only sentences."""

    explanations: dict[str, Explanation] = field(default_factory=dict)
    """What diagnosis found, by check id."""

    _passed: list[Passed] = field(default_factory=list)
    """What the running check found right so far."""

    _mistaken: dict[str, Misconception] = field(default_factory=dict)
    """The mistake named in a function, by its task."""

    _unwritten: set[str] = field(default_factory=set)
    """Tasks whose function was missing on visible inputs."""

    _said_how: bool = False
    """Whether a check on hidden inputs has said how it was lost: the first one does, and no other."""

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
        results = [
            self.results.get(info.id) or blank_result(info, "errored", fault="The check was not run.")
            for info in self.checks
        ]
        tasks = [task.name for task in self.assignment.tasks]
        late = {info.id for info in self.checks if self._is_late(info.id)}
        found = with_origins(results, self.errors, self.explanations, tasks, late)
        return with_costs(found, self.proxy.changing)

    def conclude(self, check: str, error: BaseException | None, record: Recorder) -> CheckResult:
        """Turn what happened in a check into its result, and keep it.

        Args:
            check: The check's id.
            error: What it raised; None if it returned.
            record: What it noted.
        """
        info, late = self.info(check), self._is_late(check)
        found = outcome_of(error, awarded=record.awarded, checks_path=self.assignment.folder / CHECKS)
        explanation = Explanation()
        try:
            explanation = self._explain(info, error)
        except UnusableAnswerError as failure:
            # The answer is wrong anyway; what is odd about it costs only its explanation.
            explanation = Explanation(detail=traceback_of(failure))
        except Exception as failure:  # ours, whatever the answer was worth
            error, found = failure, faulty(failure)
        outcome, fault = found.outcome, found.fault
        result = CheckResult(
            id=info.id,
            task=info.task,
            title=info.title,
            points=points_for(outcome, info.points, record.awarded) if not fault else 0.0,
            max_points=info.points,
            outcome=outcome,
            visibility=info.visibility,
            feedback=message_of(outcome, error, fault, late=late),
            hint="" if outcome == "passed" or fault else self._hint(info, error, explanation),
            detail=detail_of(error, explanation, fault),
            diagnosis=explanation.diagnosis,
            remarks=() if late else tuple(record.remarks),
            # Which remark a hidden input gets tells something of it.
            measured=(*record.measurements, *(record.remarks if late else ())),
            metrics=dict(record.metrics),
            # Students see the strips of a visible check, whose inputs a late one may not show.
            strips=() if late and info.visibility == "visible" else tuple(record.strips),
            fault=fault,
        )
        self.results[check] = result
        self.explanations[check] = explanation
        if error is not None:
            self.errors[check] = error
        return result

    def _hint(self, info: CheckInfo, error: BaseException | None, explanation: Explanation) -> str:
        """Return the hint of a lost check; after the first lost late one it tells nothing but that points were lost."""
        if not self._is_late(info.id):
            if is_unwritten(error):
                self._unwritten.add(info.task)
            return hint_of(info, error, explanation)
        unwritten = info.task in self._unwritten
        if unwritten or self._said_how:
            return late_hint_of(info, unwritten=unwritten)
        self._said_how = True
        return first_late_hint_of(info, error, explanation)

    def _is_late(self, check: str) -> bool:
        return is_late(check, {info.id: info for info in self.checks})

    def skip(self, check: str, reason: str) -> None:
        """Keep that a check was not run, and why."""
        self.results[check] = blank_result(self.info(check), "skipped", hint=reason)

    def begin(self, check: str) -> None:
        """Start a check."""
        self.proxy.begin(check, self._judged_before(check), late=self._is_late(check))
        self._passed.clear()

    def _judged_before(self, check: str) -> dict[str, frozenset[str]]:
        """Return, by task, the finished checks whose answers a later function may build on."""
        visibility = self.info(check).visibility
        judged: dict[str, set[str]] = {}
        for result in self.results.values():
            full = result.points >= result.max_points
            if result.visibility == visibility and (visibility == "visible" or not full) and not result.fault:
                judged.setdefault(result.task, set()).add(result.id)
        return {task: frozenset(checks) for task, checks in judged.items()}

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


def begin_checks(
    course: Course,
    functions: FunctionCaller,
    *,
    student: str,
    checks: Sequence[CheckInfo] | None = None,
    reference: Reference | None = None,
    misconceptions: tuple[Misconception, ...] | None = None,
) -> CheckRun:
    """Make what the checks of one submission share.

    Args:
        course: The assignment, loaded.
        functions: Calls the functions that are checked.
        student: Name that the inputs depend on.
        checks: The checks to run; None: all of the assignment.
        reference: Computes the expected values; None: the course's reference.
        misconceptions: Mistakes that diagnosis knows; None: the course's.
    """
    parts = course.seed_parts(student)
    return CheckRun(
        assignment=course.assignment,
        checks=course.checks if checks is None else tuple(checks),
        proxy=SubmissionProxy(functions, parts),
        reference=course.reference if reference is None else reference,
        models=course.models,
        misconceptions=course.misconceptions if misconceptions is None else misconceptions,
        tolerances=course.tolerances,
        seed_parts=parts,
    )


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
