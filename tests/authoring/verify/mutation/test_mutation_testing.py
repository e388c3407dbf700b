"""Mutation testing on a small course: a loose check lets mutants survive."""

from dataclasses import replace

import pytest
import torch

from autograder.authoring.verify.mutation.mutation_testing import run_mutation_tests
from autograder.authoring.verify.mutation.sample import MutantSample
from autograder.authoring.verify.mutation.stored_answers import ANY_MODEL, SHIPPED
from autograder.authoring.verify.program_result import count_results
from autograder.checks.course_context import load_course
from autograder.course.models import LoadedModel

from ..conftest import set_tolerances


def test_the_small_course_is_sound(assignment):
    results = list(run_mutation_tests(load_course(assignment)))
    found = count_results(results)
    assert [result.name for result in results if not result.good] == []
    assert found.mutants > 60
    assert found.survived == found.explained == 2
    assert found.diagnosed >= 1
    assert {result.task for result in results} == {"centre", "standardise"}
    lost = [result for result in results if not result.survivor]
    assert all(result.score < result.max_score and result.lost for result in lost)


def test_stored_answers_that_no_question_shows_are_found_out(assignment):
    path = assignment.folder / "checks.py"
    path.write_text(
        path.read_text().replace("for values in (table(rng), table(rng)):", "for values in [table(rng)]:")
    )
    results = [
        result
        for result in run_mutation_tests(load_course(assignment), tasks=["standardise"])
        if not result.good
    ]
    assert [result.name for result in results] == [
        "standardise gives its first answer for ever",
        "standardise gives its first answer to arguments of a shape",
        "standardise gives the answer to the question before",
    ]
    assert "with the reference's answers on all inputs" in results[0].reason


class Scale(torch.nn.Module):
    """Stands in for a model: two of them give different answers to one table."""

    def __init__(self, factor):
        super().__init__()
        self._factor = factor

    def forward(self, values):
        return values * self._factor


def faults_with_models(assignment, *, asked):
    """Return the mutants that survive where `standardise` takes a model, and is asked about these."""
    path = assignment.reference
    text = path.read_text().replace("def standardise(values,", "def standardise(model, values,")
    path.write_text(text.replace("return centre(values) / values.std", "return model(values) / values.std"))
    path = assignment.folder / "checks.py"
    text = path.read_text()
    path.write_text(text[: text.index('@grades("standardise")')] + ON_MODELS.replace("ASKED", asked))
    path = assignment.folder / "misconceptions.py"
    text = path.read_text()
    path.write_text(text[: text.index('@misconception(task="standardise"')])
    models = tuple(LoadedModel(model=Scale(factor), tokenizer=None, spec=None) for factor in (2.0, 3.0))
    course = replace(load_course(assignment), models=models)
    results = list(run_mutation_tests(course, tasks=["standardise"]))
    assert any(result.name == "standardise gives sign" and not result.survivor for result in results)
    return [result.name for result in results if not result.good and result.kind == "output mutant"]


ON_MODELS = '''
@grades("standardise")
@points(3)
@visibility("hidden")
def test_standardise_values(submission, reference, models, rng):
    """Unseen tables are standardised."""
    shipped, hidden = (loaded.model for loaded in models)
    one, other, third = table(rng) - 7, table(rng) - 7, table(rng)[:4] - 7  # both signs
    for model, values in ASKED:
        actual = submission.call("standardise", model, values)
        expected = reference.standardise(model, values)
        assert_close(actual, expected, name="standardised", axes=("row", "column"), tolerance="standardise")
'''


def test_answers_stored_under_the_text_alone_are_killed_by_one_question_about_two_models(assignment):
    every = "[(m, v) for v in (one, other, third) for m in (shipped, hidden)]"
    assert faults_with_models(assignment, asked=every) == []


def test_without_that_question_answers_stored_under_the_text_alone_are_found_out(assignment):
    other_texts = "[(shipped, one), (shipped, other), (hidden, third)]"
    assert faults_with_models(assignment, asked=other_texts) == [f"standardise gives {ANY_MODEL}"]


def test_without_a_second_model_those_of_the_shipped_one_are_found_out_as_well(assignment):
    one_model = "[(shipped, one), (shipped, other), (shipped, third)]"
    assert faults_with_models(assignment, asked=one_model) == [
        f"standardise gives {SHIPPED}",
        f"standardise gives {ANY_MODEL}",
    ]


def test_a_loose_check_has_unexplained_survivors(assignment):
    set_tolerances(assignment, 0.2)
    survivors = [
        result for result in run_mutation_tests(load_course(assignment), tasks=["centre"]) if result.survivor
    ]
    noise = next(result for result in survivors if result.name == "centre gives 5 % noise")
    assert not noise.good
    assert "It survives within the tolerance" in noise.reason
    assert noise.distance < 0.2


def test_a_check_that_looks_at_the_shape_alone_is_found_out(assignment):
    path = assignment.folder / "checks.py"
    text = path.read_text()
    path.write_text(text[: text.index('@grades("standardise")')] + LOOSE)
    results = list(run_mutation_tests(load_course(assignment), tasks=["standardise"]))
    sign = next(result for result in results if result.name == "standardise gives sign")
    assert sign.survivor and not sign.good
    assert "beyond the tolerance" in sign.reason
    code = [result.name for result in results if result.survivor and result.kind == "source mutant"]
    assert any("/ values.std" in name for name in code)
    assert next(result for result in results if result.name == "standardise gives nothing").good


LOOSE = '''
@grades("standardise")
@points(3)
@visibility("hidden")
def test_standardise_values(submission, rng):
    """Unseen tables keep their shape."""
    values = table(rng)
    actual = submission.call("standardise", values)
    assert getattr(actual, "shape", None) == values.shape
'''


def test_a_check_that_fails_itself_is_a_fault(assignment):
    path = assignment.folder / "checks.py"
    path.write_text(
        path.read_text().replace('assert actual is not None, "The function returned nothing."', "len(actual)")
    )
    results = {
        result.name: result for result in run_mutation_tests(load_course(assignment), tasks=["centre"])
    }
    found = results["centre gives nothing"]
    assert not found.good and not found.survivor
    assert "itself fails: TypeError" in found.reason


@pytest.mark.long
def test_a_sample_is_small_and_repeats(assignment):
    course = load_course(assignment)
    some = list(run_mutation_tests(course, sample=MutantSample(per_task=4), seed=1))
    assert 10 <= len(some) <= 16
    assert all(result.kind != "explanation" for result in some)
    assert [result.name for result in some] == [
        result.name for result in run_mutation_tests(course, sample=MutantSample(per_task=4), seed=1)
    ]
    assert [result.name for result in some] != [
        result.name for result in run_mutation_tests(course, sample=MutantSample(per_task=4), seed=2)
    ]


def test_an_explanation_of_nothing_is_stale(assignment):
    path = assignment.verification_dir / "survivors.toml"
    path.write_text(path.read_text() + '"centre: no such thing #1" = "It was mended."\n')
    stale = [result for result in run_mutation_tests(load_course(assignment)) if result.kind == "explanation"]
    assert [(result.name, result.good) for result in stale] == [("centre: no such thing #1", False)]


def test_an_explanation_that_matches_a_killed_mutant_is_a_fault(assignment):
    path = assignment.verification_dir / "survivors.toml"
    path.write_text(path.read_text() + '"centre gives z*" = "Everything is well."\n')
    wide = [result for result in run_mutation_tests(load_course(assignment)) if result.kind == "explanation"]
    assert [(result.name, result.good) for result in wide] == [("centre gives z*", False)]
    assert "centre gives zeros, which is killed." in wide[0].reason
