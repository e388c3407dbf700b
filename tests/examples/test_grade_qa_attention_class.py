"""The example class of bert_qa_attention through the whole harness: what is said is what the table says."""

import pytest

from autograder.assignments import load_assignment
from autograder.batch import Options, grade_class
from autograder.submissions import discover

from .conftest import ROOT
from .qa_attention_table import CHECKS, CLASS, SUMMED, WEIGHTED

pytestmark = [pytest.mark.sandbox, pytest.mark.long]

SLUG = "bert_qa_attention"
UNNAMED = {"nameless", "missing"}

each_student = pytest.mark.parametrize("row", CLASS, ids=lambda row: row.student)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The class graded once: reports by student."""
    base = tmp_path_factory.mktemp("qa_attention_class")
    assignment = load_assignment(ROOT, SLUG)
    folders = [ROOT / "examples" / SLUG, ROOT / "examples" / "further" / SLUG]
    found = discover([folder for folder in folders if folder.is_dir()], SLUG, base / "scratch")
    reports = grade_class(found, assignment, base, Options(jobs=2))
    return {report.student: report for report in reports}


@pytest.fixture
def report(graded, row):
    return graded[row.student]


def test_the_whole_class_is_there(graded):
    assert graded.keys() == {row.student for row in CLASS}


@each_student
def test_nothing_is_our_fault(row, report):
    assert report.needs_review == () and report.problem == ""


@each_student
def test_checks_that_do_not_pass_are_the_tables(row, report):
    assert {check.id for check in report.checks if check.outcome != "passed"} == {
        CHECKS[name] for name in row.lost.split()
    }


@each_student
def test_points_are_all_or_nothing(row, report):
    for check in report.checks:
        assert check.points == (check.max_points if check.outcome == "passed" else 0)
    assert report.max_score == 40


@each_student
def test_mistakes_are_named(row, report):
    named = {(check.task, check.diagnosis.misconception) for check in report.checks if check.diagnosis}
    assert named == {(task, mistake) for task, mistake in row.wrong.items() if mistake not in UNNAMED}


@each_student
def test_what_is_built_on_a_wrong_function_is_remarked(row, report):
    for task in (WEIGHTED, SUMMED):
        said = " ".join(remark for check in report.checks if check.task == task for remark in check.remarks)
        assert (f"builds on what your {row.builds_on} gives" in said) if row.builds_on else said == ""


@pytest.mark.parametrize("row", [row for row in CLASS if not row.wrong], ids=lambda row: row.student)
def test_no_assert_of_the_notebook_fails_for_a_right_answer(row, report):
    assert report.failures == () and report.remarks == ()


@each_student
def test_feedback_is_free_of_our_inner_workings(row, report):
    told = " ".join([report.problem, *report.remarks, *(check.feedback for check in report.checks)])
    assert not [word for word in ("assert ", "+  where", "Traceback", str(ROOT)) if word in told]
