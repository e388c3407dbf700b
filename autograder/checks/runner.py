"""Run checks with pytest, inside this process: for one submission, or for one after another."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

import pytest

from autograder.checks import plugin
from autograder.checks.check_run import CheckRun
from autograder.checks.decorators import CheckInfo
from autograder.checks.fixture_names import refuse_unknown_fixtures
from autograder.checks.fixtures import CheckPlugin
from autograder.course.assignment import CHECKS
from autograder.records import Assignment, CheckResult

T = TypeVar("T")
Run = Callable[[CheckRun], tuple[CheckResult, ...]]
"""Runs the checks on one submission."""

_UNUSED = (
    *("cacheprovider", "terminal", "faulthandler", "threadexception", "unraisableexception", "warnings"),
    *("logging", "junitxml", "doctest", "pastebin", "stepwise", "setuponly", "setupplan", "unittest"),
)
"""pytest's own plugins that no check needs."""


def run_checks(check_run: CheckRun) -> tuple[CheckResult, ...]:
    """Run the checks of one submission.

    Args:
        check_run: From `begin_checks`; gets the results.

    Returns:
        One result a check, in the order of checks.py.
    """
    return with_checks(check_run.assignment, check_run.checks, lambda run: run(check_run))


def try_collecting(assignment: Assignment, checks: tuple[CheckInfo, ...]) -> None:
    """Let pytest collect checks.py and run nothing.

    Raises:
        AssignmentError: If a check asks for a fixture that does not exist.
    """
    with_checks(assignment, checks, lambda run: None)


def with_checks(assignment: Assignment, checks: tuple[CheckInfo, ...], body: Callable[[Run], T]) -> T:
    """Let pytest collect checks.py once, then run it for one submission after another.

    Plugins of the environment, conftest files and ini files take no part: the same submission gets the same
    result whatever else is installed.

    Args:
        assignment: Whose checks.
        checks: What is said of them.
        body: Is given what `run_checks` is for this assignment, and called while pytest is at work.

    Returns:
        What the body returned.

    Raises:
        AssignmentError: If a check asks for a fixture that does not exist.
    """
    path = assignment.folder / CHECKS
    arguments = [
        str(path),
        "--noconftest",
        "--import-mode=importlib",
        f"--rootdir={assignment.course_dir}",
        f"--config-file={os.devnull}",
        # A check's message is for the student; pytest would add its own account of the expression.
        "--assert=plain",
        # What checks print is dropped here; pytest would keep it with each check.
        "--capture=no",
        *(part for name in _UNUSED for part in ("-p", f"no:{name}")),
    ]
    _forget_other_courses(path)
    loop = _Loop(CheckPlugin(checks), body)
    with _without_environment_plugins(), _silenced():
        pytest.main(arguments, plugins=[plugin, loop])
    return loop.outcome()


class _Loop(Generic[T]):
    """Takes the place of pytest's loop over the collected checks."""

    def __init__(self, check_plugin: CheckPlugin, body: Callable[[Run], T]) -> None:
        self._plugin = check_plugin
        self._body = body
        self._items: list[pytest.Item] = []
        self._called = self._broken = False
        self._answer: T
        self._error: BaseException | None = None

    def pytest_configure(self, config: pytest.Config) -> None:
        """Register the plugin under the name that `plugin` looks for."""
        config.pluginmanager.register(self._plugin, "autograder-checks")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Call the body."""
        self._items = session.items
        self._call()
        return True

    def _call(self) -> None:
        self._called = True
        try:
            refuse_unknown_fixtures(self._items)
            self._answer = self._body(self.run)
        except BaseException as error:  # pytest would make a message of it
            self._error = error

    def outcome(self) -> T:
        """Return or raise what the body did; without checks it is called now, and finds none run."""
        if not self._called:
            self._call()
        if self._error is not None:
            raise self._error
        return self._answer

    def run(self, check_run: CheckRun) -> tuple[CheckResult, ...]:
        """Run the checks once more, for another submission."""
        if self._broken:
            return run_checks(check_run)
        self._plugin.check_run = check_run
        try:
            with _silenced():
                wanted = {info.id for info in check_run.checks}
                items = [item for item in self._items if item.name in wanted]
                for item, following in zip(items, [*items[1:], None][: len(items)], strict=True):
                    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        except (Exception, KeyboardInterrupt):
            # A check ended the run, or pytest gave up: fixtures may be half torn down, so not in this one again.
            self._broken = True
        return check_run.ordered_results()


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        yield


def _forget_other_courses(path: Path) -> None:
    """Drop the imported checks of another course's assignment of the same slug.

    pytest names a module by its place below the root, and takes what is imported under that name already.
    """
    name = ".".join((*path.parts[-3:-1], path.stem))
    imported = sys.modules.get(name)
    if imported is not None and getattr(imported, "__file__", None) != str(path):
        del sys.modules[name]


@contextlib.contextmanager
def _without_environment_plugins() -> Iterator[None]:
    names = ("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_ADDOPTS", "PYTEST_PLUGINS")
    before = {name: os.environ.get(name) for name in names}
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ.pop("PYTEST_ADDOPTS", None)
    os.environ.pop("PYTEST_PLUGINS", None)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
