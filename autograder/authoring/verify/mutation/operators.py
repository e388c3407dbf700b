"""Mutation operators: the changes that can be made to one node of a syntax tree, tensor code's mistakes among them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

Change = tuple[str, Callable[[], ast.AST | None]]
"""A label, and a function that makes the change and returns the changed node or its replacement."""

_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_PAIRS = (
    ("sum", "mean"),
    ("max", "min"),
    ("argmax", "argmin"),
    ("amax", "amin"),
    ("softmax", "log_softmax"),
    ("zeros_like", "ones_like"),
    ("zeros", "ones"),
    ("rand", "randn"),
    ("log", "log2"),
    ("log10", "log"),
    ("start", "end"),
    ("start_logits", "end_logits"),
    ("left", "right"),
    ("first", "last"),
    ("query", "key"),
    ("key", "value"),
    ("squeeze", "unsqueeze"),
    ("norm", "sum"),
    ("abs", "neg"),
    ("startswith", "endswith"),
    ("append", "remove"),
    ("sorted", "list"),
    ("cls_token_id", "sep_token_id"),
    ("pad_token_id", "unk_token_id"),
    ("all", "any"),
    ("strip", "upper"),
    ("floor", "ceil"),
)
_NAMES: dict[str, list[str]] = {}
for _one, _other in _PAIRS:
    _NAMES.setdefault(_one, []).append(_other)
    _NAMES.setdefault(_other, []).append(_one)


def changes(node: ast.AST) -> Iterator[Change]:
    """Yield the changes of a node. Each one is made in place, so copy the tree first."""
    made = _BY_KIND.get(type(node))
    if made is not None:
        yield from made(node)
    if isinstance(node, ast.stmt):
        yield from _deleted(node)


def _shown(node: ast.AST, chars: int = 60) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= chars else text[: chars - 3] + "..."


def _with(node: ast.AST, **fields: Any) -> Callable[[], ast.AST]:
    def change() -> ast.AST:
        for name, value in fields.items():
            setattr(node, name, value)
        return node

    return change


def _becomes(node: ast.AST, **fields: Any) -> Change:
    """Describe a change of fields by the node's source before and after."""
    before = {name: getattr(node, name) for name in fields}
    old = _shown(node)
    for name, value in fields.items():
        setattr(node, name, value)
    new = _shown(ast.fix_missing_locations(node))
    for name, value in before.items():
        setattr(node, name, value)
    return f"{old} -> {new}", _with(node, **fields)


def _in_place(node: ast.AST, other: ast.AST) -> Change:
    return f"{_shown(node)} -> {_shown(ast.fix_missing_locations(other))}", lambda: other


def _compare(node: ast.Compare) -> Iterator[Change]:
    for place, operator in enumerate(node.ops):
        for other in _COMPARED[type(operator)]:
            yield _becomes(node, ops=[*node.ops[:place], other(), *node.ops[place + 1 :]])


def _arithmetic(node: ast.BinOp) -> Iterator[Change]:
    other = _COMPUTED.get(type(node.op))
    if other is not None:
        yield _becomes(node, op=other())
    if isinstance(node.op, (ast.Sub, ast.Div, ast.FloorDiv, ast.Pow, ast.MatMult)):
        yield _becomes(node, left=node.right, right=node.left)


def _augmented(node: ast.AugAssign) -> Iterator[Change]:
    other = _COMPUTED.get(type(node.op))
    if other is not None:
        yield _becomes(node, op=other())
    yield _in_place(node, ast.Assign(targets=[node.target], value=node.value, lineno=0))


def _unary(node: ast.UnaryOp) -> Iterator[Change]:
    # The sign of a number is part of it, and changed with it.
    if not (isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant)):
        yield _in_place(node, node.operand)
    else:
        value = -node.operand.value  # type: ignore[operator]
        for other in (value + 1, value - 1, -value):
            yield _in_place(node, _number(other))


def _boolean(node: ast.BoolOp) -> Iterator[Change]:
    yield _becomes(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    for value in node.values:
        yield _in_place(node, value)


def _number(value: Any) -> ast.AST:
    return ast.UnaryOp(op=ast.USub(), operand=ast.Constant(-value)) if value < 0 else ast.Constant(value)


def _constant(node: ast.Constant) -> Iterator[Change]:
    for other in _other_values(node.value):
        is_number = isinstance(other, (int, float)) and not isinstance(other, bool)
        yield _in_place(node, _number(other) if is_number else ast.Constant(other))


def _other_values(value: Any) -> list[Any]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [0, 2] if value == 1 else [value + 1, value - 1]
    if isinstance(value, float):
        return [value + 1, value * 2, -value] if value else [1.0, -1.0]
    if isinstance(value, str):
        return [*_NAMES.get(value, []), f"XX{value}XX", *([""] if value else [])]
    return []


def _name(node: ast.Name) -> Iterator[Change]:
    if isinstance(node.ctx, ast.Load):
        for other in _NAMES.get(node.id, []):
            yield _becomes(node, id=other)


def _attribute(node: ast.Attribute) -> Iterator[Change]:
    for other in _NAMES.get(node.attr, []):
        yield f".{node.attr} -> .{other}", _with(node, attr=other)


def _call(node: ast.Call) -> Iterator[Change]:
    for place, keyword in enumerate(node.keywords):
        yield (
            f"{_shown(node.func, 40)}(... {_shown(keyword, 40)}) left out",
            _with(node, keywords=[*node.keywords[:place], *node.keywords[place + 1 :]]),
        )
    plain = not any(isinstance(argument, ast.Starred) for argument in node.args)
    for place in range(len(node.args) - 1 if plain else 0):
        first, second = node.args[place : place + 2]
        yield _becomes(node, args=[*node.args[:place], second, first, *node.args[place + 2 :]])
    if len(node.args) > 1 and plain:
        yield _becomes(node, args=node.args[:-1])
    if isinstance(node.func, ast.Attribute):
        # x.softmax(dim=-1) -> x; for torch.where(...) that is the module, which ends the mutant at once.
        if not (isinstance(node.func.value, ast.Name) and node.func.value.id in ("torch", "np", "math")):
            yield f".{node.func.attr}(...) left out of {_shown(node)}", lambda: node.func.value  # type: ignore[attr-defined]
    elif node.args and not isinstance(node.args[0], ast.Starred):
        yield _in_place(node, node.args[0])


def _slice(node: ast.Slice) -> Iterator[Change]:
    for field in ("lower", "upper", "step"):
        bound = getattr(node, field)
        if bound is None:
            continue
        yield _becomes(node, **{field: None})
        if field != "step" and not isinstance(bound, ast.Constant | ast.UnaryOp):
            for operator in (ast.Add(), ast.Sub()):
                yield _becomes(node, **{field: ast.BinOp(left=bound, op=operator, right=ast.Constant(1))})
    if node.lower is None and node.upper is not None:
        yield _becomes(node, lower=ast.Constant(1))
    if node.upper is None and node.lower is not None:
        yield _becomes(node, upper=_number(-1))


def _tuple(node: ast.Tuple) -> Iterator[Change]:
    if isinstance(node.ctx, ast.Load):
        for place in range(len(node.elts) - 1):
            first, second = node.elts[place : place + 2]
            yield _becomes(node, elts=[*node.elts[:place], second, first, *node.elts[place + 2 :]])


def _listed(node: ast.List) -> Iterator[Change]:
    if isinstance(node.ctx, ast.Load):
        for place in range(len(node.elts)):
            yield _becomes(node, elts=[*node.elts[:place], *node.elts[place + 1 :]])


def _dictionary(node: ast.Dict) -> Iterator[Change]:
    for place in range(len(node.keys) - 1):
        values = list(node.values)
        values[place], values[place + 1] = values[place + 1], values[place]
        keys = " and ".join(_shown(key) if key else "**" for key in node.keys[place : place + 2])
        yield f"values of {keys} swapped", _with(node, values=values)


def _condition(node: ast.If | ast.While | ast.IfExp) -> Iterator[Change]:
    yield f"if {_shown(node.test)} -> if not", _with(node, test=ast.UnaryOp(op=ast.Not(), operand=node.test))
    if isinstance(node, ast.IfExp):
        yield _in_place(node, node.body)
        yield _in_place(node, node.orelse)


def _comprehension(node: ast.comprehension) -> Iterator[Change]:
    if node.ifs:
        yield f"{_shown(node)} without its if", _with(node, ifs=[])


def _return(node: ast.Return) -> Iterator[Change]:
    yield f"{_shown(node)} -> return None", _with(node, value=ast.Constant(None))


def _repeated(node: ast.For) -> Iterator[Change]:
    first = ast.Subscript(
        value=ast.Call(func=ast.Name("list", ast.Load()), args=[node.iter], keywords=[]),
        slice=ast.Slice(upper=_number(-1)),  # type: ignore[arg-type]
        ctx=ast.Load(),
    )
    yield (
        f"for {_shown(node.target)} in {_shown(node.iter, 40)}: the last one left out",
        _with(node, iter=first),
    )


def _deleted(node: ast.stmt) -> Iterator[Change]:
    if isinstance(node, (ast.With, ast.For, ast.If)):
        opened = {ast.With: "with", ast.For: "for", ast.If: "if"}[type(node)]
        body = ast.If(test=ast.Constant(True), body=node.body, orelse=[])
        if not isinstance(node, ast.For):
            head = node.test if isinstance(node, ast.If) else node.items[0].context_expr
            yield f"{opened} {_shown(head)} -> always and plainly", lambda: body
        yield f"{opened} ... left out: {_shown(node)}", lambda: ast.Pass()
    elif isinstance(node, (ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Continue, ast.Delete)):
        yield f"left out: {_shown(node)}", lambda: ast.Pass()


_BY_KIND: dict[type[ast.AST], Callable[[Any], Iterator[Change]]] = {
    ast.Compare: _compare,
    ast.BinOp: _arithmetic,
    ast.AugAssign: _augmented,
    ast.UnaryOp: _unary,
    ast.BoolOp: _boolean,
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.Slice: _slice,
    ast.Tuple: _tuple,
    ast.List: _listed,
    ast.Dict: _dictionary,
    ast.If: _condition,
    ast.While: _condition,
    ast.IfExp: _condition,
    ast.comprehension: _comprehension,
    ast.Return: _return,
    ast.For: _repeated,
}
