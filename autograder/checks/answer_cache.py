"""The `reference` fixture: the reference module, its answers kept by the content of the arguments."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from types import MappingProxyType, ModuleType
from typing import Any, Protocol

import torch

LIMIT = 2048
"""Answers kept; inputs come from a pool, so that a class asks for the same ones again."""


WORTH_STORING_S = 0.002
"""An answer that came sooner is computed again rather than read."""


class AnswerStore(Protocol):
    """Where answers outlive the process: `answer_store.Store`."""

    def load(self, key: Any) -> tuple[bool, Any]:
        """Return whether there is an answer, and the answer."""

    def save(self, key: Any, answer: Any) -> None:
        """Keep an answer, if it is one that can be kept."""


class Memo:
    """Answers by what was asked; the oldest goes when there are too many.

    Args:
        limit: Answers kept in memory.
        store: Keeps them for the next process; asked only for keys that name no object of this one.
        names: Stable names of models and tokenizers, by id; the caller keeps these objects alive.
    """

    def __init__(
        self, limit: int = LIMIT, store: AnswerStore | None = None, names: Mapping[int, str] | None = None
    ) -> None:
        self._answers: OrderedDict[Any, tuple[Any, tuple[Any, ...]]] = OrderedDict()
        self._limit = limit
        self._store = store
        self.names = dict(names or {})

    def get(self, key: Any, keep: tuple[Any, ...], compute: Callable[[], Any]) -> Any:
        """Return the answer for the key, computing it the first time.

        Args:
            key: Hashable content of the question.
            keep: Objects named in the key by identity, kept alive so that an id is not used again.
            compute: Called at most once while the answer is kept.
        """
        if key in self._answers:
            self._answers.move_to_end(key)
            return self._answers[key][0]
        answer = self._stored(key, compute) if self._store and not keep else compute()
        self._answers[key] = (answer, keep)
        if len(self._answers) > self._limit:
            self._answers.popitem(last=False)
        return answer

    def _stored(self, key: Any, compute: Callable[[], Any]) -> Any:
        assert self._store is not None
        known, answer = self._store.load(key)
        if known:
            return answer
        began = time.perf_counter()
        answer = compute()
        if time.perf_counter() - began >= WORTH_STORING_S:
            self._store.save(key, answer)
        return answer


class Reference(Protocol):
    """The `reference` fixture: the functions of the reference module as attributes."""

    @property
    def module(self) -> ModuleType:
        """The reference module itself."""

    def __getattr__(self, name: str) -> Any:
        """Return a function or constant of the module."""

    def memoise(self, label: str, compute: Callable[..., Any], *args: Any) -> Any:
        """Return compute(*args), kept by the label and the content of the arguments."""


class MemoisedReference:
    """The reference module with the same attributes; calls of its functions are answered from the memo."""

    def __init__(self, module: ModuleType, memo: Memo | None = None) -> None:
        self._module = module
        self._memo = memo or Memo()
        self._names = self._memo.names

    @property
    def module(self) -> ModuleType:
        """The module itself."""
        return self._module

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        if not callable(value) or isinstance(value, type):
            return value

        def ask(*args: Any, **kwargs: Any) -> Any:
            keep: list[Any] = []
            key = (name, content_key(args, keep, self._names), content_key(kwargs, keep, self._names))
            return copied(self._memo.get(key, tuple(keep), lambda: value(*args, **kwargs)))

        return ask

    def memoise(self, label: str, compute: Callable[..., Any], *args: Any) -> Any:
        """Return compute(*args), kept by the label and the content of the arguments like a reference's answer."""
        keep: list[Any] = []
        key = (label, content_key(args, keep, self._names))
        return copied(self._memo.get(key, tuple(keep), lambda: compute(*args)))


def content_key(value: Any, keep: list[Any], names: Mapping[int, str] = MappingProxyType({})) -> Any:
    """Return a hashable stand-in for a value's content.

    Args:
        value: Tensors, numbers, strings, nests of them; other objects (models) go by identity.
        keep: Gets the objects that went by identity: hold them as long as the key, so that no id is used again.
        names: Stable names of objects that would go by identity otherwise, by id.
    """
    if id(value) in names:
        return "named", names[id(value)]
    if isinstance(value, torch.Tensor):
        plain = value.detach().cpu().contiguous()
        digest = hashlib.blake2b(plain.view(torch.uint8).numpy().tobytes() if plain.numel() else b"").digest()
        return "tensor", str(plain.dtype), tuple(plain.shape), digest
    if isinstance(value, (str, int, float, bool, bytes)) or value is None:
        return type(value).__name__, value
    if isinstance(value, (list, tuple)):
        return type(value).__name__, tuple(content_key(item, keep, names) for item in value)
    if isinstance(value, Mapping):
        return "mapping", tuple(
            (str(key), content_key(item, keep, names)) for key, item in sorted(value.items())
        )
    keep.append(value)
    return "object", id(value)


def copied(value: Any) -> Any:
    """Copy tensors and nests, so that a check that changes an answer does not change the next student's."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, list):
        return [copied(item) for item in value]
    if type(value) is tuple:
        return tuple(copied(item) for item in value)
    if type(value) is dict:
        return {key: copied(item) for key, item in value.items()}
    return value
