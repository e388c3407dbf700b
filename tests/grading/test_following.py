"""What follows from an earlier task is told as that, on whole submissions through real kernels."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from autograder.authoring.notebook import build_assignment
from autograder.checks.decorators import collect, points_by_task
from autograder.course.assignment import load_assignment
from autograder.course.submissions import discover
from autograder.grading.batch import Options, grade_class
from autograder.records import GradeReport

from ..conftest import MINI
from ..notebook_maker import RIGHT, submission

pytestmark = pytest.mark.sandbox

CALLS = "def standardise(values):\n    return centre(values) / values.std(dim=0)"
ALONE = "def standardise(values):\n    return (values - values.mean(dim=0)) / values.std(dim=0)"
STUB = "def centre(values):\n    raise NotImplementedError"
STUDENTS: dict[str, dict[str, str]] = {
    "unwritten": {"centre": STUB, "standardise": CALLS},
    "undefined": {"centre": "x = 1", "standardise": CALLS},
    "raising": {"centre": "def centre(values):\n    raise ValueError('mine')", "standardise": CALLS},
    "helped": {
        "centre": "def inner(values):\n    raise ValueError('mine')\ndef centre(values):\n    return inner(values)",
        "standardise": CALLS,
    },
    "mistaken": {"centre": "def centre(values):\n    return values - values.mean()", "standardise": CALLS},
    "independent": {"centre": STUB, "standardise": ALONE},
    "both": {"centre": STUB, "standardise": "def standardise(values):\n    raise NotImplementedError"},
    "own error": {
        "centre": STUB,
        "standardise": "def standardise(values):\n    return undefined_name(values)",
    },
    "right centre": {"standardise": "def standardise(values):\n    return centre(values.nothing)"},
}
FOLLOWING = ("unwritten", "undefined", "raising", "helped", "mistaken")


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[GradeReport, str]]:
    """Reports and the students' pages."""
    base = tmp_path_factory.mktemp("following")
    assignment = load_assignment(MINI, "standardise")
    template = base / "standardise.ipynb"
    assignment = replace(assignment, template=template)
    build_assignment(assignment, points_by_task(collect(assignment)))
    for student, cells in STUDENTS.items():
        submission(template, base / "submitted" / f"{student}.ipynb", {**RIGHT, **cells})
    found = discover([base / "submitted"], "standardise", base / "scratch")
    reports = grade_class(found, assignment, base / "out", Options(jobs=1))
    return {
        report.student: (
            report,
            (base / "out" / "standardise" / report.folder_name / "feedback.html").read_text(encoding="utf-8"),
        )
        for report in reports
    }


def origins(report: GradeReport) -> dict[str, str]:
    return {check.id: check.follows_from for check in report.checks if check.follows_from}


def text_of(html: str, begin: str) -> str:
    """Return the words of the element that begins at an attribute, up to the next section."""
    return " ".join(re.sub("<[^>]*>", " ", html[html.index(begin) :].partition("</section>")[0]).split())


@pytest.mark.parametrize("student", FOLLOWING)
def test_a_check_that_fails_by_an_earlier_task_says_so(
    graded: dict[str, tuple[GradeReport, str]], student: str
) -> None:
    report, page = graded[student]
    assert origins(report) == {"test_standardise_values": "centre"}
    section = text_of(page, 'id="task-standardise"')
    assert "This follows from task 1, Centre the columns : once that is right, look here again." in section
    assert [word for word in ("Error", "Hint", "raised", "not written", "unseen. ") if word in section] == []
    # The mistake is named where it was made.
    assert "follows from" not in text_of(page, 'id="task-centre"')


@pytest.mark.parametrize("student", ["independent", "both", "own error", "right centre"])
def test_an_error_of_its_own_follows_from_nothing(
    graded: dict[str, tuple[GradeReport, str]], student: str
) -> None:
    assert origins(graded[student][0]) == {}


@pytest.mark.parametrize("student", [*FOLLOWING[:-1]])
def test_a_cell_that_fails_by_an_earlier_task_says_so(
    graded: dict[str, tuple[GradeReport, str]], student: str
) -> None:
    report, page = graded[student]
    found = {failure.cell: failure.follows_from for failure in report.failures}
    assert found["check-standardise"] == "centre"
    assert found["check-centre"] == ""
    cells = text_of(page, 'id="next"')
    assert "( check-standardise ) follows from task 1, Centre the columns ." in cells
    assert cells.count("raised an error.") == len([name for name in found.values() if not name])


def test_a_plot_that_fails_for_want_of_a_function_follows(
    graded: dict[str, tuple[GradeReport, str]],
) -> None:
    for student in ("unwritten", "undefined"):
        found = {failure.cell: failure.follows_from for failure in graded[student][0].failures}
        assert found["plot-table"] == "centre", student
