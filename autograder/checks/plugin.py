"""The pytest plugin.

Installed as an entry point, so it is imported in every pytest run of its environment: it imports nothing heavy,
and does nothing unless `--submission` is given. `pytest assignments/SLUG --submission FILE` shows an instructor
what the batch does; the batch itself hands in a `CheckRun` and uses the same fixtures and hooks.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from autograder.course.assignment import CHECKS, CONFIG

if TYPE_CHECKING:
    from autograder.checks.fixtures import CheckPlugin

MARKERS = (
    "points(n): what the check gives",
    "visibility(kind): visible or hidden; hidden if not said",
    "requires(*checks): run only if these passed",
    "grades(task): the contract's function that it grades",
    "hint(text): what a student reads if no known mistake explains the answer",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of grading by hand."""
    group = parser.getgroup("autograder", "grading a notebook whose answers are tensors")
    group.addoption(
        "--submission", metavar="FILE", help="grade this notebook with the assignment's checks.py"
    )
    group.addoption("--student", metavar="NAME", help="whose it is; default: from the file's name")
    group.addoption("--device", default="cpu", metavar="D", help="cpu or cuda (default: cpu)")
    group.addoption("--profile", default="tiny", metavar="P", help="which models (default: tiny)")
    group.addoption(
        "--i-trust-these-submissions",
        action="store_true",
        help="run without a sandbox where none can be made",
    )
    group.addoption(
        "--accept-degraded", action="store_true", help="make do with Landlock and seccomp, without namespaces"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Describe the markers; with `--submission`, load what grades."""
    for line in MARKERS:
        config.addinivalue_line("markers", line)
    from_file = config.getoption("--submission", default=None)
    if from_file is None:
        return
    config.addinivalue_line("python_files", CHECKS)
    from autograder.checks.standalone import ByHand

    config.pluginmanager.register(ByHand(config), "autograder-by-hand")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave an assignment's checks.py alone in runs that grade nothing."""
    if collection_path.name != CHECKS or not (collection_path.parent / CONFIG).is_file():
        return None
    grading: CheckPlugin | None = config.pluginmanager.get_plugin("autograder-checks")
    by_hand = config.pluginmanager.get_plugin("autograder-by-hand")
    return True if grading is None and by_hand is None else None
