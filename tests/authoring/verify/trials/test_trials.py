"""A small course tried whole; a loose check lets a wrong program pass, a strict one fails a right program."""

import json

import pytest
from typer.testing import CliRunner

from autograder.authoring.notebook import build_assignment
from autograder.authoring.verify.trial import Explanations, read_explanations
from autograder.authoring.verify.trials import tally, try_programs, try_wrong
from autograder.checks.course_context import load_course
from autograder.checks.decorators import collect, points_by_task
from autograder.cli.main import app
from autograder.course.assignment import load_assignment
from autograder.course.fingerprint import course_fingerprint
from autograder.errors import AssignmentError

SLUG = "standardise"


@pytest.fixture
def assignment(mini_course):
    found = load_assignment(mini_course, SLUG)
    build_assignment(found, points_by_task(collect(found)))
    return found


def bounds(assignment, tau):
    """Give all tolerances of the small course another bound."""
    path = assignment.generated_dir / "calibration.json"
    stored = json.loads(path.read_text())
    for tolerance in stored.values():
        tolerance |= {"tau": tau, "right": tau / 10, "wrong": tau * 10}
    path.write_text(json.dumps(stored))


def test_the_small_course_is_sound(assignment):
    trials = list(try_wrong(load_course(assignment)))
    found = tally(trials)
    assert [trial.name for trial in trials if not trial.good] == []
    assert found.wrong > 60
    assert found.passed == found.explained == 2
    assert found.named >= 1
    assert {trial.task for trial in trials} == {"centre", "standardise"}
    lost = [trial for trial in trials if not trial.survivor]
    assert all(trial.score < trial.max_score and trial.lost for trial in lost)


def test_stored_answers_that_no_question_shows_are_found_out(assignment):
    path = assignment.folder / "checks.py"
    path.write_text(
        path.read_text().replace("for values in (table(rng), table(rng)):", "for values in [table(rng)]:")
    )
    trials = [trial for trial in try_wrong(load_course(assignment), tasks=["standardise"]) if not trial.good]
    assert [trial.name for trial in trials] == [
        "standardise gives its first answer for ever",
        "standardise gives its first answer to arguments of a shape",
        "standardise gives the answer to the question before",
    ]
    assert "with the reference's answers to all" in trials[0].reason


def test_a_loose_check_has_unexplained_survivors(assignment):
    bounds(assignment, 0.2)
    survivors = [trial for trial in try_wrong(load_course(assignment), tasks=["centre"]) if trial.survivor]
    noise = next(trial for trial in survivors if trial.name == "centre gives 5 % noise")
    assert not noise.good
    assert "It keeps all points" in noise.reason
    assert noise.moved < 0.2


def test_a_check_that_looks_at_the_shape_alone_is_found_out(assignment):
    path = assignment.folder / "checks.py"
    text = path.read_text()
    path.write_text(text[: text.index('@grades("standardise")')] + LOOSE)
    trials = list(try_wrong(load_course(assignment), tasks=["standardise"]))
    sign = next(trial for trial in trials if trial.name == "standardise gives sign")
    assert sign.survivor and not sign.good
    assert "beyond the tolerance" in sign.reason
    code = [trial.name for trial in trials if trial.survivor and trial.kind == "wrong code"]
    assert any("/ values.std" in name for name in code)
    assert next(trial for trial in trials if trial.name == "standardise gives nothing").good


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
    trials = {trial.name: trial for trial in try_wrong(load_course(assignment), tasks=["centre"])}
    found = trials["centre gives nothing"]
    assert not found.good and not found.survivor
    assert "itself fails: TypeError" in found.reason


@pytest.mark.long
def test_right_programs_pass(assignment):
    trials = list(try_programs(assignment, programs=3, trust=True))
    assert [trial.reason for trial in trials if not trial.good] == []
    assert all(trial.score == trial.max_score == 6 for trial in trials)


@pytest.mark.long
def test_a_check_that_is_too_strict_fails_right_programs(assignment):
    bounds(assignment, 1e-13)
    trials = list(try_programs(assignment, programs=8, trust=True))
    failed = [trial for trial in trials if not trial.good]
    assert failed and all(trial.lost for trial in failed)
    assert any("float64 inside" in trial.reason for trial in failed)


@pytest.mark.long
def test_a_sample_is_small_and_repeats(assignment):
    course = load_course(assignment)
    some = list(try_wrong(course, sample=4, seed=1))
    assert 10 <= len(some) <= 16
    assert all(trial.kind != "explanation" for trial in some)
    assert [trial.name for trial in some] == [trial.name for trial in try_wrong(course, sample=4, seed=1)]
    assert [trial.name for trial in some] != [trial.name for trial in try_wrong(course, sample=4, seed=2)]


def test_an_explanation_of_nothing_is_stale(assignment):
    path = assignment.verification_dir / "survivors.toml"
    path.write_text(path.read_text() + '"centre: no such thing #1" = "It was mended."\n')
    stale = [trial for trial in try_wrong(load_course(assignment)) if trial.kind == "explanation"]
    assert [(trial.name, trial.good) for trial in stale] == [("centre: no such thing #1", False)]


def test_an_explanation_that_a_losing_program_has_too_is_a_fault(assignment):
    path = assignment.verification_dir / "survivors.toml"
    path.write_text(path.read_text() + '"centre gives z*" = "Everything is well."\n')
    wide = [trial for trial in try_wrong(load_course(assignment)) if trial.kind == "explanation"]
    assert [(trial.name, trial.good) for trial in wide] == [("centre gives z*", False)]
    assert "centre gives zeros has this name, too, and loses points." in wide[0].reason


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
    before = course_fingerprint(assignment, device="cpu", profile="tiny")
    (assignment.verification_dir / "survivors.toml").write_text('"centre: x #1" = "said otherwise"\n')
    assert course_fingerprint(assignment, device="cpu", profile="tiny") == before


@pytest.mark.long
def test_the_command_counts(assignment):
    arguments = [
        "verify",
        SLUG,
        "--course",
        str(assignment.course_dir),
        "--i-trust-these-submissions",
        "--mutants",
        "all",
    ]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "tried, 2 passed, 2 of these explained" in done.output
    wrong = CliRunner().invoke(app, [*arguments[:-1], "many"])
    assert wrong.exit_code != 0
