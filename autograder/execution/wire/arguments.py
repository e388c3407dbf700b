"""Compare the arguments of a call with what they were, on whichever side they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

KEY = "argument {}"
"""The name of an argument's tensor among those of an answer."""


def are_changed(
    tree: Any, tensors: Mapping[str, torch.Tensor], after: Any, answer: Mapping[str, torch.Tensor]
) -> bool:
    """Return whether returned arguments are others than those that were sent.

    Args:
        tree: What was sent, encoded.
        tensors: Its tensors.
        after: What came back in its place.
        answer: The tensors that came back, those of the arguments by `KEY`.
    """
    if after != tree:
        return True
    found = {key: answer.get(KEY.format(key)) for key in tensors}
    return not all(one is not None and same_bytes(one, tensors[key]) for key, one in found.items())


def same_bytes(actual: torch.Tensor, expected: torch.Tensor) -> bool:
    """Compare bit by bit, so that NaN equals NaN."""
    if actual.dtype != expected.dtype or actual.shape != expected.shape:
        return False
    return torch.equal(actual.reshape(-1).view(torch.uint8), expected.reshape(-1).view(torch.uint8))
