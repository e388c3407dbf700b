"""Marking by question: one answer after the other, each decided with a few keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from autograder.marking import rubric
from autograder.marking.errors import ConflictError, MarkingError
from autograder.marking.records import Answer, Given, Kind, Mark, RubricItem
from autograder.marking.web.desk import Desk, Go, LostError, Page, Visit, place
from autograder.marking.web.overview import progress_view, student_name

DIGITS = "1234567890"
OFFERED_COMMENTS = 9
"""Earlier comments that are offered, each with a digit."""


def kind_of(visit: Visit) -> Kind:
    """Return whether an answer is marked the first or the second time.

    Raises:
        LostError: If the address says neither.
    """
    kinds: dict[str, Kind] = {"q": "mark", "second": "double"}
    if (kind := kinds.get(visit.path["round"])) is None:
        raise LostError
    return kind


def begin(desk: Desk, visit: Visit) -> Page | Go:
    """Show the next answer to a question that somebody should mark, or that nothing is left."""
    question, kind = visit.path["question"], kind_of(visit)
    if question not in desk.questions:
        raise LostError
    after = desk.student(visit.query.get("after", "")) or ""
    answer = desk.following(question, visit.who, kind=kind, after=after)
    if answer is not None:
        return Go(path=place(kind, question, desk.key(answer.student)))
    return Page(
        template="done.html.j2",
        context={
            "question": desk.questions[question],
            "progress": progress_view(desk, question),
            "places": [
                (place("mark", question, desk.key(one.student)), student_name(desk, visit, one.student))
                for one in desk.queue(question)
            ],
        },
    )


def known_answer(desk: Desk, visit: Visit) -> Answer:
    """Return the answer that an address names.

    Raises:
        LostError: If it names none.
    """
    student = desk.student(visit.path["key"])
    answer = desk.marking.submissions.answer(student, visit.path["question"]) if student else None
    if answer is None:
        raise LostError
    return answer


def show(desk: Desk, visit: Visit) -> Page:
    """Show one answer, with all that is needed to decide."""
    answer, kind = known_answer(desk, visit), kind_of(visit)
    mark = desk.marking.state.mark(answer.student, answer.question, kind=kind)
    given = _given(mark)
    if apply := visit.query.get("apply"):
        given = replace(given, items=(*given.items, apply))
    here = place(kind, answer.question, visit.path["key"])
    desk.presence.enter(visit.who, here)
    return Page(template="answer.html.j2", context=_context(desk, visit, answer, mark, given))


def _given(mark: Mark | None) -> Given:
    if mark is None:
        return Given()
    return Given(items=mark.items, adjustment=mark.adjustment, comment=mark.comment, note=mark.note)


def _context(desk: Desk, visit: Visit, answer: Answer, mark: Mark | None, given: Given) -> dict[str, Any]:
    """Return what the page of an answer shows; `given` is what its form holds."""
    kind, question = kind_of(visit), answer.question
    queue = [one for one in desk.queue(question) if kind == "mark" or desk.is_for(one, visit.who, kind)]
    names = [one.student for one in queue]
    number = names.index(answer.student) if answer.student in names else 0
    items = desk.marking.state.rubric(question)
    submissions = desk.marking.submissions
    report = submissions.report(answer.student)
    evidence = submissions.evidence(answer.student)
    return {
        "answer": answer,
        "html": desk.styles.lifted(submissions.html(answer)),
        "evidence": evidence,
        "shown": [(one, desk.styles.lifted(one.html)) for one in evidence.shown],
        "report": report,
        "question": desk.questions[question],
        "kind": kind,
        "round": "second" if kind == "double" else "q",
        "here": place(kind, question, visit.path["key"]),
        "key": visit.path["key"],
        "name": student_name(desk, visit, answer.student),
        "number": number + 1,
        "count": len(queue),
        "before": desk.key(names[number - 1]) if number else "",
        "behind": desk.key(names[number + 1]) if number + 1 < len(names) else "",
        "mark": mark,
        "entered": given,
        "review": mark is not None and not mark.later and desk.marking.needs_review(mark),
        "rubric": [
            (DIGITS[place] if place < len(DIGITS) else "", item, _used(desk, question, item))
            for place, item in enumerate(items)
        ],
        "comments": desk.marking.state.comments(question)[:OFFERED_COMMENTS],
        "alike": _alike(desk, visit, answer, kind),
        "now": _now(desk, visit, answer, mark),
        "conflict": None,
    }


def _used(desk: Desk, question: str, item: RubricItem) -> int:
    return sum(item.id in mark.items for mark in desk.marking.state.marks(question).values())


def _alike(desk: Desk, visit: Visit, answer: Answer, kind: Kind) -> list[dict[str, Any]]:
    """Return the other answers that say the same; ticked are those that nobody has decided."""
    if kind == "double":
        return []
    state, found = desk.marking.state, []
    for student in desk.group(answer).keys:
        other = desk.marking.submissions.answer(student, answer.question)
        if student == answer.student or other is None or other.is_empty:
            continue
        mark = state.mark(student, answer.question)
        found.append(
            {
                "key": desk.key(student),
                "name": student_name(desk, visit, student),
                "html": desk.styles.lifted(desk.marking.submissions.html(other)),
                "same": other.source.strip() == answer.source.strip(),
                "mark": mark,
                "revision": mark.revision if mark else "",
                "ticked": (mark is None or mark.later) and desk.is_for(other, visit.who, kind),
            }
        )
    return found


def now(desk: Desk, visit: Visit) -> Page:
    """Show who else is at an answer and how far the question is: asked for every few seconds."""
    answer, kind = known_answer(desk, visit), kind_of(visit)
    desk.presence.enter(visit.who, place(kind, answer.question, visit.path["key"]))
    mark = desk.marking.state.mark(answer.student, answer.question, kind=kind)
    changed = mark is not None and mark.revision != visit.query.get("revision", "")
    context = {"now": _now(desk, visit, answer, mark if changed else None)}
    return Page(template="now.html.j2", context=context)


def _now(desk: Desk, visit: Visit, answer: Answer, changed: Mark | None) -> dict[str, Any]:
    here = place(kind_of(visit), answer.question, desk.key(answer.student))
    seen = visit.path.get("key") and changed is not None and visit.query.get("revision") is not None
    return {
        "others": [who for who, where in desk.presence.others(visit.who).items() if where == here],
        "progress": progress_view(desk, answer.question),
        "decided": changed if seen else None,
    }


def decide(desk: Desk, visit: Visit) -> Page | Go:
    """Take the decision on an answer, and on those that say the same; show the next one."""
    answer, kind = known_answer(desk, visit), kind_of(visit)
    form = visit.form
    also = {name: form.get(f"revision-{key}", "") for key in visit.all("also") if (name := desk.student(key))}
    alike = set(desk.group(answer).keys)
    if not also.keys() <= alike:
        raise MarkingError("An answer was changed by a regrade and no longer says the same. Reload the page.")
    revisions = {answer.student: form.get("revision", ""), **also}
    known = {item.id for item in desk.marking.state.rubric(answer.question)}
    given = Given(
        items=tuple(item for item in visit.all("items") if item in known),
        adjustment=number(form.get("adjustment", ""), "The adjustment"),
        comment=form.get("comment", ""),
        note=form.get("note", ""),
        later=form.get("action") == "later",
    )
    try:
        desk.marking.mark_all(
            dict.fromkeys(revisions, given), answer.question, by=visit.who, revisions=revisions, kind=kind
        )
    except ConflictError as conflict:
        return _conflict(desk, visit, answer, given, conflict)
    desk.refreshed()
    return Go(path=f"/{visit.path['round']}/{answer.question}", query=(("after", visit.path["key"]),))


def _conflict(desk: Desk, visit: Visit, answer: Answer, given: Given, conflict: ConflictError) -> Page:
    """Show what the other person has decided, beside what was to be saved; saving again replaces it."""
    desk.marking.refresh()
    mark = desk.marking.state.mark(answer.student, answer.question, kind=kind_of(visit))
    context = _context(desk, visit, answer, mark, given)
    current = conflict.current[0] if conflict.current else None
    context["conflict"] = {
        "by": current.by if current else "somebody",
        "mark": desk.marking.state.mark(conflict.decision.student, answer.question, kind=kind_of(visit)),
        "other": student_name(desk, visit, conflict.decision.student),
        "here": conflict.decision.student == answer.student,
    }
    return Page(template="answer.html.j2", context=context, status=409)


def number(text: str, what: str) -> float:
    """Return a number from a form; empty is 0, and a comma is a point.

    Raises:
        MarkingError: If it is none.
    """
    try:
        return float(text.strip().replace(",", ".") or 0)
    except ValueError:
        raise MarkingError(f"{what} must be a number, not {text!r}.") from None


def edit_rubric(desk: Desk, visit: Visit) -> Go:
    """Add an item to the rubric, or rename, reprice, remove one; what was marked with it is recomputed."""
    question, form = visit.path["question"], visit.form
    if question not in desk.questions:
        raise LostError
    points = number(form.get("points", ""), "An item's points")
    back = f"/{visit.path['round']}/{question}/{form.get('back', '')}"
    if not (item := form.get("item", "")):
        added = rubric.add_item(desk.marking, question, form.get("text", ""), points, by=visit.who)
        return Go(path=back, query=(("apply", added.id),))
    seen = {one.id: f"{one.points:g} {one.text}" for one in desk.marking.state.rubric(question)}
    rubric.change_item(
        desk.marking,
        item,
        by=visit.who,
        text=form.get("text", ""),
        points=points,
        removed=form.get("action") == "remove",
        # The first mark of a question writes its items down as they are: nobody needs to look again for that.
        revision=None if seen.get(item) == form.get("seen") else form.get("revision", ""),
    )
    desk.refreshed()
    return Go(path=back)
