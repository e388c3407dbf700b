"""What is graded again and what is not."""

from __future__ import annotations

import fcntl
import json
import os

import pytest

from autograder.course.assignment import load_assignment
from autograder.course.fingerprint import course_fingerprint, submission_key
from autograder.course.profiles import resolve
from autograder.course.submissions import discover
from autograder.errors import AssignmentError
from autograder.execution.sandbox.selftest import find_mode_here
from autograder.grading.journal import Entry
from autograder.grading.results_folder import open_results
from autograder.grading.schedule import make_schedule
from autograder.records import CheckResult, GradeReport
from autograder.report import write_submission

from ..mini_class import SLUG, build, hand_in


class Class:
    """A class of three, recorded as graded without having been run."""

    def __init__(self, course, base):
        self.course = course
        self.out = base / "out"
        self.submitted = hand_in(build(course), base / "submitted", 3)
        self.assignment = load_assignment(course, SLUG)
        self.mode = find_mode_here().mode

    def found(self):
        return discover([self.submitted], SLUG, self.out / "scratch")

    def record(self, state="done", **more):
        course = course_fingerprint(resolve(self.assignment))
        with open_results(self.out, SLUG) as results:
            for submission in self.found():
                name = submission.student
                written = write_submission(report(name), None, self.assignment, results.folder / name)
                key = submission_key(submission, course)
                results.journal.schedule([Entry(folder=name, student=name, key=key, state=state, **more)])
                if state in ("done", "quarantined"):
                    results.journal.finish(
                        name, state, mode=self.mode, report=written.report, files=written.files
                    )

    def schedule(self, regrade=(), **options):
        settings = resolve(self.assignment, **options)
        with open_results(self.out, SLUG) as results:
            return make_schedule(self.found(), settings, results, regrade=regrade)

    def reasons(self, **options):
        return [item.reason for item in self.schedule(**options).items]


def report(student):
    check = CheckResult(
        id="test_centre_shape",
        task="centre",
        title="-",
        points=1,
        max_points=1,
        outcome="passed",
        visibility="visible",
    )
    return GradeReport(assignment=SLUG, student=student, score=1, max_score=6, checks=(check,))


@pytest.fixture
def graded(mini_course, tmp_path) -> Class:
    return Class(mini_course, tmp_path)


def append(path, text="\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(text)


DONE = ["", "", ""]


def test_nothing_recorded_is_all_new_and_nothing_to_tell(graded):
    schedule = graded.schedule()
    assert [item.reason for item in schedule.items] == ["new"] * 3
    assert schedule.summary() == ""


@pytest.mark.sandbox
def test_all_recorded_is_nothing_to_do(graded):
    graded.record()
    schedule = graded.schedule()
    assert [item.report.student for item in schedule.items] == ["student000", "student001", "student002"]
    assert schedule.summary() == "3 of 3 already graded and unchanged."
    assert not schedule.mode_is_new


def test_another_sandbox_than_the_machines_is_noticed(graded):
    graded.mode = "of another machine"
    graded.record()
    assert graded.schedule().mode_is_new


def test_a_changed_submission_is_graded_again_alone(graded):
    graded.record()
    append(graded.submitted / "student001.ipynb")
    schedule = graded.schedule()
    assert [item.reason for item in schedule.items] == ["", "changed", ""]
    assert schedule.summary() == "2 of 3 already graded and unchanged; to grade: 1 changed."
    assert json.loads(schedule.items[1].entry.previous)["score"] == 1


@pytest.mark.parametrize(
    "name",
    [
        "assignments/standardise/assignment.toml",
        "assignments/standardise/checks.py",
        "assignments/standardise/misconceptions.py",
        "assignments/standardise/generated/calibration.json",
        "assignments/standardise/generated/calibration.hub.json",
        "assignments/standardise/generated/chance.json",
        "assignments/standardise/data/pool/inputs.json",
        "assignments/standardise/data/hidden_model/config.json",
        "reference/standardise.py",
        "student_template/standardise.ipynb",
        "student_template/course/model.py",
        ".course-key",
    ],
)
def test_what_a_grade_rests_on_has_everybody_graded_again(graded, name):
    graded.record()
    append(graded.course / name, "# \n")
    assert graded.reasons() == ["changed"] * 3


@pytest.mark.parametrize(
    "name",
    [
        "assignments/standardise/verification/survivors.toml",
        "assignments/standardise/verification/equivalents.py",
        "assignments/standardise/verification/luck.py",
        "assignments/standardise/verification/right_programs.txt",
        "assignments/standardise/generated/distances.json",
        "assignments/standardise/generated/distances.hub.json",
        "assignments/other/checks.py",
        "reference/other.py",
        "student_template/other.ipynb",
        "student_template/.ipynb_checkpoints/standardise-checkpoint.ipynb",
        "assignments/standardise/__pycache__/checks.cpython-311.pyc",
    ],
)
def test_what_no_grade_rests_on_changes_nothing(graded, name):
    graded.record()
    append(graded.course / name)
    assert graded.reasons() == DONE


def test_another_assignments_model_that_this_one_uses_counts(graded):
    with (graded.course / "assignments" / SLUG / "assignment.toml").open("a") as file:
        for role, path in (("shipped", "models/a"), ("hidden", "../other/data/hidden_model")):
            file.write(f'\n[profiles.tiny.{role}]\npath = "{path}"\nloader = "transformers:AutoModel"\n')
    append(graded.course / "assignments" / "other" / "data" / "hidden_model" / "config.json")
    graded.assignment = load_assignment(graded.course, SLUG)
    graded.record()
    assert graded.reasons() == DONE
    append(graded.course / "assignments" / "other" / "data" / "hidden_model" / "config.json")
    assert graded.reasons() == ["changed"] * 3


def test_another_profile_counts(graded):
    with (graded.course / "assignments" / SLUG / "assignment.toml").open("a") as file:
        for profile in ("tiny", "small"):
            file.write(
                f'\n[profiles.{profile}.shipped]\npath = "models/a"\nloader = "transformers:AutoModel"\n'
            )
    graded.assignment = load_assignment(graded.course, SLUG)
    graded.record()
    assert graded.reasons(profile="tiny") == DONE
    assert graded.reasons(profile="small") == ["changed"] * 3


@pytest.mark.parametrize(
    ("options", "reasons"),
    [
        ({"device": "cuda"}, ["changed"] * 3),
        ({"threads": 2}, ["changed"] * 3),
        ({"regrade": ("student001",)}, ["", "asked for", ""]),
        ({"regrade": ("student001", "student000")}, ["asked for", "asked for", ""]),
        ({"regrade": ("all",)}, ["asked for"] * 3),
        ({"regrade": ("test_centre_values",)}, ["asked for"] * 3),
    ],
)
def test_options_that_count_and_wishes(graded, options, reasons):
    graded.record()
    assert graded.reasons(**options) == reasons


def test_a_moved_course_is_the_same_course(graded, tmp_path):
    graded.record()
    graded.course.rename(tmp_path / "moved")
    graded.assignment = load_assignment(tmp_path / "moved", SLUG)
    assert graded.reasons() == DONE


def test_an_unknown_name_to_regrade_is_a_sentence(graded):
    with pytest.raises(AssignmentError, match=r"--regrade student01: neither .* Did you mean student001"):
        graded.reasons(regrade=("student01",))


@pytest.mark.parametrize("damage", ["changed", "missing", "page"])
def test_files_that_are_not_as_they_were_left_are_graded_again(graded, damage):
    graded.record()
    place = graded.out / SLUG / "student000"
    if damage == "changed":
        append(place / "report.json")
    else:
        (place / {"missing": "report.json", "page": "feedback.html"}[damage]).unlink()
    assert graded.reasons() == ["with changed or missing files", "", ""]


def test_what_needed_review_is_tried_again(graded):
    graded.record(state="quarantined", attempts=2)
    schedule = graded.schedule()
    assert [item.reason for item in schedule.items] == ["in need of review"] * 3
    assert [item.entry.attempts for item in schedule.items] == [0, 0, 0]


def test_an_interrupted_run_goes_on_with_its_counts_and_old_grades(graded):
    graded.record(state="running", attempts=1, previous='{"old": 1}')
    items = graded.schedule().items
    assert [(item.reason, item.entry.attempts, item.entry.previous) for item in items] == [
        ("not finished", 1, '{"old": 1}')
    ] * 3


def test_half_written_files_of_a_killed_run_are_swept(graded):
    graded.record()
    place = graded.out / SLUG
    for path in (place / ".grades.csv.x1.part", place / "student000" / ".report.json.x2.part"):
        path.write_text("half")
    graded.schedule()
    assert list(graded.out.rglob("*.part")) == []


def test_workers_of_a_killed_run_are_waited_for(graded, monkeypatch):
    monkeypatch.setattr("autograder.grading.results_folder._WORKERS_TIMEOUT_S", 0.1)
    graded.record()
    worker = os.open(graded.out / SLUG / ".journal" / "workers-lock", os.O_RDWR)
    fcntl.flock(worker, fcntl.LOCK_EX)
    with pytest.raises(Exception, match="workers of an earlier run still hold this folder"):
        graded.schedule()
    os.close(worker)
    assert graded.reasons() == DONE
