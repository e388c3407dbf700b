"""What students read of hidden checks under each feedback policy, before its date and from it on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from autograder.records import Assignment, FeedbackPolicy, GradeReport, NamedMistake
from autograder.report import write_submission
from autograder.report.pages import feedback_page, instructor_page
from autograder.report.rewrite import rewrite

from .test_feedback import SECRETS

EVE, DAY = datetime(2026, 12, 23), datetime(2026, 12, 24)
MISTAKES = (
    NamedMistake(title="NAMED-MISTAKE", hint="EXPLAINED"),
    NamedMistake(title="NAMED-PAIR", hint="SECOND"),
)
MEASURED = "MEASURED-REMARK 79.1"


@pytest.fixture
def graded(report: GradeReport) -> GradeReport:
    """Return the report with two mistakes and a measured remark on its failed hidden check."""

    def extended(check):
        if check.id != "test_scores_unseen":
            return check
        assert check.diagnosis is not None
        named = replace(check.diagnosis, hint="EXPLAINED SECOND", mistakes=MISTAKES)
        return replace(check, diagnosis=named, hint="EXPLAINED", measured=(MEASURED,), remarks=("FIXED",))

    return replace(report, checks=tuple(map(extended, report.checks)))


def page(
    graded: GradeReport, assignment: Assignment, level: str, now: datetime, *, dated: bool = True
) -> str:
    begins = DAY if dated and level != "hints" else None
    policy = FeedbackPolicy(level=level, begins=begins)  # type: ignore[arg-type]
    return feedback_page(graded, replace(assignment, feedback=policy), now).decode()


NAMES = ("NAMED-MISTAKE", "NAMED-PAIR", "SECOND")
FIGURES = (
    "HIDDEN-DETAIL",
    "HIDDEN-STRIP",
    "HIDDEN-TITLE",
    "0.1235",
    "hidden_metric",
    "77.12",
    MEASURED,
    "72.5",
)


@pytest.mark.parametrize("level", ["names", "full"])
def test_before_the_date_the_page_is_that_of_hints_and_one_sentence(
    graded: GradeReport, assignment: Assignment, level: str
) -> None:
    hints = page(graded, assignment, "hints", EVE)
    dated = page(graded, assignment, level, EVE)
    more = " and shows what was measured on unseen inputs" if level == "full" else ""
    sentence = f"From 24 December 2026 on, this page names the mistakes that were recognised{more}."
    assert dated.replace(f'<p class="soft">{sentence}</p>', "") == hints != dated


def test_hints_name_no_mistake(graded: GradeReport, assignment: Assignment) -> None:
    hints = page(graded, assignment, "hints", DAY)
    assert "EXPLAINED" in hints and "FIXED" in hints
    assert [text for text in (*NAMES, *FIGURES, *SECRETS) if text in hints] == []


def test_names_add_titles_and_explanations_of_mistakes_and_nothing_measured(
    graded: GradeReport, assignment: Assignment
) -> None:
    names = page(graded, assignment, "names", DAY)
    assert [text for text in NAMES if text not in names] == []
    # As the mistake's explanation, and not a second time as the hint.
    assert names.count("EXPLAINED") == 1
    assert [text for text in (*FIGURES, *SECRETS) if text in names] == []
    assert "From 24 December" not in names


def test_full_adds_what_was_measured(graded: GradeReport, assignment: Assignment) -> None:
    full = page(graded, assignment, "full", DAY)
    assert [text for text in (*NAMES, *FIGURES) if text not in full] == []
    assert "HIDDEN-FEEDBACK" not in full
    # A fault of ours stays with us.
    assert "KeyError" not in full


def test_a_level_without_a_date_holds_at_once(graded: GradeReport, assignment: Assignment) -> None:
    assert page(graded, assignment, "names", EVE, dated=False) == page(graded, assignment, "names", DAY)


def test_nothing_is_announced_to_whom_nothing_is_open(
    passed: Callable[[str], GradeReport], assignment: Assignment
) -> None:
    assert "From 24 December" not in page(passed("Ana"), assignment, "names", EVE)


def test_a_time_of_day_is_told(graded: GradeReport, assignment: Assignment) -> None:
    policy = FeedbackPolicy(level="names", begins=datetime(2026, 12, 24, 18, 30))
    text = feedback_page(graded, replace(assignment, feedback=policy), DAY).decode()
    assert "From 24 December 2026, 18:30 on, this page names" in text


def test_what_follows_from_the_values_alone_is_no_named_mistake(
    graded: GradeReport, assignment: Assignment
) -> None:
    (check,) = [check for check in graded.checks if check.id == "test_scores_unseen"]
    assert check.diagnosis is not None
    transform = replace(check.diagnosis, mistakes=(), title="OFF-BY-A-FACTOR", hint="THREE-TIMES")
    one = replace(graded, checks=(replace(check, hint="Fixed words.", diagnosis=transform),))
    names = page(one, assignment, "names", DAY)
    assert "Fixed words." in names and "OFF-BY" not in names and "THREE-TIMES" not in names
    assert "OFF-BY" in page(one, assignment, "full", DAY)


def test_the_instructor_reads_the_same_under_every_policy(
    graded: GradeReport, assignment: Assignment
) -> None:
    pages = {
        instructor_page(graded, replace(assignment, feedback=FeedbackPolicy(level=level, begins=DAY)))
        for level in ("names", "full")
    } | {instructor_page(graded, assignment)}
    (text,) = (one.decode() for one in pages)
    assert MEASURED in text and "HIDDEN-DETAIL" in text


def test_rewriting_the_pages_from_the_date_on_names_the_mistakes(
    graded: GradeReport, assignment: Assignment, tmp_path: Path
) -> None:
    course = replace(assignment, feedback=FeedbackPolicy(level="names", begins=DAY))
    place = tmp_path / course.slug / graded.folder_name
    write_submission(graded, None, course, place, now=EVE)
    assert "NAMED-MISTAKE" not in (place / "feedback.html").read_text()
    stored = (place / "report.json").read_bytes()
    list(rewrite(tmp_path, lambda slug: course, now=DAY))
    assert "NAMED-MISTAKE" in (place / "feedback.html").read_text()
    assert (place / "report.json").read_bytes() == stored
