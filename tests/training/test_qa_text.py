"""The passages, their questions, and the data files made from them."""

import csv
from collections import Counter
from itertools import combinations, product
from pathlib import Path

import pytest

from training.qa_en.select_pool import (
    EACH,
    EXAMPLES_FILE,
    FUNCTIONS,
    POOL_FILE,
    ROLES,
    SHOWN,
    Course,
    candidates,
)
from training.qa_en.text import examples, has_held_out_pair, is_held_out, slots_of, words


def test_answers_stand_where_they_are_said_to() -> None:
    for one in examples(300, 3):
        assert one.text[one.start : one.end] == one.answer
        begin, end = one.sentence
        assert begin <= one.start < one.end <= end and one.text[begin:end].endswith(".")
        assert one.question.endswith("?")


def test_the_same_seed_gives_the_same_text_and_another_one_another() -> None:
    assert examples(20, 1) == examples(20, 1) != examples(20, 2)


def test_every_frame_can_fill_what_it_asks() -> None:
    kinds = {"person", "year", *words()["values"]}
    for frame in words()["frames"]:
        slots = set(slots_of(frame["wordings"][0]))
        assert slots <= kinds and len(frame["wordings"]) >= 2
        assert all(set(slots_of(wording)) == slots for wording in frame["wordings"])
        for slot, questions in frame["asked"].items():
            assert slot in slots
            assert all(set(slots_of(question)) <= slots - {slot} for question in questions)


def test_held_out_questions_are_about_pairs_that_no_learnt_sentence_has() -> None:
    frames = {frame["name"]: frame for frame in words()["frames"]}
    for held_out in (False, True):
        for one in examples(200, 5, held_out=held_out):
            begin, end = one.sentence
            values = values_in(one.text[begin:end], frames[one.frame])
            assert has_held_out_pair(one.frame, values) == held_out
    share = sum(is_held_out("home", first, second) for first, second in combinations(map(str, range(60)), 2))
    assert 0.05 < share / 1770 < 0.16


def values_in(sentence: str, frame: dict) -> dict[str, str]:
    """Read the slots' values back out of a sentence."""
    import re

    for wording in frame["wordings"]:
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(wording))
        found = re.fullmatch(pattern, sentence)
        if found:
            return found.groupdict()
    raise AssertionError(sentence)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_the_pool_has_ends_and_more_starts_for_each_model_and_function() -> None:
    rows = rows_of(POOL_FILE)
    purposes = Counter((row["model"], row["function"], row["position"]) for row in rows)
    assert len(rows) == len({row["question"] + row["text"] for row in rows})
    assert purposes.keys() == set(product(ROLES, FUNCTIONS, ("start", "end")))
    for (model, function, position), count in purposes.items():
        # Two starts of equal length are asked for: there are more of them.
        assert count > EACH if position == "start" else count == EACH, (model, function)
    shown = {row["text"] for row in rows_of(EXAMPLES_FILE)}
    assert len(shown) >= SHOWN * 3 // 4 and not shown & {row["text"] for row in rows}
    lengths = [len(row["text"].split()) for row in rows]
    assert max(lengths) >= 2 * min(lengths)


@pytest.mark.long
def test_questions_of_the_pool_are_steady_and_show_a_fixed_position() -> None:
    course = Course()
    drawn = {(one.question, one.text): one for one in candidates()}
    for row in rows_of(POOL_FILE)[::5]:
        one = drawn[row["question"], row["text"]]
        assert course.is_answered(one)
        assert course.shows(one, row["model"], row["function"], row["position"])
