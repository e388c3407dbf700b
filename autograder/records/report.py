"""What a grading found: what report.json holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from autograder.records.comparison import Diagnosis
from autograder.records.folder_names import student_folder_name
from autograder.records.submission import CellFailure

Outcome = Literal["passed", "failed", "errored", "timed_out", "skipped"]
Visibility = Literal["visible", "hidden"]

REPORT_SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenStrip:
    """Scores over tokens, the student's beside the reference's; only of visible inputs."""

    title: str
    """What is shown."""

    tokens: tuple[str, ...]
    """One a column."""

    actual: tuple[float, ...]
    """The student's scores, one a token."""

    expected: tuple[float, ...]
    """The reference's scores; empty where there is no single right answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """Result of one check."""

    id: str
    """The check function's name."""

    task: str
    """The contract's function that it grades."""

    title: str
    """The check's docstring: what the student reads."""

    points: float
    """Points earned."""

    max_points: float
    """Points to earn."""

    outcome: Outcome
    """errored: the student's code raised, or the check itself did (see `needs_review` of the report)."""

    visibility: Visibility
    """hidden: what the student sees of it is the feedback policy's to say; title and one hint at least."""

    feedback: str = ""
    """For the student; of a hidden check, never shown by the reports."""

    hint: str = ""
    """For the student whatever the visibility: fixed words of the check's author, nothing an input could be in."""

    detail: str = ""
    """For the instructor: the comparison's message, the traceback."""

    diagnosis: Diagnosis | None = None
    """The mistake behind a wrong tensor, where one reproduces it."""

    follows_from: str = ""
    """The earlier task whose mistake shows here; empty where the error is the task's own."""

    remarks: tuple[str, ...] = ()
    """Sentences for the student that cost nothing: an accepted variant, another quadrature rule."""

    measured: tuple[str, ...] = ()
    """Remarks with figures that depend on inputs: for the instructor, and for students under the policy `full`."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    """Measured figures: faithfulness percentile, for the leaderboard."""

    strips: tuple[TokenStrip, ...] = ()
    """Pictures; of hidden inputs for the instructor, and for students under the policy `full`."""

    fault: str = ""
    """Why this is ours: an error of the check or the harness; then the report needs review."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A written question and its answer, which waits for a person unless it is empty."""

    id: str
    """Id of the notebook cell."""

    title: str
    """The question."""

    points: float
    """Points that the person may give."""

    answer: str
    """What the student wrote, as Markdown source; empty if that is nothing."""

    rubric: tuple[str, ...] = ()
    """For the person who grades."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownOutput:
    """An output of a plot cell that is no PNG, as the kernel claims it; pages sanitise it."""

    kind: Literal["jpeg", "svg", "html", "plotly", "text", "too large"]
    """What it is; `text` stands for a widget, `too large` for what is cut."""

    content: str
    """Base64 of a JPEG, else its source: XML, HTML, JSON of plotly, text."""

    @property
    def is_figure(self) -> bool:
        """Whether it stands for a plot: a picture, or HTML with colours, which a table alone has not."""
        if self.kind == "html":
            return any(word in self.content.lower() for word in ("background", "color", "<img", "<svg"))
        return self.kind in ("jpeg", "svg", "plotly")


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeReport:
    """All that is known of one graded submission: what report.json holds."""

    schema_version: int = REPORT_SCHEMA_VERSION
    """Version of the published JSON Schema."""

    assignment: str
    """The slug."""

    student: str
    """As the submission names them."""

    score: float
    """Sum of the points of the checks."""

    max_score: float
    """What is graded automatically."""

    checks: tuple[CheckResult, ...]
    """In the order of checks.py."""

    pending: tuple[Pending, ...] = ()
    """Written questions that a person grades."""

    unanswered: tuple[Pending, ...] = ()
    """Written questions without an answer: 0 points, nobody needs to look."""

    needs_review: tuple[str, ...] = ()
    """Faults of ours, a sentence each; empty in the usual case."""

    problem: str = ""
    """Why the submission could not be run at all; the student's to mend."""

    remarks: tuple[str, ...] = ()
    """Sentences for the student about the whole submission."""

    staff_remarks: tuple[str, ...] = ()
    """Sentences for the instructor alone: they may depend on hidden inputs."""

    failures: tuple[CellFailure, ...] = ()
    """Cells that failed."""

    missing_modules: tuple[str, ...] = ()
    """Top-level modules that the notebook imports and the grading environment lacks."""

    plots: tuple[str, ...] = ()
    """The student's own plots: PNG, base64."""

    shown: tuple[ShownOutput, ...] = ()
    """What else the student's plot cells show."""

    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Hashes, versions, device, sandbox mode, seeds."""

    timing: Mapping[str, float] = field(default_factory=dict)
    """Seconds: the only part that differs between two runs."""

    @property
    def folder_name(self) -> str:
        """Name of the student's results folder."""
        return student_folder_name(self.student)
