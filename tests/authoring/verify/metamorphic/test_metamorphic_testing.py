"""Metamorphic testing on a small course: a strict check rejects correct programs."""

import pytest

from autograder.authoring.verify.generated_programs import run_generated_programs

from ..conftest import set_tolerances


@pytest.mark.long
def test_correct_programs_pass(assignment):
    results = list(run_generated_programs(assignment, programs=3, trust=True))
    assert [result.reason for result in results if not result.good] == []
    assert all(result.score == result.max_score == 6 for result in results)


@pytest.mark.long
def test_a_check_that_is_too_strict_rejects_correct_programs(assignment):
    set_tolerances(assignment, 1e-13)
    results = list(run_generated_programs(assignment, programs=8, trust=True))
    failed = [result for result in results if not result.good]
    assert failed and all(result.lost for result in failed)
    assert any("float64 inside" in result.reason for result in failed)
