"""ClassItem analysis of a class: difficulty, discrimination and distribution of tasks, questions and checks.

Difficulty is the mean share of an item's points. Discrimination is the correlation of an item with the points for all
others; for an item that is passed or not this is the point-biserial correlation. Submissions that could not be run,
checks that failed by a fault of the grader, and answers that nobody has marked are left out.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from autograder.records import Assignment, CheckResult, FinalGrade, GradeReport
from autograder.report.class_items import AttemptScores, Bar, ClassItem, Discrimination
from autograder.report.text import points as points_text

FEWEST_STUDENTS = 3
"""With fewer, a correlation says nothing."""

HISTOGRAM_BARS = 10
_WIDTH, _HEIGHT, _LEFT, _FOOT = 600.0, 120.0, 20.0, 150.0


def discrimination(pairs: Sequence[tuple[float, float]]) -> Discrimination:
    """Return the correlation of an item's points with the rest of the points.

    Args:
        pairs: Each student's points for the item and for all others.
    """
    item, rest = [one for one, _ in pairs], [other for _, other in pairs]
    if len(pairs) < FEWEST_STUDENTS:
        return Discrimination(value=None, why=f"fewer than {FEWEST_STUDENTS} students")
    if len(set(item)) == 1:
        return Discrimination(value=None, why="all have the same points")
    if len(set(rest)) == 1:
        return Discrimination(value=None, why="all have the same points for the rest")
    return Discrimination(value=statistics.correlation(item, rest))


def discrimination_of_check(
    results: Mapping[str, CheckResult], scores: Mapping[str, float]
) -> Discrimination:
    """Return how far a check separates students, by whether it is passed.

    Args:
        results: Of the check, by student.
        scores: All students' automatic points.
    """
    return discrimination(
        [
            (float(check.outcome == "passed"), scores[student] - check.points)
            for student, check in results.items()
        ]
    )


def items_of(
    reports: Sequence[GradeReport], assignment: Assignment, grades: Mapping[str, FinalGrade]
) -> tuple[ClassItem, ...]:
    """Return the analysis of an assignment's tasks and written questions.

    Args:
        reports: Of all students.
        assignment: For the titles.
        grades: The final grades by student.
    """
    ran = [report for report in reports if not report.problem and not report.needs_review]
    earned = {
        report.student: grade.auto + grade.written if (grade := grades.get(report.student)) else report.score
        for report in ran
    }
    found = []
    for task in assignment.tasks:
        checks = {
            report.student: [check for check in report.checks if check.task == task.name] for report in ran
        }
        points = {student: sum(check.points for check in own) for student, own in checks.items() if own}
        most = max((sum(check.max_points for check in own) for own in checks.values()), default=0.0)
        if most:
            found.append(_item(task.title, "task", most, points, earned))
    for question in assignment.questions:
        given = {
            student: answer.points
            for student in earned
            if student in grades
            for answer in grades[student].answers
            if answer.question == question.id and answer.points is not None
        }
        found.append(_item(question.title, "question", question.points, given, earned))
    return tuple(found)


def _item(
    title: str, kind: str, most: float, points: Mapping[str, float], earned: Mapping[str, float]
) -> ClassItem:
    pairs = [(own, earned[student] - own) for student, own in points.items()]
    return ClassItem(
        title=title,
        kind=kind,
        count=len(points),
        max_points=most,
        mean=statistics.fmean(points.values()) if points else None,
        discrimination=discrimination(pairs),
        bars=distribution(list(points.values()), most),
    )


def distribution(values: Sequence[float], most: float) -> tuple[Bar, ...]:
    """Return a bar for each number of points that occurs; of many different ones, those of `histogram`."""
    counts = Counter(round(value, 6) for value in values)
    if len(counts) > HISTOGRAM_BARS:
        return histogram(values, most)
    return tuple(_bars([(points_text(value), counts[value]) for value in sorted(counts)]))


def histogram(scores: Sequence[float], max_score: float) -> tuple[Bar, ...]:
    """Return bars over 0..max_score; the full score falls into the last one.

    Each bar holds its lower edge, the last one its upper edge, too. The picture is 600 wide and 120 high.
    """
    counts = [0] * HISTOGRAM_BARS
    for score in scores:
        share = score / max_score if max_score > 0 and math.isfinite(score) else 0.0
        counts[min(HISTOGRAM_BARS - 1, max(0, int(share * HISTOGRAM_BARS + 1e-9)))] += 1
    edges = [max_score * index / HISTOGRAM_BARS for index in range(HISTOGRAM_BARS + 1)]
    labels = [f"{low:.3g}–{high:.3g}" for low, high in pairwise(edges)]
    return tuple(_bars(list(zip(labels, counts, strict=True))))


def _bars(counted: Sequence[tuple[str, int]]) -> Iterator[Bar]:
    tallest, width = max((count for _, count in counted), default=0) or 1, _WIDTH / (len(counted) or 1)
    for index, (label, count) in enumerate(counted):
        height = _HEIGHT * count / tallest
        yield Bar(
            x=_LEFT + index * width + 3,
            y=_FOOT - height,
            width=width - 6,
            height=height,
            count=count,
            label=label,
        )


def attempt_scores(attempts: Mapping[str, Sequence[float]]) -> tuple[AttemptScores, ...]:
    """Return the scores of first, second and later submissions; nothing where nobody has several.

    Args:
        attempts: Each student's automatic points, the first submission first.
    """
    most = max(map(len, attempts.values()), default=0)
    if most < 2:
        return ()
    found = []
    for number in range(most):
        scores = [own[number] for own in attempts.values() if len(own) > number]
        gains = [own[number] - own[number - 1] for own in attempts.values() if len(own) > number > 0]
        found.append(
            AttemptScores(
                number=number + 1,
                count=len(scores),
                mean=statistics.fmean(scores),
                gain=statistics.fmean(gains) if gains else None,
            )
        )
    return tuple(found)
