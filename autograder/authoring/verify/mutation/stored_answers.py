"""Mutants that give a right answer to another question: a stored one, or one of another model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from autograder.checks.answer_cache import content_key

SHIPPED = "the shipped model whatever is asked"
ANY_MODEL = "its first answer to the same question about any model"
MODEL_BLIND = (SHIPPED, ANY_MODEL)
"""Those that ignore the model alone: for a function without one they are equivalent to the reference."""


class StoredAnswers:
    """Makes functions that ignore the question, or the model, that they are asked.

    Args:
        right: The reference's function.
        models: The course's models and tokenizers in pairs, the shipped ones first.
    """

    def __init__(self, right: Callable[..., Any], models: tuple[tuple[Any, Any], ...]) -> None:
        self._right = right
        self._models = models

    def first_answer(self) -> Callable[..., Any]:
        """Return a function that always gives its first answer."""
        stored: list[Any] = []

        def answer(*args: Any, **kwargs: Any) -> Any:
            if not stored:
                stored.append(self._right(*args, **kwargs))
            return stored[0]

        return answer

    def first_answer_of_a_shape(self) -> Callable[..., Any]:
        """Return a function that gives its first answer to arguments of the same shapes."""
        stored: dict[str, Any] = {}

        def answer(*args: Any, **kwargs: Any) -> Any:
            key = repr(_shapes((args, kwargs)))
            if key not in stored:
                stored[key] = self._right(*args, **kwargs)
            return stored[key]

        return answer

    def previous_answer(self) -> Callable[..., Any]:
        """Return a function that gives the answer to the previous question."""
        last: list[Any] = []

        def answer(*args: Any, **kwargs: Any) -> Any:
            keep: list[Any] = []
            key = content_key((args, kwargs), keep)
            if not last or last[-1][0] != key:
                last.append((key, self._right(*args, **kwargs), keep))
            return last[-2][1] if len(last) > 1 else last[-1][1]

        return answer

    def shipped_model(self) -> Callable[..., Any]:
        """Return a function that always asks the model (and the tokenizer) that students have."""
        first_model, first_tokenizer = self._models[0]
        swap = {id(model): first_model for model, _ in self._models}
        swap |= {id(tokenizer): first_tokenizer for _, tokenizer in self._models}

        def answer(*args: Any, **kwargs: Any) -> Any:
            return self._right(*(swap.get(id(value), value) for value in args), **kwargs)

        return answer

    def first_answer_of_any_model(self) -> Callable[..., Any]:
        """Return a function that stores its answers under the text alone, and not under the model that is asked."""
        stored: dict[Any, Any] = {}
        keep: list[Any] = []
        any_model = {id(one): "any model" for pair in self._models for one in pair}

        def answer(*args: Any, **kwargs: Any) -> Any:
            key = content_key((args, kwargs), keep, any_model)
            if key not in stored:
                stored[key] = self._right(*args, **kwargs)
            return stored[key]

        return answer

    def all(self) -> Iterator[tuple[str, Callable[..., Any]]]:
        """Yield them with their names."""
        yield "its first answer for ever", self.first_answer()
        yield "its first answer to arguments of a shape", self.first_answer_of_a_shape()
        yield "the answer to the question before", self.previous_answer()
        if self._models:
            yield SHIPPED, self.shipped_model()
            yield ANY_MODEL, self.first_answer_of_any_model()


def _shapes(value: Any) -> Any:
    if isinstance(value, Tensor):
        return tuple(value.shape)
    if isinstance(value, (list, tuple)):
        return [_shapes(item) for item in value]
    if isinstance(value, dict):
        return {key: _shapes(item) for key, item in value.items()}
    return type(value).__name__
