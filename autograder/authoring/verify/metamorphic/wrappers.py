"""Wrappers, as source: each takes a function and returns one that gives the same answers.

Some change the form of the answer (float64, NumPy, a named tuple), others how it is computed (on a permuted model, row
by row). The source goes into a cell of the notebook and imports only what every student has: torch, NumPy, the standard
library.
"""

from __future__ import annotations

IMPORTS = """
import collections
import copy

import numpy
import torch
"""

_NEST = '''
def _in_nest(value, change):
    """Change the leaves of lists, tuples and dictionaries."""
    if isinstance(value, dict):
        return {key: _in_nest(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_in_nest(item, change) for item in value]
    if isinstance(value, tuple):
        return tuple(_in_nest(item, change) for item in value)
    return change(value)


def _answer_by(function, change):
    return lambda *args, **kwargs: _in_nest(function(*args, **kwargs), change)


def _asked_by(function, change):
    def ask(*args, **kwargs):
        return function(*_in_nest(args, change), **_in_nest(kwargs, change))

    return ask


def _is_float(value):
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def _is_integer(value):
    return isinstance(value, torch.Tensor) and not value.is_floating_point() and value.dtype != torch.bool
'''

_MODELS = '''
def _with_models(function, change):
    """Call a function with changed copies of the models among its arguments."""
    def ask(*args, **kwargs):
        def swap(value):
            return change(copy.deepcopy(value)) if isinstance(value, torch.nn.Module) else value
        return function(*map(swap, args), **{key: swap(value) for key, value in kwargs.items()})

    return ask


def _weight_rows(module, order):
    """Permute what a layer puts out."""
    if type(module).__name__ == "Conv1D":
        module.weight.data = module.weight.data[:, order]
    else:
        module.weight.data = module.weight.data[order]
    if getattr(module, "bias", None) is not None:
        module.bias.data = module.bias.data[order]


def _weight_columns(module, order):
    """Permute what a layer takes in."""
    if type(module).__name__ == "Conv1D":
        module.weight.data = module.weight.data[order]
    else:
        module.weight.data = module.weight.data[:, order]


def _hidden_layers(model):
    """Yield (layers into hidden units, layer out of them) of feed-forward parts, by the usual names."""
    for module in model.modules():
        has = lambda *names: all(hasattr(module, name) for name in names)
        if has("c_fc", "c_proj"):
            yield [module.c_fc], module.c_proj
        elif has("gate_proj", "up_proj", "down_proj"):
            yield [module.gate_proj, module.up_proj], module.down_proj
        elif has("intermediate", "output") and hasattr(module.intermediate, "dense"):
            yield [module.intermediate.dense], module.output.dense
        elif has("classifier_in", "classifier_out"):
            yield [module.classifier_in], module.classifier_out


def _permuted(model):
    generator = torch.Generator().manual_seed(3)
    for before, after in _hidden_layers(model):
        transposed = type(after).__name__ == "Conv1D"
        order = torch.randperm(after.weight.shape[0 if transposed else 1], generator=generator)
        for layer in before:
            _weight_rows(layer, order)
        _weight_columns(after, order)
    return model


def _plain_attention(model):
    if hasattr(model, "set_attn_implementation"):
        model.set_attn_implementation("eager")
    return model
'''

_WRAPPERS = {
    "float64 answers": "_answer_by(f, lambda v: v.double() if _is_float(v) else v)",
    "NumPy answers": "_answer_by(f, lambda v: v.detach().cpu().numpy() if isinstance(v, torch.Tensor) else v)",
    "answers that require grad": "_answer_by(f, lambda v: v.detach().clone().requires_grad_() "
    "if _is_float(v) else v)",
    "non-contiguous answers": "_answer_by(f, lambda v: torch.stack([v, v], dim=-1)[..., 0] "
    "if isinstance(v, torch.Tensor) else v)",
    "answers on borrowed storage": "_answer_by(f, lambda v: "
    "torch.cat([v.new_zeros(3), v.reshape(-1)])[3:].view(v.shape) if isinstance(v, torch.Tensor) else v)",
    "parameters": "_answer_by(f, lambda v: torch.nn.Parameter(v.detach()) if _is_float(v) else v)",
    "answers squeezed and unsqueezed": "_answer_by(f, lambda v: v.unsqueeze(0).squeeze(0) "
    "if isinstance(v, torch.Tensor) else v)",
    "small integers": "_answer_by(f, lambda v: v.to(torch.int32) if _is_integer(v) else v)",
    "numbers as 0-d tensors": "_answer_by(f, lambda v: torch.tensor(v, dtype=torch.float64) "
    "if type(v) is float else v)",
    "NumPy numbers": "_answer_by(f, lambda v: numpy.float64(v) if type(v) is float "
    "else numpy.int64(v) if type(v) is int else v)",
    "lists for tuples": "_lists_and_tuples(f)",
    "named tuples": "_named(f)",
    "float64 inside": "_asked_by(_with_models(f, lambda m: m.double()), lambda v: v.double() if _is_float(v) else v)",
    "permuted hidden units": "_with_models(f, _permuted)",
    "plain attention": "_with_models(f, _plain_attention)",
    "a copy of the model": "_with_models(f, lambda m: m)",
    "cloned arguments": "_asked_by(f, lambda v: v.clone() if isinstance(v, torch.Tensor) else v)",
    "non-contiguous arguments": "_asked_by(f, lambda v: torch.stack([v, v], dim=-1)[..., 0] "
    "if isinstance(v, torch.Tensor) else v)",
    "gradients on": "_gradients_on(f)",
    "two threads": "_threaded(f)",
    "row by row": "_row_by_row(f)",
    "called twice": "_twice(f)",
}

_OTHERS = '''
def _lists_and_tuples(function):
    def turn(value):
        if isinstance(value, list):
            return tuple(turn(item) for item in value)
        if isinstance(value, tuple):
            return [turn(item) for item in value]
        return value
    return lambda *args, **kwargs: turn(function(*args, **kwargs))


def _named(function):
    def name(value):
        if isinstance(value, list):
            return [name(item) for item in value]
        if isinstance(value, tuple):
            return collections.namedtuple("Result", [f"part_{i}" for i in range(len(value))])(*map(name, value))
        return value
    return lambda *args, **kwargs: name(function(*args, **kwargs))


def _gradients_on(function):
    def ask(*args, **kwargs):
        with torch.enable_grad():
            return function(*args, **kwargs)

    return ask


def _threaded(function):
    def ask(*args, **kwargs):
        before = torch.get_num_threads()
        torch.set_num_threads(2)
        try:
            return function(*args, **kwargs)
        finally:
            torch.set_num_threads(before)

    return ask


def _row_by_row(function):
    """Ask for one row of a batch after the other, where the first argument is a batch."""
    def ask(*args, **kwargs):
        batch = args[0] if args else None
        if not isinstance(batch, dict) or len({len(value) for value in batch.values()}) != 1:
            return function(*args, **kwargs)
        rows = len(next(iter(batch.values())))
        parts = [
            function({key: value[i : i + 1] for key, value in batch.items()}, *args[1:], **kwargs)
            for i in range(rows)
        ]
        if isinstance(parts[0], tuple) and not all(isinstance(part, torch.Tensor) for part in parts[0]):
            return function(*args, **kwargs)
        if isinstance(parts[0], tuple):
            return tuple(torch.cat(list(part)) for part in zip(*parts))
        return torch.cat(parts)

    return ask


def _twice(function):
    def ask(*args, **kwargs):
        function(*args, **kwargs)
        return function(*args, **kwargs)

    return ask
'''

WRAPPERS = tuple(_WRAPPERS)
"""The names of all wrappers."""

FORMS = tuple(name for name in WRAPPERS if WRAPPERS.index(name) <= WRAPPERS.index("named tuples"))
"""Those that change the form of an answer; the others change how it is computed."""

PREAMBLE = IMPORTS + _NEST + _MODELS + _OTHERS
"""The cell that defines them."""


def applied(task: str, names: list[str]) -> str:
    """Return the source that wraps a function that is already defined.

    Args:
        task: The function's name; the plain function is kept as `plain_name(task)`.
        names: Of `WRAPPERS`, the innermost first.
    """
    lines = [f"{plain_name(task)} = {task}"]
    lines += [f"{task} = (lambda f: {_WRAPPERS[name]})({task})" for name in names]
    return "\n".join(lines)


def plain_name(task: str) -> str:
    """Return the name under which other cells find a function without its wrappers."""
    return f"_plain_{task}"
