"""Tests that every assignment of a course passes, for the course's own test suite.

A course needs one file of tests, which names no assignment (`autograder new` writes it):

    class TestAssignments(AssignmentContract):
        course = Path(__file__).resolve().parents[1]
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from autograder.authoring.verify.gate import GateResult, Kind, verify
from autograder.course.assignment import list_slugs, load_assignment


class AssignmentContract:
    """Run `autograder verify` as tests, each once an assignment; `pytest -k SLUG` chooses one.

    A subclass whose name begins with Test says which course.
    """

    course: ClassVar[Path]
    """The folder with assignments, reference and student_template."""

    _findings: ClassVar[dict[str, list[GateResult]]]

    def __init_subclass__(cls) -> None:
        """Give each course its own findings."""
        cls._findings = {}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Ask for each assignment of the course."""
        metafunc.parametrize("slug", list_slugs(self.course))

    @pytest.fixture
    def findings(self, slug: str) -> list[GateResult]:
        """Return what `verify` finds of an assignment; it runs once for all tests."""
        if slug not in self._findings:
            # The programs are the instructor's own: they may run where no sandbox can be made.
            self._findings[slug] = list(verify(load_assignment(self.course, slug), trust=True))
        return self._findings[slug]

    def test_the_student_notebook_is_current(self, findings: list[GateResult]) -> None:
        """`autograder build` would change nothing."""
        assert _tried(findings, "notebook")
        assert _problems(findings, "notebook") == []

    def test_the_reference_earns_all_points(self, findings: list[GateResult]) -> None:
        """The reference passes every check."""
        assert _tried(findings, "reference")
        assert _problems(findings, "reference") == []

    def test_the_untouched_template_earns_no_points(self, findings: list[GateResult]) -> None:
        """What students receive passes no check."""
        assert _tried(findings, "template")
        assert _problems(findings, "template") == []

    def test_every_known_mistake_loses_points_and_is_named(self, findings: list[GateResult]) -> None:
        """Each `@misconception` fails a check of its own task, and the diagnosis names it."""
        assert _problems(findings, "misconception") == []

    def test_every_right_variant_keeps_its_points(self, findings: list[GateResult]) -> None:
        """Each `@accepted_variant` and each `@equivalent` passes the checks of its task."""
        assert _problems(findings, "accepted variant", "equivalent") == []


def _tried(findings: Sequence[GateResult], kind: Kind) -> bool:
    return any(found.kind == kind for found in findings)


def _problems(findings: Sequence[GateResult], *kinds: Kind) -> list[str]:
    return [f"{found.name}: {found.problem}" for found in findings if found.kind in kinds and not found.good]
