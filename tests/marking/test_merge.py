"""Logs of several machines become one, the same on each; two people's agreement."""

import itertools
import json
import shutil
from dataclasses import replace

import pytest

from autograder.marking.actions import Marking
from autograder.marking.agreement import agreement
from autograder.marking.errors import StoreError
from autograder.marking.log import merge, read_log, replaced, sentence, to_line
from autograder.marking.on_checks import override
from autograder.marking.records import Decision, Given
from autograder.marking.rubric import change_item
from autograder.marking.sharing import sample
from autograder.marking.store import STORE_NAME

from .conftest import STUDENTS, WORDS


@pytest.fixture
def machines(results, course_assignment, tmp_path):
    """Three machines that began with one log and then decided apart; opened anew for each use."""
    with Marking(results, course_assignment) as first:
        items = [item.id for item in first.state.rubric(WORDS)]
        first.mark("Ana", WORDS, Given(items=(items[0],)), by="Ines")
    folders = [shutil.copytree(results, tmp_path / name) for name in ("ines", "omar", "wei")]
    for folder, name, points in zip(folders, ("Ines", "Omar", "Wei"), (1.0, 2.0, 3.0), strict=True):
        with Marking(folder, course_assignment) as own:
            own.mark("Ana", WORDS, Given(items=tuple(items), adjustment=-points), by=name)
            own.mark(
                {"Ines": "Bo", "Omar": "王伟", "Wei": "Łukasz Żak"}[name],
                WORDS,
                Given(adjustment=points),
                by=name,
            )
            change_item(own, items[0], by=name, points=points)
            override(own, "Ana", "test_merge", points / 4, by=name, reason=f"As {name} sees it.")
    return folders


def counts(marking):
    """What counts, without the rows of the log."""
    return (
        marking.state.marks(WORDS),
        marking.state.rubric(WORDS),
        marking.state.contested(),
        marking.state.history(),
        marking.grades(),
    )


def test_in_whatever_order_logs_are_merged_the_result_is_the_same(machines, course_assignment, tmp_path):
    outcomes = []
    for number, order in enumerate(itertools.permutations(range(3))):
        base, *others = (machines[index] for index in order)
        here = shutil.copytree(base, tmp_path / f"merged{number}")
        with Marking(here, course_assignment) as marking:
            for other in others:
                merge(marking, read_log(other / STORE_NAME))
            outcomes.append(counts(marking))
    assert all(outcome == outcomes[0] for outcome in outcomes)
    marks, rubric, contested, history, _ = outcomes[0]
    assert marks["Ana"].by == "Wei"
    assert [one.by for one in marks["Ana"].contested] == ["Omar", "Ines"]
    assert rubric[0].points == 3
    assert len(contested) == 3
    assert len(history) == 1 + 2 + 3 * 4


def test_a_new_decision_ends_the_contest(machines, course_assignment):
    with Marking(machines[0], course_assignment) as marking:
        merged = merge(marking, read_log(machines[1] / STORE_NAME))
        assert merged.added == 4
        seen = marking.state.mark("Ana", WORDS)
        assert marking.needs_review(seen)
        marking.mark("Ana", WORDS, Given(adjustment=1), by="Ada", revision=seen.revision)
        assert marking.state.mark("Ana", WORDS).contested == ()
        assert merge(marking, read_log(machines[1] / STORE_NAME)).added == 0


def test_a_log_in_lines_is_as_good(machines, course_assignment, tmp_path):
    copy = tmp_path / "log.jsonl"
    with Marking(machines[1], course_assignment) as other:
        copy.write_text("".join(f"{to_line(one)}\n" for one in other.state.history()), encoding="utf-8")
    assert sorted(read_log(copy), key=lambda one: one.id) == sorted(
        read_log(machines[1] / STORE_NAME), key=lambda one: one.id
    )


def test_a_log_that_is_written_to_can_be_merged(machines, course_assignment):
    with Marking(machines[1], course_assignment) as busy:
        busy.mark("王伟", WORDS, Given(adjustment=4), by="Omar")  # still in the write-ahead log
        with Marking(machines[0], course_assignment) as marking:
            merge(marking, read_log(machines[1] / STORE_NAME))
            assert marking.state.mark("王伟", WORDS).points == 4


def test_decisions_on_unknown_students_are_named_and_kept(machines, course_assignment):
    stranger = Decision(
        id="x1",
        at="2026-01-01T00:00:00Z",
        by="Omar",
        kind="mark",
        student="Nobody",
        target=WORDS,
        value={"items": [], "adjustment": 1.0, "comment": "", "note": "", "later": False},
    )
    with Marking(machines[0], course_assignment) as marking:
        merged = merge(marking, [stranger])
        assert (merged.added, merged.strangers) == (1, ("Nobody",))
        assert marking.grade("Ana").student == "Ana"


@pytest.mark.parametrize(
    "change",
    [
        {"value": {"items": "all", "adjustment": 1, "comment": "", "note": "", "later": False}},
        {"value": []},
        {"kind": "guess"},
        {"by": 7},
        {"more": 1},
    ],
)
def test_a_log_of_something_else_is_refused(machines, course_assignment, tmp_path, change):
    with Marking(machines[0], course_assignment) as marking:
        line = json.loads(to_line(marking.state.history(student="Ana")[0]))
    path = tmp_path / "other.jsonl"
    path.write_text(json.dumps({**line, **change}))
    with pytest.raises(StoreError, match=r"other\.jsonl"):
        read_log(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreError, match="cannot be read"):
        read_log(tmp_path / "nowhere")


def test_the_log_says_who_what_before_and_why(marking):
    first, _ = marking.state.rubric(WORDS)
    marking.mark("Ana", WORDS, Given(items=(first.id,), comment="Good."), by="Ines")
    marking.mark("Ana", WORDS, Given(adjustment=3), by="Omar", reason="She named both.")
    override(marking, "Ana", "test_merge", 0.5, by="Ada", reason="Copied.")
    history = marking.state.history(student="Ana")
    before = replaced(history)
    lines = [sentence(one, before.get(one.id)).split("  ", 1)[1] for one in history]
    assert lines == [
        f"Ines  mark  Ana, {WORDS}: items {first.id}; comment 'Good.'",
        f"Omar  mark  Ana, {WORDS}: 3 points by hand (before: items {first.id}; comment 'Good.') "
        "because: She named both.",
        "Ada  override  Ana, test_merge: 0.5 points because: Copied.",
    ]


def test_agreement_is_cohens_kappa_of_both_marks(marking):
    sample(marking, WORDS, "Omar", share=1, by="Ada")
    for student, first, second in zip(STUDENTS, (1, 2, 3, 3), (1, 2, 2, 3), strict=True):
        marking.mark(student, WORDS, Given(adjustment=first), by="Ines")
        marking.mark(student, WORDS, Given(adjustment=second), by="Omar", kind="double")
    found = agreement(marking, WORDS)
    assert (found.sampled, found.both, found.same, found.difference) == (4, 4, 3, 0.25)
    # 3 of 4 agree; by chance 1/4·1/4 + 1/4·2/4 + 2/4·1/4 = 5/16: (3/4 - 5/16) / (1 - 5/16)
    assert found.kappa == pytest.approx(7 / 11)


def test_agreement_says_nothing_where_there_is_nothing(marking):
    assert agreement(marking, WORDS).kappa is None
    for student in STUDENTS[:2]:
        marking.mark(student, WORDS, Given(adjustment=1), by="Ines")
        marking.mark(student, WORDS, Given(adjustment=1), by="Omar", kind="double")
    found = agreement(marking, WORDS)
    assert (found.both, found.same, found.kappa) == (2, 2, None)
    marking.mark("王伟", WORDS, Given(adjustment=1), by="Ines")
    marking.mark("王伟", WORDS, Given(adjustment=2), by="Ines", kind="double")
    assert agreement(marking, WORDS).both == 2
    assert replace(found, both=0) != found
