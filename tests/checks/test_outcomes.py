"""Whose an error is that ends a check: an assertion counts against the student only where it is about their answer."""

import shutil

import pytest
import torch

from autograder.checks.answer_cache import MemoisedReference
from autograder.checks.check_run import CheckRun
from autograder.checks.decorators import collect
from autograder.checks.runner import run_checks
from autograder.checks.submission_proxy import LocalFunctions, SubmissionProxy
from autograder.comparison.tolerances import load_tolerances
from autograder.course.assignment import load_assignment, load_module, load_reference
from autograder.diagnosis import explain, misconceptions_of

from ..conftest import MINI

HEADER = """
import pytest
import torch
from captum.attr import IntegratedGradients

from autograder.checks import assert_close, assert_figure_shown, grades, hint, points

VALUES = torch.tensor([[1.0, 2.0], [3.0, 6.0]])


def misuse_captum():
    IntegratedGradients(lambda x: x.sum(1)).attribute(torch.ones(1, 2), baselines=torch.ones(3, 5))


@grades("standardise")
@points(0)
def test_other(submission):
    \"\"\"Another check.\"\"\"


@grades("centre")
@points(4)
@hint("Subtract which centre?")
def test_one(submission, reference, record):
    \"\"\"One check.\"\"\"
    actual = submission.call("centre", VALUES)
"""
COMPARED = """
    assert_close(actual, reference.centre(VALUES), name="centred", axes=("row", "column"), tolerance="centre")
"""
REFERENCE = """
def centre(values):
    return values - values.mean(dim=0)

def standardise(values):
    return values

def checked(values):
    assert values.dim() == 5, "five axes"
"""


@pytest.fixture
def check(tmp_path):
    """Run one check with the given body on a function `centre`; return its result."""

    def run(body, centre=lambda values: values - values.mean(dim=0), misconceptions=""):
        course = tmp_path / "course"
        shutil.copytree(MINI, course)
        folder = course / "assignments" / "standardise"
        (folder / "checks.py").write_text(HEADER + body)
        (folder / "misconceptions.py").write_text(
            "from autograder.checks import misconception\n" + misconceptions
        )
        (course / "reference" / "standardise.py").write_text(REFERENCE)
        toml = folder / "assignment.toml"
        toml.write_text(toml.read_text().replace("points = 6", "points = 4"))
        assignment = load_assignment(course, "standardise")
        known = misconceptions_of(load_module(folder / "misconceptions.py", f"known_{abs(hash(tmp_path))}"))
        started = CheckRun(
            assignment=assignment,
            checks=collect(assignment),
            proxy=SubmissionProxy(LocalFunctions({"centre": centre}), ("key", "ana", "standardise")),
            reference=MemoisedReference(load_reference(assignment)),
            models=(),
            misconceptions=known,
            tolerances=load_tolerances(assignment.generated_dir),
            seed_parts=("key", "ana", "standardise"),
        )
        return run_checks(started)[-1]

    return run


@pytest.mark.parametrize(
    "body",
    [
        "    assert actual.sum() > 100, 'The sum is too small.'\n",
        "    pytest.fail('The sum is too small.')\n",
        "    raise AssertionError('The sum is too small.')\n",
    ],
)
def test_a_failed_assertion_of_checks_py_is_the_students(check, body):
    result = check(body)
    assert (result.outcome, result.points, result.fault) == ("failed", 0, "")
    assert "The sum is too small." in result.detail


def test_a_missing_figure_is_the_students(check):
    result = check("    assert_figure_shown([])\n")
    assert (result.outcome, result.fault) == ("failed", "")
    assert result.detail == "The plot cell showed no figure."


@pytest.mark.parametrize(
    ("images", "outcome"),
    [
        ([b"<span style='color: red'>x</span>"], "passed"),
        ([b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\5\0\0\0\5"], "failed"),
        ([b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\5\0\0\0\5", b"<svg/>"], "passed"),
    ],
)
def test_a_figure_that_is_no_png_counts_whatever_its_size(check, images, outcome):
    assert check(f"    assert_figure_shown({images!r})\n").outcome == outcome


def test_a_wrong_tensor_is_the_students(check):
    result = check(COMPARED, centre=lambda values: values)
    assert (result.outcome, result.fault) == ("failed", "")


def test_what_is_odd_about_an_answer_is_the_students_and_told_to_the_instructor(check):
    body = "    read_answer(lambda answer: answer['rows'], actual)\n"
    result = check("    from autograder.checks import read_answer\n" + body, centre=lambda values: {})
    assert (result.outcome, result.points, result.fault) == ("errored", 0, "")
    assert result.hint.startswith("Your function gave no usable answer") and "which centre" not in result.hint
    assert result.detail.startswith("result: this value cannot be compared with the expected one.\nTraceback")
    assert "KeyError: 'rows'" in result.detail


@pytest.mark.parametrize("answer", ["text", None, torch.ones(2, 2).long()])
def test_the_hint_of_a_wrong_type_asks_for_the_type_and_not_for_the_method(check, answer):
    result = check(COMPARED, centre=lambda values: answer)
    assert "Print the type and the dtype" in result.hint and "which centre" not in result.hint


def test_a_nest_of_another_kind_is_of_a_wrong_type(check):
    compared = (
        "    from autograder.checks import assert_matches\n    assert_matches(actual, ['a', 1.0], name='x')\n"
    )
    assert "Print the type" in check(compared, centre=lambda values: "a").hint


def test_a_nest_with_other_entries_is_of_the_right_type(check):
    compared = (
        "    from autograder.checks import assert_matches\n    assert_matches(actual, ['a', 1.0], name='x')\n"
    )
    assert "which centre" in check(compared, centre=lambda values: ["b"]).hint


def test_what_is_odd_about_a_wrong_tensor_costs_its_explanation_alone(check, monkeypatch):
    def broken(actual, *more):
        if not torch.equal(actual, more[0]):
            raise ValueError("odd")

    monkeypatch.setitem(explain.__globals__, "where_it_differs", broken)
    monkeypatch.setitem(explain.__globals__, "_transform", lambda question: None)
    result = check(COMPARED, centre=lambda values: values)
    assert (result.outcome, result.fault) == ("failed", "")
    assert "ValueError: odd" in result.detail


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ("    misuse_captum()\n", "An assertion failed in _utils/common.py, line "),
        (
            "    reference.checked(VALUES)\n",
            "An assertion failed in reference/standardise.py, line 9: five axes",
        ),
        (
            "    torch.testing.assert_close(actual, actual + 1)\n",
            "An assertion failed in testing/_comparison.py, line ",
        ),
    ],
    ids=["captum", "reference", "library"],
)
def test_an_assertion_that_fails_elsewhere_needs_review(check, body, where):
    result = check(body)
    assert (result.outcome, result.points) == ("errored", 0)
    assert result.fault.startswith(where)
    assert result.fault.endswith("Only assertions in checks.py are about the student's answer.")
    assert (result.feedback, result.hint) == (
        "This check could not be run; a person will look at it.",
        "",
    )


def test_an_assertion_that_fails_in_the_harness_needs_review(check):
    def centre(values):
        # As in the session, when a kernel is asked before it was started.
        assert values is None

    result = check(COMPARED, centre=centre)
    assert (result.outcome, result.points) == ("errored", 0)
    assert "test_outcomes.py" in result.fault


def test_an_assertion_in_an_accepted_alternative_needs_review(check):
    body = COMPARED.replace(
        'tolerance="centre")', 'tolerance="centre", alternatives={"": lambda: reference.checked(VALUES)})'
    )
    result = check(body, centre=lambda values: values)
    assert result.outcome == "errored" and "five axes" in result.fault


MISCONCEPTION = """
@misconception(task="centre", title="A mistake.", hint="Think.")
def mistake(reference, values):
    {}
"""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return reference.checked(values)", "five axes"),
        (
            "from captum.attr import IntegratedGradients as IG; import torch\n"
            "    return IG(lambda x: x.sum(1)).attribute(torch.ones(1, 2), baselines=torch.ones(3, 5))",
            "_utils/common.py",
        ),
    ],
    ids=["reference", "captum"],
)
def test_an_assertion_that_fails_while_a_mistake_is_computed_needs_review(check, body, said):
    result = check(COMPARED, centre=lambda values: values, misconceptions=MISCONCEPTION.format(body))
    assert (result.outcome, result.points) == ("errored", 0)
    assert said in result.fault


@pytest.mark.parametrize("body", ["assert values.dim() == 5", "raise ValueError('no mean of nothing')"])
def test_a_mistake_that_cannot_be_computed_explains_nothing(check, body):
    result = check(COMPARED, centre=lambda values: values, misconceptions=MISCONCEPTION.format(body))
    assert (result.outcome, result.fault, result.diagnosis) == ("failed", "", None)


@pytest.mark.parametrize("error", [AssertionError("no tensor"), ValueError("no tensor")])
def test_an_error_of_diagnosis_needs_review(check, monkeypatch, error):
    def broken(*args, **kwargs):
        raise error

    monkeypatch.setitem(explain.__globals__, "_transform", broken)
    result = check(COMPARED, centre=lambda values: values)
    assert (result.outcome, result.points) == ("errored", 0)
    assert "no tensor" in result.fault
