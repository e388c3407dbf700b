"""Notebooks as students really hand them in, each graded through the whole harness."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.course.assignment import load_assignment
from autograder.course.submissions import discover
from autograder.grading.batch import Options, grade_class
from autograder.records import GradeReport

from ..conftest import ROOT
from . import devices, executing, outputs, reading, state
from .handed_in import Case, write

pytestmark = pytest.mark.sandbox

KINDS = (executing, devices, reading, outputs, state)
QUICK = {case.name for kind in KINDS for case in kind.REPORTED if not case.is_slow}
CASES = [case for kind in KINDS for case in (*kind.REPORTED, *kind.INVENTED)]


def marks(case: Case) -> list[pytest.MarkDecorator]:
    """Let the default run grade what was reported, and the long tests everything."""
    return [] if case.name in QUICK else [pytest.mark.long]


@pytest.fixture(scope="module")
def graded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Graded]:
    """The cases that this run asks for, all of one assignment as one class."""
    items = [item for item in request.session.items if item.path == request.path]
    wanted = [item.callspec.params["case"] for item in items if isinstance(item, pytest.Function)]
    found: dict[str, Graded] = {}
    for slug in sorted({case.slug for case in wanted}):
        base = tmp_path_factory.mktemp(slug)
        for case in wanted:
            if case.slug == slug:
                write(case, base / "class")
        assignment = load_assignment(ROOT, slug)
        submissions = discover([base / "class"], slug, base / "scratch", assignment)
        reports = grade_class(submissions, assignment, base / "out", Options(jobs=2))
        found |= {each.student: (each, base / "out" / slug / each.folder_name) for each in reports}
    return found


Graded = tuple[GradeReport, Path]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name, marks=marks(case)) for case in CASES])
def test_what_students_do_ends_as_it_should(case: Case, graded: dict[str, Graded]) -> None:
    report, folder = graded[case.name]
    feedback = [check.feedback for check in report.checks if check.outcome != "passed"]
    told = [report.problem, *report.remarks, *(failure.message for failure in report.failures), *feedback]
    assert report.needs_review == ()
    assert report.score == case.score, told
    assert case.score < 40 or set(feedback) <= set(case.told), told
    assert [piece for piece in case.told if not any(piece in one for one in told)] == [], told
    read = " ".join(pending.answer for pending in report.pending)
    assert [piece for piece in case.answers if piece not in read] == [], read
    shown = (folder / "feedback.html").read_text(encoding="utf-8")
    assert shown.count("data:image/png;base64,") >= case.pictures
