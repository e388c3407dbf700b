"""Written answers of one report, and fingerprints of what decisions rest upon."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autograder.marking.records import Answer
from autograder.records import Assignment, GradeReport


def answers_of(
    report: GradeReport, assignment: Assignment, cells: Callable[[], Sequence[Mapping[str, Any]]]
) -> dict[str, Answer]:
    """Return a student's answers by question.

    Args:
        report: The student's, with its plots.
        assignment: For the questions as they are now.
        cells: Returns the cells of the executed notebook; called only where an answer has attachments.
    """
    sources = {one.id: one.answer for one in (*report.pending, *report.unanswered)}
    shown = [(one.kind, one.content) for one in report.shown]
    answers = {}
    for question in assignment.questions:
        source = sources.get(question.id, "")
        pictures = attachments(question.id, source, cells)
        answers[question.id] = Answer(
            student=report.student,
            question=question.id,
            title=question.title,
            max_points=question.points,
            source=source,
            basis=fingerprint(source, pictures, report.plots, shown),
        )
    return answers


def attachments(
    question: str, source: str, cells: Callable[[], Sequence[Mapping[str, Any]]]
) -> Mapping[str, Mapping[str, str]]:
    """Return the files that the cell of an answer holds, as nbformat has them.

    Args:
        question: The question's id.
        source: The answer.
        cells: Returns the cells of the executed notebook; called only if the answer names such a file.
    """
    if "attachment:" not in source:
        return {}
    own = (cell.get("attachments") for cell in cells() if marks_of(cell).get("grade_id") == question)
    return next(own, None) or {}


def fingerprint(*values: object) -> str:
    """Return a short hash of JSON values: what a decision was based upon."""
    text = json.dumps(values, sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def basis_of_check(report: GradeReport, check: str) -> str:
    """Return the fingerprint of a check's automatic result, or of all of them (`records.SUBMISSION`).

    Args:
        report: The student's.
        check: The check's id.
    """
    chosen = [one for one in report.checks if one.id == check] or list(report.checks)
    return fingerprint(report.problem, [(one.id, one.points, one.max_points, one.outcome) for one in chosen])


def marks_of(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return nbgrader's marks of a cell; empty if it has none."""
    marks: Mapping[str, Any] = cell.get("metadata", {}).get("nbgrader", {})
    return marks
