"""The first page: how far each question is, and who has done what."""

from __future__ import annotations

from typing import Any

from autograder.marking.progress import progress as question_progress
from autograder.marking.web.desk import Desk, Page, Visit


def student_name(desk: Desk, visit: Visit, student: str) -> str:
    """Return a student's name, or what stands for it while names are hidden."""
    return student if visit.names else f"Student {desk.key(student)[:5]}"


def progress_view(desk: Desk, question: str) -> dict[str, Any]:
    """Return how far a question is, for the bar and the words beside it."""
    progress = question_progress(desk.marking, question)
    return {
        "marked": progress.marked,
        "answers": progress.answers,
        "later": progress.later,
        "review": progress.review,
        "by": list(progress.by.items()),
        "assigned": [(who, done, of) for who, (done, of) in progress.assigned.items()],
    }


def show(desk: Desk, visit: Visit) -> Page:
    """Show all questions with their progress, and what waits for somebody."""
    marking = desk.marking
    questions = [
        {
            "question": question,
            "progress": progress_view(desk, question.id),
            "empty": sum(one.is_empty for one in marking.submissions.answers(question.id)),
            "second": sum(
                who == visit.who and marking.state.mark(student, question.id, kind="double") is None
                for student, who in marking.state.sampled(question.id).items()
            ),
        }
        for question in desk.questions.values()
    ]
    grades = marking.grades()
    return Page(
        template="overview.html.j2",
        context={
            "questions": questions,
            "students": len(grades),
            "complete": sum(grade.state == "complete" for grade in grades),
            "problems": sum(grade.state == "problem" for grade in grades),
            "requests": sum(one.is_open for one in marking.state.requests()),
            "review": sum(len(grade.review) for grade in grades),
            "damaged": [*marking.submissions.damaged, *filter(None, [desk.problem])],
            "others": desk.presence.others(visit.who),
        },
    )
