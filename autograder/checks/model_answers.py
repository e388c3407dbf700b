"""Tell whether an answer is that of the model that was asked, where each tokenizer has ids of its own.

A text has other ids for each tokenizer, so that answers stored under their ids are never asked for twice. Therefore all
models are asked about the same ids. Their right answers lie so far apart that no bound has to be measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import combinations
from typing import Any

from autograder.checks.outcomes import CheckFailure
from autograder.comparison.blame import read_answer
from autograder.comparison.tensors import as_tensor, distance, is_degenerate
from autograder.errors import StudentCodeError

SAME = 1e-3
"""Answers within this relative distance are one answer; those of two models lie 0.8 apart or more."""


def fewest_ids(models: Iterable[Any]) -> Any:
    """Return the model whose ids all models have: that of the smallest vocabulary.

    Args:
        models: LoadedModel records.
    """
    return min(models, key=lambda loaded: len(loaded.tokenizer))


def models_share_an_answer(ask: Callable[[Any], Any], models: Iterable[Any]) -> bool:
    """Return whether two models get the same answer to one question.

    Nothing else matters: in ids of another vocabulary, [CLS] may be a word, and no function has to understand them.
    A function that raises there stores nothing, and zeros are nobody's answer.

    Args:
        ask: Asks the student's function about a LoadedModel record's model, and returns a tensor of its answer.
        models: Those that are asked.
    """
    answers = []
    for loaded in models:
        try:
            answers.append(ask(loaded))
        except StudentCodeError:
            continue
    return any(read_answer(partial(_is_same, one), other) for one, other in combinations(answers, 2))


def assert_models_differ(ask: Callable[[Any], Any], models: Iterable[Any]) -> None:
    """Assert that no two models get the same answer to one question: see `models_share_an_answer`.

    Raises:
        CheckFailure: If two answers are the same.
    """
    if models_share_an_answer(ask, models):
        raise CheckFailure(
            "Two models were asked about the same ids, and both got the same answer: it belongs to one of them. "
            "Compute each answer with the model that is passed."
        )


def _is_same(first: Any, answer: Any) -> bool:
    got, earlier = as_tensor(answer), as_tensor(first)
    if got is None or earlier is None or got.shape != earlier.shape:
        return False
    if got.is_complex() or earlier.is_complex() or is_degenerate(earlier):
        return False
    return distance(got.double(), earlier.double(), "relative_l2") <= SAME
