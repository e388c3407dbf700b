"""The records that pass between the packages: frozen, slotted, keyword-only dataclasses."""

from autograder.records.assignment import Assignment, Limits, Loadable, ModelSpec, Task, WrittenQuestion
from autograder.records.comparison import Comparison, Diagnosis, NamedMistake, Tolerance
from autograder.records.feedback_policy import FeedbackLevel, FeedbackPolicy
from autograder.records.grade import (
    GRADE_SCHEMA_VERSION,
    NO_FACTS,
    AnswerState,
    ChangedCheck,
    ClassFacts,
    FinalGrade,
    GivenItem,
    GradedAnswer,
    GradeState,
    MarkingEffort,
    PolicyChange,
)
from autograder.records.report import (
    REPORT_SCHEMA_VERSION,
    CheckResult,
    GradeReport,
    Outcome,
    Pending,
    ShownOutput,
    TokenStrip,
    Visibility,
)
from autograder.records.settings import GradingSettings
from autograder.records.submission import CellFailure, Execution, Submission

__all__ = [
    "GRADE_SCHEMA_VERSION",
    "NO_FACTS",
    "REPORT_SCHEMA_VERSION",
    "AnswerState",
    "Assignment",
    "CellFailure",
    "ChangedCheck",
    "CheckResult",
    "ClassFacts",
    "Comparison",
    "Diagnosis",
    "Execution",
    "FeedbackLevel",
    "FeedbackPolicy",
    "FinalGrade",
    "GivenItem",
    "GradeReport",
    "GradeState",
    "GradedAnswer",
    "GradingSettings",
    "Limits",
    "Loadable",
    "MarkingEffort",
    "ModelSpec",
    "NamedMistake",
    "Outcome",
    "Pending",
    "PolicyChange",
    "ShownOutput",
    "Submission",
    "Task",
    "TokenStrip",
    "Tolerance",
    "Visibility",
    "WrittenQuestion",
]
