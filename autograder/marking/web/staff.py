"""What the staff does beside marking: who marks what, requests, what a regrade changed, and the log."""

from __future__ import annotations

from typing import Any

from autograder.marking import requests as regrade
from autograder.marking import sharing
from autograder.marking.agreement import agreement
from autograder.marking.errors import MarkingError
from autograder.marking.records import Decision, RegradeRequest
from autograder.marking.state import names_of
from autograder.marking.web.answering import number
from autograder.marking.web.desk import Desk, Go, LostError, Page, Visit
from autograder.marking.web.overview import progress_view, student_name

LOG_ROWS = 200
"""Decisions on one page of the log."""


def log(desk: Desk, visit: Visit) -> Page:
    """Show who decided what and when, the latest first."""
    history = desk.marking.state.history()[::-1]
    who = visit.query.get("by", "")
    chosen = [one for one in history if who in ("", one.by)]
    first = max(0, int(number(visit.query.get("from", ""), "The place in the log")))
    rows = [(one, _about(desk, visit, one)) for one in chosen[first : first + LOG_ROWS]]
    return Page(
        template="log.html.j2",
        context={
            "rows": rows,
            "count": len(chosen),
            "first": first,
            "later": first + LOG_ROWS if first + LOG_ROWS < len(chosen) else 0,
            "by": who,
            "names": names_of(history),
        },
    )


def _about(desk: Desk, visit: Visit, decision: Decision) -> dict[str, Any]:
    student = decision.student
    return {
        "key": desk.key(student) if student in desk.marking.submissions.students() else "",
        "name": student_name(desk, visit, student) if student else "",
        "value": {
            name: value for name, value in decision.value.items() if value not in ("", [], None, 0, False)
        },
    }


def work(desk: Desk, visit: Visit) -> Page:
    """Show who marks what, and how well two people agree."""
    marking = desk.marking
    return Page(
        template="work.html.j2",
        context={
            "questions": [
                {
                    "question": question,
                    "progress": progress_view(desk, question.id),
                    "agreement": agreement(marking, question.id),
                }
                for question in desk.questions.values()
            ],
            "names": names_of(marking.state.history()),
            "students": [
                (desk.key(student), student_name(desk, visit, student))
                for student in sorted(marking.submissions.students(), key=desk.key)
            ],
        },
    )


def assign(desk: Desk, visit: Visit) -> Go:
    """Assign a question or a student to an assistant, or share all answers evenly."""
    form = visit.form
    names = [name for part in form.get("names", "").split(",") if (name := part.strip())]
    if form.get("action") == "evenly":
        sharing.assign_evenly(desk.marking, names, by=visit.who, per=form.get("per", "student"))
    else:
        student = desk.student(form["student"]) if form.get("student") else ""
        if student is None or len(names) > 1:
            raise MarkingError("Name one assistant, and a question or a student.")
        name = names[0] if names else ""
        sharing.assign(desk.marking, name, by=visit.who, question=form.get("question", ""), student=student)
    return Go(path="/sharing")


def sample(desk: Desk, visit: Visit) -> Go:
    """Choose answers that a second person marks, too."""
    form = visit.form
    share = number(form.get("percent", ""), "The share") / 100
    sharing.sample(desk.marking, form.get("question", ""), form.get("name", ""), share=share, by=visit.who)
    return Go(path="/sharing")


def requests(desk: Desk, visit: Visit) -> Page:
    """Show the regrade requests, each with the automatic evidence beside it."""
    found = desk.marking.state.requests()
    return Page(
        template="requests.html.j2",
        context={
            "requests": [_request(desk, visit, one) for one in found],
            "students": [
                (desk.key(student), student_name(desk, visit, student))
                for student in sorted(desk.marking.submissions.students(), key=desk.key)
            ],
            "checks": sorted(
                {
                    (check.id, check.title)
                    for report in desk.marking.submissions.reports()
                    for check in report.checks
                }
            ),
        },
    )


def _request(desk: Desk, visit: Visit, asked: RegradeRequest) -> dict[str, Any]:
    report = desk.marking.submissions.report(asked.student)
    answer = desk.marking.submissions.answer(asked.student, asked.target)
    return {
        "request": asked,
        "key": desk.key(asked.student),
        "name": student_name(desk, visit, asked.student),
        "question": desk.questions.get(asked.target),
        "check": next((one for one in report.checks if one.id == asked.target), None) if report else None,
        "mark": desk.marking.state.mark(asked.student, asked.target),
        "override": desk.marking.state.override(asked.student, asked.target),
        "rubric": desk.marking.state.rubric(asked.target),
        "html": desk.styles.lifted(desk.marking.submissions.html(answer)) if answer else "",
    }


def add_request(desk: Desk, visit: Visit) -> Go:
    """Enter a student's request."""
    student = desk.student(visit.form.get("student", ""))
    if student is None:
        raise MarkingError("Choose the student who asks.")
    regrade.request(
        desk.marking, student, visit.form.get("target", ""), visit.form.get("text", ""), by=visit.who
    )
    return Go(path="/requests")


def resolve_request(desk: Desk, visit: Visit) -> Go:
    """Answer a request."""
    asked = next((one for one in desk.marking.state.requests() if one.id == visit.path["id"]), None)
    if asked is None:
        raise LostError
    accepted = visit.form.get("action") == "accept"
    regrade.resolve(desk.marking, asked, by=visit.who, accepted=accepted, answer=visit.form.get("answer", ""))
    desk.refreshed()
    return Go(path="/requests")


def review(desk: Desk, visit: Visit) -> Page:
    """Show the decisions whose ground a regrade has changed, or that two machines took differently."""
    rows = [
        {
            "key": desk.key(grade.student),
            "name": student_name(desk, visit, grade.student),
            "target": target,
            "question": desk.questions.get(target),
        }
        for grade in desk.marking.grades()
        for target in grade.review
    ]
    contested = [
        (one, [_about(desk, visit, decision) for decision in one]) for one in desk.marking.state.contested()
    ]
    return Page(template="review.html.j2", context={"rows": rows, "contested": contested})
