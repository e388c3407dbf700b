"""Which answers are offered for one decision, and which never are."""

from __future__ import annotations

import random
import time

import pytest

from autograder.marking.similar import Group, group_similar

LONG = "The attribution of the word Wecker is the largest since the model has learned that it decides the intent."


def _together(one: str, other: str) -> bool:
    return len(group_similar({"a": one, "b": other})) == 1


@pytest.mark.parametrize(
    "other",
    [
        LONG.upper(),
        f"  {LONG}\n\n",
        LONG.replace(" ", "\n"),
        LONG.replace("Wecker", "**Wecker**").rstrip("."),
        f"> {LONG}",
        f"## {LONG}",
        f"- {LONG}",
        LONG.replace("Wecker", "`Wecker`"),
    ],
)
def test_case_space_punctuation_and_markup_make_no_difference(other: str) -> None:
    assert group_similar({"a": LONG, "b": other}) == (Group(keys=("a", "b"), kind="identical"),)


@pytest.mark.parametrize(
    "other",
    [
        LONG.replace("attribution", "atribution"),
        LONG.replace("attribution", "attributions"),
        LONG.replace("learned", "leanred"),
        LONG.replace("the intent", "intent"),
    ],
)
def test_a_slip_of_spelling_and_an_article_make_them_near(other: str) -> None:
    assert group_similar({"a": LONG, "b": other}) == (Group(keys=("a", "b"), kind="near"),)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (LONG, LONG.replace("is the largest", "is not the largest")),
        (LONG, LONG.replace("Wecker", "Montag")),
        (LONG, LONG.replace("largest", "smallest")),
        (
            "The score rises by 0.31 in layer 4 of the model.",
            "The score rises by 0.81 in layer 4 of the model.",
        ),
        (
            "The score rises by 0.31 in layer 4 of the model.",
            "The score rises by 0.31 in layer 5 of the model.",
        ),
        ("The score of the token Wecker is 0.5 here.", "The score of the token Wecker is -0.5 here."),
        ("The gradient increases towards the input.", "The gradient decreases towards the input."),
        ("This is what the encoder does with the words.", "This is what the decoder does with the words."),
        ("The prediction is correct in every layer.", "The prediction is incorrect in every layer."),
        ("We compute $x - x'$ for each feature.", "We compute $x + x'$ for each feature."),
        ("The norm is < 1 in the last layer.", "The norm is > 1 in the last layer."),
        ("Das ist ein Token der Absicht.", "Das ist kein Token der Absicht."),
        ("这个词决定了意图", "这个词不决定意图"),
        ("模型看重这个词语。", "模型看轻这个词语。"),
        ("The model does look at Wecker first.", "The model doesn't look at Wecker first."),
        ("first Wecker then Montag", "first Montag then Wecker"),
        ("![](data:image/png;base64,AAAA)", "![](data:image/png;base64,AAAB)"),
        ("???", "!!!"),
        ("yes", "no"),
    ],
)
def test_what_says_something_else_is_never_grouped(one: str, other: str) -> None:
    assert not _together(one, other)


def test_many_slips_in_one_answer_are_too_many() -> None:
    slips = (
        LONG.replace("attribution", "atribution").replace("largest", "largst").replace("decides", "decids")
    )
    assert not _together(LONG, slips)


def test_groups_do_not_drift_from_their_most_frequent_wording() -> None:
    chain = {
        "a": "the attribution decides",
        "b": "the attribution decides!",
        "c": "the attributions decides",
        "d": "the attributionss decides",
    }
    assert [group.keys for group in group_similar(chain)] == [("a", "b", "c"), ("d",)]


def test_the_order_of_the_answers_does_not_matter() -> None:
    answers = _class_of(200)
    shuffled = list(answers.items())
    random.Random(3).shuffle(shuffled)
    assert group_similar(dict(shuffled)) == group_similar(answers)


def test_every_answer_is_in_one_group() -> None:
    answers = _class_of(200) | {"empty": "", "sign": "?"}
    keys = [key for group in group_similar(answers) for key in group.keys]
    assert sorted(keys) == sorted(answers)


def test_no_answers_are_no_groups() -> None:
    assert group_similar({}) == ()
    assert group_similar({"a": ""}) == (Group(keys=("a",), kind="single"),)


def test_a_thousand_answers_take_seconds() -> None:
    answers = _class_of(1000)
    start = time.process_time()
    groups = group_similar(answers)
    assert time.process_time() - start < 2
    assert 1 < len(groups) < 1000


def _class_of(count: int) -> dict[str, str]:
    """Return answers of some 90 words, of which some students share."""
    chooser = random.Random(7)
    words = "attribution token model layer gradient baseline intent score Wecker input because".split()  # noqa: SIM905
    texts = [" ".join(chooser.choices(words, k=90)) for _ in range(count * 3 // 4)]
    return {f"student {index:04}": chooser.choice(texts) for index in range(count)}
