"""What is asked of every example class: graded through the whole harness, each student gets what the table says."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from autograder.course.assignment import load_assignment
from autograder.course.submissions import discover
from autograder.grading.batch import Options, grade_class

from .conftest import ROOT
from .row import UNNAMED


class WholeClass:
    """Base of the classes' tests; `row` is each row of `table.CLASS` in turn."""

    slug: ClassVar[str]
    """The assignment."""

    table: ClassVar[Any]
    """Module with CLASS and CHECKS."""

    @pytest.fixture(scope="class")
    def graded(self, request, tmp_path_factory):
        """The class graded once: reports by student."""
        slug = request.cls.slug
        base = tmp_path_factory.mktemp(slug)
        folders = [ROOT / "examples" / slug, ROOT / "examples" / "further" / slug]
        found = discover([folder for folder in folders if folder.is_dir()], slug, base / "scratch")
        reports = grade_class(found, load_assignment(ROOT, slug), base, Options(jobs=2))
        return {report.student: report for report in reports}

    @pytest.fixture
    def report(self, graded, row):
        return graded[row.student]

    def test_the_whole_class_is_there(self, graded):
        assert graded.keys() == {row.student for row in self.table.CLASS}

    def test_nothing_is_our_fault(self, row, report):
        assert report.needs_review == () and report.problem == ""

    def test_checks_that_do_not_pass_are_the_tables(self, row, report):
        assert {check.id for check in report.checks if check.outcome != "passed"} == {
            self.table.CHECKS[name] for name in row.lost.split()
        }

    def test_points_are_all_or_nothing(self, row, report):
        for check in report.checks:
            assert check.points == (check.max_points if check.outcome == "passed" else 0)
        assert report.max_score == 40

    def test_mistakes_are_named(self, row, report):
        named = {(check.task, check.diagnosis.misconception) for check in report.checks if check.diagnosis}
        of_the_table = {task: mistake for task, mistake in row.wrong.items() if mistake not in UNNAMED}
        assert named == {*of_the_table.items(), *row.general.items()}

    def test_no_assert_of_the_notebook_fails_for_a_right_answer(self, row, report):
        if not row.wrong:
            assert report.failures == () and report.remarks == ()

    def test_feedback_is_free_of_our_inner_workings(self, row, report):
        told = " ".join(
            [report.problem, *report.remarks, *(f"{check.feedback} {check.hint}" for check in report.checks)]
        )
        assert not [word for word in ("assert ", "+  where", "Traceback", str(ROOT)) if word in told]
