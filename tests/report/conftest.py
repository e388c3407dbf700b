"""Records as a course would see them, for the tests of the pages."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.records import (
    Assignment,
    CellFailure,
    CheckResult,
    Diagnosis,
    Execution,
    GradeReport,
    Limits,
    Pending,
    Task,
    TokenStrip,
    WrittenQuestion,
)

TOKENS = (
    "[CLS]",
    "Stell",
    "bitte",
    "einen",
    "Weck",
    "##er",
    "für",
    "sieben",
    "Uhr",
    "mor",
    "##gens",
    "[SEP]",
)
PADDING = ("[PAD]",) * 20
ACTUAL = (0.0, 0.31, 0.04, -0.02, 0.62, 0.58, -0.11, 0.22, 0.35, -0.19, -0.27, 0.0)
EXPECTED = (0.01, 0.12, 0.02, 0.01, 0.83, 0.64, 0.03, 0.2, 0.31, 0.05, 0.02, -0.01)
RUBRIC = ("names at least two tokens with their scores", "explains why one of them surprises")


def png(width: int = 480, height: int = 240) -> str:
    """Return a bar chart as a base64 PNG, written by hand: no plotting library in these tests."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            bar = x * len(ACTUAL) // width
            filled = height - y < 20 + abs(ACTUAL[bar]) * 300 and (x * len(ACTUAL)) % width < width * 0.7
            rows += (
                b"\x30\x70\xc0"
                if filled and ACTUAL[bar] >= 0
                else b"\xd0\x80\x30"
                if filled
                else b"\xff\xff\xff"
            )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(rows))
    raw = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return base64.b64encode(raw).decode()


def check(id: str, task: str, title: str, points: float, max_points: float, **changes: object) -> CheckResult:
    """Return a check; passed and visible unless the changes say otherwise."""
    values: dict[str, object] = {"outcome": "passed", "visibility": "visible", **changes}
    return CheckResult(id=id, task=task, title=title, points=points, max_points=max_points, **values)  # type: ignore[arg-type]


def strip(title: str = "“Stell bitte einen Wecker …”, intent: alarm/set_alarm") -> TokenStrip:
    """Return a German sentence with word pieces and padding."""
    zeros = (0.0,) * len(PADDING)
    return TokenStrip(title=title, tokens=TOKENS + PADDING, actual=ACTUAL + zeros, expected=EXPECTED + zeros)


def diagnosis(**changes: object) -> Diagnosis:
    """Return a known mistake."""
    values: dict[str, object] = {
        "misconception": "softmax_over_padding",
        "title": "The softmax runs over the padding, too",
        "hint": "Padding should get nothing. What must its score be before the softmax for that to happen?",
        "distance": 3.2e-7,
    }
    return Diagnosis(**{**values, **changes})  # type: ignore[arg-type]


TASKS = (
    (
        "build_baseline",
        "The baseline",
        "A LongTensor of the input's shape: [PAD] everywhere, [CLS] and [SEP] kept.",
    ),
    (
        "compute_feature_attribution_scores",
        "Integrated gradients",
        "Attributions of shape (batch, token) for the predicted class, and the logits (batch, label).",
    ),
    ("token_importance", "From scores to importance", "A softmax over the valid tokens; 0 at padding."),
    (
        "merge_subtokens",
        "Words instead of pieces",
        "A list of (word, score): “##” pieces joined, scores summed.",
    ),
    (
        "my_attribution",
        "Your own method",
        "Scores of shape (batch, token) by any method; graded by faithfulness.",
    ),
)


@pytest.fixture(scope="session")
def assignment() -> Assignment:
    """The mini-project."""
    return make_assignment(Path("course"))


def make_assignment(folder: Path) -> Assignment:
    """Return the assignment with its files in a folder; the pages read none of them."""
    return Assignment(
        slug="token_attribution",
        title="Token attribution",
        points=24,
        course_dir=folder,
        folder=folder,
        reference=folder / "reference.py",
        template=folder / "template.ipynb",
        tasks=tuple(Task(name=name, title=title, expected=expected) for name, title, expected in TASKS),
        questions=(
            WrittenQuestion(id="question-words", title="Which tokens decide?", points=4, rubric=RUBRIC),
        ),
        models={},
        limits=Limits(),
    )


def mixed_checks() -> tuple[CheckResult, ...]:
    """Return one check of every kind."""
    scores, importance = "compute_feature_attribution_scores", "token_importance"
    return (
        check("test_baseline", "build_baseline", "The baseline keeps [CLS] and [SEP]", 2, 2),
        check(
            "test_baseline_unseen",
            "build_baseline",
            "The baseline is right on unseen batches",
            3,
            3,
            visibility="hidden",
        ),
        check(
            "test_scores_shape",
            scores,
            "One score for each token",
            2,
            2,
            remarks=("Your baseline is [PAD] at [CLS] and [SEP], too. That is accepted here.",),
        ),
        check(
            "test_scores_match",
            scores,
            "Attributions match the reference",
            0,
            4,
            outcome="failed",
            feedback="6 of 12 scores differ; the largest difference is at “Stell”: 0.31, expected 0.12.",
            detail="attributions: 6 of 12 wrong; worst at [batch 0, token 1]: got 0.31, expected 0.12",
            diagnosis=diagnosis(
                misconception="target_from_labels",
                title="The target is the label, not the prediction",
                hint="Whose decision do the scores explain: the label's, or the model's?",
            ),
            strips=(strip(),),
        ),
        check(
            "test_scores_unseen",
            scores,
            "Attributions match on unseen sentences and another model",
            0,
            4,
            outcome="failed",
            visibility="hidden",
            feedback="HIDDEN-FEEDBACK",
            detail="HIDDEN-DETAIL",
            diagnosis=diagnosis(
                hint="Try a sentence that the model gets wrong.", title="HIDDEN-TITLE", distance=0.123456
            ),
            strips=(strip("HIDDEN-STRIP"),),
            metrics={"hidden_metric": 77.125},
        ),
        check(
            "test_importance_sums",
            importance,
            "Each row sums to 1",
            0,
            1,
            outcome="errored",
            feedback="Your function raised RuntimeError: The size of tensor a (12) must match tensor b (32)",
            detail="Traceback (most recent call last):\n  cell 14, line 3\nRuntimeError: The size …",
        ),
        check(
            "test_importance_unseen",
            importance,
            "Importance is right on unseen masks",
            0,
            2,
            outcome="skipped",
            visibility="hidden",
        ),
        check("test_merge", "merge_subtokens", "Pieces are joined", 0, 1, outcome="timed_out"),
        check(
            "test_merge_unseen",
            "merge_subtokens",
            "Pieces are joined in unseen sentences",
            0,
            1,
            outcome="errored",
            visibility="hidden",
            fault="the check raised KeyError: 'tokens' in checks.py, line 88",
        ),
        check(
            "test_faithful",
            "my_attribution",
            "Your scores are faithful to the model",
            2.5,
            4,
            outcome="failed",
            visibility="hidden",
            metrics={"faithfulness_percentile": 72.5},
        ),
    )


def make_report(student: str = "Zoë Müller", **changes: object) -> GradeReport:
    """Return a report with every kind of outcome."""
    checks = mixed_checks()
    values: dict[str, object] = {
        "assignment": "token_attribution",
        "student": student,
        "score": sum(item.points for item in checks),
        "max_score": sum(item.max_points for item in checks),
        "checks": checks,
        "pending": (
            Pending(
                id="question-words",
                title="Which tokens decide the intent, and why?",
                points=4,
                rubric=RUBRIC,
                answer="# Mine\n\n**Wecker** carries most:\n\n- it names the intent\n- `[SEP]` gets none\n",
            ),
        ),
        "unanswered": (
            Pending(id="question-faith", title="When is an attribution faithful?", points=2, answer=""),
        ),
        "needs_review": ("test_merge_unseen: the check raised KeyError: 'tokens' in checks.py, line 88",),
        "remarks": ("You asked for a GPU; your code ran on the CPU instead.",),
        "failures": (
            CellFailure(
                cell="plot-attributions",
                index=17,
                kind="error",
                message="NameError: name 'plt' is not defined",
            ),
        ),
        "missing_modules": ("shap", "lime"),
        "plots": (png(),),
        "provenance": {"versions": {"torch": "2.13.0"}, "device": "cpu", "seeds": [1, 2]},
        "timing": {"total": 1.25},
    }
    return GradeReport(**{**values, **changes})  # type: ignore[arg-type]


def make_passed(student: str) -> GradeReport:
    """Return a report with full marks."""
    checks = tuple(
        replace(
            item,
            points=item.max_points,
            outcome="passed",
            diagnosis=None,
            fault="",
            feedback="",
            detail="",
            metrics={"faithfulness_percentile": 93.0} if item.id == "test_faithful" else {},
        )
        for item in mixed_checks()
    )
    nothing: dict[str, object] = dict.fromkeys(("needs_review", "failures", "remarks", "missing_modules"), ())
    return make_report(student, checks=checks, score=24.0, **nothing)


def make_problem(student: str) -> GradeReport:
    """Return a report of a file that could not be run."""
    text = "notebook.ipynb: not JSON (line 1, column 1). Save the notebook in Jupyter again and hand it in."
    return make_report(
        student,
        checks=(),
        score=0.0,
        max_score=24.0,
        pending=(),
        unanswered=(),
        needs_review=(),
        remarks=(),
        failures=(),
        missing_modules=(),
        plots=(),
        problem=text,
    )


@pytest.fixture(scope="session")
def report() -> GradeReport:
    """One submission with every kind of outcome."""
    return make_report()


@pytest.fixture(scope="session")
def passed() -> Callable[[str], GradeReport]:
    """Makes a report with full marks for a name."""
    return make_passed


@pytest.fixture(scope="session")
def problem() -> Callable[[str], GradeReport]:
    """Makes a report of an unreadable file for a name."""
    return make_problem


@pytest.fixture(scope="session")
def execution() -> Execution:
    """An executed notebook with text, an error, a table, a plot and hostile outputs."""
    return make_execution()


def make_execution() -> Execution:
    """Return an executed notebook with harmless and hostile outputs."""
    html = (
        "<table><tr><td style='color:#a00'>0.31</td></tr></table><script>evil()</script>"
        "<img src=http://evil.example/x.png onerror=evil()><iframe src=http://evil.example></iframe>"
        "<a href='javascript:evil()'>click</a><div style='position:fixed;background:url(http://evil.example/y)'>over</div>"
    )
    outputs = [
        {
            "output_type": "stream",
            "name": "stdout",
            "text": "\x1b[31mred\x1b[0m <script>evil()</script> \u202egnp.exe\n",
        },
        {"output_type": "display_data", "metadata": {}, "data": {"text/html": html, "text/plain": "table"}},
        {
            "output_type": "display_data",
            "metadata": {"image/png": {"width": "1 onerror=evil()"}},
            "data": {"image/png": png(60, 40)},
        },
        {
            "output_type": "display_data",
            "metadata": {},
            "data": {"image/png": '"><script>evil()</script>', "text/plain": "no picture"},
        },
        {
            "output_type": "display_data",
            "metadata": {},
            "data": {"image/svg+xml": "<svg onload=evil()></svg>", "text/plain": "svg"},
        },
        {
            "output_type": "display_data",
            "metadata": {},
            "data": {"application/javascript": "evil()", "text/plain": "js"},
        },
        {
            "output_type": "execute_result",
            "metadata": {},
            "execution_count": 1,
            "data": {
                "text/markdown": "![x](http://evil.example/z.png) [y](javascript:evil()) **bold**",
                "text/plain": "md",
            },
        },
        {
            "output_type": "error",
            "ename": "ValueError",
            "evalue": "no",
            "traceback": ["\x1b[0;31mValueError\x1b[0m: <b>no</b>"],
        },
    ]
    cells = [
        {
            "cell_type": "markdown",
            "id": "a1",
            "metadata": {},
            "source": "# Token attribution\n\n<script>evil()</script>![p](http://evil.example/p.png)",
        },
        {
            "cell_type": "code",
            "id": 'b" onclick=evil() x="',
            "metadata": {
                "execution": {"iopub.execute_input": "2026-01-01"},
                "tags": ['"><script>evil()'],
                "trusted": True,
            },
            "source": ["def f(x):\n", "    return x  # a comment\n"],
            "execution_count": 1,
            "outputs": outputs,
        },
        {"cell_type": "raw", "metadata": {"raw_mimetype": "text/html"}, "source": "<script>evil()</script>"},
    ]
    return Execution(
        notebook={"nbformat": 4, "nbformat_minor": 5, "metadata": {"widgets": {}}, "cells": cells}
    )
