"""The gate on a small course whose notebook has a cell that fails."""

from itertools import islice

import pytest

from autograder.authoring.notebook import build_assignment
from autograder.authoring.verify.gate import verify
from autograder.checks.decorators import collect, points_by_task


def first_results(assignment):
    """Notebook, reference and template."""
    return {result.kind: result for result in islice(verify(assignment, trust=True), 3)}


def test_cells_that_call_what_is_not_written_yet_may_fail(assignment):
    found = first_results(assignment)
    assert [result.problem for result in found.values()] == ["", "", ""]
    assert (found["reference"].score, found["template"].score) == (6, 0)


@pytest.mark.parametrize(
    "cell", [pytest.param("1 / 0", marks=pytest.mark.long), "raise ValueError('NotImplementedError')"]
)
def test_another_failing_cell_is_a_fault(assignment, cell):
    text = assignment.reference.read_text()
    assignment.reference.write_text(f'{text}\n# %% tags=["active-ipynb"]\n# {cell}\n')
    build_assignment(assignment, points_by_task(collect(assignment)))
    found = first_results(assignment)
    assert found["notebook"].good
    assert "fails: " in found["template"].problem
    assert "failed: " in found["reference"].problem
