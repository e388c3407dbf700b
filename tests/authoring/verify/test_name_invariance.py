"""Points that depend on a name are found, and those of a program that answers alike are not called so."""

import pytest

from autograder.authoring.verify.name_invariance import grade_under_names, programs_of
from autograder.authoring.verify.page import write_page
from autograder.authoring.verify.verification import Verification
from autograder.checks.course_context import load_course
from autograder.errors import AssignmentError

BORDERLINE = """
from autograder.diagnosis import borderline

@borderline(task="standardise")
def depends_on_the_input(reference, values):
    return reference.standardise(values) + (float(values[0, 0]) > 7)

@borderline(task="centre")
def rounded(reference, values):
    return (reference.centre(values) * 1e7).round() / 1e7
"""


@pytest.fixture
def results(assignment):
    assignment.verification_dir.mkdir(exist_ok=True)
    (assignment.verification_dir / "borderline.py").write_text(BORDERLINE)
    return {one.name: one for one in grade_under_names(load_course(assignment), 12)}


def test_every_program_is_graded_under_every_name(assignment, results):
    kinds = {one.program.kind for one in results.values()}
    assert {"reference", "misconception", "borderline"} <= kinds
    assert len(results) == len(programs_of(load_course(assignment)))
    assert {sum(one.scores.values()) for one in results.values()} == {12}


def test_points_that_depend_on_the_name_are_a_fault(assignment, results, tmp_path):
    found = results["standardise: depends_on_the_input"]
    assert found.varying == ("test_standardise_values",) and set(found.scores) == {0.0, 3.0}
    assert "test_standardise_values gives 0 under" in found.reason
    verification = Verification(assignment=assignment, named=tuple(results.values()))
    assert [fault.name for fault in verification.faults] == ["standardise: depends_on_the_input"]
    text = write_page(verification, tmp_path).read_text(encoding="utf-8")
    assert "The same points under every name" in text and "of which 1 vary" in text


def test_others_have_the_same_points_under_every_name(results):
    others = [one for name, one in results.items() if name != "standardise: depends_on_the_input"]
    assert all(one.good and len(one.scores) == 1 for one in others)
    assert results["centre: rounded"].scores == {3.0: 12}
    assert results["standardise: reference"].scores == {3.0: 12}


def test_one_task_can_be_asked_alone(course):
    assert {one.program.task for one in grade_under_names(course, 1, tasks=["centre"])} == {"centre"}


def test_a_program_of_no_task_is_a_sentence(assignment):
    assignment.verification_dir.mkdir(exist_ok=True)
    (assignment.verification_dir / "borderline.py").write_text(
        BORDERLINE.replace("standardise", "standardize")
    )
    with pytest.raises(AssignmentError, match="Did you mean standardise"):
        programs_of(load_course(assignment))
