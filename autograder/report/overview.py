"""The class as data: grades, pass rates, mistakes by frequency, leaderboards."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from autograder.records import Assignment, CheckResult, GradeReport, Task
from autograder.report.files import student_folder_name

HISTOGRAM_BARS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One student in the grades table."""

    student: str
    """As the submission names them."""

    href: str
    """Relative address of the student's folder, quoted."""

    score: float
    """Points earned."""

    max_score: float
    """What is graded automatically."""

    cells: tuple[float | None, ...]
    """Points for each task; None where no check of it ran."""

    pending_points: float
    """Points of the written questions."""

    state: str
    """ok, problem or review, as the page's classes name it: passed, failed, review."""

    word: str
    """The state in words."""

    problem: str
    """Why it could not be run."""

    needs_review: tuple[str, ...]
    """Faults of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How many passed one check."""

    title: str
    """The check's title."""

    task: str
    """Its task."""

    visibility: str
    """visible or hidden."""

    passed: int
    """Students whose outcome is passed."""

    count: int
    """Students for whom it ran without a fault of ours."""

    @property
    def share(self) -> float:
        """Share that passed, 0 to 1."""
        return self.passed / self.count if self.count else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One misconception in the class."""

    id: str
    """Its id."""

    title: str
    """What was done."""

    rows: tuple[Row, ...]
    """Who did it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One line of a leaderboard."""

    rank: int
    """From 1; equal values share a rank."""

    row: Row
    """Who."""

    value: float
    """The metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The leaderboard of one metric."""

    metric: str
    """Its name."""

    task: str
    """The task whose check measured it."""

    places: tuple[Place, ...]
    """Best (largest) first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of the histogram, in the picture's units."""

    x: float
    """Left edge."""

    y: float
    """Upper edge."""

    width: float
    """Width."""

    height: float
    """Height."""

    count: int
    """Submissions."""

    label: str
    """Range of points, as `8–12`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassView:
    """Everything on class.html."""

    title: str
    """The assignment's."""

    tasks: tuple[Task, ...]
    """Columns of the grades table."""

    rows: tuple[Row, ...]
    """By name."""

    max_score: float
    """What is graded automatically."""

    mean: float
    """Of the scores; 0 without any."""

    median: float
    """Of the scores; 0 without any."""

    pending_points: float
    """Points that people have yet to decide on, over all students."""

    histogram: tuple[Bar, ...]
    """Scores in bars of equal width."""

    histogram_text: str
    """The histogram in words."""

    rates: tuple[Rate, ...]
    """In the order of checks.py."""

    mistakes: tuple[Mistake, ...]
    """Most frequent first."""

    boards: tuple[Board, ...]
    """One for each task and metric."""

    @property
    def reviews(self) -> list[Row]:
        """Rows with a fault of ours."""
        return [row for row in self.rows if row.needs_review]

    @property
    def problems(self) -> list[Row]:
        """Rows that could not be run."""
        return [row for row in self.rows if row.problem]

    @property
    def sections(self) -> list[tuple[str, str]]:
        """Anchors of the page's sections with their names."""
        if not self.rows:
            return []
        named = [("mistakes", "mistakes"), ("checks", "pass rates"), ("grades", "grades")]
        return ([("reviews", "needs review")] if self.reviews else []) + named


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
    return {diagnosis.misconception: diagnosis.title for diagnosis in found}


def class_view(reports: Sequence[GradeReport], assignment: Assignment) -> ClassView:
    """Return the class page as data.

    Args:
        reports: Of one assignment, in any order; may be empty.
        assignment: For title and tasks.
    """
    ordered = sort_reports(reports)
    rows = tuple(_row(report, assignment) for report in ordered)
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
        rates=_rates(ordered),
        mistakes=_mistakes(ordered, rows),
        boards=leaderboards(ordered, rows),
    )


def _row(report: GradeReport, assignment: Assignment) -> Row:
    state, word = "passed", "OK"
    if report.problem:
        state, word = "failed", "Problem"
    if report.needs_review:
        state, word = "review", "Needs review"
    return Row(
        student=report.student,
        href=quote(student_folder_name(report.student)),
        score=report.score,
        max_score=report.max_score,
        cells=tuple(task_points(report, task.name) for task in assignment.tasks),
        pending_points=sum(question.points for question in report.pending),
        state=state,
        word=word,
        problem=report.problem,
        needs_review=report.needs_review,
    )


def histogram(scores: Sequence[float], max_score: float) -> tuple[Bar, ...]:
    """Return bars over 0..max_score; the full score falls into the last one.

    Each bar holds its lower edge, the last one its upper edge, too. The picture is 600 wide and 120 high.
    """
    counts = [0] * HISTOGRAM_BARS
    for score in scores:
        share = score / max_score if max_score > 0 and math.isfinite(score) else 0.0
        counts[min(HISTOGRAM_BARS - 1, max(0, int(share * HISTOGRAM_BARS + 1e-9)))] += 1
    tallest, width = max(counts, default=0) or 1, 600 / HISTOGRAM_BARS
    edges = [max_score * index / HISTOGRAM_BARS for index in range(HISTOGRAM_BARS + 1)]
    return tuple(
        Bar(
            x=20 + index * width + 3,
            y=150 - 120 * count / tallest,
            width=width - 6,
            height=120 * count / tallest,
            count=count,
            label=f"{edges[index]:.3g}–{edges[index + 1]:.3g}",
        )
        for index, count in enumerate(counts)
    )


def _rates(reports: Sequence[GradeReport]) -> tuple[Rate, ...]:
    checks: dict[str, list[CheckResult]] = {}
    for report in reports:
        for check in report.checks:
            checks.setdefault(check.id, []).append(check)
    return tuple(
        Rate(
            title=group[0].title,
            task=group[0].task,
            visibility=group[0].visibility,
            passed=sum(check.outcome == "passed" and not check.fault for check in group),
            count=sum(not check.fault for check in group),
        )
        for group in checks.values()
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


def leaderboards(reports: Sequence[GradeReport], rows: Sequence[Row]) -> tuple[Board, ...]:
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
        boards.append(Board(metric=metric, task=task, places=places))
    return tuple(boards)
