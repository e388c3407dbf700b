"""The final grade: automatic points, points for written answers, overrides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from autograder.marking.answers import basis_of_check
from autograder.marking.records import SUBMISSION, Answer, Mark, Override
from autograder.marking.state import MarkingState
from autograder.records import (
    Assignment,
    ChangedCheck,
    FinalGrade,
    GivenItem,
    GradedAnswer,
    GradeReport,
    GradeState,
    WrittenQuestion,
)


def final_grade(
    report: GradeReport, answers: Mapping[str, Answer], assignment: Assignment, state: MarkingState
) -> FinalGrade:
    """Return what a student gets.

    An answer that is empty gets 0 points, unless a person decides otherwise. A submission that could not be run or
    graded is complete once a person has given the points of all its checks (`records.SUBMISSION`).

    Args:
        report: What was graded automatically.
        answers: The student's answers by question.
        assignment: For the questions.
        state: What people decided.
    """
    graded = tuple(_graded(answers[one.id], one, state) for one in assignment.questions)
    checks = tuple(_changed_checks(report, state))
    adjustments = sum((one.points - one.automatic for one in checks), 0.0)
    written = sum((one.points or 0.0 for one in graded), 0.0)
    open_answers = [one.question for one in graded if one.points is None]
    missing = (*open_answers, *_open_checks(report, state))
    decided = state.override(report.student, SUBMISSION) is not None
    grade_state: GradeState = "incomplete" if missing else "complete"
    if report.problem and not decided:
        grade_state = "problem"
    return FinalGrade(
        assignment=report.assignment,
        student=report.student,
        auto=round(report.score, 6),
        written=round(written, 6),
        adjustments=round(adjustments, 6),
        total=round(report.score + written + adjustments, 6) if grade_state == "complete" else None,
        of=report.max_score + sum(one.points for one in assignment.questions),
        state=grade_state,
        missing=missing,
        review=tuple(_to_review(graded, report, state)),
        answers=graded,
        checks=checks,
    )


def _graded(answer: Answer, question: WrittenQuestion, state: MarkingState) -> GradedAnswer:
    mark = state.mark(answer.student, question.id)
    if mark is None or (mark.later and answer.is_empty):
        return GradedAnswer(
            question=question.id,
            title=question.title,
            max_points=question.points,
            points=0.0 if answer.is_empty else None,
            state="empty" if answer.is_empty else "waiting",
            comment=mark.comment if mark else "",
        )
    items = {item.id: item for item in state.rubric(question.id)}
    return GradedAnswer(
        question=question.id,
        title=question.title,
        max_points=question.points,
        points=None if mark.later else mark.points,
        state="waiting" if mark.later else "review" if _has_changed(mark, answer) else "marked",
        items=tuple(GivenItem(text=items[one].text, points=items[one].points) for one in mark.items),
        adjustment=mark.adjustment,
        comment=mark.comment,
    )


def _has_changed(mark: Mark, answer: Answer) -> bool:
    return bool(mark.contested) or mark.basis != answer.basis


def _changed_checks(report: GradeReport, state: MarkingState) -> Iterator[ChangedCheck]:
    """Yield the checks that people have decided on; points for the whole submission stand instead of all others."""
    overrides, comments = state.overrides(report.student), state.check_comments(report.student)
    whole = overrides.pop(SUBMISSION, None)
    if whole is not None:
        overrides = {}
        yield ChangedCheck(
            check=SUBMISSION,
            title="All checks together",
            automatic=report.score,
            points=min(whole.points, report.max_score),
            max_points=report.max_score,
            reason=whole.reason,
        )
    for check in report.checks:
        override, comment = overrides.get(check.id), comments.get(check.id)
        if override is not None or comment is not None:
            yield ChangedCheck(
                check=check.id,
                title=check.title,
                automatic=check.points,
                points=min(override.points, check.max_points) if override else check.points,
                max_points=check.max_points,
                reason=override.reason if override else "",
                comment=comment.text if comment else "",
            )


def _open_checks(report: GradeReport, state: MarkingState) -> Iterator[str]:
    """Yield what the grader's own faults leave to a person."""
    overrides = state.overrides(report.student)
    if SUBMISSION in overrides:
        return
    at_fault = [check.id for check in report.checks if check.fault]
    yield from (check for check in at_fault if check not in overrides)
    if report.problem or len(report.needs_review) > len(at_fault):
        yield SUBMISSION


def _to_review(graded: tuple[GradedAnswer, ...], report: GradeReport, state: MarkingState) -> Iterator[str]:
    yield from (one.question for one in graded if one.state == "review")
    for check, override in state.overrides(report.student).items():
        if needs_review(override, report):
            yield check


def needs_review(override: Override, report: GradeReport) -> bool:
    """Return whether an override rests on something that a regrade has changed, or another machine decided otherwise.

    Args:
        override: The override.
        report: The student's report as it is now.
    """
    return bool(override.contested) or override.basis != basis_of_check(report, override.check)
