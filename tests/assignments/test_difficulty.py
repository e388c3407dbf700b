"""Inputs are alike in difficulty: whoever is asked, each known mistake loses points and gets its own name."""

import pytest

from autograder.authoring.verify.diagnosis_accuracy import measure_naming, rates_of
from autograder.checks.course_context import load_course
from autograder.course.assignment import load_assignment

from .setting import ROOT

pytestmark = pytest.mark.long
SLUGS = ("token_attribution", "llm_attribution", "bert_qa_embeddings", "bert_qa_attention", "logit_lens")


@pytest.mark.parametrize("slug", SLUGS)
def test_every_student_is_asked_what_shows_every_mistake(slug):
    course = load_course(load_assignment(ROOT, slug))
    namings = measure_naming(course, students=4, kinds=("single", "right"))
    rates = {rate.kind: rate for rate in rates_of(namings)}
    single, right = rates["single"], rates["right"]
    assert single.asked >= 4 * 15
    unnoticed = [
        (one.student, one.made) for one in namings if one.kind == "single" and one.outcome == "not noticed"
    ]
    assert unnoticed == []
    assert [one for one in namings if one.outcome == "wrong"] == []
    assert single.share(single.right) >= 0.95
    # A right program keeps its points, and no mistake is found in it.
    assert (right.asked, right.not_noticed > 0) == (0, True)
