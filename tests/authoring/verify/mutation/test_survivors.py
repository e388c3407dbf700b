"""survivors.toml."""

import pytest

from autograder.authoring.verify.mutation.survivors import Explanations, read_explanations
from autograder.course.fingerprint import course_fingerprint
from autograder.course.profiles import resolve
from autograder.errors import AssignmentError


def test_an_explanation_without_a_reason_is_refused(assignment):
    (assignment.verification_dir / "survivors.toml").write_text('"centre: x #1" = ""\n')
    with pytest.raises(AssignmentError, match="no reason for 'centre: x #1'"):
        read_explanations(assignment)


def test_patterns_explain_several_and_an_exact_name_comes_first():
    found = Explanations(
        {"f: .to(...) *": "on the CPU", "f: .to(...) left out of a[0] #1": "exact", "g: *": "no"}
    )
    assert found.explain("f: .to(...) left out of a[0] #1") == "exact"
    assert found.explain("f: .to(...) left out of b[1] #2") == "on the CPU"
    assert found.explain("h: x #1") == ""
    assert found.unused() == ["g: *"]


def test_explanations_change_no_grade(assignment):
    before = course_fingerprint(resolve(assignment))
    (assignment.verification_dir / "survivors.toml").write_text('"centre: x #1" = "said otherwise"\n')
    assert course_fingerprint(resolve(assignment)) == before
