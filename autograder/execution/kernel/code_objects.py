"""What compiled code says of itself: its content, and the globals that it loads."""

from __future__ import annotations

import dis
import functools
import hashlib
import types
from typing import Any

_LOADS_GLOBAL = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL"})
_LOADS_ATTRIBUTE = frozenset({"LOAD_ATTR", "LOAD_METHOD"})


def shortened(value: Any) -> str:
    """Return a constant's representation, a long one's hash."""
    text = hex(value) if type(value) is int else repr(value)  # repr refuses numbers of many digits
    return text if len(text) <= 200 else hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()


@functools.lru_cache(2048)
def code_digest(code: types.CodeType) -> str:
    """Summarise compiled code; where it stands in which cell makes no difference."""
    consts = [
        code_digest(part) if isinstance(part, types.CodeType) else shortened(part) for part in code.co_consts
    ]
    parts = (code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_flags, consts)
    return hashlib.sha256(repr(parts).encode(errors="backslashreplace")).hexdigest()


@functools.lru_cache(2048)
def loaded_globals(code: types.CodeType) -> tuple[tuple[str, ...], ...]:
    """List the global names that code loads, inner functions included, each with the attributes taken of it."""
    chains: set[tuple[str, ...]] = set()
    chain: tuple[str, ...] = ()
    for step in dis.get_instructions(code):
        if step.opname in _LOADS_GLOBAL:
            chain = (step.argval,)
        elif step.opname in _LOADS_ATTRIBUTE and chain:
            chain = (*chain, step.argval)
        else:
            chain = ()
        if chain:
            chains.add(chain)
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            chains.update(loaded_globals(part))
    return tuple(sorted(chains))
