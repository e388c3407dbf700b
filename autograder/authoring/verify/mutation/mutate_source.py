"""Mutate source: every program that differs from a given one by one application of an operator.

The name of a mutant consists of the function, the code before and after, and a number that tells equal changes of one
function apart. It holds no line number, so it stays the same when lines move.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from autograder.authoring.verify.mutation import operators


@dataclass(frozen=True, slots=True, kw_only=True)
class MutatedSource:
    """A program changed in one place."""

    name: str
    """`function: before -> after #1`."""

    source: str
    """The whole program."""


class _Replace(ast.NodeTransformer):
    """Replaces a node, found by identity."""

    def __init__(self, old: ast.AST, new: ast.AST | None) -> None:
        self._old = old
        self._new = new

    def visit(self, node: ast.AST) -> ast.AST | None:
        return self._new if node is self._old else self.generic_visit(node)


def mutate_source(source: str) -> list[MutatedSource]:
    """Return all mutants of a program.

    Args:
        source: Python with at least one function; docstrings, annotations and code outside functions stay.

    Returns:
        Mutants in the order of the source; no two are alike, and none is like the source.
    """
    tree = ast.parse(source)
    seen = {ast.unparse(tree)}
    counts: Counter[str] = Counter()
    found = []
    for position, top in enumerate(tree.body):
        if not isinstance(top, ast.FunctionDef):
            continue
        for index, node in enumerate(_inside(top)):
            for number, (label, _) in enumerate(operators.changes(node)):
                changed = _changed(tree, position, index, number)
                if changed is None or changed in seen:
                    continue
                seen.add(changed)
                name = f"{top.name}: {label}"
                counts[name] += 1
                found.append(MutatedSource(name=f"{name} #{counts[name]}", source=changed))
    return found


def _changed(tree: ast.Module, position: int, index: int, number: int) -> str | None:
    """Return the source with one change of one node, None if it does not compile."""
    other = copy.deepcopy(tree)
    node = _inside(other.body[position])[index]
    change: Callable[[], ast.AST | None] = list(operators.changes(node))[number][1]
    made = change()
    if made is not node:
        _Replace(node, made).visit(other)
    text = ast.unparse(ast.fix_missing_locations(other))
    try:
        compile(text, "<mutant>", "exec")
    except (SyntaxError, ValueError):
        return None
    return text


def _inside(function: ast.AST) -> list[ast.AST]:
    """Return the nodes of a function's body, in the order of the source, without docstrings and annotations."""
    return list(_walk(function))


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_docstring(child):
                continue
            yield child
            if not isinstance(child, ast.JoinedStr):
                yield from _walk(child)


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
