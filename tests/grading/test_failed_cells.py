"""To which task a failed cell belongs, and from which earlier one its error follows."""

from __future__ import annotations

from typing import Any

import pytest

from autograder.grading.failed_cells import with_tasks
from autograder.records import CellFailure, CheckResult

TASKS = ["first", "second", "third"]


def cell(
    name: str, source: str, *, locked: bool = False, error: tuple[str, str] = ("", "")
) -> dict[str, Any]:
    marks = {"grade_id": name, "locked": locked, "grade": name.startswith("check-"), "solution": not locked}
    outputs = [{"output_type": "error", "ename": error[0], "evalue": error[1]}] if error[0] else []
    return {
        "cell_type": "code",
        "id": name,
        "source": source,
        "outputs": outputs,
        "metadata": {"nbgrader": marks},
    }


def lens(**replaced: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a notebook whose check cells hand their results on, as those of the course do."""
    cells = {
        "first": cell("first", "def first(x):\n    made_inside = x\n    return made_inside"),
        "check_first": cell("check-first", "made_ = first(1)\nassert made_ == 1", locked=True),
        "second": cell("second", "def second(x):\n    return x"),
        "check_second": cell("check-second", "other_ = second(made_)\nassert other_", locked=True),
        "third": cell(
            "third", "%time\ndef third(x):\n    return helper(x)\ndef helper(x):\n    return second(x)"
        ),
        "check_third": cell("check-third", "assert third(2) == 2", locked=True),
        "plot": cell("plot-it", "draw(other_)"),
        "text": {"cell_type": "markdown", "id": "t", "source": "first second", "metadata": {}},
        "odd": cell("odd", "this is no Python: first("),
    }
    return list({**cells, **replaced}.values())


def failed(notebook: list[dict[str, Any]], *names: str, kind: Any = "error") -> list[CellFailure]:
    ids = [one["id"] for one in notebook]
    return [
        CellFailure(cell=name, index=ids.index(name), kind=kind, message="AssertionError") for name in names
    ]


def results(follows: str = "", **outcomes: str) -> list[CheckResult]:
    """Return one check a task, passed unless another outcome is given."""
    return [
        CheckResult(
            id=f"test_{task}",
            task=task,
            title=task,
            points=0,
            max_points=1,
            outcome=outcomes.get(task, "passed"),  # type: ignore[arg-type]
            visibility="hidden",
            follows_from=follows if task != "first" and task in outcomes else "",
        )
        for task in TASKS
    ]


def tied(notebook: list[dict[str, Any]], name: str, found: list[CheckResult], **more: Any) -> tuple[str, str]:
    (one,) = with_tasks(failed(notebook, name, **more), {"cells": notebook}, found, TASKS)
    return one.task, one.follows_from


def test_a_check_cell_of_a_passed_task_follows_from_the_task_whose_value_it_uses() -> None:
    assert tied(lens(), "check-second", results(first="failed")) == ("second", "first")


def test_values_come_through_other_cells_and_through_helpers() -> None:
    assert tied(lens(), "check-third", results(second="failed")) == ("third", "second")


def test_the_nearest_task_is_named() -> None:
    found = results(first="failed", second="failed")
    assert tied(lens(), "check-third", found) == ("third", "second")
    notebook = lens(check_third=cell("check-third", "assert third(other_)", locked=True))
    assert tied(notebook, "check-third", found) == ("third", "second")


def test_a_task_that_follows_itself_is_passed_over() -> None:
    found = results(follows="first", first="failed", second="failed")
    assert tied(lens(), "check-third", found) == ("third", "")
    notebook = lens(check_third=cell("check-third", "assert third(other_)", locked=True))
    assert tied(notebook, "check-third", found) == ("third", "first")


def test_an_undefined_name_of_a_failed_cell_follows_whatever_else_is_lost() -> None:
    undefined = ("NameError", "name 'made_' is not defined")
    notebook = lens(check_second=cell("check-second", "other_ = second(made_)", locked=True, error=undefined))
    failures = failed(notebook, "check-first", "check-second")
    found = with_tasks(failures, {"cells": notebook}, results(first="errored", second="errored"), TASKS)
    assert [(one.task, one.follows_from) for one in found] == [("first", ""), ("second", "first")]


def test_an_unwritten_function_is_its_own_check_cells_error() -> None:
    stub = ("NotImplementedError", "")
    notebook = lens(check_second=cell("check-second", "other_ = second(made_)", locked=True, error=stub))
    assert tied(notebook, "check-second", results(first="failed", second="errored")) == ("second", "")


def test_what_a_cell_does_not_use_is_not_named() -> None:
    assert tied(lens(), "check-third", results(first="failed")) == ("third", "")


def test_a_passed_task_whose_sources_passed_follows_from_nothing() -> None:
    assert tied(lens(), "check-second", results()) == ("second", "")


def test_a_lost_task_has_the_error_of_its_own_check_cell() -> None:
    assert tied(lens(), "check-second", results(first="failed", second="failed")) == ("second", "")


def test_unless_all_of_its_lost_checks_follow() -> None:
    found = results(follows="first", first="failed", second="failed")
    assert tied(lens(), "check-second", found) == ("second", "first")


def test_a_later_task_is_no_cause() -> None:
    notebook = lens(check_first=cell("check-first", "assert first(third(1))", locked=True))
    assert tied(notebook, "check-first", results(third="failed")) == ("first", "")


def test_a_cell_that_took_too_long_has_its_task_alone() -> None:
    assert tied(lens(), "check-second", results(first="failed"), kind="timeout") == ("second", "")


def test_the_courses_own_cells_follow_from_what_they_use() -> None:
    notebook = lens(plot=cell("lens-07", "print(other_)", locked=True))
    assert tied(notebook, "lens-07", results(second="failed")) == ("", "second")
    assert tied(notebook, "lens-07", results()) == ("", "")


@pytest.mark.parametrize(
    ("error", "origin"),
    [
        (("NameError", "name 'second' is not defined"), "second"),
        (("NotImplementedError", ""), "second"),
        (("NameError", "name 'plt' is not defined"), ""),
        (("NotImplementedError", "my own"), ""),
        (("ValueError", ""), ""),
    ],
)
def test_a_students_cell_follows_only_for_want_of_something(error: tuple[str, str], origin: str) -> None:
    notebook = lens(plot=cell("plot-it", "plt.plot(second(1))", error=error))
    assert tied(notebook, "plot-it", results(second="errored")) == ("", origin)


def test_a_students_cell_follows_where_a_failed_cell_was_to_make_its_name() -> None:
    notebook = lens(plot=cell("plot-it", "draw(other_)", error=("NameError", "name 'other_' is not defined")))
    found = with_tasks(
        failed(notebook, "check-second", "plot-it"), {"cells": notebook}, results(first="failed"), TASKS
    )
    assert [(one.task, one.follows_from) for one in found] == [("second", "first"), ("", "first")]


def test_a_name_inside_a_function_makes_nothing_for_other_cells() -> None:
    notebook = lens(plot=cell("lens-08", "print(made_inside)", locked=True))
    assert tied(notebook, "lens-08", results(first="failed")) == ("", "")
