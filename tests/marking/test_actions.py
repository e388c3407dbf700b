"""Marking answers, changing rubrics, overriding checks: what counts then."""

import subprocess
import sys
from dataclasses import replace

import pytest

from autograder.marking.actions import Marking
from autograder.marking.errors import ConflictError, MarkingError
from autograder.marking.on_checks import comment_on_check, override
from autograder.marking.progress import progress
from autograder.marking.records import SUBMISSION, Given
from autograder.marking.requests import request, resolve
from autograder.marking.rubric import add_item, change_item
from autograder.marking.sharing import assign, assign_evenly, sample
from autograder.marking.state import MarkingState

from .conftest import BROKEN, FAITH, RUBRIC, STUDENTS, WORDS, answered, hand_in, make_class


def items(marking, question=WORDS):
    return [item.id for item in marking.state.rubric(question)]


def test_importing_it_is_light():
    heavy = ("torch", "transformers", "pandas", "numpy", "matplotlib", "sklearn", "jsonschema", "nbconvert")
    code = (
        "import sys, autograder.marking.marks_csv, autograder.marking.log, autograder.marking.pages\n"
        "import autograder.cli.marking, autograder.marking.agreement\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_the_rubric_begins_with_what_the_assignment_states(marking):
    rubric = marking.state.rubric(WORDS)
    assert [item.text for item in rubric] == list(RUBRIC)
    assert sum(item.points for item in rubric) == 4


def test_a_mark_counts_its_items_and_its_adjustment(marking):
    first, second = items(marking)
    mark = marking.mark("Ana", WORDS, Given(items=(second, first), adjustment=-0.5), by="Ines", revision="")
    assert (mark.points, mark.items, mark.by) == (3.5, (first, second), "Ines")
    assert marking.state.mark("Ana", WORDS) == mark
    assert marking.state.mark("Bo", WORDS) is None


@pytest.mark.parametrize(("adjustment", "points"), [(9, 4), (-9, 0)])
def test_points_stay_within_the_question(marking, adjustment, points):
    mark = marking.mark("Ana", WORDS, Given(adjustment=adjustment), by="Ines")
    assert (mark.points, mark.unbounded) == (points, adjustment)


def test_repricing_an_item_recomputes_what_is_marked(marking):
    first, second = items(marking)
    marking.mark_all(dict.fromkeys(STUDENTS, Given(items=(first,))), WORDS, by="Ines")
    assert {mark.points for mark in marking.state.marks(WORDS).values()} == {2}
    change_item(marking, first, by="Ines", points=3)
    assert {mark.points for mark in marking.state.marks(WORDS).values()} == {3}
    change_item(marking, first, by="Ines", removed=True)
    assert {mark.points for mark in marking.state.marks(WORDS).values()} == {0}
    assert items(marking) == [second]
    change_item(marking, first, by="Ines", removed=False, text="Names both tokens")
    assert {mark.points for mark in marking.state.marks(WORDS).values()} == {3}
    assert marking.state.rubric(WORDS)[0].text == "Names both tokens"


def test_an_item_may_take_points(marking):
    first, _ = items(marking)
    slip = add_item(marking, WORDS, "Mixes up sign and size", -0.5, by="Omar")
    assert marking.mark("Ana", WORDS, Given(items=(first, slip.id)), by="Omar").points == 1.5


def test_a_changed_assignment_file_changes_no_mark(marking, results, course_assignment):
    first, second = items(marking)
    marking.mark("Ana", WORDS, Given(items=(first, second)), by="Ines")
    words, faith = course_assignment.questions
    edited = replace(course_assignment, questions=(replace(words, rubric=("something else",)), faith))
    with Marking(results, edited) as later:
        assert later.state.mark("Ana", WORDS).points == 4
        assert [item.text for item in later.state.rubric(WORDS)] == ["something else", *RUBRIC]


def test_another_process_marks_first(marking, results, course_assignment):
    with Marking(results, course_assignment) as other:
        first, second = items(other)
        other.mark("Ana", WORDS, Given(items=(first,)), by="Omar", revision="")
        with pytest.raises(ConflictError, match="decided meanwhile by Omar"):
            marking.mark("Ana", WORDS, Given(items=(second,)), by="Ines", revision="")
        seen = marking.state.mark("Ana", WORDS)
        assert (seen.by, seen.points) == ("Omar", 2)
        marking.mark("Ana", WORDS, Given(), by="Ines", revision=seen.revision)
        other.refresh()
        assert other.state.mark("Ana", WORDS).points == 0


def test_two_may_begin_a_question_at_once(marking, results, course_assignment):
    with Marking(results, course_assignment) as other:
        first, _ = items(marking)
        other.mark("Bo", WORDS, Given(items=(first,)), by="Omar", revision="")
        # This one has not seen that the rubric is in the log by now.
        assert marking.mark("Ana", WORDS, Given(items=(first,)), by="Ines", revision="").points == 2


def test_a_group_is_marked_as_a_whole_or_not_at_all(marking):
    marking.mark("Bo", WORDS, Given(adjustment=1), by="Omar")
    with pytest.raises(ConflictError):
        marking.mark_all(
            dict.fromkeys(("Ana", "Bo"), Given(adjustment=2)), WORDS, by="Ines", revisions={"Ana": ""}
        )
    assert marking.state.mark("Ana", WORDS) is None


@pytest.mark.parametrize(
    ("student", "question", "given", "by", "words"),
    [
        ("Anna", WORDS, Given(), "Ines", "no results of a student 'Anna'. Did you mean Ana"),
        ("Ana", "question-word", Given(), "Ines", "no question 'question-word'. Did you mean question-words"),
        ("Ana", WORDS, Given(items=("nope",)), "Ines", "no rubric item 'nope'"),
        ("Ana", WORDS, Given(adjustment=float("nan")), "Ines", "must be a number"),
        ("Ana", WORDS, Given(), " ", "who decides"),
    ],
)
def test_a_decision_that_cannot_be_is_refused(marking, student, question, given, by, words):
    with pytest.raises(MarkingError, match=words):
        marking.mark(student, question, given, by=by)
    assert marking.row == 0


def test_comments_are_offered_most_used_first(marking):
    for student, comment in zip(STUDENTS, ("Good.", "Which one?", "Good.", ""), strict=True):
        marking.mark(student, WORDS, Given(comment=comment), by="Ines")
    assert marking.state.comments(WORDS) == [("Good.", 2), ("Which one?", 1)]


def test_progress_counts_answers_and_assistants(marking):
    marking.mark("Ana", WORDS, Given(adjustment=1), by="Ines")
    marking.mark("Bo", WORDS, Given(later=True), by="Omar")
    assign(marking, "Ines", by="Ada", question=WORDS)
    assign(marking, "Omar", by="Ada", question=WORDS, student="王伟")
    found = progress(marking, WORDS)
    assert (found.answers, found.marked, found.later, found.review) == (4, 1, 1, 0)
    assert found.by == {"Ines": 1}
    assert found.assigned == {"Ines": (1, 3), "Omar": (0, 1)}
    assert progress(marking, FAITH).answers == 1


def test_a_regrade_that_changes_an_answer_flags_its_mark(marking, results, course_assignment):
    marking.mark("Ana", WORDS, Given(adjustment=1), by="Ines")
    marking.mark("Bo", WORDS, Given(adjustment=1), by="Ines")
    ana, bo, *_ = make_class()
    hand_in(answered(ana, "Another answer.", ""), course_assignment, results)
    hand_in(replace(bo, score=20.0), course_assignment, results)
    assert marking.refresh()
    flagged = {name: marking.needs_review(mark) for name, mark in marking.state.marks(WORDS).items()}
    assert flagged == {"Ana": True, "Bo": False}
    assert marking.grade("Ana").review == (WORDS,)
    marking.mark("Ana", WORDS, Given(adjustment=1), by="Ines")
    assert marking.grade("Ana").review == ()


def test_an_override_counts_until_it_is_withdrawn(marking):
    grade = marking.grade("Ana")
    override(marking, "Ana", "test_merge", 0.5, by="Ada", reason="Copied from Bo.")
    changed = marking.grade("Ana")
    assert changed.adjustments == -0.5
    assert (changed.auto, grade.auto) == (24, 24)
    (check,) = changed.checks
    assert (check.automatic, check.points, check.reason) == (1, 0.5, "Copied from Bo.")
    assert override(marking, "Ana", "test_merge", None, by="Ada", reason="Bo copied.") is None
    assert marking.grade("Ana") == grade


@pytest.mark.parametrize(
    ("check", "points", "reason", "words"),
    [
        ("test_merge", 2, "why", "from 0 to 1, not 2"),
        ("test_merge", 1, " ", "say why"),
        ("test_merg", 1, "why", "no check 'test_merg'. Did you mean test_merge"),
    ],
)
def test_an_override_is_within_the_check_and_has_a_reason(marking, check, points, reason, words):
    with pytest.raises(MarkingError, match=words):
        override(marking, "Ana", check, points, by="Ada", reason=reason)


def test_a_regrade_that_changes_a_check_flags_its_override(marking, results, course_assignment):
    override(marking, "Ana", "test_merge", 0.5, by="Ada", reason="Copied.")
    ana, *_ = make_class()
    checks = tuple(replace(one, points=0.25) if one.id == "test_merge" else one for one in ana.checks)
    hand_in(replace(ana, checks=checks, score=23.25), course_assignment, results)
    marking.refresh()
    grade = marking.grade("Ana")
    assert grade.review == ("test_merge",)
    assert (grade.auto, grade.adjustments) == (23.25, 0.25)


def test_a_comment_on_a_check_changes_no_points(marking):
    comment_on_check(marking, "Ana", "test_merge", "Nicely **short**.", by="Ada")
    grade = marking.grade("Ana")
    assert (grade.adjustments, grade.checks[0].comment) == (0, "Nicely **short**.")
    assert comment_on_check(marking, "Ana", "test_merge", "", by="Ada") is None
    assert marking.grade("Ana").checks == ()


def test_a_grade_is_complete_when_every_answer_is_decided(marking):
    assert marking.grade("Bo").missing == (WORDS,)
    assert marking.grade("Bo").total is None
    marking.mark("Bo", WORDS, Given(adjustment=3, later=True), by="Ines")
    assert marking.grade("Bo").state == "incomplete"
    marking.mark("Bo", WORDS, Given(adjustment=3), by="Ines")
    grade = marking.grade("Bo")
    assert (grade.state, grade.auto, grade.written, grade.total, grade.of) == ("complete", 24, 3, 27, 30)
    assert [answer.state for answer in grade.answers] == ["marked", "empty"]
    assert marking.grade("Ana").missing == (WORDS, FAITH)


def test_a_fault_of_ours_keeps_a_grade_open(marking, results, course_assignment, faulty):
    hand_in(faulty, course_assignment, results)
    marking.refresh()
    marking.mark("Faulty", WORDS, Given(adjustment=3), by="Ines")
    assert marking.grade("Faulty").state_words == "incomplete: test_merge_unseen"
    override(marking, "Faulty", "test_merge_unseen", 1, by="Ada", reason="Right by hand.")
    grade = marking.grade("Faulty")
    assert grade.total == faulty.score + 1 + 3


def test_a_submission_that_could_not_be_run_is_decided_as_a_whole(marking):
    assert marking.grade(BROKEN).state_words == "problem"
    override(marking, BROKEN, SUBMISSION, 7, by="Ada", reason="Read on paper.")
    grade = marking.grade(BROKEN)
    assert (grade.state, grade.total, grade.adjustments) == ("complete", 7, 7)


def test_a_request_is_open_until_it_is_answered(marking):
    asked = request(marking, "Ana", "test_merge", "It runs on my machine.", by="Ada")
    assert asked.is_open
    assert request(marking, "Ana", "test_merge", "It runs on my machine.", by="Ada") is None
    closed = resolve(marking, asked, by="Ines", accepted=False, answer="Not with three pieces.")
    assert (closed.is_open, closed.answer, closed.resolved_by) == (False, "Not with three pieces.", "Ines")
    with pytest.raises(ConflictError):
        resolve(marking, asked, by="Omar", accepted=True, answer="Yes.")
    again = request(marking, "Ana", "test_merge", "But with two it does.", by="Ada")
    assert again.is_open
    assert marking.state.requests() == [again]


@pytest.mark.parametrize("per", ["question", "student", "answer"])
def test_work_is_shared_evenly(marking, per):
    shares = assign_evenly(marking, ["Ines", "Omar"], by="Ada", per=per)
    assert sum(shares.values()) == 5
    if per == "answer":
        assert sorted(shares.values()) == [2, 3]
    everyone = {marking.state.assignee(student, WORDS) for student in STUDENTS}
    assert everyone == ({"Ines"} if per == "question" else {"Ines", "Omar"})
    if per == "student":
        assert marking.state.assignee("Ana", WORDS) == marking.state.assignee("Ana", FAITH)


def test_a_second_mark_changes_no_grade(marking):
    chosen = sample(marking, WORDS, "Omar", share=0.5, by="Ada")
    assert marking.state.sampled(WORDS) == dict.fromkeys(chosen, "Omar")
    assert len(chosen) == 2
    marking.mark("Ana", WORDS, Given(adjustment=1), by="Ines")
    marking.mark("Ana", WORDS, Given(adjustment=3), by="Omar", kind="double")
    assert marking.state.mark("Ana", WORDS).points == 1
    assert marking.state.mark("Ana", WORDS, kind="double").points == 3


def test_the_order_of_decisions_does_not_matter(marking, course_assignment):
    first, second = items(marking)
    marking.mark("Ana", WORDS, Given(items=(first,)), by="Ines")
    change_item(marking, first, by="Ines", points=1)
    marking.mark("Ana", WORDS, Given(items=(first, second)), by="Omar")
    known = [row.decision for row in marking.store.since()]
    backwards = MarkingState(course_assignment.questions)
    backwards.add(reversed(known))
    backwards.add(known)
    assert backwards.mark("Ana", WORDS) == marking.state.mark("Ana", WORDS)
    assert backwards.rubric(WORDS) == marking.state.rubric(WORDS)
    assert backwards.history() == marking.state.history()
    assert len(marking.state.history(student="Ana")) == 2
