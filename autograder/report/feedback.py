"""What the student reads, as data.

Here, before any template sees them, hidden checks lose everything but title and hint.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autograder.records import Assignment, CellFailure, CheckResult, GradeReport, Pending
from autograder.report.pictures import plot_uri
from autograder.report.shown import ShownView, shown_views
from autograder.report.text import one_line
from autograder.report.token_heatmap import StripView, strip_view

STEP_LIMIT = 5
"""Steps in "what to do next": what a person still reads."""

_STATES = {
    "passed": "Passed",
    "partial": "Partly",
    "failed": "Not yet",
    "errored": "Error",
    "timed_out": "Too slow",
    "skipped": "Not run",
    "review": "Under review",
}
# What a student reads where a check says nothing else. Fixed sentences: they cannot carry a hidden value.
_SENTENCES = {
    "partial": "Right in part: some points are still open here.",
    "failed": "The result is not right yet. Compare your code with what was expected.",
    "errored": "Your code raised an error here. Try it on other inputs, too.",
    "timed_out": "Your function did not return in its time. Look for an endless loop, or work done twice.",
    "skipped": "This check runs once the checks before it pass.",
    "review": "Something went wrong on our side. A person will look at it; you lost no points by it.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """One check as a student may see it."""

    title: str
    """The check's own title."""

    state: str
    """passed, partial, failed, errored, timed_out, skipped or review."""

    word: str
    """The state in words."""

    points: float
    """Points earned."""

    max_points: float
    """Points to earn."""

    hidden: bool
    """Whether its inputs are unseen."""

    found: str
    """What was found; of a hidden check a fixed sentence or nothing."""

    hint: str
    """What the mistake's author says to think about; else empty."""

    diagnosed: bool = False
    """The hint is at a mistake that reproduces the student's values."""

    remarks: tuple[str, ...]
    """Sentences that cost nothing."""

    strips: tuple[StripView, ...]
    """Pictures; of a hidden check none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """One task with its checks."""

    anchor: str
    """Id of its section."""

    name: str
    """The function's name; empty for the section of checks that no task names."""

    title: str
    """Heading."""

    expected: str
    """In words."""

    points: float
    """Points earned."""

    max_points: float
    """Points to earn."""

    state: str
    """passed, partial, failed or review: the worst of its checks in one word."""

    word: str
    """The state in words."""

    checks: tuple[CheckView, ...]
    """In the order of checks.py."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do next."""

    tasks: tuple[TaskView, ...]
    """Where it applies."""

    text: str
    """What to do."""

    points: float
    """Points that are open there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentView:
    """Everything on the student's page."""

    report: GradeReport
    """For score, name and problem; templates of the student's page read no check from it."""

    title: str
    """The assignment's."""

    tasks: tuple[TaskView, ...]
    """In the order of the assignment."""

    steps: tuple[Step, ...]
    """What to do next, at most STEP_LIMIT."""

    more_steps: int
    """Steps that were left out."""

    pending: tuple[Pending, ...]
    """Written questions."""

    pending_points: float
    """Sum of their points."""

    review_points: float
    """Points of the checks that a person will look at."""

    failures: tuple[CellFailure, ...]
    """Cells that failed."""

    plots: tuple[str, ...]
    """data: addresses of the plots that are PNG."""

    shown: tuple[ShownView, ...]
    """What else the plot cells show."""


def check_state(check: CheckResult) -> str:
    """Return the outcome as people read it: a fault of ours is `review`, some points are `partial`."""
    if check.fault:
        return "review"
    if check.outcome in ("passed", "failed") and 0 < check.points < check.max_points:
        return "partial"
    return check.outcome


def state_word(state: str) -> str:
    """Return a state in words, as it stands beside its icon."""
    return _STATES[state]


def check_view(check: CheckResult) -> CheckView:
    """Return what the student may see of a check.

    Of a hidden one: title, outcome, points, the mistake's hint and the author's remarks. What else
    the record carries (feedback, detail, metrics, strips, the distance) is never read.
    """
    state = check_state(check)
    hidden = check.visibility != "visible"
    found = "" if hidden or state == "review" else check.feedback.strip()
    hint = _hint(check) if state not in ("passed", "review") else ""
    if not found and not hint:
        found = _SENTENCES.get(state, "")
    return CheckView(
        title=check.title,
        state=state,
        word=_STATES[state],
        points=check.points,
        max_points=check.max_points,
        hidden=hidden,
        found=found,
        hint=hint,
        diagnosed=check.diagnosis is not None,
        remarks=check.remarks,
        strips=() if hidden else tuple(strip_view(strip) for strip in check.strips),
    )


def _hint(check: CheckResult) -> str:
    """Return the fixed words of the instructor's on what went wrong."""
    return (check.hint or (check.diagnosis.hint if check.diagnosis else "")).strip()


def group_by_task(
    checks: Sequence[CheckResult], assignment: Assignment
) -> list[tuple[str, list[CheckResult]]]:
    """Return (task name, its checks) in the assignment's order; checks of unknown tasks under ""."""
    known = [task.name for task in assignment.tasks]
    groups = {name: [check for check in checks if check.task == name] for name in known}
    groups[""] = [check for check in checks if check.task not in groups]
    return [(name, group) for name, group in groups.items() if name or group]


def student_view(report: GradeReport, assignment: Assignment) -> StudentView:
    """Return the student's page as data."""
    tasks = tuple(
        _task_view(name, group, assignment) for name, group in group_by_task(report.checks, assignment)
    )
    steps = _steps(tasks)
    return StudentView(
        report=report,
        title=assignment.title,
        tasks=tasks if report.checks else (),
        steps=tuple(steps[:STEP_LIMIT]),
        more_steps=max(0, len(steps) - STEP_LIMIT),
        pending=report.pending,
        pending_points=sum(question.points for question in report.pending),
        review_points=sum(check.max_points - check.points for check in report.checks if check.fault),
        failures=report.failures,
        plots=tuple(uri for uri in map(plot_uri, report.plots) if uri),
        shown=tuple(shown_views(report.shown)),
    )


def _task_view(name: str, checks: Sequence[CheckResult], assignment: Assignment) -> TaskView:
    task = next((task for task in assignment.tasks if task.name == name), None)
    points = sum(check.points for check in checks)
    max_points = sum(check.max_points for check in checks)
    views = tuple(check_view(check) for check in checks)
    state = _task_state(points, max_points, {view.state for view in views})
    return TaskView(
        anchor=f"task-{name or 'other'}",
        name=name,
        title=task.title if task else "Further checks",
        expected=task.expected if task else "",
        points=points,
        max_points=max_points,
        state=state,
        word=_STATES[state],
        checks=views,
    )


def _task_state(points: float, max_points: float, states: set[str]) -> str:
    if "review" in states:
        return "review"
    if states <= {"passed"}:
        return "passed"
    return "partial" if 0 < points < max_points else "failed"


def _steps(tasks: Iterable[TaskView]) -> list[Step]:
    """Return one step for each different thing to do, in the tasks' order.

    A task's step is the hint at a mistake that was recognised, else the hint of its first lost check or what that
    found: one thing at a time. The same advice for several tasks is one step.
    """
    found: dict[str, list[TaskView]] = {}
    for task in tasks:
        lost = [view for view in task.checks if view.state not in ("passed", "review", "skipped")]
        hints = [view.hint for view in lost if view.diagnosed] + [view.hint or view.found for view in lost]
        advice = next(filter(None, hints), "")
        if advice:
            found.setdefault(one_line(advice), []).append(task)
    return [
        Step(tasks=tuple(group), text=text, points=sum(map(_open_points, group)))
        for text, group in found.items()
    ]


def _open_points(task: TaskView) -> float:
    """Return the points that the student can still earn; not those of checks that a person will look at."""
    return sum(check.max_points - check.points for check in task.checks if check.state != "review")
