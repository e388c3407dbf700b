"""Inputs are alike in difficulty: whoever is asked, each known mistake loses points and gets its own diagnosis."""

import pytest

from autograder.authoring.verify.diagnosis_accuracy import accuracy_by_kind, measure_diagnosis_accuracy
from autograder.checks.course_context import load_course
from autograder.course.assignment import load_assignment

from .setting import ROOT

pytestmark = pytest.mark.long
SLUGS = ("token_attribution", "llm_attribution", "bert_qa_embeddings", "bert_qa_attention", "logit_lens")


@pytest.mark.parametrize("slug", SLUGS)
def test_every_student_is_asked_what_shows_every_mistake(slug):
    course = load_course(load_assignment(ROOT, slug))
    programs = measure_diagnosis_accuracy(course, students=4, kinds=("single", "correct"))
    accuracy = {one.kind: one for one in accuracy_by_kind(programs)}
    single, correct = accuracy["single"], accuracy["correct"]
    assert single.asked >= 4 * 15
    undetected = [
        (one.student, one.made)
        for one in programs
        if one.kind == "single" and one.outcome == "no points lost"
    ]
    assert undetected == []
    assert [one for one in programs if one.outcome == "wrong"] == []
    assert single.share(single.right) >= 0.95
    # A correct program keeps its points, and has no diagnosis.
    assert (correct.asked, correct.no_points_lost > 0) == (0, True)
