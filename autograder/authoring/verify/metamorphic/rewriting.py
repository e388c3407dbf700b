"""Rewrite source without changing what it computes: other names, loops for comprehensions, inner functions."""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Callable, Collection, Iterator

Rewrite = Callable[[ast.FunctionDef, random.Random], bool]
"""Changes a function in place; returns whether there was anything to change."""


def rewritten(
    source: str, rng: random.Random, count: int, only: Collection[str] = ()
) -> tuple[str, list[str]]:
    """Rewrite the functions of a program by rewrites drawn at random.

    Args:
        source: Python; code outside functions stays.
        rng: Draws the rewrites.
        count: How many at most.
        only: Names of the rewrites to draw from; empty: all.

    Returns:
        The new source and the names of the rewrites that changed it.
    """
    tree = ast.parse(source)
    names = [name for name in REWRITES if not only or name in only]
    taken = []
    for name in rng.sample(names, min(count, len(names))):
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        changed = [REWRITES[name](function, rng) for function in functions]
        if any(changed):
            taken.append(name)
    return ast.unparse(ast.fix_missing_locations(tree)), taken


def replace_names(source: str, names: dict[str, str]) -> str:
    """Rename what a program reads; what it defines keeps its name."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
            node.id = names[node.id]
    return ast.unparse(tree)


def _scopes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Yield the functions, lambdas, comprehensions and classes inside: scopes of their own."""
    kinds = (
        ast.FunctionDef,
        ast.Lambda,
        ast.ListComp,
        ast.SetComp,
        ast.DictComp,
        ast.GeneratorExp,
        ast.ClassDef,
    )
    yield from (node for node in ast.walk(function) if node is not function and isinstance(node, kinds))


def _parameters(node: ast.AST) -> set[str]:
    return {argument.arg for argument in ast.walk(node) if isinstance(argument, ast.arg)}


def _names(node: ast.AST, kind: type[ast.expr_context]) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, kind)}


def _body(function: ast.FunctionDef) -> int:
    """Return the index of the first statement after the docstring."""
    return 1 if ast.get_docstring(function) is not None else 0


def other_local_names(function: ast.FunctionDef, rng: random.Random) -> bool:
    """Rename the variables, those of inner functions and comprehensions too."""
    taken = _parameters(function) | {
        node.name for node in _scopes(function) if isinstance(node, ast.FunctionDef)
    }
    outer = {
        name
        for node in ast.walk(function)
        if isinstance(node, (ast.Global, ast.Nonlocal))
        for name in node.names
    }
    local = sorted(_names(function, ast.Store) - taken - outer)
    fresh = {name: f"{rng.choice(('my', 'tmp', 'v'))}_{name}{rng.randrange(10)}" for name in local}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id in fresh:
            node.id = fresh[node.id]
    return bool(fresh)


def loops_for_comprehensions(function: ast.FunctionDef, rng: random.Random) -> bool:
    """Turn list comprehensions into functions with a loop that appends."""
    number = 0
    changed = False
    for block in _blocks(function):
        made: list[ast.stmt] = []
        for statement in block:
            for found in _outer_lists(statement):
                number += 1
                name = f"_each_{number}"
                made.append(_loop(found, name))
                _replace(statement, found, ast.Call(func=ast.Name(name, ast.Load()), args=[], keywords=[]))
                changed = True
            made.append(statement)
        block[:] = made
    return changed


def _blocks(function: ast.AST) -> list[list[ast.stmt]]:
    fields = ("body", "orelse", "finalbody")
    found = [getattr(node, field, None) for node in ast.walk(function) for field in fields]
    return [block for block in found if isinstance(block, list) and block and isinstance(block[0], ast.stmt)]


def _outer_lists(statement: ast.stmt) -> list[ast.ListComp]:
    """Return the list comprehensions of a simple statement that are evaluated once, in its own scope."""
    if not isinstance(statement, (ast.Assign, ast.Return, ast.AugAssign)):
        return []
    found: list[ast.ListComp] = []

    def look(node: ast.AST) -> None:
        if isinstance(node, ast.ListComp):
            found.append(node)
        elif not isinstance(
            node, (ast.Lambda, ast.GeneratorExp, ast.SetComp, ast.DictComp, ast.IfExp, ast.BoolOp)
        ):
            for child in ast.iter_child_nodes(node):
                look(child)

    look(statement)
    return found


def _loop(found: ast.ListComp, name: str) -> ast.FunctionDef:
    inner: ast.stmt = ast.Expr(
        ast.Call(
            func=ast.Attribute(ast.Name("_found", ast.Load()), "append", ast.Load()),
            args=[found.elt],
            keywords=[],
        )
    )
    for generator in reversed(found.generators):
        for condition in reversed(generator.ifs):
            inner = ast.If(test=condition, body=[inner], orelse=[])
        inner = ast.For(target=generator.target, iter=generator.iter, body=[inner], orelse=[])
    empty = ast.Assign(targets=[ast.Name("_found", ast.Store())], value=ast.List([], ast.Load()))
    back = ast.Return(ast.Name("_found", ast.Load()))
    return _function(name, [empty, inner, back])


def _function(name: str, body: list[ast.stmt], parameters: ast.arguments | None = None) -> ast.FunctionDef:
    made = ast.parse(f"def {name}(): pass").body[0]
    assert isinstance(made, ast.FunctionDef)
    made.body = body
    if parameters is not None:
        made.args = parameters
    return made


def _replace(root: ast.AST, old: ast.AST, new: ast.AST) -> None:
    for node in ast.walk(root):
        for field, value in ast.iter_fields(node):
            if value is old:
                setattr(node, field, new)
            elif isinstance(value, list):
                value[:] = [new if item is old else item for item in value]


def work_in_a_helper(function: ast.FunctionDef, rng: random.Random) -> bool:
    """Put the whole body into an inner function."""
    plain = function.args
    if plain.vararg or plain.kwarg or plain.kwonlyargs or plain.posonlyargs:
        return False
    start = _body(function)
    parameters = copy.deepcopy(plain)
    parameters.defaults = []
    given: list[ast.expr] = [ast.Name(argument.arg, ast.Load()) for argument in plain.args]
    inner = _function("_work", function.body[start:], parameters)
    call = ast.Call(func=ast.Name("_work", ast.Load()), args=given, keywords=[])
    function.body[start:] = [inner, ast.Return(call)]
    return True


def keywords_for_own_functions(function: ast.FunctionDef, rng: random.Random) -> bool:
    """Call the functions that are defined inside with keywords in place of positions."""
    inner = {
        node.name: [argument.arg for argument in node.args.args]
        for node in _scopes(function)
        if isinstance(node, ast.FunctionDef) and not node.args.vararg and not node.args.posonlyargs
    }
    changed = False
    for node in ast.walk(function):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in inner):
            continue
        if node.args and not any(isinstance(argument, ast.Starred) for argument in node.args):
            names = inner[node.func.id]
            node.keywords = [
                *(ast.keyword(name, value) for name, value in zip(names, node.args, strict=False)),
                *node.keywords,
            ]
            node.args = []
            changed = True
    return changed


def results_by_name(function: ast.FunctionDef, rng: random.Random) -> bool:
    """Give a name to what is returned before it is returned."""
    changed = False
    for block in _blocks(function):
        made: list[ast.stmt] = []
        for statement in block:
            if isinstance(statement, ast.Return) and not isinstance(statement.value, (ast.Name, type(None))):
                made.append(ast.Assign(targets=[ast.Name("the_result", ast.Store())], value=statement.value))
                statement = ast.Return(ast.Name("the_result", ast.Load()))
                changed = True
            made.append(statement)
        block[:] = made
    return changed


def other_order(function: ast.FunctionDef, rng: random.Random) -> bool:
    """Swap neighbouring assignments that are independent."""
    changed = False
    for block in _blocks(function):
        for place in range(len(block) - 1):
            if _independent(block[place], block[place + 1]):
                block[place], block[place + 1] = block[place + 1], block[place]
                changed = True
    return changed


def _independent(first: ast.stmt, second: ast.stmt) -> bool:
    for statement in (first, second):
        if not isinstance(statement, ast.Assign) or any(
            not isinstance(one, ast.Name) for one in statement.targets
        ):
            return False
    # Two calls may depend on each other by side effects.
    if sum(any(isinstance(node, ast.Call) for node in ast.walk(one)) for one in (first, second)) > 1:
        return False
    written, read = _names(first, ast.Store), _names(first, ast.Load)
    return not (
        written & (_names(second, ast.Load) | _names(second, ast.Store)) or read & _names(second, ast.Store)
    )


_BY_STEPS = ("LayerIntegratedGradients", "IntegratedGradients", "LayerConductance", "InternalInfluence")


def chunked_steps(function: ast.FunctionDef, rng: random.Random) -> bool:
    """Set `internal_batch_size`: Captum then evaluates few points of the path at once."""
    made = {
        target.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and _builds_captum(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    changed = False
    for node in ast.walk(function):
        if not (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "attribute"
        ):
            continue
        owner = node.func.value
        known = _builds_captum(owner) or (isinstance(owner, ast.Name) and owner.id in made)
        if known and not any(keyword.arg == "internal_batch_size" for keyword in node.keywords):
            size = rng.choice((1, 10, 64))
            node.keywords.append(ast.keyword("internal_batch_size", ast.Constant(size)))
            changed = True
    return changed


def _builds_captum(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _BY_STEPS


REWRITES: dict[str, Rewrite] = {
    "other local names": other_local_names,
    "loops for comprehensions": loops_for_comprehensions,
    "work in a helper": work_in_a_helper,
    "keywords for own functions": keywords_for_own_functions,
    "results by name": results_by_name,
    "other order": other_order,
    "chunked steps": chunked_steps,
}
"""By name."""
