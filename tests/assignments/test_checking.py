"""What the visible checks say of an answer, and what they accept."""

import math
from collections import UserDict, namedtuple

import numpy as np
import pytest
import torch
from course import checking as check_
from matplotlib.figure import Figure

AXES = {"layer": 2, "token": 3}
RIGHT = [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


def said(check, *args, **kwargs) -> str:
    with pytest.raises(AssertionError) as failure:
        check(*args, **kwargs)
    return str(failure.value)


@pytest.mark.parametrize(
    "answer",
    [
        torch.tensor(RIGHT),
        torch.tensor(RIGHT, dtype=torch.float64, requires_grad=True),
        torch.tensor(RIGHT, dtype=torch.float16),
        torch.tensor(RIGHT).T.contiguous().T,
        torch.tensor(RIGHT).long(),
        torch.nn.Parameter(torch.tensor(RIGHT)),
        np.array(RIGHT),
        np.array(RIGHT)[::-1][::-1],
        np.array(RIGHT)[:, ::-1].copy()[:, ::-1],
        RIGHT,
        tuple(map(tuple, RIGHT)),
        [torch.tensor(row, requires_grad=True) for row in RIGHT],
        [[torch.tensor(value, requires_grad=True) for value in row] for row in RIGHT],
        [np.array(row) for row in RIGHT],
        [[np.float32(value) for value in row] for row in RIGHT],
        [range(3), range(3, 6)],
        pytest.param(
            torch.tensor(RIGHT, device="cuda" if torch.cuda.is_available() else "cpu"), id="on-a-device"
        ),
    ],
)
def test_an_answer_counts_in_any_form(answer):
    found = check_.tensor(answer, **AXES)
    assert found.dtype == torch.float32
    assert not found.requires_grad
    assert found.device.type == "cpu"
    assert found.tolist() == RIGHT
    check_.close(answer, RIGHT)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (None, "Expected a tensor, got None: is a return missing?"),
        ("abc", "Expected a tensor, got the text 'abc'."),
        ({"word": 1}, "Expected a tensor, got a dictionary with the keys word."),
        ({1, 2}, "Expected a tensor, got a set."),
        (Figure(), "Expected a tensor, got a Figure."),
        (["a", "b"], "Expected a tensor, got the text 'a'."),
        (np.array(["a"]), "Expected a tensor, got a tensor of shape (1,)."),
        ([[1, 2], [3]], "Expected a tensor, got a list of 2 whose entries differ in shape: (2,) and (1,)."),
        (
            (torch.zeros(2, 3), torch.zeros(2, 4)),
            "Expected a tensor, got a tuple of 2 whose entries differ in shape: (2, 3) and (2, 4).",
        ),
        (torch.zeros(3, 3), "Expected shape (layer, token) = (2, 3), got (3, 3): one layer too many."),
        (torch.zeros(1, 3), "Expected shape (layer, token) = (2, 3), got (1, 3): one layer too few."),
        (
            torch.zeros(5, 4),
            "Expected shape (layer, token) = (2, 3), got (5, 4): layer: 5 instead of 2, one token too many.",
        ),
        (
            torch.zeros(3, 2),
            "Expected shape (layer, token) = (2, 3), got (3, 2): the axes stand in another order.",
        ),
        (
            torch.zeros(1, 2, 3),
            "Expected shape (layer, token) = (2, 3), got (1, 2, 3): an axis of length 1 is too many.",
        ),
        (torch.zeros(2, 3, 4), "Expected shape (layer, token) = (2, 3), got (2, 3, 4): one axis too many."),
        (torch.zeros(6), "Expected shape (layer, token) = (2, 3), got (6,): one axis too few."),
        (1.5, "Expected shape (layer, token) = (2, 3), got (): a single number."),
        (
            [[0.0, 1.0, math.nan], [3.0, math.inf, 5.0]],
            "Expected finite numbers, got nan at layer 0, token 2 (2 of 6 values are wrong).",
        ),
    ],
)
def test_a_tensor_that_is_none_says_what_came(answer, sentence):
    assert said(check_.tensor, answer, **AXES) == sentence


def test_one_axis_is_written_as_python_does():
    sentence = "Expected shape (layer,) = (2,), got (3,): one layer too many."
    assert said(check_.tensor, torch.zeros(3), layer=2) == sentence


def test_a_result_among_several_is_named():
    assert (
        said(check_.tensor, None, "words", layer=2)
        == "words: expected a tensor, got None: is a return missing?"
    )


def test_whole_numbers_have_an_integer_dtype():
    for ranks in (torch.tensor([1, 2]), torch.tensor([1, 2], dtype=torch.int32), np.array([1, 2]), [1, 2]):
        assert check_.integers(ranks, layer=2).tolist() == [1, 2]
    sentence = "Expected whole numbers (an integer dtype), got torch.float32."
    assert said(check_.integers, torch.tensor([1.0, 2.0]), layer=2) == sentence
    assert (
        said(check_.integers, [1, 2], layer=3)
        == "Expected shape (layer,) = (3,), got (2,): one layer too few."
    )


def test_several_results_are_counted():
    pair = namedtuple("Pair", "scores words")
    for answer in ((1, 2), [1, 2], pair(1, 2), torch.tensor([1, 2])):
        assert list(check_.parts(answer, "scores", "words")) == [1, 2]
    wanted = "Expected 2 results (scores, words), got "
    assert said(check_.parts, None, "scores", "words") == wanted + "None: is a return missing?"
    assert said(check_.parts, (1,), "scores", "words") == wanted + "a tuple of 1: one result too few."
    assert said(check_.parts, (1,) * 4, "scores", "words") == wanted + "a tuple of 4: result: 4 instead of 2."
    assert said(check_.parts, "ab", "scores", "words") == wanted + "the text 'ab'."
    assert said(check_.parts, 3, "scores", "words") == wanted + "an int."
    mapping = {"scores": 1, "words": 2}
    assert said(check_.parts, mapping, "scores", "words").startswith(
        wanted + "a dictionary with the keys scores"
    )


def test_tuples_in_a_list_are_counted():
    right = [("a", 1.0), ("b", 2.0)]
    for answer in (right, tuple(right), [list(entry) for entry in right]):
        assert check_.records(answer, "word", "score", count=2) == right
    wanted = "Expected a list of (word, score)"
    assert said(check_.records, None, "word", "score") == f"{wanted}, got None: is a return missing?"
    assert said(check_.records, {"a": 1}, "word", "score").startswith(f"{wanted}, got a dictionary")
    assert said(check_.records, right, "word", "score", count=3) == f"{wanted} of length 3, got a list of 2."
    short = [("a", 1.0), ("b",)]
    assert said(check_.records, short, "word", "score") == f"{wanted}, but entry 1 is a tuple of 1."
    assert said(check_.records, ["ab"], "word", "score") == f"{wanted}, but entry 0 is the text 'ab'."


def test_a_dictionary_has_its_keys():
    assert check_.entries(UserDict(a=1, b=2), "b", "a") == {"b": 2, "a": 1}
    assert check_.entries({"a": 1, "b": 2}, "a", others=True) == {"a": 1}
    assert said(check_.entries, {"a": 1}, "a", "b") == (
        "Expected a dictionary with the keys a, b, got a dictionary with the keys a: missing b."
    )
    assert said(check_.entries, {"a": 1, "c": 2, "d": 3}, "a") == (
        "Expected a dictionary with the keys a, got a dictionary with the keys a, c, d: too many c, d."
    )
    assert said(check_.entries, {}, "a") == (
        "Expected a dictionary with the keys a, got a dictionary with the keys (none): missing a."
    )
    assert said(check_.entries, None, "a") == (
        "Expected a dictionary with the keys a, got None: is a return missing?"
    )


def test_lists_of_texts_have_their_lengths():
    for words in ([["a", "b"]], (("a", "b"),), np.array([["a", "b"]])):
        assert check_.texts(words, layer=1, token=2) is words
    wanted = "words: expected a list of 2, one for each token, got "
    assert (
        said(check_.texts, [["a"]], "words", layer=1, token=2) == f"{wanted}a list of 1: one token too few."
    )
    assert said(check_.texts, ["ab"], "words", layer=1, token=2) == f"{wanted}the text 'ab'."
    assert said(check_.texts, [None], "words", layer=1, token=2) == f"{wanted}None: is a return missing?"
    assert said(check_.texts, [["a", 2]], layer=1, token=2) == "Expected strings, got an int."


def test_numbers_that_should_be_equal_say_where_they_differ_most():
    check_.close(torch.tensor(1.0), 1.0 + 1e-6)
    check_.close(torch.tensor([3]), 3)
    assert said(check_.close, [[0.0, 1.0], [2.0, 5.0]], [[0.0, 1.5], [2.0, 3.0]], "rows agree") == (
        "rows agree: expected 3 at [1, 1], got 5 (2 of 4 values are wrong)."
    )
    assert said(check_.close, 1.0, 2.0) == "Expected 2, got 1."
    assert said(check_.close, [math.nan, 1.0], [0.0, 1.0]) == (
        "Expected 0 at [0], got nan (1 of 2 values are wrong)."
    )
    assert said(check_.close, [1.0], [1.0, 2.0]) == "Expected shape (2,), got (1,)."
    assert said(check_.close, None, 1.0) == "Expected a tensor, got None: is a return missing?"


def test_sums_say_what_they_are():
    check_.sums([[0.25, 0.75], [0.5, 0.5]])
    assert said(check_.sums, [[0.25, 0.75], [0.5, 1.5]], what="rows") == (
        "rows: expected a sum of 1 at [1], got 2 (1 of 2 values are wrong)."
    )
    assert said(check_.sums, [math.nan, 1.0]) == "Expected a sum of 1, got nan."


def test_bounds_say_which_value_lies_outside():
    check_.between([0.0, 1.0], 0, 1)
    check_.between([-5.0], high=0)
    assert said(check_.between, [0.5, 1.5], 0, 1) == (
        "Expected at least 0 and at most 1, got 1.5 at [1] (1 of 2 values are wrong)."
    )
    assert said(check_.between, -1.0, low=0, what="a norm") == "a norm: expected at least 0, got -1."
    assert said(check_.between, [0.0, 0.1], 0, 0) == "Expected 0, got 0.1 at [1] (1 of 2 values are wrong)."
    assert said(check_.between, math.nan, 0, 1) == "Expected at least 0 and at most 1, got nan."


def test_classes_and_plain_values_are_shown():
    check_.instance("a", str)
    check_.equal(["a"], ["a"])
    assert said(check_.instance, None, Figure) == "Expected a Figure, got None: is a return missing?"
    assert said(check_.instance, (1, 2), Figure) == "Expected a Figure, got a tuple of 2."
    assert said(check_.equal, ["a"], ["b"], "joined") == "joined: expected ['b'], got ['a']."


def test_the_traceback_goes_no_deeper_than_the_check():
    with pytest.raises(AssertionError) as failure:
        check_.tensor(None)
    assert failure.value.__cause__ is None
    assert failure.value.__suppress_context__
    assert len(list(failure.traceback)) == 2
