"""What a hostile kernel gets onto the student's page under each feedback policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from autograder.records import FeedbackPolicy
from autograder.report import write_submission

from .grading import Grader
from .test_reports import SPY

pytestmark = pytest.mark.sandbox

FROM = datetime(2026, 12, 24)
SPELL = f"""{SPY}
def standardise(values):
    note(values)
    if not SEEN:
        return centre(values) / values.std(dim=0)
    HOSTILE
"""
WAYS = {
    "an error's name and message": "raise type(SEEN[-1], (ValueError,), {})(SEEN[-1])",
    "a note on an error": "error = ValueError(SEEN[-1]); error.add_note(SEEN[-1]); raise error",
    "a chained error": "raise KeyError(SEEN[-1]) from RuntimeError(SEEN[-1])",
    "an undefined name": "raise NameError(f'name {SEEN[-1]!r} is not defined', name=SEEN[-1])",
    "an unwritten function": "raise NotImplementedError(SEEN[-1])",
    "printed text": "print(SEEN[-1]); print(SEEN[-1], file=sys.stderr); return values * 0",
    "the type of an answer": "return type(SEEN[-1], (), {})()",
    "a text as the answer": "return SEEN[-1]",
    "the keys of an answer": "return {SEEN[-1]: values}",
    "a name in the notebook": "globals()[SEEN[-1]] = print; del globals()['standardise']; raise ValueError",
    "a traceback": "exec(compile(f'def {SEEN[-1]}(): raise ValueError\\n{SEEN[-1]}()', SEEN[-1], 'exec'))",
}


def told(grader: Grader, way: str, folder: Path) -> dict[str, bool]:
    """Return for each level, and for a day before it, whether the student's page holds what the kernel said."""
    graded = grader.grade({"standardise": SPELL.replace("HOSTILE", WAYS[way])})
    assert not graded.report.needs_review and graded.report.score < 6
    found = {}
    for level in ("hints", "names", "full"):
        policy = FeedbackPolicy(level=level, begins=None if level == "hints" else FROM)  # type: ignore[arg-type]
        assignment = replace(grader.course.assignment, feedback=policy)
        for when, now in (("before", FROM - timedelta(seconds=1)), ("then", FROM)):
            place = folder / f"{level}-{when}"
            write_submission(graded.report, graded.execution, assignment, place, now=now)
            # Also without the mark, in case a part of it alone gets through.
            text = (place / "feedback.html").read_text(encoding="utf-8")
            found[f"{level} {when}"] = "LEAK" in text
    return found


@pytest.mark.attack(
    "132",
    "put words onto the student's page, under each policy",
    layer="hints and names are fixed words",
    control="full feedback shows them",
)
def test_hints_and_names_carry_no_word_of_the_kernels(grader: Grader, tmp_path: Path) -> None:
    shown = {way: told(grader, way, tmp_path / str(number)) for number, way in enumerate(WAYS)}
    for way, pages in shown.items():
        assert not any(pages[page] for page in pages if page != "full then"), way
    assert any(pages["full then"] for pages in shown.values())
