from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from markupsafe import escape

from autograder.records import Assignment, CellFailure, CheckResult, Diagnosis, GradeReport
from autograder.report.check_view import check_view
from autograder.report.feedback import STEP_LIMIT, student_view
from autograder.report.pages import feedback_page, instructor_page

NOW = datetime(2026, 11, 30, 12)

# What the fixture's hidden check carries and no student may read.
SECRETS = (
    "HIDDEN-FEEDBACK",
    "HIDDEN-DETAIL",
    "HIDDEN-TITLE",
    "HIDDEN-STRIP",
    "0.123",
    "hidden_metric",
    "77.1",
    "softmax_over_padding",
    "faithfulness_percentile",
    "72.5",
)


def hidden_only(report: GradeReport) -> GradeReport:
    """Make every check hidden, so that whatever of strips, values or errors shows is a leak."""
    return replace(report, checks=tuple(replace(check, visibility="hidden") for check in report.checks))


def test_a_hidden_check_shows_title_and_hint_only(report: GradeReport, assignment: Assignment) -> None:
    page = feedback_page(report, assignment, NOW).decode()
    assert "Attributions match on unseen sentences and another model" in page
    assert "Try a sentence that the model gets wrong." in page
    assert [secret for secret in SECRETS if secret in page] == []


def test_nothing_found_shows_of_any_hidden_check(report: GradeReport, assignment: Assignment) -> None:
    figure = '<figure class="heat-strip">'
    assert figure in feedback_page(report, assignment, NOW).decode()
    page = feedback_page(hidden_only(report), assignment, NOW).decode()
    assert figure not in page
    assert [word for word in ("Stell", "RuntimeError", "0.31", "KeyError") if word in page] == []


def test_the_instructor_reads_everything(report: GradeReport, assignment: Assignment) -> None:
    page = instructor_page(report, assignment).decode()
    wanted = [
        *SECRETS,
        "KeyError: &#39;tokens&#39;",
        "Traceback (most recent call last)",
        "2.13.0",
        "3.2e-07",
    ]
    assert [text for text in wanted if text not in page] == []
    assert "☐ names at least two tokens with their scores" in page


def test_the_instructor_reads_what_an_error_follows_from(report: GradeReport, assignment: Assignment) -> None:
    first = replace(report.checks[0], follows_from="build_baseline")
    page = instructor_page(replace(report, checks=(first, *report.checks[1:])), assignment).decode()
    assert page.count("Follows from <code>build_baseline</code>.") == 1


def test_an_unknown_visibility_is_hidden(report: GradeReport) -> None:
    odd = replace(report.checks[3], visibility="after_deadline")  # type: ignore[arg-type]
    view = check_view(odd)
    assert view.hidden and view.strips == () and "0.31" not in view.found


def test_a_fault_of_ours_is_under_review_and_its_text_stays_with_us(report: GradeReport) -> None:
    fault = next(check for check in report.checks if check.fault)
    view = check_view(replace(fault, visibility="visible", feedback="Traceback of the harness"))
    assert view.state == "review"
    assert (
        view.found == "Something went wrong on our side. A person will look at it; you lost no points by it."
    )


@pytest.mark.parametrize(
    ("outcome", "points", "word"),
    [
        ("passed", 4, "Passed"),
        ("passed", 3, "Partly"),
        ("failed", 2.5, "Partly"),
        ("failed", 0, "Not yet"),
        ("errored", 0, "Error"),
        ("timed_out", 0, "Too slow"),
        ("skipped", 0, "Not run"),
    ],
)
def test_outcomes_have_a_word(report: GradeReport, outcome: str, points: float, word: str) -> None:
    found = {"outcome": outcome, "points": points, "max_points": 4, "feedback": "What was found."}
    assert check_view(replace(report.checks[0], **found)).word == word  # type: ignore[arg-type]


@pytest.mark.parametrize("outcome", ["failed", "errored", "timed_out", "skipped"])
def test_a_lost_check_always_says_something(outcome: str) -> None:
    check = CheckResult(
        id="t",
        task="f",
        title="t",
        points=0,
        max_points=1,
        outcome=outcome,  # type: ignore[arg-type]
        visibility="hidden",
    )
    assert check_view(check).found.endswith(".")


def test_the_instructor_reads_each_hint_once(report: GradeReport, assignment: Assignment) -> None:
    named = report.checks[3]
    assert named.diagnosis is not None
    unnamed = replace(named, diagnosis=None, hint="Look at the axes.")
    checks = (replace(named, hint=named.diagnosis.hint), unnamed)
    page = instructor_page(replace(report, checks=checks), assignment).decode()
    assert page.count(escape(named.diagnosis.hint)) == 1
    assert page.count("Look at the axes.") == 1


def test_message_and_hint_are_shown_apart(report: GradeReport) -> None:
    check = report.checks[3]
    assert check.diagnosis is not None
    view = check_view(replace(check, visibility="visible", feedback="Wrong values."))
    assert (view.found, view.hint) == ("Wrong values.", check.diagnosis.hint)


def test_steps_follow_the_tasks_and_prefer_hints(report: GradeReport, assignment: Assignment) -> None:
    steps = student_view(report, assignment, NOW).steps
    assert [[task.name for task in step.tasks] for step in steps] == [
        ["compute_feature_attribution_scores"],
        ["token_importance"],
        ["merge_subtokens"],
        ["my_attribution"],
    ]
    assert steps[0].text == "Whose decision do the scores explain: the label's, or the model's?"
    # one of the two points of merge_subtokens is under review: not the student's to mend
    assert [step.points for step in steps] == [8, 3, 1, 1.5]


def test_the_same_advice_for_two_tasks_is_one_step(report: GradeReport, assignment: Assignment) -> None:
    same = Diagnosis(misconception="m", title="t", hint="Look at the padding.", distance=0.0)
    checks = tuple(
        replace(check, points=0, outcome="failed", diagnosis=same, fault="") for check in report.checks
    )
    steps = student_view(replace(report, checks=checks), assignment, NOW).steps
    assert [(step.text, len(step.tasks), step.points) for step in steps] == [("Look at the padding.", 5, 24)]


def test_steps_are_few(report: GradeReport, assignment: Assignment) -> None:
    tasks = tuple(replace(assignment.tasks[0], name=f"f{n}") for n in range(9))
    checks = tuple(
        replace(report.checks[3], task=task.name, diagnosis=None, feedback=f"advice {task.name}", strips=())
        for task in tasks
    )
    view = student_view(replace(report, checks=checks), replace(assignment, tasks=tasks), NOW)
    assert (len(view.steps), view.more_steps) == (STEP_LIMIT, 9 - STEP_LIMIT)


def test_tasks_stand_in_the_assignments_order_and_no_check_is_lost(
    report: GradeReport, assignment: Assignment
) -> None:
    stray = replace(report.checks[0], task="unknown_function")
    view = student_view(replace(report, checks=(stray, *reversed(report.checks))), assignment, NOW)
    assert [task.name for task in view.tasks] == [*(task.name for task in assignment.tasks), ""]
    assert sum(len(task.checks) for task in view.tasks) == len(report.checks) + 1


def test_score_and_pending_points_are_told(report: GradeReport, assignment: Assignment) -> None:
    page = feedback_page(report, assignment, NOW).decode()
    assert "<strong>9.5 of 24</strong> points" in page
    assert "+ up to 4 for written answers" in page
    assert "1 under review" in page
    assert "This will be looked at by a person; no points were lost." in page
    assert "A person will grade this." in page


def test_full_marks_say_so(passed: Callable[[str], GradeReport], assignment: Assignment) -> None:
    page = feedback_page(passed("Ana"), assignment, NOW).decode()
    assert "Every check passes. Well done!" in page
    assert "Not yet" not in page


def test_a_problem_says_what_where_and_what_to_do(
    problem: Callable[[str], GradeReport], assignment: Assignment
) -> None:
    page = feedback_page(problem("Ana"), assignment, NOW).decode()
    assert "Your submission could not be run." in page
    assert "notebook.ipynb: not JSON (line 1, column 1). Save the notebook in Jupyter again" in page
    assert "hand it in again" in page


def test_the_pages_do_not_depend_on_timing(report: GradeReport, assignment: Assignment) -> None:
    later = replace(report, timing={"total": 99.0})
    assert feedback_page(later, assignment, NOW) == feedback_page(report, assignment, NOW)
    assert instructor_page(later, assignment) == instructor_page(report, assignment)


def test_a_step_is_the_hint_at_a_recognised_mistake_before_any_other(
    report: GradeReport, assignment: Assignment
) -> None:
    diagnosis = Diagnosis(misconception="m", title="t", hint="By what factor are they off?", distance=0.0)
    plain = replace(
        report.checks[3], outcome="failed", points=0, diagnosis=None, hint="Print the sums.", fault=""
    )
    named = replace(plain, id="test_named", diagnosis=diagnosis, hint=diagnosis.hint)
    steps = student_view(replace(report, checks=(plain, named)), assignment, NOW).steps
    assert [step.text for step in steps] == ["By what factor are they off?"]


def test_the_step_of_an_unwritten_function_is_to_write_it(
    report: GradeReport, assignment: Assignment
) -> None:
    said = "build() is not written yet: it raised NotImplementedError"
    visible = replace(
        report.checks[0], outcome="errored", points=0, visibility="visible", feedback=said, hint=""
    )
    hidden = replace(visible, id="other", visibility="hidden", hint="This runs once the function is written.")
    view = student_view(replace(report, checks=(visible, hidden)), assignment, NOW)
    assert [step.text for step in view.steps] == [said]


def test_a_question_without_an_answer_is_not_pending(report: GradeReport, assignment: Assignment) -> None:
    questions = student_view(report, assignment, NOW).questions
    assert [question.id for question in questions] == ["question-words", "question-faith"]
    page = feedback_page(report, assignment, NOW).decode()
    place = page.index('id="question-2"')
    assert (page.count("Not answered"), page.count("With a person")) == (2, 2)
    assert '<span class="points">0 of 2</span>' in page[place:]
    assert "You have not answered this question: the cell holds no text of yours." in page[place:]
    assert "Not answered: 0 of 2, nothing to grade." in instructor_page(report, assignment).decode()


def test_full_marks_without_an_answer_wait_for_nobody(
    passed: Callable[[str], GradeReport], assignment: Assignment
) -> None:
    silent = replace(passed("Ana"), pending=())
    page = feedback_page(silent, assignment, NOW).decode()
    assert "Every check passes. Well done!" in page
    assert "read by a person" not in page and "for written answers" not in page


def test_a_check_that_follows_has_no_error_and_no_hint_of_its_own(
    report: GradeReport, assignment: Assignment
) -> None:
    lost = replace(report.checks[4], follows_from="build_baseline", hint="Look there.")
    visible = replace(report.checks[5], follows_from="build_baseline")
    earlier = replace(report.checks[0], outcome="failed", points=0, feedback="Not kept.", hint="Keep it.")
    view = student_view(replace(report, checks=(earlier, lost, visible)), assignment, NOW)
    (one,) = view.tasks[1].checks
    assert one.follows is not None and (one.follows.number, one.follows.title) == (1, "The baseline")
    assert (one.found, one.hint, one.word, one.state) == ("", "", "Follows", "skipped")
    # What is to be done stands at the earlier task.
    assert [(step.text, [task.name for task in step.tasks]) for step in view.steps] == [
        ("Keep it.", ["build_baseline"])
    ]
    page = feedback_page(replace(report, checks=(earlier, lost, visible)), assignment, NOW).decode()
    link = 'This follows from task 1, <a href="#task-build_baseline">The baseline</a>: once that is right'
    assert page.count(link) == 2
    assert [text for text in ("Look there.", "RuntimeError") if text in page] == []


def test_a_failed_cell_of_a_passed_task_is_no_error_of_the_task(
    report: GradeReport, assignment: Assignment
) -> None:
    mine = CellFailure(cell="check-x", index=3, kind="error", message="AssertionError: rows sum to 1")
    checks = (report.checks[0], replace(report.checks[5], follows_from=""))
    passed, lost = replace(mine, task="build_baseline"), replace(mine, index=4, task="token_importance")
    follows = replace(mine, index=5, task="build_baseline", follows_from="token_importance")
    slow = replace(mine, index=6, task="build_baseline", kind="timeout", message="Longer than 10 s.")
    graded = replace(report, checks=checks, failures=(passed, lost, follows, slow))
    page = feedback_page(graded, assignment, NOW).decode()
    cells = page[page.index("Cells that did not end well") : page.index("Good to know")]
    text = " ".join(re.sub("<[^>]*>", " ", cells).split())
    assert "Cell 4 ( check-x ) stopped, but all checks of task 1, The baseline passed" in text
    assert "Cell 5 ( check-x ) raised an error. AssertionError: rows sum to 1" in text
    assert "Cell 6 ( check-x ) follows from task 3, From scores to importance ." in text
    assert "Cell 7 ( check-x ) did not end in its time. Longer than 10 s." in text
    assert text.count("AssertionError") == 1
    assert instructor_page(graded, assignment).decode().count("AssertionError: rows sum to 1") == 3
