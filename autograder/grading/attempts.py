"""The attempts of students: which are still to be graded, and what the history keeps of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autograder.course.course_file import load_course
from autograder.course.policy.attempts import OWN_FOLDER, Attempt, read_attempts
from autograder.course.versions import file_hash
from autograder.grading.results_folder import Results
from autograder.records import Assignment, GradeReport, Submission


def earlier_attempts(
    submissions: Sequence[Submission], results: Results, assignment: Assignment
) -> Iterator[list[Submission]]:
    """Yield all first attempts, all second ones and so on, without the last, where the course counts more than that.

    What the journal's history has already is not graded again.
    """
    course = load_course(assignment.course_dir)
    if course is None or course.attempts == "last":
        return
    known = read_attempts(results.folder / OWN_FOLDER)
    graded = {(attempt.folder, attempt.submission) for own in known.values() for attempt in own}
    for number in range(max((len(one.earlier) for one in submissions), default=0)):
        attempts = [one.earlier[number] for one in submissions if len(one.earlier) > number]
        fresh = [
            one
            for one in attempts
            if not one.problem and (one.folder_name, file_hash(one.path)) not in graded
        ]
        if fresh:
            yield fresh


def attempt_of(report: GradeReport) -> Attempt | None:
    """Return what the journal keeps of a submission for the history of attempts; nothing of a fault of ours."""
    submission = report.provenance.get("hashes", {}).get("submission", "")
    if report.needs_review or not submission:
        return None
    at = report.provenance.get("handed_in", {}).get("at", "")
    return Attempt(folder=report.folder_name, submission=submission, at=at, score=report.score)
