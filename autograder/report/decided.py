"""What people decided, as the pages show it beside what was graded automatically."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from autograder.records import CheckResult, FinalGrade, GivenItem, GradeReport, Pending

_STATES = {
    "marked": ("passed", "Graded"),
    "review": ("pending", "Graded, looked at again"),
    "waiting": ("pending", "With a person"),
    "empty": ("skipped", "Not answered"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerView:
    """A written question with its answer and what was given for it."""

    id: str
    """The question's id."""

    title: str
    """The question."""

    answer: str
    """Markdown source; empty if there is none."""

    rubric: tuple[str, ...]
    """For the person who grades."""

    max_points: float
    """Points to earn."""

    points: float | None
    """Points given; None: nobody has decided yet."""

    state: str
    """passed, pending or skipped, as the page's classes name it."""

    word: str
    """The state in words."""

    items: tuple[GivenItem, ...] = ()
    """The rubric items that were applied."""

    adjustment: float = 0.0
    """Points on top of them."""

    comment: str = ""
    """For the student, Markdown."""


def answer_views(questions: Sequence[Pending], grade: FinalGrade | None) -> tuple[AnswerView, ...]:
    """Return the written questions of a report with what was given for them.

    Args:
        questions: Of the report, with an answer or without.
        grade: The final grade; None: nothing is known of it.
    """
    given = {one.question: one for one in grade.answers} if grade else {}
    views = []
    for question in questions:
        known = given.get(question.id)
        state, word = _STATES[known.state if known else "waiting" if question.answer else "empty"]
        views.append(
            AnswerView(
                id=question.id,
                title=question.title,
                answer=question.answer,
                rubric=question.rubric,
                max_points=question.points,
                points=known.points if known else None if question.answer else 0.0,
                state=state,
                word=word,
                items=known.items if known else (),
                adjustment=known.adjustment if known else 0.0,
                comment=known.comment if known else "",
            )
        )
    return tuple(views)


def as_decided(report: GradeReport, grade: FinalGrade | None) -> GradeReport:
    """Return the report with the points that people gave for checks instead of the automatic ones.

    Args:
        report: What was graded automatically.
        grade: The final grade; None: nothing is known of it.
    """
    if grade is None or not grade.checks:
        return report
    changed = {one.check: one for one in grade.checks if one.reason}
    checks = tuple(
        _given(check, changed[check.id].points) if check.id in changed else check for check in report.checks
    )
    settled = grade.state == "complete" or not any(check.fault for check in checks)
    return replace(
        report,
        checks=checks,
        score=report.score + grade.overrides,
        needs_review=() if settled else report.needs_review,
    )


def _given(check: CheckResult, points: float) -> CheckResult:
    full = points >= check.max_points
    outcome = "passed" if full else check.outcome if check.outcome != "passed" else "failed"
    return replace(check, points=points, outcome=outcome, fault="")


def open_points(report: GradeReport, grade: FinalGrade | None) -> float:
    """Return the points of written answers that nobody has decided on."""
    if grade is None:
        return sum(question.points for question in report.pending)
    return sum(answer.max_points for answer in grade.answers if answer.points is None)
