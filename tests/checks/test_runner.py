"""Checks of the small course, run on plain functions through the same fixtures as the batch's."""

from dataclasses import replace

import pytest
import torch

from autograder.checks.answer_cache import MemoisedReference
from autograder.checks.check_run import CheckRun
from autograder.checks.decorators import collect, points_by_task
from autograder.checks.runner import run_checks, with_checks
from autograder.checks.submission_proxy import LocalFunctions, SubmissionProxy
from autograder.comparison.tolerances import load_tolerances
from autograder.course.assignment import load_assignment, load_module, load_reference
from autograder.diagnosis import misconceptions_of
from autograder.errors import AssignmentError, CallTimeoutError, KernelDiedError, StudentCodeError
from autograder.report.check_view import check_view

from ..conftest import MINI


def grading(student="ana", course=MINI, **functions):
    """What the small course's checks need to grade these functions; the reference's where none is given."""
    assignment = load_assignment(course, "standardise")
    reference = load_reference(assignment)
    known = misconceptions_of(load_module(assignment.folder / "misconceptions.py", "mini_misconceptions"))
    answers = LocalFunctions({"centre": reference.centre, "standardise": reference.standardise, **functions})
    parts = ("key", student, assignment.slug)
    return CheckRun(
        assignment=assignment,
        checks=collect(assignment),
        proxy=SubmissionProxy(answers, parts),
        reference=MemoisedReference(reference),
        models=(),
        misconceptions=known,
        tolerances=load_tolerances(assignment.generated_dir),
        seed_parts=parts,
    )


@pytest.fixture
def grade():
    """Grade functions with the small course's checks; returns results by check id."""

    def run(student="ana", course=MINI, **functions):
        return {result.id: result for result in run_checks(grading(student, course, **functions))}

    return run


def raising(error):
    def function(*args):
        raise error

    return function


def test_the_reference_gets_all_points(grade):
    results = grade()
    assert [result.outcome for result in results.values()] == ["passed"] * 3
    assert sum(result.points for result in results.values()) == 6


def test_a_known_mistake_is_named_and_its_hint_is_what_the_student_reads(grade):
    result = grade(centre=lambda values: values - values.mean())["test_centre_shape"]
    assert (result.outcome, result.points) == ("failed", 0)
    assert result.diagnosis.misconception == "overall_mean"
    assert result.hint == "Each column has a mean of its own."
    assert result.feedback.startswith("centred: 4 of 4 values differ.") and result.hint not in result.feedback


def test_an_unknown_mistake_gets_the_checks_hint(grade):
    result = grade(centre=lambda values: values * 0)["test_centre_shape"]
    assert result.diagnosis is None
    assert result.hint == "All of your values are one and the same number. Take the mean along the rows."


def test_a_plain_assert_tells_its_message_and_no_more(grade):
    result = grade(centre=lambda values: None)["test_centre_shape"]
    assert (result.feedback, result.hint) == (
        "The function returned nothing.",
        "Take the mean along the rows.",
    )


def test_a_check_is_skipped_where_the_required_one_failed(grade):
    result = grade(centre=lambda values: values)["test_centre_values"]
    assert (result.outcome, result.points) == ("skipped", 0)
    assert result.feedback == ""
    assert result.hint == "Not run: it needs “The centred table has the table's shape.” to pass first."


def test_a_mistake_in_one_function_leaves_the_other_its_points(grade):
    assert grade(centre=lambda values: values)["test_standardise_values"].points == 3


def test_an_accepted_alternative_passes(grade):
    result = grade(standardise=lambda v: (v - v.mean(0)) / v.std(0, correction=0))["test_standardise_values"]
    assert (result.outcome, result.points) == ("passed", 3)


def test_a_hidden_check_tells_the_student_no_value(grade):
    result = grade(standardise=lambda values: values)["test_standardise_values"]
    assert (result.feedback, result.hint) == ("", "How is a standard deviation defined?")
    assert "found" in result.detail


def wrong_on_unseen_tables(values):
    """Centre a table right only where it has two columns, as the visible one has."""
    return values - values.mean(0) * (values.shape[1] == 2)


WAYS_TO_LOSE = {
    "known mistake": lambda values: (values - values.mean(0)) / values.var(0),
    "unknown mistake": lambda values: values,
    "another shape": lambda values: values[0],
    "nothing": lambda values: None,
    "error": raising(StudentCodeError("standardise", "ValueError")),
    "stub": raising(StudentCodeError("standardise", "NotImplementedError")),
    "too slow": raising(CallTimeoutError("standardise() did not return within 5 s.")),
    "death": raising(KernelDiedError("It ended.")),
    "another function's error": raising(StudentCodeError("centre", "ValueError")),
}


@pytest.mark.parametrize("way", WAYS_TO_LOSE)
def test_only_the_first_lost_check_on_unseen_inputs_says_how(grade, way):
    first = grade(standardise=WAYS_TO_LOSE[way])["test_standardise_values"]
    later = grade(centre=wrong_on_unseen_tables, standardise=WAYS_TO_LOSE[way])["test_standardise_values"]
    assert (first.points, later.points) == (0, 0)
    view = check_view(replace(later, follows_from=""))
    assert (view.state, view.found, view.hint) == ("failed", "", "How is a standard deviation defined?")
    # The control: the first one tells some of them apart.
    assert (check_view(first).hint != view.hint) == (way in SAID)


def test_a_function_that_is_not_written_leaves_how_to_the_next_one(grade):
    stub = raising(StudentCodeError("centre", "NotImplementedError"))
    results = grade(centre=stub, standardise=WAYS_TO_LOSE["known mistake"])
    assert results["test_standardise_values"].hint == "The unit should cancel."


def test_a_visible_check_after_hidden_ones_does_not_say_how_it_was_lost(grade):
    result = grade(standardise=WAYS_TO_LOSE["too slow"])["test_standardise_values"]
    assert result.outcome == "timed_out"
    assert check_view(replace(result, visibility="visible")).state == "failed"
    # The control: a visible check before them has a message, and says it.
    assert check_view(replace(result, visibility="visible", feedback="Too slow.")).state == "timed_out"


SAID = {"nothing", "known mistake", "error", "stub", "too slow", "death", "another function's error"}


@pytest.mark.parametrize("name", ["Leak_7.25_3.5", "ValueError", "ChildProcessError"])
def test_an_error_in_a_hidden_check_hides_its_text_and_its_name(grade, name):
    result = grade(standardise=raising(StudentCodeError("standardise", name, "7.25")))[
        "test_standardise_values"
    ]

    assert (result.feedback, result.outcome) == ("", "errored")
    assert result.hint == (
        "Your function raised an error on an input that you have not seen. How is a standard deviation defined?"
    )
    assert f"{name}: 7.25" in result.detail


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (StudentCodeError("centre", "ValueError", "no"), "errored"),
        (KernelDiedError("The process ended."), "errored"),
        (CallTimeoutError("centre did not return within 3 s."), "timed_out"),
    ],
)
def test_what_the_students_code_does_is_the_students(grade, error, outcome):
    result = grade(centre=raising(error))["test_centre_shape"]
    assert (result.outcome, result.points, result.fault) == (outcome, 0, "")


def test_what_a_check_itself_does_is_ours_and_earns_nothing(grade):
    result = grade(centre=lambda values: {})["test_centre_shape"]
    assert (result.outcome, result.fault) == ("failed", "")
    result = grade(standardise=raising(AssignmentError("pool.tsv is missing")))["test_standardise_values"]
    assert (result.outcome, result.points) == ("errored", 0)
    assert result.fault == "AssignmentError: pool.tsv is missing"


def test_a_function_that_did_not_answer_in_time_is_not_asked_again(grade):
    asked = []

    def slow(values):
        asked.append(values)
        raise CallTimeoutError("standardise did not return within 3 s.")

    results = grade(standardise=slow)
    assert len(asked) == 1
    assert results["test_standardise_values"].outcome == "timed_out"


def test_inputs_differ_by_student_and_repeat_for_the_same(grade):
    seen = {}

    def spy(student):
        def centre(values):
            seen.setdefault(student, []).append(values)
            return values - values.mean(dim=0)

        return centre

    for student in ("ana", "ben"):
        grade(student, centre=spy(student))
    first = seen.pop("ana")
    grade("ana", centre=spy("ana"))
    assert all(torch.equal(a, b) for a, b in zip(first, seen["ana"], strict=True))
    assert not torch.equal(first[1], seen["ben"][1])


def test_the_points_of_the_checks_are_summed_by_task():
    assert points_by_task(collect(load_assignment(MINI, "standardise"))) == {"centre": 3, "standardise": 3}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("@points(3)", "@points(4)", "points is 6 in assignment.toml, but the checks sum to 7."),
        ('@grades("standardise")', '@grades("standardize")', "Did you mean standardise?"),
        ("@requires(test_centre_shape)", '@requires("test_center_shape")', "Did you mean test_centre_shape?"),
        (
            '@visibility("visible")',
            '@visibility("public")',
            "@visibility is 'public': write visible or hidden",
        ),
        ("@points(1)\n", "", "test_centre_shape has no @points(n)"),
        ('    """Columns of unseen tables have mean zero."""\n', "", "test_centre_values has no docstring"),
    ],
)
def test_a_wrong_mark_is_a_sentence(mini_course, old, new, said):
    path = mini_course / "assignments" / "standardise" / "checks.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(AssignmentError) as caught:
        collect(load_assignment(mini_course, "standardise"))
    assert said in str(caught.value)


def test_two_courses_with_the_same_slug_are_kept_apart(grade, mini_course):
    path = mini_course / "assignments" / "standardise" / "checks.py"
    path.write_text(path.read_text().replace("Columns of unseen tables", "All columns of unseen tables"))
    titles = [grade(course=course)["test_centre_values"].title for course in (MINI, mini_course, MINI)]
    assert [title.startswith("All") for title in titles] == [False, True, False]


def test_checks_are_those_of_the_course_and_not_what_was_imported_before(grade, mini_course):
    path = mini_course / "assignments" / "standardise" / "checks.py"
    path.write_text(path.read_text().replace("reference.centre(values), name", "values, name"))
    assert grade()["test_centre_values"].outcome == "passed"
    assert grade(course=mini_course)["test_centre_values"].outcome == "failed"
    assert grade()["test_centre_values"].outcome == "passed"


def test_an_answer_is_recalled_only_for_the_same_arguments():
    asked = []

    def double(values):
        asked.append(values)
        return values * 2

    proxy = SubmissionProxy(LocalFunctions({"double": double}), ("key", "ana", "slug"))
    one, other = torch.tensor([1.0]), torch.tensor([2.0])
    answers = [proxy.recall("double", values) for values in (one, one.clone(), other)]
    assert [float(answer) for answer in answers] == [2, 2, 4]
    assert len(asked) == 2
    assert proxy.last.args == (other,)


def test_of_a_function_that_is_not_written_only_that_is_said(grade):
    said = "is not written yet: it raised NotImplementedError"
    results = grade(
        centre=raising(StudentCodeError("centre", "NotImplementedError")),
        standardise=raising(StudentCodeError("standardise", "NotImplementedError")),
    )
    shape, values = results["test_centre_shape"], results["test_standardise_values"]
    assert (shape.visibility, shape.hint, shape.feedback) == ("visible", "", f"centre() {said}")
    assert (values.visibility, values.hint) == ("hidden", "This runs once the function is written.")


def each(gradings):
    """Grade one after another while pytest stays at work."""
    gradings = list(gradings)
    return with_checks(gradings[0].assignment, gradings[0].checks, lambda run: [run(one) for one in gradings])


def test_one_after_another_gets_what_it_gets_alone():
    functions = [{}, {"centre": lambda values: values}, {"standardise": lambda values: values * 0}, {}]
    students = ["ana", "ben", "cem", "dora"]
    together = each(grading(name, **own) for name, own in zip(students, functions, strict=True))
    alone = [run_checks(grading(name, **own)) for name, own in zip(students, functions, strict=True)]
    assert together == alone
    assert [sum(result.points for result in results) for results in together] == [6, 3, 3, 6]


def test_a_check_that_ends_the_run_costs_no_other_submission_its_checks():
    def leave(values):
        pytest.exit("enough")

    first, ended, last = each([grading("ana"), grading("ben", centre=leave), grading("cem")])
    assert [result.outcome for result in first] == [result.outcome for result in last] == ["passed"] * 3
    assert [result.fault for result in ended] == ["The check was not run."] * 3
    assert sum(result.points for result in ended) == 0


def test_what_the_caller_raises_comes_through():
    one = grading()
    with pytest.raises(EOFError, match="closed"):
        with_checks(one.assignment, one.checks, lambda run: raising(EOFError("closed"))())


def test_checks_that_cannot_be_imported_are_a_fault_of_ours(mini_course):
    one = grading(course=mini_course)
    path = mini_course / "assignments" / "standardise" / "checks.py"
    path.write_text("raise ValueError('typo')")
    assert [result.fault for result in run_checks(one)] == ["The check was not run."] * 3


def test_what_checks_print_is_shown_nowhere(mini_course, capsys):
    path = mini_course / "assignments" / "standardise" / "checks.py"
    text = path.read_text()
    assert "    actual = " in text
    path.write_text(text.replace("    actual = ", "    print('loud')\n    actual = ", 1))
    assert sum(result.points for result in run_checks(grading(course=mini_course))) == 6
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("visibility", "remarks", "measured"),
    [
        ("visible", ("Fixed.",), ("At 79.1.",)),
        # Which remark an unseen input gets is measured, too.
        ("hidden", (), ("At 79.1.", "Fixed.")),
    ],
)
def test_what_is_measured_is_kept_apart_from_remarks(mini_course, visibility, remarks, measured):
    path = mini_course / "assignments" / "standardise" / "checks.py"
    noted = "record.remark('Fixed.')\n    record.measured('At 79.1.')\n    record.measured('At 79.1.')\n    for values"
    text = path.read_text().replace("(submission, reference, rng)", "(submission, reference, rng, record)")
    text = text.replace('@visibility("hidden")\n@hint', f'@visibility("{visibility}")\n@hint')
    path.write_text(text.replace("for values in (table", f"{noted} in (table"))
    result = run_checks(grading(course=mini_course))[-1]
    assert (result.remarks, result.measured) == (remarks, measured)


def test_strips_of_hidden_checks_are_kept_for_the_instructor(mini_course):
    path = mini_course / "assignments" / "standardise" / "checks.py"
    text = path.read_text().replace("(submission, reference, rng)", "(submission, reference, rng, record)")
    path.write_text(
        text.replace(
            "for values in (table", "record.strip('S', ['a'], torch.ones(1))\n    for values in (table"
        )
    )
    result = run_checks(grading(course=mini_course))[-1]
    assert [strip.title for strip in result.strips] == ["S"]
