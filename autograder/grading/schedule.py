"""What is to be done for a class: which submissions are graded and unchanged, which are to be graded, and why."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from autograder.course.fingerprint import course_fingerprint, submission_key
from autograder.errors import AssignmentError, did_you_mean
from autograder.execution.sandbox.selftest import find_mode_here
from autograder.grading.journal import Entry
from autograder.grading.results_folder import Results
from autograder.records import Assignment, GradeReport, GradingSettings, Submission
from autograder.report.difference import verdict_of

EVERYBODY = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One submission and what is to be done with it."""

    submission: Submission
    """The file."""

    entry: Entry
    """What the journal is to hold of it before it is graded, or holds if it is done."""

    report: GradeReport | None
    """Its report if it is graded and unchanged; None if it is to be graded."""

    reason: str
    """Why it is to be graded, in two words; empty if it is done."""

    def again(self) -> Entry:
        """Return the entry that has a finished submission graded again."""
        assert self.report is not None
        previous = verdict_of(self.report).to_json()
        return replace(self.entry, state="waiting", attempts=0, previous=previous)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """All submissions of a class."""

    items: tuple[Item, ...]
    """In the order of the submissions."""

    checks: tuple[str, ...]
    """Checks that were named to be graded again."""

    mode_is_new: bool
    """Whether all is graded, but in another sandbox than this machine has now."""

    def summary(self) -> str:
        """Return in words what is done already and what is to do; empty where nothing was graded before."""
        done = sum(item.report is not None for item in self.items)
        reasons = Counter(item.reason for item in self.items if item.report is None)
        if not done and reasons.keys() <= {"new"}:
            return ""
        told = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        rest = f"; to grade: {told}" if told else ""
        return f"{done} of {len(self.items)} already graded and unchanged{rest}."


def make_schedule(
    submissions: Sequence[Submission],
    settings: GradingSettings,
    results: Results,
    *,
    regrade: Sequence[str] = (),
) -> Schedule:
    """Find out what is to be done.

    Args:
        submissions: What was handed in.
        settings: On what they are graded.
        results: What was done before.
        regrade: Students, checks or `all`: graded again although nothing has changed.

    Raises:
        AssignmentError: If a name to regrade is neither a student's nor a check's.
    """
    students, checks = _asked_again(regrade, submissions, settings.assignment)
    course = course_fingerprint(settings)
    entries = results.journal.entries()
    items = []
    for submission in submissions:
        name = submission.folder_name
        fresh = Entry(folder=name, student=submission.student, key=submission_key(submission, course))
        asked = bool(checks) or submission.student in students
        items.append(_item(submission, fresh, entries.get(name), results, asked=asked))
    modes = {item.entry.mode for item in items if item.report is not None}
    all_done = bool(items) and all(item.report is not None for item in items)
    return Schedule(items=tuple(items), checks=checks, mode_is_new=all_done and modes != {_mode_here()})


def _item(
    submission: Submission, fresh: Entry, entry: Entry | None, results: Results, *, asked: bool
) -> Item:
    """Decide on one submission."""
    under_way = entry is not None and entry.state in ("waiting", "running")
    same = entry is not None and entry.key == fresh.key
    if entry is None:
        reason = "new"
    elif asked:
        reason = "asked for"
    elif not same:
        reason = "changed"
    elif under_way:
        reason = "not finished"
    elif entry.state == "quarantined":
        reason = "in need of review"
    elif (finished := results.finished(entry)) is not None:
        return Item(submission=submission, entry=entry, report=finished, reason="")
    else:
        reason = "with changed or missing files"
    if entry is not None and under_way:
        # The grade before the interrupted run is what the new one is compared with.
        fresh = replace(fresh, previous=entry.previous, attempts=entry.attempts if same else 0)
    else:
        before = results.present(fresh.folder, entry)
        fresh = replace(fresh, previous=verdict_of(before).to_json() if before else None)
    return Item(submission=submission, entry=fresh, report=None, reason=reason)


def _mode_here() -> str:
    """Return the sandbox mode that this machine probably gives; workers that are started know for sure."""
    try:
        return find_mode_here().mode or "none"
    except OSError:
        return "none"


def _asked_again(
    names: Sequence[str], submissions: Sequence[Submission], assignment: Assignment
) -> tuple[set[str], tuple[str, ...]]:
    """Return the students and the checks that names to regrade stand for.

    A check's result may hang on others, whose answers it recalls, so that naming one has everybody graded again.
    """
    students = {submission.student for submission in submissions}
    checks = _check_names(assignment)
    if EVERYBODY in names:
        return students, ()
    unknown = [name for name in names if name not in students and name not in checks]
    if unknown:
        raise AssignmentError(
            f"--regrade {unknown[0]}: neither a student of these submissions nor a check of {assignment.slug}."
            f"{did_you_mean(unknown[0], [*students, *checks])}\n"
            f"Name a student, a check ({', '.join(checks)}), or `{EVERYBODY}`."
        )
    named = tuple(name for name in names if name in checks and name not in students)
    return {name for name in names if name in students}, named


def _check_names(assignment: Assignment) -> list[str]:
    """Return the ids of the checks, without running checks.py, which would import torch."""
    path = assignment.folder / "checks.py"
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        raise AssignmentError(f"{path}: cannot be read as Python: {error}") from None
    return [
        node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test")
    ]
