"""A submission during which processes died again and again keeps what the platform stated of its student."""

from __future__ import annotations

from pathlib import Path

from autograder.course.assignment import load_assignment
from autograder.grading.batch import _give_up
from autograder.grading.results_folder import open_results
from autograder.records import Submission
from autograder.report import read_report


def test_the_id_survives(mini_course: Path, tmp_path: Path) -> None:
    assignment = load_assignment(mini_course, "standardise")
    stated = {"platform": "Moodle", "id": "101"}
    submission = Submission(student="Anna", path=tmp_path / "x.ipynb", origin="x.ipynb", handed_in=stated)
    with open_results(tmp_path / "results", "standardise") as results:
        report, _, files = _give_up(submission, assignment, results, "The worker died.")
        written = read_report(results.folder / "Anna" / "report.json")
    assert written == report and "report.json" in files
    assert report.provenance["handed_in"] == stated and report.needs_review == ("The worker died.",)
