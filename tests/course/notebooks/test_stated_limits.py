"""The limits as students read them: a cell of the notebook, a row of the README."""

from __future__ import annotations

import copy
import dataclasses

import nbformat
import pytest
from nbformat import NotebookNode

from autograder.course.notebooks import restore_locked_cells
from autograder.course.notebooks.stated_limits import GRADE_ID, limits_cell, with_row
from autograder.records import Limits

README = "Text.\n\n<!-- limits: begin, written by autograder build -->\n<!-- limits: end -->\n\nMore text.\n"
LIMITS = Limits(cell_timeout_s=60, call_timeout_s=2.5, submission_timeout_s=90)
SLUGS = frozenset({"lens", "probe"})


def test_every_limit_has_a_sentence() -> None:
    assert limits_cell(LIMITS) == (
        "**Limits.** Your notebook is graded with these limits:\n\n"
        "- A cell may run for 1 minute, a read-only one for 5 seconds.\n"
        "- A call of one of your functions may take 2.5 seconds.\n"
        "- The whole submission may take 90 seconds.\n"
        "- Your code may use 3 GB of memory.\n"
        "- Printed text is cut off at 4 MB.\n\n"
        "A cell or call that takes longer is stopped; the other cells still run."
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"call_timeout_s": 1}, "- A call of one of your functions may take 1 second."),
        ({"call_timeout_s": 30}, "- A cell may run for 1 minute."),
        ({"submission_timeout_s": 3600}, "- The whole submission may take 60 minutes."),
        ({"memory_bytes": 1536 * 2**20}, "- Your code may use 1.5 GB of memory."),
        ({"output_bytes": 200 * 2**10}, "- Printed text is cut off at 200 kB."),
        ({"output_bytes": 1000}, "- Printed text is cut off at 1000 bytes."),
    ],
)
def test_quantities_are_in_units_for_people(change: dict[str, float], sentence: str) -> None:
    assert sentence in limits_cell(dataclasses.replace(LIMITS, **change)).splitlines()


def test_the_readme_has_a_row_for_each_assignment() -> None:
    first = with_row(README, "probe", LIMITS, SLUGS)
    both = with_row(first, "lens", Limits(), SLUGS)
    rows = [line for line in both.splitlines() if line.startswith("| `")]
    assert rows == [
        "| `lens.ipynb` | 1 minute | 30 seconds | 10 minutes | 3 GB | 4 MB |",
        "| `probe.ipynb` | 1 minute | 2.5 seconds | 90 seconds | 3 GB | 4 MB |",
    ]
    assert both.startswith("Text.\n\n<!-- ") and both.endswith(" -->\n\nMore text.\n")
    assert with_row(both, "lens", Limits(), SLUGS) == both


def test_the_row_of_an_assignment_that_is_gone_goes_too() -> None:
    both = with_row(with_row(README, "probe", LIMITS, SLUGS), "lens", LIMITS, SLUGS)
    assert "probe.ipynb" not in with_row(both, "lens", LIMITS, frozenset({"lens"}))


@pytest.mark.parametrize("readme", ["", "# Ours\n", README.replace("limits: end", "limits")])
def test_a_readme_without_the_table_stays_as_it_is(readme: str) -> None:
    assert with_row(readme, "lens", LIMITS, SLUGS) == readme


def test_a_notebook_built_before_limits_were_stated_stays_as_it_is(template: NotebookNode) -> None:
    marks = {"grade": False, "locked": True, "solution": False, "schema_version": 3, "grade_id": GRADE_ID}
    cell = nbformat.v4.new_markdown_cell(limits_cell(LIMITS), id=GRADE_ID, metadata={"nbgrader": marks})
    newer = copy.deepcopy(template)
    newer.cells.insert(1, cell)
    assert restore_locked_cells(template, newer) == (template, ())


def test_the_cell_is_restored_where_it_was_edited(template: NotebookNode) -> None:
    marks = {"grade": False, "locked": True, "solution": False, "schema_version": 3, "grade_id": GRADE_ID}
    cell = nbformat.v4.new_markdown_cell(limits_cell(LIMITS), id=GRADE_ID, metadata={"nbgrader": marks})
    newer = copy.deepcopy(template)
    newer.cells.insert(1, cell)
    edited = copy.deepcopy(newer)
    edited.cells[1].source = "No limits."
    assert restore_locked_cells(edited, newer)[0] == newer
