"""The example class through the whole harness: what is said of each student is what the table says."""

import json
import time

import pytest

from autograder.course.assignment import load_assignment
from autograder.course.submissions import discover
from autograder.grading.batch import Options, grade_class
from autograder.records.folder_names import student_folder_name

from .class_table import CHECKS, CLASS
from .conftest import ROOT
from .row import UNNAMED

pytestmark = pytest.mark.sandbox

SLUG = "token_attribution"
DEMO_S = 60
"""What the class may take, in seconds on two cores."""

FURTHER = {path.stem for path in (ROOT / "examples" / "further" / SLUG).glob("*.ipynb")}
"""Students whom the demo does not grade."""

each_student = pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=[pytest.mark.long] if row.student in FURTHER else []) for row in CLASS],
    ids=lambda row: row.student,
)


def grade(folder, base):
    """Grade a folder: reports by student, the folder of results, seconds."""
    assignment = load_assignment(ROOT, SLUG)
    found = discover([folder], SLUG, base / "scratch")
    started = time.monotonic()
    reports = grade_class(found, assignment, base, Options(jobs=2))
    seconds = time.monotonic() - started
    return {report.student: report for report in reports}, base / SLUG, seconds


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The demo's class, graded once."""
    return grade(ROOT / "examples" / SLUG, tmp_path_factory.mktemp("demo_class"))


@pytest.fixture(scope="module")
def graded_further(tmp_path_factory):
    """The others, graded once."""
    return grade(ROOT / "examples" / "further" / SLUG, tmp_path_factory.mktemp("further_class"))


@pytest.fixture
def report(request, row):
    of_class = request.getfixturevalue("graded_further" if row.student in FURTHER else "graded")
    return of_class[0][row.student]


@each_student
def test_nothing_is_our_fault(row, report):
    assert report.needs_review == ()


@each_student
def test_checks_that_do_not_pass_are_the_tables(row, report):
    lost = {check.id for check in report.checks if check.outcome != "passed"}
    own = {"full": "", "some": "", "none": "own2", "missing": "own1 own2"}[row.mine]
    expected = {CHECKS[name] for name in (CHECKS if row.problem else f"{row.lost} {own}".split())}
    assert lost - expected <= ({CHECKS["own2"]} if row.mine == "some" else set())
    assert expected <= lost


@each_student
def test_points_are_all_or_nothing_but_for_the_own_method(row, report):
    for check in report.checks:
        if check.id != CHECKS["own2"]:
            assert check.points == (check.max_points if check.outcome == "passed" else 0)
        elif row.mine == "some":
            assert 0 < check.points <= check.max_points
        else:
            assert check.points == (check.max_points if row.mine == "full" and not row.problem else 0)
    assert report.max_score == 40


@each_student
def test_mistakes_are_named(row, report):
    named = {(check.task, check.diagnosis.misconception) for check in report.checks if check.diagnosis}
    assert named == {(task, mistake) for task, mistake in row.wrong.items() if mistake not in UNNAMED}


@each_student
def test_remarks_cell_failures_and_problems_are_told(row, report):
    said = [
        *report.remarks,
        *(remark for check in report.checks for remark in (*check.remarks, *check.measured)),
    ]
    assert any(row.says in remark for remark in said) or not row.says
    assert any(row.fails in failure.message for failure in report.failures) or not row.fails
    assert bool(report.problem) == bool(row.problem)
    assert row.problem in report.problem


@each_student
def test_feedback_is_free_of_our_inner_workings(row, report):
    told = " ".join(
        [report.problem, *report.remarks, *(f"{check.feedback} {check.hint}" for check in report.checks)]
    )
    assert not [word for word in ("assert ", "+  where", "Traceback", str(ROOT), "NoneType") if word in told]


def test_an_endless_call_is_timed_out_and_the_rest_is_graded(graded):
    report = graded[0]["Felix Bäcker"]
    outcomes = {check.id: check.outcome for check in report.checks}
    assert [outcomes[CHECKS[name]] for name in ("mer1", "mer2", "mer3", "mer4")] == ["passed"] * 4
    assert outcomes[CHECKS["mer5"]] == "timed_out"
    assert report.failures == ()


def test_who_looks_for_the_reference_finds_nothing(graded):
    place = graded[1] / student_folder_name("Viktor Dräger")
    notebook = json.loads((place / "executed.ipynb").read_text(encoding="utf-8"))
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    printed = "".join("".join(output["text"]) for output in outputs if output["output_type"] == "stream")
    assert printed.startswith("[]\n") or "\n[]\n" in printed
    assert "no network:" in printed
    assert "\nsent\n" not in printed


@pytest.mark.long
def test_leaderboard_runs_from_faithful_to_turned_round(graded, graded_further):
    percentile = {
        student: check.metrics["faithfulness_percentile"]
        for student, report in (graded[0] | graded_further[0]).items()
        for check in report.checks
        if "faithfulness_percentile" in check.metrics
    }
    assert len(percentile) == len(CLASS) - 3  # one file is broken, two did not write the function
    assert min(percentile, key=percentile.get) == "Tobias Schröder"
    assert percentile["Tobias Schröder"] < 30
    for chance in ("Paul O'Connor", "Jonas Köhler", "Viktor Dräger"):
        assert 40 <= percentile[chance] <= 60
    assert sum(value >= 80 for value in percentile.values()) >= 12


def test_pages_and_tables_of_the_class_are_there(graded):
    _, folder, _ = graded
    for row in (row for row in CLASS if row.student not in FURTHER):
        for name in ("report.json", "feedback.html"):
            assert (folder / student_folder_name(row.student) / name).is_file()
    table = (folder / "grades.csv").read_text(encoding="utf-8-sig")
    assert '"Nguyễn, Linh"' in table and "Paul O'Connor" in table
    assert all((folder / name).is_file() for name in ("class.html", "leaderboard.csv"))


@pytest.mark.benchmark
def test_class_is_graded_within_the_demos_time(graded):
    assert graded[2] <= DEMO_S
