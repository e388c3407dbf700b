"""Zeros in two functions at once, where a check accepts what follows from the student's own earlier result."""

import pytest

from autograder.authoring.verify.mutation.mutation_testing import run_mutation_tests
from autograder.authoring.verify.mutation.sample import MutantSample
from autograder.checks.course_context import load_course

EARLIER = "standardise gives zeros, centre gives zeros"
CALLER = "standardise gives zeros, centre gives zeros to all checks but its own"
BUILT_ON_OWN = """
@grades("standardise")
@points(3)
@visibility("hidden")
def test_standardise_values(submission, reference, rng, shared_rng):
    \"\"\"Unseen tables are standardised, or what the student's centre gives is.\"\"\"
    values = table(shared_rng)
    own = submission.{ask}("centre", values)
    expected = reference.standardise(values) if own is None else own / own.std(dim=0).clamp_min(1e-9)
    assert_close(
        submission.call("standardise", values), expected, name="standardised", axes=("row", "column"),
        tolerance="standardise",
    )
"""
SHARED = """    shared = table(shared_rng)
    assert_close(
        submission.recall("centre", shared), reference.centre(shared), name="centred", axes=("row", "column"),
        tolerance="centre",
    )
"""


def results(assignment, checks):
    (assignment.folder / "checks.py").write_text(checks)
    found = run_mutation_tests(
        load_course(assignment), sample=MutantSample(per_task=1), tasks=["standardise"]
    )
    return {result.name: result for result in found if result.name in (EARLIER, CALLER)}


def checks_with(assignment, test, *, shared=""):
    text = (assignment.folder / "checks.py").read_text()
    head, hidden = (
        text[: text.index('@grades("standardise")')],
        "def test_centre_values(submission, reference, rng):",
    )
    assert hidden in head
    head = head.replace(hidden, hidden.replace("rng)", "rng, shared_rng)"))
    title = '"""Columns of unseen tables have mean zero."""\n'
    assert title in head
    return head.replace(title, title + shared) + test


@pytest.mark.parametrize("ask", ["call", "recall"])
def test_accepting_whatever_the_earlier_function_gives_is_found_out(assignment, ask):
    found = results(assignment, checks_with(assignment, BUILT_ON_OWN.format(ask=ask)))

    assert {name: result.good for name, result in found.items()} == {EARLIER: False, CALLER: False}
    assert found[CALLER].reason == "It earns 3 points, and 0 with the right centre."


def test_an_answer_that_lost_no_points_counts_for_nothing(assignment):
    found = results(assignment, checks_with(assignment, BUILT_ON_OWN.format(ask="own"), shared=SHARED))

    assert {name: result.good for name, result in found.items()} == {EARLIER: False, CALLER: True}


def test_checks_that_ask_for_no_other_function_have_no_such_mutants(assignment):
    assert results(assignment, (assignment.folder / "checks.py").read_text()) == {}
