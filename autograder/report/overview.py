"""The class as data: grades, pass rates, mistakes by frequency, leaderboards."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from functools import partial
from urllib.parse import quote

from autograder.records import (
    NO_FACTS,
    Assignment,
    CheckResult,
    ClassFacts,
    Diagnosis,
    FinalGrade,
    GradeReport,
)
from autograder.report.classview import Board, ClassView, MissingModule, Mistake, Place, Rate, Row
from autograder.report.decided import open_points
from autograder.report.item_analysis import attempt_scores, discrimination_of_check, histogram, items_of

MOST_MODULES = 30
"""Missing modules on the class page."""


def sort_reports(reports: Sequence[GradeReport]) -> list[GradeReport]:
    """Return the reports by student, letters before case."""
    return sorted(reports, key=lambda report: (report.student.casefold(), report.student))


def task_points(report: GradeReport, task: str) -> float | None:
    """Return the points of one task, None where no check of it ran."""
    checks = [check for check in report.checks if check.task == task]
    return sum(check.points for check in checks) if checks else None


def mistakes_of(report: GradeReport) -> dict[str, str]:
    """Return the misconceptions of a report, id to title, in the order of the checks."""
    found = [
        check.diagnosis for check in report.checks if check.diagnosis and check.points < check.max_points
    ]
    return {diagnosis.misconception: _title(diagnosis) for diagnosis in found}


def _title(diagnosis: Diagnosis) -> str:
    """Return what students with one diagnosis have in common: not in which items each of them made the mistake."""
    alone = len(diagnosis.mistakes) == 1 and "+" not in diagnosis.misconception
    return diagnosis.mistakes[0].title if alone else diagnosis.title


def class_view(
    reports: Sequence[GradeReport],
    assignment: Assignment,
    grades: Mapping[str, FinalGrade] | None = None,
    facts: ClassFacts = NO_FACTS,
) -> ClassView:
    """Return the class page as data.

    Args:
        reports: Of one assignment, in any order; may be empty.
        assignment: For title and tasks.
        grades: The final grades by student; None: nothing is known of them.
        facts: What is known of the class beside them.
    """
    ordered = sort_reports(reports)
    rows = tuple(_row(report, assignment, (grades or {}).get(report.student)) for report in ordered)
    scores = [report.score for report in ordered]
    max_score = max((report.max_score for report in ordered), default=assignment.points)
    bars = histogram(scores, max_score)
    return ClassView(
        title=assignment.title,
        tasks=assignment.tasks,
        rows=rows,
        max_score=max_score,
        mean=statistics.fmean(scores) if scores else 0.0,
        median=statistics.median(scores) if scores else 0.0,
        pending_points=sum(row.pending_points for row in rows),
        histogram=bars,
        histogram_text="Histogram of scores. "
        + "; ".join(f"{bar.label} points: {bar.count}" for bar in bars if bar.count),
        rates=_rates(ordered, rows),
        mistakes=_mistakes(ordered, rows),
        boards=leaderboards(ordered, rows, assignment.metrics),
        missing_modules=_missing_modules(ordered, rows),
        facts=facts,
        items=items_of(ordered, assignment, grades or {}),
        attempts=attempt_scores(facts.attempts),
    )


def _row(report: GradeReport, assignment: Assignment, grade: FinalGrade | None) -> Row:
    state, word = "passed", "OK"
    if report.problem:
        state, word = "failed", "Problem"
    if report.needs_review:
        state, word = "review", "Needs review"
    return Row(
        student=report.student,
        href=quote(report.folder_name),
        score=report.score,
        max_score=report.max_score,
        cells=tuple(task_points(report, task.name) for task in assignment.tasks),
        pending_points=open_points(report, grade),
        grade=grade,
        state=state,
        word=word,
        problem=report.problem,
        needs_review=report.needs_review,
    )


def _rates(reports: Sequence[GradeReport], rows: Sequence[Row]) -> tuple[Rate, ...]:
    checks: dict[str, dict[str, CheckResult]] = {}
    for report in reports:
        for check in report.checks:
            checks.setdefault(check.id, {})[report.student] = check
    scores = {report.student: report.score for report in reports}
    by_student = {row.student: row for row in rows}
    return tuple(map(partial(_rate, scores=scores, rows=by_student), checks.values()))


def _rate(group: Mapping[str, CheckResult], *, scores: Mapping[str, float], rows: Mapping[str, Row]) -> Rate:
    first = next(iter(group.values()))
    sound = {student: check for student, check in group.items() if not check.fault}
    failed = [student for student, check in sound.items() if check.outcome != "passed"]
    ran = {student: check for student, check in sound.items() if not rows[student].problem}
    return Rate(
        id=first.id,
        title=first.title,
        task=first.task,
        visibility=first.visibility,
        passed=len(sound) - len(failed),
        count=len(sound),
        failed=tuple(rows[student] for student in failed),
        discrimination=discrimination_of_check(ran, scores),
    )


def _mistakes(reports: Sequence[GradeReport], rows: Sequence[Row]) -> tuple[Mistake, ...]:
    titles: dict[str, str] = {}
    who: dict[str, list[Row]] = {}
    for report, row in zip(reports, rows, strict=True):
        for misconception, title in mistakes_of(report).items():
            titles.setdefault(misconception, title)
            who.setdefault(misconception, []).append(row)
    ranked = sorted(who, key=lambda misconception: (-len(who[misconception]), misconception))
    return tuple(Mistake(id=name, title=titles[name] or name, rows=tuple(who[name])) for name in ranked)


def _missing_modules(reports: Sequence[GradeReport], rows: Sequence[Row]) -> tuple[MissingModule, ...]:
    who: dict[str, list[Row]] = {}
    for report, row in zip(reports, rows, strict=True):
        for name in dict.fromkeys(report.missing_modules):
            who.setdefault(name, []).append(row)
    ranked = sorted(who, key=lambda name: (-len(who[name]), name))[:MOST_MODULES]
    return tuple(MissingModule(name=name, rows=tuple(who[name])) for name in ranked)


def leaderboards(
    reports: Sequence[GradeReport], rows: Sequence[Row], meanings: Mapping[str, str]
) -> tuple[Board, ...]:
    """Return one board for each task and metric; where two checks measure the same, the later counts."""
    values: dict[tuple[str, str], dict[int, float]] = {}
    for index, report in enumerate(reports):
        for check in report.checks:
            for metric, value in sorted(check.metrics.items()):
                if math.isfinite(value):
                    values.setdefault((check.task, metric), {})[index] = value
    boards = []
    for (task, metric), measured in values.items():
        best = sorted(measured, key=lambda index: (-measured[index], index))
        ranks = {value: rank for rank, value in reversed(list(enumerate((measured[i] for i in best), 1)))}
        places = tuple(Place(rank=ranks[measured[i]], row=rows[i], value=measured[i]) for i in best)
        boards.append(Board(metric=metric, task=task, meaning=meanings.get(metric, ""), places=places))
    return tuple(boards)
