"""Calls all public names of torch's GPU modules with plausible arguments and prints which raise.

usage: python call_public_names.py
"""

import importlib
import inspect
import json
import pkgutil
import types
import warnings
from operator import attrgetter
from typing import Any

import torch

from autograder.execution.kernel import gpu_fallback

OTHERS = ("amp", "cuda.amp", "backends.cuda", "backends.cudnn", "backends.mps")
CLASSES = ("cuda.Event", "cuda.Stream", "xpu.Event", "xpu.Stream", "mps.Event")


def public_members(kind: type) -> set[str]:
    """The public methods and attributes of a type."""
    return {name for name in dir(kind) if not name.startswith("_")}


def namespaces() -> list[str]:
    """The modules about GPUs, with those below them."""
    packages = (torch.cuda, torch.mps, torch.xpu, torch.accelerator)
    below = [
        f"{package.__name__}.{module.name}"
        for package in packages
        for module in pkgutil.iter_modules(package.__path__)
        if not module.name.startswith("_")
    ]
    names = [*(package.__name__ for package in packages), *below, *OTHERS]
    return [name.removeprefix("torch.") for name in names]


def arguments() -> dict[str, Any]:
    """A value for each name of a required parameter."""
    tensor = torch.ones(2)
    return {
        "device": 0,
        "peer_device": 0,
        "peer": 0,
        "obj": tensor,
        "seed": 3,
        "new_state": torch.get_rng_state(),
        "new_states": [torch.get_rng_state()],
        "stream": None,
        "fraction": 0.5,
        "debug_mode": 0,
        "size": 16,
        "mem_ptr": 0,
        "data_ptr": 0,
        "stream_ptr": 0,
        "res": 0,
        "code": 0,
        "msg": "here",
        "range_id": 0,
        "fname": "here",
        "pool": None,
        "enabled": True,
        "device_index": 0,
        "major": 13,
        "minor": 0,
        "device_type": "cuda",
        "callables": torch.nn.Linear(2, 2),
        "sample_args": (tensor,),
        "bwd": lambda *args: None,
    }


def call(value: Any, known: dict[str, Any]) -> None:
    """Call a function, enter a context manager; methods of what comes back are called as well."""
    required = [
        parameter
        for parameter in inspect.signature(
            value, follow_wrapped=not isinstance(value, type)
        ).parameters.values()
        if parameter.default is parameter.empty and parameter.kind in (0, 1, 3)
    ]
    positional = [known[parameter.name] for parameter in required if parameter.kind in (0, 1)]
    result = value(*positional, **{p.name: known[p.name] for p in required if p.kind == 3})
    if hasattr(result, "__enter__"):
        with result:
            pass


def raised(namespace: str, name: str) -> str:
    """What a public name raises; "" if nothing."""
    value = getattr(importlib.import_module(f"torch.{namespace}"), name)
    if isinstance(value, types.ModuleType) or not callable(value):
        return ""
    if isinstance(value, type) and issubclass(value, BaseException):
        return ""
    try:
        call(value, arguments())
    except Exception as error:
        return f"{type(error).__name__}: {error}".partition("\n")[0]
    return ""


def public_names(module: types.ModuleType) -> list[str]:
    """What a module calls public, or else what it defines without an underscore."""
    return getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not isinstance(value, types.ModuleType)
        and getattr(value, "__module__", module.__name__).startswith(module.__name__)
    ]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    native = {name: public_members(attrgetter(name)(torch)) for name in CLASSES}
    gpu_fallback.install(lambda: None)
    found = {}
    for namespace in namespaces():
        for name in public_names(importlib.import_module(f"torch.{namespace}")):
            found[f"{namespace}.{name}"] = raised(namespace, name)
    missing = {name: found_there - set(dir(attrgetter(name)(torch))) for name, found_there in native.items()}
    print(json.dumps([found, {name: sorted(absent) for name, absent in missing.items()}]))
