"""Marking by mistake: students with the same diagnosis, and failures without one that look alike."""

from __future__ import annotations

import re
from typing import Any

from autograder.marking import on_checks
from autograder.marking.errors import MarkingError
from autograder.marking.web.desk import Desk, Go, Page, Visit
from autograder.marking.web.overview import student_name
from autograder.records import CheckResult, GradeReport

_FIGURE = re.compile(r"'[^'\n]*'|[-+]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?")
_LINES = 6


def show(desk: Desk, visit: Visit) -> Page:
    """Show the mistakes by how many students made them."""
    groups = _grouped(desk.marking.submissions.reports())
    views = [_view(desk, visit, name, group) for name, group in groups.items()]
    views.sort(key=lambda view: (-len(view["students"]), view["title"], view["name"]))
    return Page(
        template="mistakes.html.j2",
        context={
            "diagnosed": [view for view in views if view["diagnosed"]],
            "others": [view for view in views if not view["diagnosed"]],
        },
    )


def _grouped(reports: list[GradeReport]) -> dict[str, list[tuple[str, CheckResult]]]:
    """Return the lost checks by what they have in common, each with its student."""
    groups: dict[str, list[tuple[str, CheckResult]]] = {}
    for report in reports:
        for check in report.checks:
            lost = check.points < check.max_points and not check.fault and not check.follows_from
            if lost and check.outcome != "skipped":
                groups.setdefault(_name(check), []).append((report.student, check))
    return groups


def _name(check: CheckResult) -> str:
    """Return what names a group: the mistake's id; without one, how the tensors differ, whatever the figures."""
    if check.diagnosis:
        return f"mistake {check.diagnosis.misconception}"
    return f"{check.task} {check.outcome} {pattern(check.detail or check.feedback or check.hint)}"


def pattern(text: str) -> str:
    """Return the first lines of a comparison with … for its figures and quoted texts."""
    return _FIGURE.sub("…", "\n".join(text.strip().splitlines()[:_LINES]))


def _view(desk: Desk, visit: Visit, name: str, group: list[tuple[str, CheckResult]]) -> dict[str, Any]:
    first = group[0][1]
    students = list(dict.fromkeys(student for student, _ in group))
    if not visit.names:
        students.sort(key=desk.key)
    return {
        "name": name,
        "diagnosed": first.diagnosis is not None,
        "title": first.diagnosis.title if first.diagnosis else "",
        "hint": first.diagnosis.hint if first.diagnosis else "",
        "detail": pattern(first.detail or first.feedback or first.hint),
        "task": first.task,
        "checks": sorted({(check.id, check.title) for _, check in group}),
        "students": [(desk.key(student), student_name(desk, visit, student)) for student in students],
    }


def comment(desk: Desk, visit: Visit) -> Go:
    """Say the same on one check to all students of a group who have no comment there yet.

    Raises:
        MarkingError: If the group is not there any more.
    """
    check, text = visit.form.get("check", ""), visit.form.get("text", "")
    group = _grouped(desk.marking.submissions.reports()).get(visit.form.get("group", ""))
    if not group or not text.strip():
        raise MarkingError("A regrade has changed this group, or the comment is empty. Look at it again.")
    for student in (student for student, one in group if one.id == check):
        if desk.marking.state.check_comment(student, check) is None:
            on_checks.comment_on_check(desk.marking, student, check, text, by=visit.who)
    desk.refreshed()
    return Go(path="/mistakes")
