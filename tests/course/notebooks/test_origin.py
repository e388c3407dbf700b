"""A notebook of another assignment is told from one of this assignment's, however much of it is left."""

import nbformat
import pytest

from autograder.course.notebooks.origin import other_assignment
from tests.course.notebooks.conftest import make_cell


def notebook(*names):
    return nbformat.v4.new_notebook(cells=[make_cell("code", "1", name, locked=True) for name in names])


ANOTHERS = ("tripling-01", "tripling-02", "tripling-05", "triple", "check-triple")


def test_a_notebook_with_another_assignments_cells_is_its():
    assert other_assignment(notebook(*ANOTHERS), "demo", ["double"]) == "tripling"


@pytest.mark.parametrize("own", ["demo-01", "double", "check-double"])
def test_one_cell_of_this_assignment_is_enough_to_belong_to_it(own):
    assert other_assignment(notebook(*ANOTHERS, own), "demo", ["double"]) == ""


def test_some_cells_copied_from_another_notebook_are_none(template):
    assert other_assignment(notebook("tripling-01", "tripling-02", ""), "demo", ["double"]) == ""
    assert other_assignment(template, "demo", ["double", "halve"]) == ""


def test_a_notebook_without_marks_is_not_told():
    assert other_assignment(notebook("", "", ""), "demo", ["double"]) == ""
