"""Marks as CSV, for whatever else people mark with.

Columns `student,question,points,comment,note,items`, one row for each student and question. An empty cell leaves what
is there. `items` holds ids or texts of rubric items, joined by `;`. Points without items keep the items and change the
adjustment; items without points keep the adjustment.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from autograder.errors import did_you_mean
from autograder.marking.actions import Marking
from autograder.marking.csv_table import TableError, read_table, write_table
from autograder.marking.errors import MarkingError
from autograder.marking.records import Answer, Decision, Given, Mark, RubricItem
from autograder.marking.state import points_of
from autograder.report.tables import csv_text
from autograder.report.text import points as in_words

COLUMNS = ("student", "question", "points", "comment", "note", "items")
SEPARATOR = ";"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import came to."""

    marked: int
    """Answers that were not marked before."""

    changed: int
    """Answers whose mark was changed."""

    unchanged: int
    """Rows that say what is there already, or nothing."""


def export_marks(marking: Marking) -> bytes:
    """Return all marks as CSV; of answers that nobody has decided on, the points are empty."""
    rows: list[Sequence[str]] = [COLUMNS]
    with marking.lock:
        marking.refresh()
        for question in marking.assignment.questions:
            for answer in marking.submissions.answers(question.id):
                mark = marking.state.mark(answer.student, question.id)
                rows.append((answer.student, question.id, *_cells(answer, mark)))
    return write_table(rows)


def _cells(answer: Answer, mark: Mark | None) -> tuple[str, str, str, str]:
    if mark is None:
        return ("0" if answer.is_empty else "", "", "", "")
    given = "" if mark.later else in_words(mark.points)
    return (given, mark.comment, mark.note, SEPARATOR.join(mark.items))


def import_marks(
    marking: Marking, data: bytes, *, by: str, source: str = "CSV", overwrite: bool = False
) -> Imported:
    """Take the marks of a CSV file, all of them or none.

    Args:
        marking: The assignment's.
        data: The file.
        by: Who decides.
        source: What an error message names.
        overwrite: Replace what other people have decided; otherwise that is a conflict.

    Raises:
        TableError: With a sentence for each row that cannot be taken, conflicts among them.
        ConflictError: If someone has decided on one of the answers in this moment.
    """
    table = read_table(data, source, needed=COLUMNS[:2], optional=COLUMNS[2:])
    problems: list[str] = []
    decisions: list[Decision] = []
    seen: dict[tuple[str, str], int] = {}
    new = unchanged = 0
    with marking.lock:
        marking.refresh()
        names = {csv_text(student): student for student in marking.submissions.students()}
        for line, cells in table:
            student = names.get(csv_text(cells["student"]), cells["student"])
            try:
                if (first := seen.setdefault((student, cells["question"]), line)) != line:
                    raise MarkingError(f"{student}, {cells['question']}: the same as line {first}.")
                answer = marking.submissions.known_answer(student, cells["question"])
                mark = marking.state.mark(student, answer.question)
                given = _given(cells, answer, mark, marking.state.rubric(answer.question))
                if given is None:
                    unchanged += 1
                    continue
                if mark is not None and mark.by != by.strip() and not overwrite:
                    raise MarkingError(_conflict(mark, given, marking))
                new += mark is None
                decision = marking.marking_decision(
                    student, answer.question, given, by=by, revision=mark.revision if mark else ""
                )
                decisions.append(replace(decision, reason=f"imported from {source}, line {line}"))
            except MarkingError as error:
                problems.append(f"line {line}: {error}")
        if problems:
            raise TableError(source, problems)
        if decisions:
            marking.decide(*decisions)
    return Imported(marked=new, changed=len(decisions) - new, unchanged=unchanged)


def _given(
    cells: Mapping[str, str], answer: Answer, mark: Mark | None, rubric: Sequence[RubricItem]
) -> Given | None:
    """Return what a row gives on top of what is there; None if that is nothing new.

    Raises:
        MarkingError: If its points or items are none.
    """
    items = _items(cells["items"], answer.question, rubric)
    stated = _points(cells["points"], answer)
    old = Given() if mark is None else given_of(mark)
    chosen = old.items if items is None else items
    decided = stated is not None or items is not None
    adjustment = old.adjustment if stated is None else round(stated - points_of(chosen, rubric), 2)
    if mark is not None and not mark.later and stated == mark.points and set(chosen) == set(mark.items):
        adjustment = mark.adjustment  # what goes beyond the question's points stays
    if mark is None and answer.is_empty and stated == 0 and items is None:
        decided, adjustment = False, 0.0  # that is what it gets anyway
    given = Given(
        items=chosen,
        adjustment=adjustment,
        comment=cells["comment"].strip() or old.comment,
        note=cells["note"].strip() or old.note,
        later=not decided and (mark is None or mark.later),
    )
    unmarked = mark is None and not decided and not given.comment and not given.note
    return None if unmarked or (mark is not None and given == old) else given


def given_of(mark: Mark) -> Given:
    """Return what a person gave, without what became of it."""
    return Given(
        items=mark.items,
        adjustment=mark.adjustment,
        comment=mark.comment,
        note=mark.note,
        later=mark.later,
    )


def _points(cell: str, answer: Answer) -> float | None:
    text = cell.strip()
    if not text:
        return None
    where = f"{answer.student}, {answer.question}"
    try:
        value = float(text)
    except ValueError:
        comma = (
            " Write a point, not a comma." if text.replace(",", ".", 1).replace(".", "", 1).isdigit() else ""
        )
        raise MarkingError(f"{where}: points {text!r} is no number.{comma}") from None
    if not math.isfinite(value) or not 0 <= value <= answer.max_points:
        raise MarkingError(f"{where}: points must be from 0 to {answer.max_points:g}, not {text}.")
    return value


def _items(cell: str, question: str, rubric: Sequence[RubricItem]) -> tuple[str, ...] | None:
    """Return the ids of the items that a cell names, in the rubric's order; None if it is empty."""
    if not cell.strip():
        return None
    by_text = {item.text.strip().casefold(): item.id for item in rubric}
    ids = {item.id for item in rubric}
    if whole := by_text.get(cell.strip().casefold()):  # a text may hold the separator
        return (whole,)
    chosen = set()
    for name in filter(None, (part.strip() for part in cell.split(SEPARATOR))):
        found = name if name in ids else by_text.get(name.casefold())
        if found is None:
            near = did_you_mean(name, [*ids, *(item.text for item in rubric)])
            raise MarkingError(f"{question}: no rubric item {name!r}.{near}")
        chosen.add(found)
    return tuple(item.id for item in rubric if item.id in chosen)


def _conflict(mark: Mark, given: Given, marking: Marking) -> str:
    rubric = marking.state.rubric(mark.question)
    most = marking.submissions.known_question(mark.question).points
    says = min(max(points_of(given.items, rubric) + given.adjustment, 0.0), most)
    theirs = "has put it off" if mark.later else f"gave {in_words(mark.points)} points"
    ours = "other words" if says == mark.points and not mark.later else f"{in_words(says)} points"
    return (
        f"{mark.student}, {mark.question}: a conflict: {mark.by} {theirs} at {mark.at}, this file has {ours}."
    )
