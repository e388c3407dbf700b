"""Half-finished notebooks that were made from an earlier template get all their points from the current one."""

import re

import nbformat
import pytest
from nbgrader.utils import compute_checksum

from autograder.authoring.notebook import solved_notebook
from autograder.checks.decorators import collect, points_by_task
from autograder.course.assignment import load_assignment
from autograder.course.notebooks.cell_marks import is_locked
from autograder.course.submissions import discover
from autograder.grading.batch import Options, grade_class
from tests.assignments.setting import ROOT

SLUGS = ["logit_lens", "token_attribution", "llm_attribution", "bert_qa_embeddings", "bert_qa_attention"]
STATED = re.compile(r"\n\n\*[0-9.]+ points?(, about [0-9]+ minutes)?\*")
OWN_NAMES = """# Names that a notebook's own cells like to take.
numbers = checking = tensor = integers = parts = records = entries = texts = close = sums = between = None
instance = equal = check = None
"""


def as_before(notebook):
    """Return a finished notebook as it was before goals, points, times and the helper of the checks came."""
    cells = [cell for cell in notebook.cells if not cell.metadata.nbgrader.grade_id.startswith("stated-")]
    for cell in filter(is_locked, cells):
        name = cell.metadata.nbgrader.grade_id
        if name.startswith("check-"):
            task = name.removeprefix("check-")
            cell.source = f'asked_ = {task}\nassert callable(asked_), "a function"'
        elif cell.cell_type == "code":
            cell.source = re.sub(
                r"(from course import checking as check_|numbers = check_.*)\n", "", cell.source
            )
        else:
            cell.source = STATED.sub("", cell.source)
        cell.metadata.nbgrader.checksum = compute_checksum(cell)
    notebook.cells = cells
    return notebook


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "slug", [SLUGS[0], *(pytest.param(slug, marks=pytest.mark.long) for slug in SLUGS[1:])]
)
def test_a_notebook_from_an_earlier_template_gets_full_marks(slug, tmp_path):
    assignment = load_assignment(ROOT, slug)
    old = as_before(solved_notebook(assignment, points_by_task(collect(assignment))))
    text = nbformat.writes(old)
    assert "check_" not in text
    assert "minutes*" not in text
    written = next(place for place, cell in enumerate(old.cells) if cell.metadata.nbgrader.solution)
    old.cells.insert(written, nbformat.v4.new_code_cell(OWN_NAMES))
    (tmp_path / "class").mkdir()
    nbformat.write(old, tmp_path / "class" / "Ana Lopes.ipynb")
    submissions = discover([tmp_path / "class"], slug, tmp_path / "scratch", assignment)
    (report,) = grade_class(submissions, assignment, tmp_path / "out", Options(jobs=1))
    assert report.failures == ()
    assert report.score == assignment.points
    assert [pending.id for pending in report.pending] == [question.id for question in assignment.questions]
    assert all(pending.answer for pending in report.pending)
    assert len(report.remarks) == 1, report.remarks
    assert "earlier version of the assignment" in report.remarks[0]
