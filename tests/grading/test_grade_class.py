"""Whole classes of the small course, through real workers and real kernels."""

import json
import os
import shutil
from pathlib import Path
from textwrap import dedent, indent

import pytest

from autograder.authoring.notebook import build_assignment
from autograder.checks.decorators import collect, points_by_task
from autograder.course.assignment import load_assignment
from autograder.course.submissions import discover
from autograder.errors import AssignmentError
from autograder.grading.batch import Options, Progress, grade_class, grade_paths

from ..conftest import MINI
from ..notebook_maker import submission

pytestmark = pytest.mark.sandbox


def hurried(course: Path) -> Path:
    """Copy the small course with shorter limits: what never ends is waited for several times."""
    shutil.copytree(MINI, course, dirs_exist_ok=True)
    settings = course / "assignments" / "standardise" / "assignment.toml"
    text = settings.read_text()
    assert "call_timeout_s = 3" in text
    settings.write_text(text.replace("call_timeout_s = 3", "call_timeout_s = 1"))
    return course


def built(course: Path):
    assignment = load_assignment(course, "standardise")
    build_assignment(assignment, points_by_task(collect(assignment)))
    return assignment


def grade(course, handed_in, out, jobs=2):
    assignment = built(course)
    found = discover([handed_in], "standardise", out / "scratch")
    return {report.student: report for report in grade_class(found, assignment, out, Options(jobs=jobs))}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class graded once: folder of results, folder of submissions, reports by student."""
    base = tmp_path_factory.mktemp("class")
    course = hurried(base / "course")
    template = built(course).template
    handed_in = base / "submitted"
    right = {
        "right": {},
        "untouched": dict.fromkeys(("centre", "standardise", "plot-table", "question-why")),
        "overall": {"centre": "def centre(values):\n    return values - values.mean()"},
        "endless": {"centre": "def centre(values):\n    while True:\n        pass"},
        "exits": {"centre": "import os\ndef centre(values):\n    os._exit(3)"},
        "raises": {"standardise": "def standardise(values):\n    raise KeyError('nope')"},
        "missing": {"standardise": "x = 1"},
    }
    for student, cells in right.items():
        submission(template, handed_in / f"{student}.ipynb", cells)
    (handed_in / "corrupt.ipynb").write_text('{"cells": [')
    anothers = (
        (handed_in / "right.ipynb")
        .read_text()
        .replace('"standardise', '"tripling')
        .replace('"centre"', '"x"')
    )
    (handed_in / "anothers.ipynb").write_text(anothers.replace("check-", "test-"))
    out = base / "results"
    out.mkdir()
    return out, handed_in, grade(course, handed_in, out)


class Recorder(Progress):
    """Writes down what it is told."""

    def __init__(self):
        self.told = []

    def scheduled(self, schedule):
        self.told.append(("scheduled", [item.submission.student for item in schedule.items]))

    def graded(self, report):
        self.told.append(("graded", report.student))

    def finished(self, graded):
        self.told.append(("finished", [report.student for report in graded.reports]))


def test_progress_is_told_what_happens_and_grading_by_paths_is_the_same(mini_course, tmp_path):
    assignment = built(mini_course)
    (tmp_path / "in").mkdir()
    for name in ("ana", "ben"):
        (tmp_path / "in" / f"{name}.ipynb").write_text("no notebook")
    first, second = Recorder(), Recorder()
    found = discover([tmp_path / "in"], "standardise", tmp_path / "scratch")
    reports = grade_class(found, assignment, tmp_path / "out", Options(jobs=1), first)
    again = grade_paths([tmp_path / "in"], assignment, tmp_path / "out", Options(jobs=1), second)
    both = ["ana", "ben"]
    assert first.told == [("scheduled", both), ("graded", "ana"), ("graded", "ben"), ("finished", both)]
    assert second.told == [("scheduled", both), ("finished", both)]
    assert [report.problem for report in again] == [report.problem for report in reports]


def outcomes(report):
    return {check.id: check.outcome for check in report.checks}


def test_a_right_submission_gets_all_points(graded):
    report = graded[2]["right"]
    assert (report.score, report.max_score, report.needs_review, report.problem) == (6, 6, (), "")
    assert report.pending[0].answer == "So that columns can be compared."


def test_the_untouched_template_gets_none_and_is_no_fault_of_ours(graded):
    report = graded[2]["untouched"]
    assert (report.score, report.needs_review) == (0, ())
    assert report.pending == ()
    assert [question.id for question in report.unanswered] == ["question-why"]


def test_a_mistake_is_named_and_costs_only_its_function(graded):
    report = graded[2]["overall"]
    assert report.checks[0].diagnosis.misconception == "overall_mean"
    assert outcomes(report)["test_centre_values"] == "skipped"


def test_an_endless_loop_costs_its_function_and_is_asked_once(graded):
    report = graded[2]["endless"]
    assert outcomes(report)["test_centre_shape"] == "timed_out"
    assert report.needs_review == ()


def test_a_function_that_ends_the_process_does_not_take_the_others_along(graded):
    report = graded[2]["exits"]
    assert outcomes(report)["test_centre_shape"] == "errored"
    assert outcomes(report)["test_standardise_values"] == "errored"
    assert report.needs_review == ()


@pytest.mark.parametrize(("student", "said"), [("raises", "KeyError"), ("missing", "standardise")])
def test_the_instructor_reads_why_there_was_no_answer(graded, student, said):
    check = graded[2][student].checks[2]
    assert check.outcome == "errored"
    assert said in check.detail


def test_a_corrupt_file_is_a_sentence_and_stops_nobody(graded):
    report = graded[2]["corrupt"]
    assert report.score == 0
    assert "JSON" in report.problem
    assert report.needs_review == ()


def test_another_assignments_notebook_is_a_sentence_and_not_run(graded):
    report = graded[2]["anothers"]
    assert report.problem == (
        "This is the notebook of another assignment (tripling), handed in for standardise. Hand in the right file."
    )
    assert (report.score, report.needs_review) == (0, ())
    assert set(outcomes(report).values()) == {"skipped"}


def test_every_file_is_written(graded):
    out = graded[0] / "standardise"
    assert {path.name for path in out.iterdir() if path.is_file()} == {
        "grades.csv",
        "class.html",
        "leaderboard.csv",
    }
    names = {path.name for path in (out / "right").iterdir()}
    assert names == {
        "report.json",
        "grade.json",
        "feedback.html",
        "instructor.html",
        "executed.ipynb",
        "executed.html",
    }


def test_no_page_for_the_student_holds_a_path_of_the_machine(graded):
    for path in (graded[0] / "standardise").glob("*/*"):
        if path.name in ("feedback.html", "executed.html", "executed.ipynb"):
            assert str(graded[0].parent) not in path.read_text(), path


@pytest.mark.long
def test_a_second_run_gives_the_same_bytes_but_for_the_timing(graded, mini_course, tmp_path):
    first = graded[0] / "standardise"
    grade(hurried(mini_course), graded[1], tmp_path, jobs=1)
    compared = 0
    for path in sorted((tmp_path / "standardise").rglob("*")):
        if path.is_dir() or ".journal" in path.parts:
            continue
        other = first / path.relative_to(tmp_path / "standardise")
        if path.name == "report.json":
            a, b = (json.loads(file.read_text()) for file in (path, other))
            a.pop("timing"), b.pop("timing")
            assert a == b
        else:
            assert path.read_bytes() == other.read_bytes(), path
        compared += 1
    assert compared > 30


@pytest.mark.long
def test_a_worker_that_dies_is_replaced_and_its_submission_needs_review(mini_course, tmp_path):
    checks = mini_course / "assignments" / "standardise" / "checks.py"
    kill = '    if float(actual.sum()) == 42.0:\n        __import__("os")._exit(9)\n'
    text = checks.read_text()
    place = '    actual = submission.call("standardise", values)\n'
    assert place in text
    checks.write_text(text.replace(place, place + kill))
    template = built(mini_course).template
    deadly = "def standardise(values):\n    out = values * 0\n    out[0, 0] = 42.0\n    return out"
    submission(template, tmp_path / "in" / "deadly.ipynb", {"standardise": deadly})
    submission(template, tmp_path / "in" / "later.ipynb")
    reports = grade(mini_course, tmp_path / "in", tmp_path, jobs=1)
    assert reports["later"].score == 6
    assert reports["deadly"].needs_review == (
        "The grading process ended 2 times while it graded this submission.",
    )


SPENT = {
    "loops": ("while True:\n    pass", "more than 3 s of computing time of its own"),
    "computes": ("sum(range(10**13))", "The grading process ended 2 times"),
    "hoards": ("bytearray(2 * 2**30)", "MemoryError"),
}
"""What the grader is made to do, and why the submission then needs review."""


@pytest.mark.long
def test_a_submission_that_takes_the_grader_too_much_needs_review_and_the_batch_goes_on(
    mini_course, tmp_path
):
    folder = mini_course / "assignments" / "standardise"
    settings = folder / "assignment.toml"
    budget = "[limits]\ngrader_cpu_s = 3\ngrader_memory_bytes = 1073741824"
    settings.write_text(settings.read_text().replace("[limits]", budget))
    place = '    actual = submission.call("standardise", values)\n'
    spend = "".join(
        f"    if float(actual.sum()) == {number}.0:\n{indent(dedent(action), ' ' * 8)}\n"
        for number, (action, _) in enumerate(SPENT.values(), start=40)
    )
    text = (folder / "checks.py").read_text()
    assert place in text
    (folder / "checks.py").write_text(text.replace(place, place + spend))
    template = built(mini_course).template
    for number, name in enumerate(SPENT, start=40):
        answer = f"def standardise(values):\n    out = values * 0\n    out[0, 0] = {number}.0\n    return out"
        submission(template, tmp_path / "in" / f"{name}.ipynb", {"standardise": answer})
    submission(template, tmp_path / "in" / "z-later.ipynb")
    reports = grade(mini_course, tmp_path / "in", tmp_path, jobs=1)

    assert reports["z-later"].score == 6 and not reports["z-later"].needs_review
    for name, (_, reason) in SPENT.items():
        assert reason in reports[name].needs_review[0], (name, reports[name].needs_review)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_results_folder_that_cannot_be_written_is_a_sentence(mini_course, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(AssignmentError, match="results cannot be written here"):
        grade_class([], built(mini_course), tmp_path, Options())


def test_a_results_folder_that_is_a_file_is_a_sentence(mini_course, tmp_path):
    (tmp_path / "results").write_text("")
    with pytest.raises(AssignmentError, match="results cannot be written here"):
        grade_class([], built(mini_course), tmp_path / "results", Options())


@pytest.mark.long
def test_an_assertion_counts_against_the_student_only_in_their_own_code(tmp_path):
    course = hurried(tmp_path / "course")
    reference = course / "reference" / "standardise.py"
    right = "    return centre(values) / values.std(dim=0, correction=correction)\n"
    assert right in reference.read_text()
    broken = reference.read_text().replace(
        right, "    assert values.shape[0] < 3, 'broken reference'\n" + right
    )
    reference.write_text(broken)
    template = built(course).template
    own = "def standardise(values):\n    assert values.shape[0] < 3, 'own'\n    return centre(values) / values.std(0)"
    submission(template, tmp_path / "submitted" / "right.ipynb")
    submission(template, tmp_path / "submitted" / "own.ipynb", {"standardise": own})
    (out := tmp_path / "results").mkdir()
    reports = grade(course, tmp_path / "submitted", out)

    assert reports["right"].score == 3
    (fault,) = reports["right"].needs_review
    assert "reference/standardise.py" in fault and "broken reference" in fault
    assert str(tmp_path) not in fault
    assert outcomes(reports["right"])["test_standardise_values"] == "errored"
    assert outcomes(reports["own"])["test_standardise_values"] == "errored"
    assert (reports["own"].score, reports["own"].needs_review) == (3, ())
