"""Answers of two models to the same ids: the same one belongs to one of them."""

from types import SimpleNamespace

import pytest
import torch

from autograder.checks.model_answers import assert_models_differ, fewest_ids
from autograder.checks.outcomes import CheckFailure
from autograder.errors import CallTimeoutError, StudentCodeError, UnusableAnswerError

ANSWER = torch.tensor([0.5, -1.0, 2.0])


def models(*answers):
    return [SimpleNamespace(answer=answer) for answer in answers]


def ask(loaded):
    if isinstance(loaded.answer, Exception):
        raise loaded.answer
    return loaded.answer


@pytest.mark.parametrize("other", [ANSWER, ANSWER.clone().double(), ANSWER * 1.0005, [0.5, -1.0, 2.0]])
def test_one_answer_for_two_models_is_found(other):
    with pytest.raises(CheckFailure, match="the model that is passed"):
        assert_models_differ(ask, models(ANSWER, other))


@pytest.mark.parametrize(
    "other",
    [
        -ANSWER,
        ANSWER * 1.1,
        ANSWER[:2],
        ANSWER * float("nan"),
        ANSWER.to(torch.complex64),
        None,
        "text",
        StudentCodeError("f", "ValueError"),
    ],
)
def test_other_answers_and_none_are_accepted(other):
    assert_models_differ(ask, models(ANSWER, other))
    assert_models_differ(ask, models(other, ANSWER))


def test_zeros_are_nobodys_answer():
    assert_models_differ(ask, models(torch.zeros(3), torch.zeros(3)))


def test_what_cannot_be_compared_is_an_error_of_the_answer():
    with pytest.raises(UnusableAnswerError):
        assert_models_differ(ask, models(ANSWER, ANSWER.to_sparse()))


def test_a_call_that_takes_too_long_ends_the_check():
    with pytest.raises(CallTimeoutError):
        assert_models_differ(ask, models(ANSWER, CallTimeoutError("too long")))


def test_ids_of_the_smallest_vocabulary_are_those_of_all():
    large, small, other = (SimpleNamespace(tokenizer=range(size)) for size in (9, 5, 5))
    assert fewest_ids([large, small, other]) is small
