"""What an answer of the probe means for the grader: a remark, an error, whose error."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NoReturn

from autograder.errors import MissingFunctionError, StudentCodeError, SubmissionError, did_you_mean

_TEXT_CHARS = 2000
_MAX_REMARKS = 20
_CHANGES = frozenset(
    [
        *("weights", "buffers", "modules", "hooks", "attributes", "training mode", "gradient flags"),
        *("configuration", "settings", "vocabulary"),
    ]
)


def remarks(function: str, reply: Mapping[str, Any], provided: Collection[str]) -> list[str]:
    """Say what a call left changed.

    Args:
        function: What was called.
        reply: The answer; its list of changes is a claim of the kernel's, and students read what is made of it. So
            only known words count: free text could carry a hidden input out.
        provided: Names of the models and tokenizers that there are.
    """
    changed = reply.get("remarks", [])
    if not isinstance(changed, list):
        return []
    told = []
    for what in changed[:_MAX_REMARKS]:
        if what == "arguments":
            told.append(f"{function}() changed its arguments.")
        elif isinstance(what, str):
            name, _, change = what.partition(" ")
            if name in provided and change in _CHANGES:
                told.append(f"{function}() left the {what} changed.")
    return told


def text(reply: Mapping[str, Any], key: str) -> str:
    """Read a text of the kernel's, whatever it sent."""
    return str(reply.get(key, ""))[:_TEXT_CHARS]


def raise_reply(function: str, reply: Mapping[str, Any]) -> NoReturn:
    """Raise the error that an answer without a value stands for."""
    status = reply["status"]
    if status == "missing":
        known = reply.get("known")
        names = [name for name in known if isinstance(name, str)] if isinstance(known, list) else []
        found = text(reply, "found")
        what = (
            "defines no function"
            if found == "NoneType"
            else f"has a value of type {found} where it needs a function"
        )
        raise MissingFunctionError(f"The notebook {what} {function}().{did_you_mean(function, names)}")
    if status == "raised":
        message = _raised(function, text(reply, "error"), text(reply, "message"))
        raise StudentCodeError(message, str(reply.get("traceback", ""))[:8000])
    if status == "unsendable":
        raise SubmissionError(f"{function}() returned {text(reply, 'what')}, which cannot be graded.")
    raise SubmissionError(f"{function}() gave a malformed answer.")


def handles(tree: Any) -> set[str]:
    """List the handles in an encoded value."""
    if isinstance(tree, dict):
        found = {tree["h"]} if "h" in tree else set()
        return found.union(*(handles(item) for item in tree.values()))
    if isinstance(tree, list):
        return set().union(*(handles(item) for item in tree))
    return set()


def _raised(function: str, error: str, message: str) -> str:
    """Say what a function raised; an untouched stub is told as what it is."""
    if error == "NotImplementedError" and not message:
        return f"{function}() is not written yet: it raised NotImplementedError"
    return f"{function}() raised {error}: {message}" if message else f"{function}() raised {error}"
