"""Calls torch's public functions and methods and prints what came of it.

usage: python call_everything.py (native | fallback)
"""

import hashlib
import json
import sys
import types
import unittest
import warnings
from typing import Any

import torch

# Wanted by torch's own test utilities for what is not used here.
sys.modules.setdefault(
    "expecttest", types.SimpleNamespace(TestCase=unittest.TestCase, assert_expected_inline=None)
)

PUBLIC = (
    torch,
    torch.nn.functional,
    torch.linalg,
    torch.fft,
    torch.special,
    torch.signal.windows,
    torch.nested,
)


def described(value: Any, *, uninitialised: bool = False) -> Any:
    """A value that is equal for equal results."""
    if isinstance(value, torch.Tensor):
        if value.layout != torch.strided or value.is_quantized or value.is_nested:
            return f"{value.layout} {value.dtype} {value!r}"
        data = value.detach().resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8).numpy()
        digest = None if uninitialised else hashlib.sha1(data.tobytes()).hexdigest()
        return [str(value.dtype), list(value.shape), value.stride(), value.requires_grad, digest]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(described, value)]
    return repr(value).split(" at 0x")[0]


def outcome(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], name: str = "") -> Any:
    """What a call returns, raises and warns of."""
    torch.manual_seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = described(function(*args, **kwargs), uninitialised="empty" in name)
        except Exception as error:
            result = [type(error).__name__, str(error).split(" at 0x")[0]]
    return [result, sorted({(w.category.__name__, str(w.message), w.filename) for w in caught})]


def counted(owner: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The outcome of a function that somebody wrapped, as a notebook may, and how often the wrapper ran."""
    native, calls = getattr(owner, name), []

    def wrapper(*more: Any, **named: Any) -> Any:
        calls.append(name)
        return native(*more, **named)

    setattr(owner, name, wrapper)
    try:
        return [outcome(getattr(owner, name), args, kwargs, name), len(calls)]
    finally:
        setattr(owner, name, native)


def owner_of(function: Any, name: str) -> Any:
    """The module that has a function under its name."""
    return next((module for module in PUBLIC if getattr(module, name, None) is function), None)


def call_operators() -> dict[str, Any]:
    """Call each of torch's operators on the first of its own sample inputs: plain, wrapped, wrong, as a method."""
    from torch.testing._internal.common_methods_invocations import op_db

    found: dict[str, Any] = {}
    for op in (op for op in op_db if op.dtypes):
        dtype = torch.float32 if torch.float32 in op.dtypes else sorted(op.dtypes, key=str)[0]
        torch.manual_seed(0)
        try:
            sample = next(iter(op.sample_inputs("cpu", dtype)))
        except Exception as error:
            found[op.formatted_name] = repr(error)
            continue
        args, name = (sample.input, *sample.args), op.name.rpartition(".")[2]
        results = [outcome(op.op, args, sample.kwargs, op.name), outcome(op.op, (), {"no_such_argument": 1})]
        if (owner := owner_of(op.op, name)) is not None:
            results.append(counted(owner, name, args, sample.kwargs))
        if isinstance(sample.input, torch.Tensor) and hasattr(torch.Tensor, name):
            results.append(counted(torch.Tensor, name, args, sample.kwargs))
        found[op.formatted_name] = results
    return found


def call_random() -> dict[str, Any]:
    """Call what saves and restores random states."""

    def forked() -> torch.Tensor:
        with torch.random.fork_rng():
            torch.rand(1)
        return torch.rand(2)

    def restored() -> torch.Tensor:
        state = torch.random.get_rng_state()
        torch.rand(1)
        torch.random.set_rng_state(state)
        return torch.rand(2)

    def generated() -> torch.Tensor:
        return torch.rand(2, generator=torch.Generator().manual_seed(4), device=torch.device("cpu"))

    functions = (forked, restored, generated, torch.random.initial_seed, torch.random.get_rng_state)
    return {function.__name__: outcome(function, (), {}) for function in functions}


def call_with_modes() -> dict[str, Any]:
    """Call functions below a mode and on a subclass, which see each function of torch once."""
    seen: list[str] = []

    class Mode(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(func.__name__)
            return func(*args, **(kwargs or {}))

    class Tensor(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(f"subclass {func.__name__}")
            return super().__torch_function__(func, types, args, kwargs or {})

    x = torch.ones(2).as_subclass(Tensor)
    with Mode():
        torch.zeros(2).to(torch.float64).new_ones(3)
        torch.as_tensor([1.0]).type(torch.float16)
        torch.nn.functional.softmax(torch.rand(3), 0)
    x.to(torch.float64).type(torch.float32).new_zeros(2)
    torch.zeros_like(x)
    with torch.device("meta"):
        seen += [
            str(torch.zeros(2).device),
            str(torch.tensor([1.0]).device),
            str(torch.nn.Linear(2, 2).weight.device),
        ]
    return {"seen": seen}


def call_compilers() -> dict[str, Any]:
    """Call what reads functions: TorchScript, tracing, vmap, copies."""
    import copy
    import inspect
    import pickle

    @torch.jit.script
    def scripted(x: torch.Tensor, d: torch.device) -> torch.Tensor:
        made = torch.zeros(2) + torch.ones_like(x) + torch.tensor([1.0, 2.0]) + torch.arange(2).to(d)
        return made.to(torch.float64).type_as(x) + torch.as_tensor(3) + x.new_ones([2])

    traced = torch.fx.symbolic_trace(lambda x: x.to(torch.float64) + torch.zeros(2))
    x, cpu = torch.rand(2, generator=torch.Generator().manual_seed(0)), torch.device("cpu")
    return {
        "scripted": described(scripted(x, cpu)),
        "traced": [traced.code, described(traced(x))],
        "vmapped": described(
            torch.vmap(lambda row: row.to(torch.float64) + torch.zeros(2))(torch.ones(2, 2))
        ),
        "gradient": described(torch.func.grad(lambda row: row.to(torch.float64).sum())(x)),
        "devices": [
            repr(copy.deepcopy(cpu)),
            repr(pickle.loads(pickle.dumps(cpu))),
            type(cpu) is torch.device,
        ],
        "pickled": [
            pickle.loads(pickle.dumps(f)) is f for f in (torch.zeros, torch.as_tensor, torch.compile)
        ],
        "generators": [isinstance(torch.default_generator, torch.Generator), torch.Generator().device.type],
        "named": [(f.__name__, f.__doc__) for f in (torch.zeros, torch.Tensor.to, torch.nn.Module.to)],
        "signature": str(inspect.signature(torch.nn.Module.to)),
        "same": torch.ones(2).to(cpu) is not None and x.to(cpu) is x and x.to("cpu", torch.float32) is x,
    }


if __name__ == "__main__":
    asked: list[str] = []
    if sys.argv[1] == "fallback":
        from autograder.execution.kernel import eager_compile, gpu_fallback

        eager_compile.install(lambda: asked.append("compile"))
        gpu_fallback.install(lambda: asked.append("gpu"))
    print(
        json.dumps([call_random(), call_with_modes(), call_compilers(), call_operators(), {"asked": asked}])
    )
