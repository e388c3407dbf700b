"""Which lost checks follow from an earlier task."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autograder.checks.follows import with_origins
from autograder.diagnosis import Explanation, Misconception
from autograder.errors import CallTimeoutError, MissingFunctionError, StudentCodeError
from autograder.records import CheckResult

TASKS = ["first", "second", "third"]


def check(task: str, outcome: str = "failed", **changes: object) -> CheckResult:
    values = {"points": 0, "max_points": 1, "visibility": "hidden", "title": task, **changes}
    return CheckResult(id=task, task=task, outcome=outcome, **values)  # type: ignore[arg-type]


def known(task: str) -> Misconception:
    return Misconception(id=f"mistake_of_{task}", task=task, title="t", hint="h", run=lambda *given: None)


def origin(error: BaseException | None, *named: str, first: str = "failed", third: str = "passed") -> str:
    results = [check("first", first), check("second"), check("third", third)]
    explanations = {"second": Explanation(known=tuple(map(known, named)))}
    errors = {"second": error} if error else {}
    return with_origins(results, errors, explanations, TASKS)[1].follows_from


def raised(exception: str = "ValueError", **more: object) -> StudentCodeError:
    return StudentCodeError("second", exception, "m", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error",
    [
        raised("NameError", undefined="first"),
        raised("NotImplementedError", frames=["second", "first"]),
        raised(frames=["second", "first", "helper"]),
        StudentCodeError("first", "ValueError"),
        MissingFunctionError("The notebook defines no function first().", "first"),
    ],
)
def test_an_error_in_an_earlier_tasks_function_follows(error: Exception) -> None:
    assert origin(error) == "first"
    # What has passed is no cause.
    assert origin(error, first="passed") == ""


@pytest.mark.parametrize(
    "error",
    [
        raised(),
        raised(frames=["second"]),
        raised(frames=["first", "second"]),
        raised("NameError", undefined="other", frames=["second"]),
        raised(undefined="second", frames=["second"]),
        MissingFunctionError("The notebook defines no function second().", "second"),
        CallTimeoutError("first() did not return within 5 s."),
        AssertionError("first"),
        None,
    ],
)
def test_any_other_error_is_the_tasks_own(error: Exception | None) -> None:
    assert origin(error) == ""


def test_a_later_task_is_no_cause() -> None:
    assert origin(raised("NameError", undefined="third"), third="failed") == ""


def test_a_right_function_on_an_earlier_mistake_follows() -> None:
    assert origin(None, "first") == "first"


def test_a_mistake_of_its_own_beside_an_earlier_one_does_not() -> None:
    assert origin(None, "second", "first") == ""
    assert origin(None, "second") == ""


def test_what_passed_or_is_a_fault_of_ours_follows_from_nothing() -> None:
    error = raised("NameError", undefined="first")
    passed = [check("first"), check("second", "passed")]
    fault = [check("first"), replace(check("second", "errored"), fault="KeyError")]
    for results in (passed, fault):
        assert with_origins(results, {"second": error}, {}, TASKS)[1].follows_from == ""


def test_a_fault_of_ours_is_no_cause() -> None:
    results = [replace(check("first", "errored"), fault="KeyError"), check("second")]
    error = raised("NameError", undefined="first")
    assert with_origins(results, {"second": error}, {}, TASKS)[1].follows_from == ""


def test_all_checks_of_a_function_on_hidden_inputs_follow_from_the_same_task() -> None:
    results = [
        check("first", "failed"),
        check("second", "errored"),
        check("third", "errored"),
        check("third", "errored"),
    ]
    named = ["first", "second", "first", "second"]
    results = [replace(result, id=f"check {place}") for place, result in enumerate(results)]
    explanations = {
        result.id: Explanation(known=(known(name),)) for result, name in zip(results, named, strict=True)
    }
    early = with_origins(results, {}, explanations, TASKS)
    late = with_origins(results, {}, explanations, TASKS, [result.id for result in results])
    assert [result.follows_from for result in early[2:]] == ["first", "second"]
    assert [result.follows_from for result in late[2:]] == ["first", "first"]
