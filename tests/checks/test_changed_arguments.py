"""One point for a function that leaves its arguments changed, whichever check saw it."""

from __future__ import annotations

import pytest
import torch

from autograder.checks.changed_arguments import with_costs
from autograder.checks.runner import run_checks
from autograder.records import CheckResult

from .test_runner import grading


def check(name: str, task: str, points: float, max_points: float) -> CheckResult:
    return CheckResult(
        id=name,
        task=task,
        title=name,
        points=points,
        max_points=max_points,
        outcome="passed" if points else "failed",
        visibility="hidden",
        remarks=("First.",),
    )


def after(
    *points: tuple[float, float], changing: tuple[str, ...] = ("f",)
) -> list[tuple[float, tuple[str, ...]]]:
    results = [check(f"test_{number}", "f", *one) for number, one in enumerate(points)]
    found = with_costs([*results, check("other", "g", 3, 3)], changing)
    assert found[-1].points == 3
    return [(result.points, result.remarks[1:]) for result in found[:-1]]


COSTS = ("f() changed its arguments, which costs one point. Let it work on copies.",)


def test_the_point_is_taken_where_most_points_are() -> None:
    assert after((1, 1), (4, 4), (2, 2)) == [(1, ()), (3, COSTS), (2, ())]


def test_it_is_taken_once_however_many_calls_changed_something() -> None:
    assert after((1, 1), (4, 4), changing=("f", "f")[:1]) == [(1, ()), (3, COSTS)]


def test_it_is_taken_from_several_checks_where_none_has_a_whole_point() -> None:
    half = ("f() changed its arguments, which costs 0.5 points. Let it work on copies.",)
    assert after((0.5, 1), (0, 4), (0.5, 2), (0.5, 1)) == [(0, half), (0, ()), (0, half), (0.5, ())]


def test_no_function_falls_below_nothing() -> None:
    said = ("f() changed its arguments, which costs 0.25 points. Let it work on copies.",)
    assert after((0.25, 1), (0, 4)) == [(0, said), (0, ())]
    assert after((0, 1), (0, 4)) == [(0, ("f() changed its arguments. Let it work on copies.",)), (0, ())]


def test_functions_that_change_nothing_lose_nothing() -> None:
    assert after((1, 1), (4, 4), changing=()) == [(1, ()), (4, ())]


def in_place(values):
    values -= values.mean(dim=0)
    return values


def test_a_right_function_that_works_in_place_loses_one_point_of_its_own() -> None:
    results = {result.id: result for result in run_checks(grading(centre=in_place))}
    assert {result.outcome for result in results.values()} == {"passed"}
    assert [result.points for result in results.values()] == [1, 1, 3]
    assert results["test_centre_values"].remarks == (
        "centre() changed its arguments, which costs one point. Let it work on copies.",
    )


@pytest.mark.parametrize("seen", ["centre", "standardise"])
def test_it_costs_the_same_whichever_check_sees_it(mini_course, seen: str) -> None:
    path = mini_course / "assignments" / "standardise" / "checks.py"
    text = path.read_text()
    if seen == "standardise":
        path.write_text(
            text.replace(
                'actual = submission.call("standardise"',
                'submission.call("centre", values)\n        actual = submission.call("standardise"',
            )
        )

    def centre(values):
        found = values - values.mean(dim=0)
        asked_by = grades.proxy.check
        if asked_by.startswith(f"test_{seen}"):
            values += 1
        return found

    grades = grading(course=mini_course, centre=centre)
    assert [result.points for result in run_checks(grades)] == [1, 1, 3]


def test_nan_and_another_view_are_no_change() -> None:
    def looks(values):
        values.requires_grad_(True)
        return (values - values.mean(dim=0)).detach()

    assert [result.points for result in run_checks(grading(centre=looks))] == [1, 2, 3]
    assert torch.is_tensor(looks(torch.ones(2, 2)))
