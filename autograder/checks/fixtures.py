"""Fixtures and hooks that run one submission's checks; registered only in runs that grade."""

from __future__ import annotations

import random
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from autograder.checks.answer_cache import Reference
from autograder.checks.check_run import CheckRun
from autograder.checks.comparing import witnessed_by
from autograder.checks.decorators import CheckInfo, is_late
from autograder.checks.recorder import Recorder
from autograder.checks.submission_proxy import SubmissionProxy
from autograder.checks.tolerance_context import using
from autograder.records import Assignment
from autograder.seeds import seed_for

_RECORD = pytest.StashKey[Recorder]()


class CheckPlugin:
    """Run the checks of a `CheckRun` and gather the results in it.

    Args:
        checks: What is said of the checks.

    Attributes:
        check_run: Of the submission that is graded; set before its checks run.
    """

    check_run: CheckRun

    def __init__(self, checks: tuple[CheckInfo, ...]) -> None:
        self._checks = {info.id: info for info in checks}

    @pytest.fixture
    def submission(self) -> SubmissionProxy:
        """Ask the student's functions."""
        return self.check_run.proxy

    @pytest.fixture
    def reference(self) -> Reference:
        """The reference module; calls are answered from memory where asked before."""
        return self.check_run.reference

    @pytest.fixture
    def models(self) -> tuple[Any, ...]:
        """The assignment's models: the shipped one first, then the hidden one."""
        return self.check_run.models

    @pytest.fixture
    def model(self) -> Any:
        """The shipped model."""
        return self.check_run.models[0].model

    @pytest.fixture
    def tokenizer(self) -> Any:
        """The shipped model's tokenizer."""
        return self.check_run.models[0].tokenizer

    @pytest.fixture
    def assignment(self) -> Assignment:
        """The assignment's record."""
        return self.check_run.assignment

    @pytest.fixture
    def rng(self, request: pytest.FixtureRequest) -> random.Random:
        """Random numbers of this student and check."""
        return random.Random(seed_for(*self.check_run.seed_parts, request.node.name))

    @pytest.fixture
    def shared_rng(self) -> random.Random:
        """Random numbers of this student, the same in every check: for inputs that several checks share."""
        return random.Random(seed_for(*self.check_run.seed_parts, "shared"))

    @pytest.fixture
    def record(self, request: pytest.FixtureRequest) -> Recorder:
        """Note remarks, figures, shares and pictures."""
        recorder: Recorder = request.node.stash[_RECORD]
        return recorder

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Run visible checks first, as far as their requirements allow.

        What a function answers or raises there is shown to the student; it must not have seen a hidden input by then,
        or it could say it.
        """
        items.sort(key=lambda item: self._is_late(item.name))

    def _is_late(self, check: str) -> bool:
        return is_late(check, self._checks)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Give every check a recorder and the assignment's tolerances."""
        item.stash[_RECORD] = Recorder()
        self.check_run.begin(item.name)
        with using(self.check_run.tolerances), witnessed_by(self.check_run.witness):
            return (yield)

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip a check whose required ones did not pass."""
        unmet = self.check_run.unmet(item.name)
        if unmet:
            titles = " and ".join(f"“{title}”" for title in unmet)
            pytest.skip(f"Not run: it needs {titles} to pass first.")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
        """Turn what happened into the check's result."""
        error = call.excinfo.value if call.excinfo is not None else None
        if call.when == "call" or (call.when == "setup" and error is not None):
            if isinstance(error, pytest.skip.Exception):
                self.check_run.skip(item.name, str(error.msg))
            else:
                self.check_run.conclude(item.name, error, item.stash[_RECORD])
        return (yield)
