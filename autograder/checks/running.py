"""Run the checks of one submission with pytest, inside this process."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.checks import plugin
from autograder.checks.fixtures import GradingPlugin
from autograder.checks.grading import Grading
from autograder.records import CheckResult


def run_checks(grading: Grading) -> tuple[CheckResult, ...]:
    """Run checks.py of the grading's assignment.

    Plugins of the environment, conftest files and ini files take no part: the same submission gets the same
    result whatever else is installed.

    Args:
        grading: The submission's; its results are filled.

    Returns:
        One result a check, in the order of checks.py.
    """
    path = grading.assignment.folder / plugin.CHECKS
    arguments = [
        str(path),
        "--noconftest",
        "--import-mode=importlib",
        f"--rootdir={grading.assignment.course_dir}",
        f"--config-file={os.devnull}",
        # A check's message is for the student; pytest would add its own account of the expression.
        "--assert=plain",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:terminal",
        "-p",
        "no:faulthandler",
        "-p",
        "no:threadexception",
        "-p",
        "no:unraisableexception",
        "-p",
        "no:warnings",
        "-p",
        "no:logging",
        "-p",
        "no:junitxml",
        "-p",
        "no:doctest",
    ]
    _forget_other_courses(path)
    said = io.StringIO()
    with _without_environment_plugins(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        pytest.main(arguments, plugins=[plugin, _Named(grading)])
    return grading.ordered_results()


def _forget_other_courses(path: Path) -> None:
    """Drop the imported checks of another course's assignment of the same slug.

    pytest names a module by its place below the root, and takes what is imported under that name already.
    """
    name = ".".join((*path.parts[-3:-1], path.stem))
    imported = sys.modules.get(name)
    if imported is not None and getattr(imported, "__file__", None) != str(path):
        del sys.modules[name]


class _Named:
    """Registers the grading's plugin under the name that `plugin` looks for."""

    def __init__(self, grading: Grading) -> None:
        self._grading = grading

    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(GradingPlugin(self._grading), "autograder-grading")


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
