"""What the student reads, as data.

Here, before any template sees them, hidden checks lose what the feedback policy does not tell; see `check_view`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from autograder.records import (
    Assignment,
    CellFailure,
    ChangedCheck,
    CheckResult,
    FeedbackLevel,
    FeedbackPolicy,
    FinalGrade,
    GradeReport,
    Pending,
)
from autograder.report.check_view import CheckView, Origin, check_view, state_word
from autograder.report.decided import AnswerView, answer_views, as_decided, open_points
from autograder.report.pictures import plot_uri
from autograder.report.shown import ShownView, shown_views
from autograder.report.text import one_line

STEP_LIMIT = 5
"""Steps in "what to do next": what a person still reads."""


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
class FailureView:
    """A cell that did not end well."""

    failure: CellFailure
    """The cell and what happened."""

    task: Origin | None
    """The task that the cell belongs to."""

    follows: Origin | None
    """The earlier task whose mistake shows here."""

    costs: bool
    """Whether the error may be the task's own: not where all of its checks passed."""


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

    announced: str
    """What this page will tell later, and from when on; else empty."""

    questions: tuple[AnswerView, ...]
    """Written questions in the order of the assignment, with an answer or without."""

    grade: FinalGrade | None
    """What people have decided; None: nothing is known of it."""

    whole: ChangedCheck | None
    """What a person gave for all checks of a submission that could not be graded."""

    pending_points: float
    """Points that a person may still give for them."""

    review_points: float
    """Points of the checks that a person will look at."""

    failures: tuple[FailureView, ...]
    """Cells that failed."""

    plots: tuple[str, ...]
    """data: addresses of the plots that are PNG."""

    shown: tuple[ShownView, ...]
    """What else the plot cells show."""


def group_by_task(
    checks: Sequence[CheckResult], assignment: Assignment
) -> list[tuple[str, list[CheckResult]]]:
    """Return (task name, its checks) in the assignment's order; checks of unknown tasks under ""."""
    known = [task.name for task in assignment.tasks]
    groups = {name: [check for check in checks if check.task == name] for name in known}
    groups[""] = [check for check in checks if check.task not in groups]
    return [(name, group) for name, group in groups.items() if name or group]


def student_view(
    report: GradeReport, assignment: Assignment, now: datetime, grade: FinalGrade | None = None
) -> StudentView:
    """Return the student's page as data.

    Args:
        report: What was found.
        assignment: For titles, tasks and the feedback policy.
        now: When the page is written: the policy may tell more from some date on.
        grade: What people have decided; None: nothing is known of it.
    """
    report = as_decided(report, grade)
    changed = {one.check: one for one in grade.checks} if grade else {}
    level = assignment.feedback.at(now)
    tasks = tuple(
        _task_view(name, group, assignment, level, changed)
        for name, group in group_by_task(report.checks, assignment)
    )
    steps = _steps(tasks)
    return StudentView(
        report=report,
        title=assignment.title,
        tasks=tasks if report.checks else (),
        steps=tuple(steps[:STEP_LIMIT]),
        more_steps=max(0, len(steps) - STEP_LIMIT),
        announced=_announcement(assignment.feedback) if steps and assignment.feedback.is_ahead(now) else "",
        questions=answer_views(_in_order((*report.pending, *report.unanswered), assignment), grade),
        grade=grade,
        whole=next((one for one in changed.values() if one.check not in {c.id for c in report.checks}), None),
        pending_points=open_points(report, grade),
        review_points=sum(check.max_points - check.points for check in report.checks if check.fault),
        failures=tuple(_failure_view(failure, tasks, assignment) for failure in report.failures),
        plots=tuple(uri for uri in map(plot_uri, report.plots) if uri),
        shown=tuple(shown_views(report.shown)),
    )


def _failure_view(failure: CellFailure, tasks: Sequence[TaskView], assignment: Assignment) -> FailureView:
    passed = {task.name for task in tasks if task.state == "passed"}
    return FailureView(
        failure=failure,
        task=_origin(failure.task, assignment),
        follows=_origin(failure.follows_from, assignment),
        costs=failure.kind != "error" or failure.task not in passed,
    )


def _origin(name: str, assignment: Assignment) -> Origin | None:
    """Return where a task stands in the assignment; None if it has none of that name."""
    for number, task in enumerate(assignment.tasks, start=1):
        if task.name == name:
            return Origin(number=number, title=task.title, anchor=_anchor(name))
    return None


def _anchor(name: str) -> str:
    return f"task-{name or 'other'}"


def _in_order(questions: Sequence[Pending], assignment: Assignment) -> tuple[Pending, ...]:
    ids = [question.id for question in assignment.questions]
    return tuple(sorted(questions, key=lambda one: ids.index(one.id) if one.id in ids else len(ids)))


def _announcement(policy: FeedbackPolicy) -> str:
    """Say what a policy tells from its date on; "" if it has none."""
    begins = policy.begins
    if begins is None:
        return ""
    day = f"{begins.day} {begins:%B %Y}" + (f", {begins:%H:%M}" if begins.hour or begins.minute else "")
    more = " and shows what was measured on unseen inputs" if policy.level == "full" else ""
    return f"From {day} on, this page names the mistakes that were recognised{more}."


def _task_view(
    name: str,
    checks: Sequence[CheckResult],
    assignment: Assignment,
    level: FeedbackLevel,
    changed: Mapping[str, ChangedCheck],
) -> TaskView:
    task = next((task for task in assignment.tasks if task.name == name), None)
    points = sum(check.points for check in checks)
    max_points = sum(check.max_points for check in checks)
    views = tuple(
        replace(
            check_view(check, level, _origin(check.follows_from, assignment)), changed=changed.get(check.id)
        )
        for check in checks
    )
    state = _task_state(points, max_points, {view.state for view in views})
    return TaskView(
        anchor=_anchor(name),
        name=name,
        title=task.title if task else "Further checks",
        expected=task.expected if task else "",
        points=points,
        max_points=max_points,
        state=state,
        word=state_word(state),
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
