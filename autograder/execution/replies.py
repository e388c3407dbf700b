"""Turn replies of the probe into records and errors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from autograder.errors import MissingFunctionError, StudentCodeError, SubmissionError, did_you_mean

_TEXT_CHARS = 2000
_TRACEBACK_CHARS = 8000
_MAX_SIDE_EFFECTS = 20
_MAX_NAMES = 200
_NAME_CHARS = 100

_PARTS = frozenset(
    [
        *("weights", "buffers", "modules", "hooks", "attributes", "training mode", "gradient flags"),
        *("configuration", "settings", "vocabulary"),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SideEffect:
    """Something that a call left changed in a model or tokenizer."""

    function: str
    """The function that was called."""

    subject: str
    """The handle of a model or tokenizer: `model:shipped`."""

    part: str
    """Part of it: weights, buffers, hooks, ..."""

    def __str__(self) -> str:
        return f"{self.function}() left the {self.subject} {self.part} changed."


def side_effects(function: str, reply: Mapping[str, Any], provided: Collection[str]) -> list[SideEffect]:
    """Read what a call left changed.

    Args:
        function: The function that was called.
        reply: The probe's reply. Its list of (subject, part) is a claim of the kernel, and students read the sentences
            made from it. Only known words count: free text could carry a hidden input out.
        provided: Handles of the models and tokenizers in the kernel.
    """
    claimed = reply.get("side_effects", [])
    if not isinstance(claimed, list):
        return []
    found = []
    for claim in claimed[:_MAX_SIDE_EFFECTS]:
        match claim:
            case [str(subject), str(part)] if subject in provided and part in _PARTS:
                found.append(SideEffect(function=function, subject=subject, part=part))
    return found


def text(reply: Mapping[str, Any], key: str) -> str:
    """Read a text of the kernel's, whatever it sent."""
    return str(reply.get(key, ""))[:_TEXT_CHARS]


def raise_reply(
    function: str, reply: Mapping[str, Any], because: Callable[[str], str] = lambda name: ""
) -> NoReturn:
    """Raise the error that an answer without a value stands for.

    Args:
        function: The function that was called.
        reply: The probe's reply.
        because: Says, of an undefined name, which failed statement should have defined it.
    """
    status = reply["status"]
    if status == "missing":
        names = _names(reply.get("known"))
        found = text(reply, "found")
        what = (
            "defines no function"
            if found == "NoneType"
            else f"has a value of type {found} where it needs a function"
        )
        raise MissingFunctionError(
            f"The notebook {what} {function}().{did_you_mean(function, names)}", function
        )
    if status == "raised":
        undefined = text(reply, "undefined")
        raise StudentCodeError(
            function,
            text(reply, "error"),
            text(reply, "message") + because(undefined),
            traceback=str(reply.get("traceback", ""))[:_TRACEBACK_CHARS],
            undefined=undefined,
            frames=_names(reply.get("frames")),
        )
    if status == "unsendable":
        raise SubmissionError(f"{function}() returned {text(reply, 'what')}, which cannot be graded.")
    raise SubmissionError(f"{function}() gave a malformed answer.")


def _names(claimed: Any) -> list[str]:
    """Read a list of names, whatever the kernel sent."""
    listed = claimed[:_MAX_NAMES] if isinstance(claimed, list) else []
    return [name for name in listed if isinstance(name, str) and len(name) <= _NAME_CHARS]


def handles(tree: Any) -> set[str]:
    """List the handles in an encoded value."""
    if isinstance(tree, dict):
        found = {tree["h"]} if "h" in tree else set()
        return found.union(*(handles(item) for item in tree.values()))
    if isinstance(tree, list):
        return set().union(*(handles(item) for item in tree))
    return set()
