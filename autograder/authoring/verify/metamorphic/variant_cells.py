"""Make an accepted variant a notebook cell: its source, with everything that it needs."""

from __future__ import annotations

import ast
import builtins
import inspect
from pathlib import Path

from autograder.diagnosis import AcceptedVariant

_OURS = "autograder"


def variant_cell(variant: AcceptedVariant) -> str | None:
    """Return a cell that defines the variant's task by the variant.

    The variant's first argument, the reference module, becomes the names of the notebook; the task's function among
    them is the reference's solution, which must be defined above.

    Args:
        variant: Of misconceptions.py or equivalents.py.

    Returns:
        The source; None if the variant imports the harness, which students do not have.
    """
    tree = ast.parse(Path(inspect.getfile(variant.run)).read_text(encoding="utf-8"))
    defined = {name: node for node in tree.body for name in _defined_by(node)}
    needed = _closure(variant.id, defined)
    imports = [
        node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom)) and node in needed
    ]
    if any(_is_ours(node) for node in imports):
        return None
    parts = [ast.unparse(_bare(node)) for node in tree.body if node in needed]
    return "\n\n\n".join(
        [
            f"import types\n\n_own_{variant.task} = {variant.task}",
            *parts,
            f"def _variant_{variant.task}(*args, **kwargs):\n"
            f"    names = {{**globals(), {variant.task!r}: _own_{variant.task}}}\n"
            f"    return {variant.id}(types.SimpleNamespace(**names), *args, **kwargs)\n\n\n"
            f"{variant.task} = _variant_{variant.task}",
        ]
    )


def _defined_by(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]
    return []


def _closure(name: str, defined: dict[str, ast.stmt]) -> set[ast.stmt]:
    """Return the statements of the module that a name needs, itself included."""
    found: set[ast.stmt] = set()
    waiting = [name]
    while waiting:
        node = defined.get(waiting.pop())
        if node is None or node in found:
            continue
        found.add(node)
        waiting += _free_names(ast.unparse(_bare(node)))
    return found


def _bare(node: ast.stmt) -> ast.stmt:
    """Return a statement without the harness's decorators and without annotations."""
    if not isinstance(node, ast.FunctionDef):
        return node
    copied = ast.parse(ast.unparse(node)).body[0]
    assert isinstance(copied, ast.FunctionDef)
    copied.decorator_list = []
    for one in ast.walk(copied):
        if isinstance(one, ast.FunctionDef):
            one.returns = None
        elif isinstance(one, ast.arg):
            one.annotation = None
    return copied


def _is_ours(node: ast.stmt) -> bool:
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] == _OURS
    return isinstance(node, ast.Import) and any(alias.name.partition(".")[0] == _OURS for alias in node.names)


def _free_names(source: str) -> set[str]:
    """Return the free names of a program: those it reads, does not define, and Python does not provide."""
    tree = ast.parse(source)
    defined = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    read: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else defined).add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            defined.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            defined |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return {name for name in read - defined if not hasattr(builtins, name)}
