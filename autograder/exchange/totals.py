"""What each student of a results folder gets, and by what the platform knows them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from autograder.errors import AssignmentError, did_you_mean, some
from autograder.report.grade_file import GRADE_NAME
from autograder.report.serialise import REPORT_NAME
from autograder.report.tables import csv_text

GRADES_NAME = "grades.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentTotal:
    """One student's row of grades.csv and what the platform states of them."""

    student: str
    """As report.json names them."""

    folder: Path
    """Their folder of results."""

    handed_in: Mapping[str, str] = field(default_factory=dict)
    """What the learning platform states; see `Submission.handed_in`."""

    total: float | None
    """The final points; None unless the grade is complete."""

    auto: float | None
    """The automatic points; None where they stand for nothing: no notebook could be run, or a fault of ours."""

    of: float
    """What can be reached."""

    state: str
    """The state in words: `complete`, `incomplete: question-words`, `problem`."""

    @property
    def id(self) -> str:
        """The platform's id."""
        return self.handed_in.get("id", "")

    @property
    def name(self) -> str:
        """The plain name."""
        return self.handed_in.get("name", self.student)

    def points(self, *, partial: bool) -> float | None:
        """Return the points to export; None: the student stays as they are there.

        Args:
            partial: Take the automatic points where the grade is not complete.
        """
        return self.auto if self.total is None and partial else self.total


def read_totals(results: Path, slug: str) -> list[StudentTotal]:
    """Read the grades of an assignment's students, sorted as grades.csv is; who handed in nothing is left out.

    Results that were written before there were marks have no `total`: the score is final where nothing is pending.

    Args:
        results: What `autograder grade --out` was given.
        slug: The assignment.

    Raises:
        AssignmentError: If there are no results of the assignment, or its files do not fit together.
    """
    folder = assignment_folder(results, slug)
    rows = _rows(folder / GRADES_NAME)
    reports = {csv_text(report.student): report for report in read_reports(folder)}
    if unknown := reports.keys() - rows.keys():
        raise AssignmentError(
            f"{folder / GRADES_NAME}: has no row for {some(sorted(unknown))}. Run `autograder report {results}` first."
        )
    try:
        return [_total(row, reports[name]) for name, row in rows.items() if name in reports]
    except (KeyError, ValueError) as error:
        raise AssignmentError(
            f"{folder / GRADES_NAME}: was changed by hand and cannot be read ({error}). Run "
            f"`autograder report {results}`."
        ) from None


def assignment_folder(results: Path, slug: str) -> Path:
    """Return the folder of an assignment's results.

    Raises:
        AssignmentError: If there is none.
    """
    if not results.is_dir():
        raise AssignmentError(
            f"{results}: no such folder. Name the folder given to `autograder grade --out`."
        )
    if not (results / slug / GRADES_NAME).is_file():
        known = sorted(path.parent.name for path in results.glob(f"*/{GRADES_NAME}"))
        raise AssignmentError(
            f"{results}: holds no grades of {slug}; there are grades of {', '.join(known) or 'nothing'}."
            f"{did_you_mean(slug, known)}"
        )
    return results / slug


def _rows(path: Path) -> dict[str, dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        return {row["student"]: row for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        raise AssignmentError(
            f"{path}: cannot be read ({error}). Run `autograder report` on the results."
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentReport:
    """What is needed of a report.json; reading all of it for a large class would take minutes."""

    student: str
    """As it names them."""

    handed_in: Mapping[str, str]
    """What the platform states."""

    folder: Path
    """Where it lies."""

    def goes_by(self, name: str) -> bool:
        """Return whether a name or an id is the student's."""
        return name in (self.student, self.handed_in.get("id"))


def read_reports(folder: Path) -> Iterator[StudentReport]:
    """Yield what is needed of each report of an assignment, by the names of their folders.

    Raises:
        AssignmentError: If one cannot be read.
    """
    for path in sorted(folder.glob(f"*/{REPORT_NAME}")):
        try:
            report = json.loads(path.read_bytes())
            stated = report["provenance"].get("handed_in", {})
            yield StudentReport(
                student=str(report["student"]),
                handed_in={str(key): str(value) for key, value in stated.items()},
                folder=path.parent,
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise AssignmentError(
                f"{path}: cannot be read ({error}). Grade this submission again."
            ) from error


def _total(row: Mapping[str, str], report: StudentReport) -> StudentTotal:
    score, max_score = float(row["score"]), float(row["max_score"])
    is_ours, has_problem = row["needs_review"] == "yes", bool(row["problem"])
    if row.get("state"):
        total = float(row["total"]) if row["total"] else None
        if total is not None:
            total = round(total - _policy_points(report.folder / GRADE_NAME, total), 6)
        state, of = row["state"], float(row["of"])
    else:
        pending = float(row["pending_points"])
        total = None if is_ours or has_problem or pending else score
        state = "problem" if has_problem else "complete" if total is not None else "incomplete"
        of = max_score + pending
    if is_ours and total is None:
        state = f"{state}, needs review"
    return StudentTotal(
        student=report.student,
        folder=report.folder,
        handed_in=report.handed_in,
        total=total,
        auto=None if is_ours or has_problem else score,
        of=of,
        state=state,
    )


def _policy_points(path: Path, total: float) -> float:
    """Return the part of a total that is due to dates and attempts: what is reported applies them as they are now.

    Raises:
        AssignmentError: If grade.json and grades.csv are of different moments.
    """
    try:
        grade = json.loads(path.read_bytes())
        points = float(grade["policy"]["points"]) if grade.get("policy") else 0.0
    except FileNotFoundError:
        return 0.0
    if points and grade["total"] != total:
        raise AssignmentError(
            f"{path}: states another total than {GRADES_NAME}. Run `autograder report` on the results."
        )
    return points
