"""Item analysis against scipy, and what it says of classes where figures are not defined."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from scipy.stats import pearsonr, pointbiserialr

from autograder.records import Assignment, ClassFacts, FinalGrade, GradedAnswer, GradeReport, WrittenQuestion
from autograder.report.item_analysis import attempt_scores, discrimination, distribution, items_of
from autograder.report.overview import class_view
from autograder.report.pages import class_page

Make = Callable[[str], GradeReport]


def a_class(passed: Make, size: int) -> list[GradeReport]:
    """Return reports in which strong students pass more checks than weak ones."""
    reports = []
    for number in range(size):
        report, rng = passed(f"student {number}"), random.Random(number)
        checks = tuple(
            replace(check, points=0.0, outcome="failed") if rng.random() > number / size else check
            for check in report.checks
        )
        reports.append(replace(report, checks=checks, score=sum(check.points for check in checks)))
    return reports


def test_a_checks_discrimination_is_the_point_biserial_correlation(
    passed: Make, assignment: Assignment
) -> None:
    reports = a_class(passed, 40)
    for index, rate in enumerate(class_view(reports, assignment).rates):
        item = [report.checks[index].outcome == "passed" for report in reports]
        rest = [report.score - report.checks[index].points for report in reports]
        assert rate.id == reports[0].checks[index].id
        assert rate.discrimination.value == pytest.approx(pointbiserialr(item, rest).statistic)
        assert {row.student for row in rate.failed} == {
            report.student for report, right in zip(reports, item, strict=True) if not right
        }


def test_a_tasks_figures(passed: Make, problem: Make, assignment: Assignment) -> None:
    reports = a_class(passed, 30)
    with_others = [*reports, problem("Bo"), replace(passed("Cy"), needs_review=("A fault.",))]
    items = items_of(with_others, assignment, {})
    assert len(items) == len(assignment.tasks) + len(assignment.questions)
    for item, task in zip(items, assignment.tasks, strict=False):
        points = [sum(c.points for c in one.checks if c.task == task.name) for one in reports]
        rest = [one.score - own for one, own in zip(reports, points, strict=True)]
        assert (item.count, item.mean) == (30, pytest.approx(sum(points) / 30))
        assert item.difficulty == pytest.approx(sum(points) / 30 / item.max_points)
        assert item.discrimination.value == pytest.approx(pearsonr(points, rest).statistic)
        assert sum(bar.count for bar in item.bars) == 30


@pytest.mark.parametrize(
    ("pairs", "why"),
    [
        ([], "fewer than 3 students"),
        ([(1, 5), (0, 4)], "fewer than 3 students"),
        ([(1, 5), (1, 4), (1, 3)], "all have the same points"),
        ([(1, 5), (0, 5), (1, 5)], "all have the same points for the rest"),
    ],
)
def test_what_is_not_defined_says_why(pairs: list[tuple[float, float]], why: str) -> None:
    found = discrimination(pairs)
    assert (found.value, found.why) == (None, why)


def test_answers_that_nobody_has_marked_are_left_out(passed: Make, assignment: Assignment) -> None:
    question = WrittenQuestion(id="question-words", title="Which?", points=4.0)
    reports = a_class(passed, 6)
    grades = {
        report.student: grade_of(report, question, None if number == 0 else number % 3)
        for number, report in enumerate(reports)
    }
    item = items_of(reports, replace(assignment, questions=(question,)), grades)[-1]
    assert (item.kind, item.count, item.mean) == ("question", 5, pytest.approx((1 + 2 + 0 + 1 + 2) / 5))
    marked = [(number % 3, report.score) for number, report in enumerate(reports) if number]
    assert item.discrimination.value == pytest.approx(pearsonr(*zip(*marked, strict=True)).statistic)
    assert {bar.label: bar.count for bar in item.bars} == {"0": 1, "1": 2, "2": 2}


def grade_of(report: GradeReport, question: WrittenQuestion, points: float | None) -> FinalGrade:
    answer = GradedAnswer(
        question=question.id, title=question.title, max_points=4.0, points=points, state="marked"
    )
    return FinalGrade(
        assignment=report.assignment,
        student=report.student,
        auto=report.score,
        written=points or 0.0,
        adjustments=0.0,
        total=None,
        of=28.0,
        state="incomplete",
        answers=(answer,),
    )


def test_many_different_points_stand_in_ten_bars() -> None:
    bars = distribution([number / 7 for number in range(60)], 60 / 7)
    assert (len(bars), sum(bar.count for bar in bars)) == (10, 60)


def test_attempts_are_compared_with_the_ones_before() -> None:
    found = attempt_scores({"a": (10.0, 20.0, 22.0), "b": (30.0,), "c": (20.0, 24.0)})
    assert [(one.number, one.count, one.mean, one.gain) for one in found] == [
        (1, 3, 20.0, None),
        (2, 2, 22.0, 7.0),
        (3, 1, 22.0, 2.0),
    ]
    assert attempt_scores({"a": (10.0,)}) == attempt_scores({}) == ()


@pytest.mark.parametrize("size", [0, 1, 2])
def test_the_page_of_a_tiny_class(passed: Make, assignment: Assignment, size: int) -> None:
    reports = a_class(passed, size)
    facts = ClassFacts(attempts={report.folder_name: (1.0, 2.0) for report in reports})
    page = class_page(class_view(reports, assignment, {}, facts)).decode()
    assert ("fewer than 3 students" in page) == (size > 0)
    assert ("Scores over attempts" in page) == (size > 0)
    assert page.index('id="grades"') < page.index('id="mistakes"') if size else True


def test_pass_rates_lead_to_the_check_of_who_failed(passed: Make, assignment: Assignment) -> None:
    reports = a_class(passed, 9)
    failed = next(check for check in reports[0].checks if check.outcome == "failed")
    page = class_page(class_view(reports, assignment)).decode()
    assert f'href="student%200/instructor.html#check-{failed.id}"' in page
