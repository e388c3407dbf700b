"""Find what a student added to a locked cell: that is their work, while a change of what stood there is not."""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Iterator
from difflib import SequenceMatcher

_MAGIC = re.compile(r"^([ \t]*)[!%].*", re.MULTILINE)
_SIMILAR = 0.6
_MOST_CHARS = 20_000
"""A longer cell is no locked cell with some lines added, and is not parsed."""


def added_statements(changed: str, original: str) -> str:
    """Return the top-level statements that a changed cell has beyond the original's.

    A statement counts as a change of the original, not as an addition, if it binds no name that the original does
    not bind, if it is an assert, or if it resembles one of the original's.

    Args:
        changed: The student's cell.
        original: The template's cell.

    Returns:
        Source of a cell; "" if nothing was added, or where the cell is not Python.
    """
    if len(changed) > _MOST_CHARS:
        return ""
    try:
        old = dict.fromkeys(_statements(original))
        new = list(_statements(changed))
        known = _names(original)
        kept = {"".join(text.split()) for text in old}
        gone = [text for text in old if text not in new]
        return "\n".join(
            text
            for text in new
            if "".join(text.split()) not in kept
            and not text.startswith("assert")
            and (_names(text) - known if _names(text) else not _resembles(text, gone))
        )
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""


def _statements(source: str) -> Iterator[str]:
    """Cut a cell into its top-level statements; those that share a line stay together."""
    lines = source.splitlines()
    end = 0
    for node in ast.parse(_plain(source)).body:
        decorators = getattr(node, "decorator_list", [])
        begin = min([node.lineno, *(decorator.lineno for decorator in decorators)])
        if begin > end:
            following = node.end_lineno or begin
            yield "\n".join(lines[begin - 1 : following])
            end = following


def _names(source: str) -> set[str]:
    """List the names that a piece of a cell binds."""
    symbols = symtable.symtable(_plain(source), "cell", "exec").get_symbols()
    return {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}


def _plain(source: str) -> str:
    """Return a cell as Python of as many lines, magics replaced."""
    return _MAGIC.sub(r"\1pass", source)


def _resembles(text: str, others: list[str]) -> bool:
    return any(SequenceMatcher(None, text, other).ratio() >= _SIMILAR for other in others)
