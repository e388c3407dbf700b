"""What the grade command shows: progress, the grades, what has changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from autograder.grading.batch import Progress
from autograder.report.text import one_line as printable
from autograder.report.text import plural

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.grading.batch import GradedClass
    from autograder.grading.schedule import Schedule
    from autograder.records import GradeReport

_SHOWN_NAMES = 8


class GradeProgress(Progress):
    """Shows the grading of one class on the terminal.

    Args:
        folder: `DIR/<slug>`, where the results will be.
        regrade: Whether some are graded again although nothing has changed.
    """

    def __init__(self, folder: Path, *, regrade: bool) -> None:
        self._folder = folder
        self._regrade = regrade
        self._console = Console(highlight=False)
        self._started = time.monotonic()
        self._schedule: Schedule | None = None
        self._done = 0
        self._running = ExitStack()
        self._advance: Callable[[GradeReport], None] = lambda report: None

    def __enter__(self) -> GradeProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()
        if isinstance(error, KeyboardInterrupt) and self._schedule is not None:
            again = "the same command without --regrade" if self._regrade else "the same command"
            total = len(self._schedule.items)
            Console(stderr=True, highlight=False).print(
                f"Interrupted. {self._done} of {total} submissions are graded; {again} goes on from there.",
                markup=False,
                soft_wrap=True,
            )

    def scheduled(self, schedule: Schedule) -> None:
        """Say what is done already; begin the bar on a terminal, numbered lines in a log."""
        if schedule.summary():
            self._say(schedule.summary())
        self._schedule = schedule
        to_do = sum(item.report is None for item in schedule.items)
        self._done = len(schedule.items) - to_do
        self._advance = self._bar(to_do) if self._console.is_terminal else self._lines(to_do)

    def graded(self, report: GradeReport) -> None:
        """Show one grade."""
        self._done += 1
        self._advance(report)

    def finished(self, graded: GradedClass) -> None:
        """Print the grades, what has changed, who else has results here, and where everything is."""
        from autograder.report import grade_table
        from autograder.report.difference import in_words

        assert self._schedule is not None
        checks = self._schedule.checks
        self._running.close()
        self._schedule = None  # nothing is left to go on with
        self._console.print(grade_table([*graded.reports, *graded.kept], graded.grades))
        difference = graded.difference
        if compared := difference.same + len(difference.changes):
            self._say(f"Graded again: {compared}; changed: {len(difference.changes) or 'none'}.")
        for line in in_words(difference, checks):
            self._say(f"  {line}")
        if graded.kept:
            names = [printable(report.student) for report in graded.kept[:_SHOWN_NAMES]]
            more = f" and {len(graded.kept) - len(names)} more" if len(graded.kept) > len(names) else ""
            self._say(
                f"Kept from earlier runs, not among these submissions: {', '.join(names)}{more}. "
                "They stay in the class's pages; remove a student's folder to drop them."
            )
        seconds = time.monotonic() - self._started
        folder = self._folder.resolve()
        self._say(f"{plural(len(graded.reports), 'submission')} in {seconds:.1f} s.")
        self._say(f"Class page: {folder / 'class.html'}")
        self._say(f"Grades:     {folder / 'grades.csv'}")
        self._say(f"Feedback:   {folder / '<student>' / 'feedback.html'}")

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    def _lines(self, total: int) -> Callable[[GradeReport], None]:
        done = 0

        def advance(report: GradeReport) -> None:
            nonlocal done
            done += 1
            self._say(f"[{done}/{total}] {_line(report)}")

        return advance

    def _bar(self, total: int) -> Callable[[GradeReport], None]:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        bar = self._running.enter_context(Bar(*columns, console=self._console, transient=True))
        task = bar.add_task("grading", total=total)

        def advance(report: GradeReport) -> None:
            bar.console.print(_line(report), markup=False, soft_wrap=True)
            bar.advance(task)

        return advance


def _line(report: GradeReport) -> str:
    student = printable(report.student)
    if report.needs_review:
        return f"{student}: needs review: {printable(report.needs_review[0])}"
    if report.problem:
        return f"{student}: {printable(report.problem)}"
    left = sum(question.points for question in report.pending)
    written = f" automatic, {left:g} more for written answers" if left else ""
    return f"{student}: {report.score:g} of {report.max_score:g}{written}"
