"""Which lost checks follow from an earlier task: their error is that task's, not one of their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from autograder.diagnosis import Explanation
from autograder.errors import MissingFunctionError, StudentCodeError
from autograder.records import CheckResult


def with_origins(
    results: Sequence[CheckResult],
    errors: Mapping[str, BaseException],
    explanations: Mapping[str, Explanation],
    tasks: Sequence[str],
    late: Collection[str] = (),
) -> tuple[CheckResult, ...]:
    """Say of each lost check which earlier task it follows from, if it does.

    Only a task that has lost a check itself can be named: what the kernel says of an error chooses among these, and
    once for all checks of a function on hidden inputs.

    Args:
        results: Of all checks.
        errors: What checks raised, by their ids.
        explanations: What diagnosis found, by their ids.
        tasks: The contract's functions in the assignment's order.
        late: Ids of the checks that may have seen hidden inputs.
    """
    said: dict[str, str] = {}
    lost = lost_tasks(results, tasks)

    def origin(result: CheckResult) -> str:
        if result.outcome == "passed" or result.fault or result.task not in tasks:
            return ""
        earlier = [task for task in lost if tasks.index(task) < tasks.index(result.task)]
        explanation = explanations.get(result.id, Explanation())
        names = _named(result.task, errors.get(result.id), explanation, tasks)
        found = next((name for name in names if name in earlier), "")
        return said.setdefault(result.task, found) if result.id in late else found

    return tuple(replace(result, follows_from=origin(result)) for result in results)


def lost_tasks(results: Sequence[CheckResult], tasks: Sequence[str]) -> list[str]:
    """Return the tasks of which a check did not pass by the student's doing, in the assignment's order."""
    lost = {result.task for result in results if result.outcome != "passed" and not result.fault}
    return [task for task in tasks if task in lost]


def _named(
    task: str, error: BaseException | None, explanation: Explanation, tasks: Sequence[str]
) -> list[str]:
    """Return the other tasks whose function an error or a diagnosis leads to, the nearest first."""
    if explanation.known:
        owners = [known.task for known in explanation.known]
        return [] if task in owners else owners
    if isinstance(error, MissingFunctionError):
        return [error.function]
    if not isinstance(error, StudentCodeError):
        return []
    if error.function != task:
        return [error.function]
    innermost = next((name for name in reversed(error.frames) if name in tasks), "")
    return [error.undefined, innermost]
