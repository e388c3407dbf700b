"""What class.html shows, as records."""

from __future__ import annotations

from dataclasses import dataclass

from autograder.records import NO_FACTS, ClassFacts, FinalGrade, Task
from autograder.report.class_items import AttemptScores, Bar, ClassItem, Discrimination


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One student in the grades table."""

    student: str
    """As the submission names them."""

    href: str
    """Relative address of the student's folder, quoted."""

    score: float
    """Points earned."""

    max_score: float
    """What is graded automatically."""

    cells: tuple[float | None, ...]
    """Points for each task; None where no check of it ran."""

    pending_points: float
    """Points of the written answers that nobody has decided on."""

    grade: FinalGrade | None
    """The final grade; None: nothing is known of it."""

    state: str
    """ok, problem or review, as the page's classes name it: passed, failed, review."""

    word: str
    """The state in words."""

    problem: str
    """Why it could not be run."""

    needs_review: tuple[str, ...]
    """Faults of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How many passed one check."""

    id: str
    """The check's id."""

    title: str
    """The check's title."""

    task: str
    """Its task."""

    visibility: str
    """visible or hidden."""

    passed: int
    """Students whose outcome is passed."""

    count: int
    """Students for whom it ran without a fault of ours."""

    failed: tuple[Row, ...]
    """The others of them."""

    discrimination: Discrimination
    """Between passing it and the rest of the automatic points."""

    @property
    def share(self) -> float:
        """Share that passed, 0 to 1."""
        return self.passed / self.count if self.count else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One misconception in the class."""

    id: str
    """Its id."""

    title: str
    """What was done."""

    rows: tuple[Row, ...]
    """Who did it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingModule:
    """A module that students import and the grading environment lacks."""

    name: str
    """Its name, as the import states it."""

    rows: tuple[Row, ...]
    """Who imports it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One line of a leaderboard."""

    rank: int
    """From 1; equal values share a rank."""

    row: Row
    """Who."""

    value: float
    """The metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The leaderboard of one metric."""

    metric: str
    """Its name."""

    task: str
    """The task whose check measured it."""

    meaning: str
    """What the figure says, in a sentence of the assignment's; "" if it states none."""

    places: tuple[Place, ...]
    """Best (largest) first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassView:
    """Everything on class.html."""

    title: str
    """The assignment's."""

    tasks: tuple[Task, ...]
    """Columns of the grades table."""

    rows: tuple[Row, ...]
    """By name."""

    max_score: float
    """What is graded automatically."""

    mean: float
    """Of the scores; 0 without any."""

    median: float
    """Of the scores; 0 without any."""

    pending_points: float
    """Points that people have yet to decide on, over all students."""

    histogram: tuple[Bar, ...]
    """Scores in bars of equal width."""

    histogram_text: str
    """The histogram in words."""

    rates: tuple[Rate, ...]
    """In the order of checks.py."""

    mistakes: tuple[Mistake, ...]
    """Most frequent first."""

    boards: tuple[Board, ...]
    """One for each task and metric."""

    missing_modules: tuple[MissingModule, ...] = ()
    """Most frequent first."""

    facts: ClassFacts = NO_FACTS
    """What is known of the class beside its reports and grades."""

    items: tuple[ClassItem, ...] = ()
    """Tasks, then written questions."""

    attempts: tuple[AttemptScores, ...] = ()
    """The first submissions, the second ones and so on; empty where nobody has several."""

    @property
    def reviews(self) -> list[Row]:
        """Rows with a fault of ours."""
        return [row for row in self.rows if row.needs_review]

    @property
    def faults(self) -> list[tuple[str, list[Row]]]:
        """Each fault of ours with the rows that it hit, the widest first: one cause often hits many."""
        hit: dict[str, list[Row]] = {}
        for row in self.rows:
            for fault in dict.fromkeys(row.needs_review):
                hit.setdefault(fault, []).append(row)
        return sorted(hit.items(), key=lambda item: -len(item[1]))

    @property
    def totals(self) -> list[float]:
        """The final grades that are complete."""
        return [row.grade.total for row in self.rows if row.grade and row.grade.total is not None]

    @property
    def problems(self) -> list[Row]:
        """Rows that could not be run."""
        return [row for row in self.rows if row.problem]

    @property
    def sections(self) -> list[tuple[str, str]]:
        """Anchors of the page's sections with their names."""
        if not self.rows:
            return []
        named = [
            ("grades", "grades"),
            ("mistakes", "mistakes"),
            ("checks", "pass rates"),
            ("items", "difficulty"),
        ]
        if self.missing_modules:
            named.append(("modules", "missing modules"))
        if self.facts.absent or self.facts.remarks:
            named.append(("roster", "roster"))
        if self.facts.effort:
            named.append(("effort", "marking"))
        return ([("reviews", "needs review")] if self.reviews else []) + named
