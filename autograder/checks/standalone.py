"""Grade one notebook in a pytest run of the instructor's own: `pytest assignments/SLUG --submission FILE`."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from autograder.checks.check_run import begin_checks
from autograder.checks.course_context import load_course
from autograder.checks.fixtures import CheckPlugin
from autograder.checks.open_submission import open_submission
from autograder.course.assignment import CHECKS, CONFIG, load_assignment, student_models
from autograder.course.profiles import profile_named
from autograder.errors import AutograderError
from autograder.execution.zygote_client import Zygote
from autograder.records import Submission


class ByHand:
    """Opens the submission once the assignment is known, and closes it at the end of the run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._open = contextlib.ExitStack()
        self._plugin: CheckPlugin | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        """Run the notebook before the checks are collected: fixtures and hooks need what comes of it."""
        folder = self._assignment_folder(session)
        try:
            self._start(folder)
        except AutograderError as error:
            self._open.close()
            raise pytest.UsageError(str(error)) from None

    def _assignment_folder(self, session: pytest.Session) -> Path:
        roots = [Path(str(argument).split("::")[0]).resolve() for argument in session.config.args]
        found = {
            folder
            for root in roots
            for folder in (root, root.parent)
            if (folder / CONFIG).is_file() and (folder / CHECKS).is_file()
        }
        if len(found) != 1:
            raise pytest.UsageError(
                "--submission needs one assignment: pytest assignments/SLUG --submission FILE "
                f"(found {len(found)} in {', '.join(map(str, roots))})"
            )
        return found.pop()

    def _start(self, folder: Path) -> None:
        option = self._config.getoption
        path = Path(option("--submission"))
        assignment = load_assignment(folder.parent.parent, folder.name)
        profile = profile_named(option("--profile"))
        course = load_course(assignment, device=option("--device"), profile=profile)
        submission = Submission(
            student=option("--student") or path.stem, path=path.resolve(), origin=str(path)
        )
        zygote = Zygote(
            assignment.student_dir,
            device=course.settings.device,
            trust=option("--i-trust-these-submissions"),
            accept_degraded=option("--accept-degraded"),
            models=student_models(course.settings),
        )
        self._open.enter_context(zygote)
        opened = self._open.enter_context(open_submission(submission, course, zygote))
        self._plugin = CheckPlugin(course.checks)
        self._plugin.check_run = begin_checks(course, opened, student=submission.student)
        self._config.pluginmanager.register(self._plugin, "autograder-checks")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print points, outcome and what was found, check by check."""
        if self._plugin is None:
            return
        results = self._plugin.check_run.ordered_results()
        terminalreporter.section("grade")
        for result in results:
            line = f"{result.points:5g} of {result.max_points:<5g} {result.outcome:<9} {result.title}"
            terminalreporter.write_line(line)
            if result.diagnosis is not None:
                terminalreporter.write_line(f"{'':15}mistake: {result.diagnosis.title}")
            for remark in result.remarks:
                terminalreporter.write_line(f"{'':15}remark: {remark}")
        score = sum(result.points for result in results)
        terminalreporter.write_line(f"{score:5g} of {sum(result.max_points for result in results):g} points")

    def pytest_unconfigure(self) -> None:
        """End the kernel and the zygote."""
        self._open.close()
