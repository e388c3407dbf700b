"""Find code that reads meaning out of text that another module wrote for people."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

FOR_PEOPLE = frozenset(
    (
        *("advice", "detail", "fault", "feedback", "hint", "message", "needs_review", "origin", "problem"),
        *("reason", "remark", "remarks", "said", "title"),
    )
)
"""Fields of records and exceptions whose text is written for people."""

PARSERS = frozenset(
    (
        *("startswith", "endswith", "partition", "rpartition", "split", "rsplit", "removeprefix"),
        *("removesuffix", "find", "rfind", "index", "rindex", "count"),
        *("match", "fullmatch", "search", "findall", "finditer"),
    )
)
"""Methods of str, and functions of re, that look for something in a text."""

_SHAPING = frozenset(["casefold", "lower", "upper", "strip", "lstrip", "rstrip", "replace"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line that takes a text for people apart."""

    line: int
    """Line number, from 1."""

    text: str
    """The expression."""


def parsed_texts(source: str) -> Iterator[Place]:
    """Yield expressions that look for something in a text for people or in the text of an exception.

    Args:
        source: A module's source.
    """
    tree = ast.parse(source)
    errors = {node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name}
    errors |= {
        one.arg
        for one in ast.walk(tree)
        if isinstance(one, ast.arg) and one.annotation and _is_exception(one.annotation)
    }
    for node in ast.walk(tree):
        looked_at: list[ast.expr] = []
        if isinstance(node, ast.Compare) and any(isinstance(one, ast.In | ast.NotIn) for one in node.ops):
            looked_at = node.comparators
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in PARSERS
        ):
            looked_at = [node.func.value, *node.args]
        if any(_is_for_people(one, errors) for one in looked_at):
            yield Place(line=node.lineno, text=ast.unparse(node))


def _is_exception(annotation: ast.expr) -> bool:
    return any("Error" in name or "Exception" in name for name in _names(annotation))


def _names(node: ast.expr) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            yield one.id
        elif isinstance(one, ast.Attribute):
            yield one.attr


def _is_for_people(node: ast.expr, errors: set[str]) -> bool:
    """Return whether an expression is a text for people, perhaps after strip() or lower()."""
    if isinstance(node, ast.Attribute):
        return node.attr in FOR_PEOPLE
    if isinstance(node, ast.BoolOp):
        return any(_is_for_people(value, errors) for value in node.values)
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id == "str" and node.args:
            given = node.args[0]
            return (isinstance(given, ast.Name) and given.id in errors) or _is_for_people(given, errors)
        if isinstance(node.func, ast.Attribute) and node.func.attr in _SHAPING:
            return _is_for_people(node.func.value, errors)
    return False
