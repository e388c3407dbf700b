"""Mutants that answer another question than the one asked."""

import torch

from autograder.authoring.verify.mutation.stored_answers import StoredAnswers


def test_stored_answers_ignore_the_question():
    known = dict(StoredAnswers(lambda value: value + 1, ((None, None),)).all())
    first, previous = known["its first answer for ever"], known["the answer to the question before"]
    shaped = known["its first answer to arguments of a shape"]
    assert [first(1), first(5), first(9)] == [2, 2, 2]
    assert [previous(1), previous(5), previous(9)] == [2, 2, 6]
    assert [shaped(torch.zeros(2))[0], shaped(torch.ones(2))[0], shaped(torch.ones(3))[0]] == [1, 1, 2]


def test_the_shipped_model_answers_for_all():
    ask = dict(StoredAnswers(lambda model: model, (("shipped", None), ("hidden", None))).all())
    assert ask["the shipped model whatever is asked"]("hidden") == "shipped"


def test_an_answer_stored_under_a_text_is_given_for_any_model():
    def right(model, text):
        return f"{model} says {text}"

    ask = dict(StoredAnswers(right, (("shipped", None), ("hidden", None))).all())
    stored = ask["its first answer to the same question about any model"]
    assert stored("shipped", "yes") == stored("hidden", "yes") == "shipped says yes"
    assert stored("hidden", "no") == "hidden says no"
