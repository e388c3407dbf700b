"""Marking by student: the whole submission on one page, and what a person decides on its checks."""

from __future__ import annotations

from typing import Any

from autograder.marking import on_checks
from autograder.marking.grades import needs_review
from autograder.marking.records import SUBMISSION
from autograder.marking.web.answering import number
from autograder.marking.web.desk import Desk, Go, LostError, Page, Visit
from autograder.marking.web.overview import student_name
from autograder.records import GradeReport
from autograder.report.feedback import group_by_task


def index(desk: Desk, visit: Visit) -> Page:
    """Show all students with their grades; while names are hidden, in an order that does not tell them."""
    grades = desk.marking.grades()
    if not visit.names:
        grades.sort(key=lambda grade: desk.key(grade.student))
    rows = [(desk.key(grade.student), student_name(desk, visit, grade.student), grade) for grade in grades]
    return Page(template="students.html.j2", context={"rows": rows})


def known_student(desk: Desk, visit: Visit) -> tuple[str, GradeReport]:
    """Return the student that an address names, with the report.

    Raises:
        LostError: If it names none.
    """
    student = desk.student(visit.path["key"])
    report = desk.marking.submissions.report(student) if student else None
    if student is None or report is None:
        raise LostError
    return student, report


def show(desk: Desk, visit: Visit) -> Page:
    """Show one submission: grade, written answers, checks, plots."""
    student, report = known_student(desk, visit)
    marking = desk.marking
    overrides, comments = marking.state.overrides(student), marking.state.check_comments(student)
    evidence = marking.submissions.evidence(student)
    whole = overrides.get(SUBMISSION)
    return Page(
        template="student.html.j2",
        context={
            "report": report,
            "key": visit.path["key"],
            "name": student_name(desk, visit, student),
            "grade": marking.grade(student),
            "answers": [_answer(desk, student, question) for question in desk.questions],
            "groups": [
                (
                    task,
                    [
                        {
                            "check": check,
                            "override": overrides.get(check.id),
                            "review": check.id in overrides and needs_review(overrides[check.id], report),
                            "comment": comments.get(check.id),
                            "revisions": _revisions(desk, student, check.id),
                        }
                        for check in checks
                    ],
                )
                for task, checks in group_by_task(report.checks, marking.assignment)
                if checks
            ],
            "submission": SUBMISSION,
            "whole": whole,
            "whole_revision": _revisions(desk, student, SUBMISSION)["override"],
            "evidence": evidence,
            "shown": [(one, desk.styles.lifted(one.html)) for one in evidence.shown],
            "history": marking.state.history(student=student)[::-1],
        },
    )


def _answer(desk: Desk, student: str, question: str) -> dict[str, Any]:
    answer = desk.marking.submissions.answer(student, question)
    return {
        "question": desk.questions[question],
        "html": desk.styles.lifted(desk.marking.submissions.html(answer)) if answer else "",
        "empty": answer is None or answer.is_empty,
        "mark": desk.marking.state.mark(student, question),
        "rubric": desk.marking.state.rubric(question),
    }


def _revisions(desk: Desk, student: str, check: str) -> dict[str, str]:
    state = desk.marking.state
    return {
        "override": state.revision(("override", student, check)),
        "comment": state.revision(("comment", student, check)),
    }


def override(desk: Desk, visit: Visit) -> Go:
    """Give a check other points, with a reason, or the automatic ones again."""
    student, _ = known_student(desk, visit)
    form = visit.form
    on_checks.override(
        desk.marking,
        student,
        form.get("check", ""),
        None if form.get("action") == "withdraw" else number(form.get("points", ""), "The points"),
        by=visit.who,
        reason=form.get("reason", ""),
        revision=form.get("revision", ""),
    )
    desk.refreshed()
    return Go(path=f"/students/{visit.path['key']}")


def comment(desk: Desk, visit: Visit) -> Go:
    """Say something on a check to the student."""
    student, _ = known_student(desk, visit)
    on_checks.comment_on_check(
        desk.marking,
        student,
        visit.form.get("check", ""),
        visit.form.get("text", ""),
        by=visit.who,
        revision=visit.form.get("revision", ""),
    )
    desk.refreshed()
    return Go(path=f"/students/{visit.path['key']}")
