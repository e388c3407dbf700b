"""The models and tokenizers that the grader provides, kept as they were between calls."""

from __future__ import annotations

import copy
import importlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from autograder.execution.kernel import notebook_models
from autograder.execution.kernel.preload import PreloadedModels
from autograder.execution.wire.codec import Handle

_COPIED_BYTES = 256 * 2**20
"""A model up to this size is kept twice, the second time to be compared with and restored from."""

_HOOKS = (
    *("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"),
    *("_state_dict_hooks", "_load_state_dict_pre_hooks"),
)

_KIND_OF_BACKWARD_HOOKS = "_is_full_backward_hook"
"""torch notes here which kind a module's backward hooks are, and leaves the note when the last one is removed."""


class Models:
    """What handles stand for, with the means to put it back.

    Args:
        preloaded: What was loaded before the kernel was forked.
        student: The student's folder as the kernel sees it.
        device: Where models are put: `cpu` or `cuda`.
    """

    def __init__(self, preloaded: PreloadedModels, *, student: str, device: str) -> None:
        self._preloaded = preloaded
        self._student = student
        self._device = device
        self._loaded: dict[str, Any] = {}
        self._restorers: dict[str, Callable[[], list[str]]] = {}

    def changes(self, names: Mapping[str, Any]) -> list[str]:
        """Describe what a notebook has set on its own models and what the provided ones will not have."""
        return list(notebook_models.changes(names, self._preloaded.models()))

    def provide(self, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Load one model or tokenizer and keep it under its name.

        Args:
            request: `name`, `loader` as `module:Class`, `options` of its from_pretrained, and `inside` (a path
                below the student's folder) or `files` (names of the descriptors in order).
            fds: The files of a folder that the kernel does not see.
        """
        again = partial(self._load, request, fds)
        large = False
        try:
            loaded = again()
            if isinstance(loaded, torch.nn.Module):
                large = _bytes_of(loaded) > _COPIED_BYTES
                restorer = _module_restorer(loaded, again if large else None)
            else:
                restorer = _object_restorer(loaded)
        except Exception as error:
            return {"status": "unloadable", "error": type(error).__name__, "message": str(error)[:2000]}
        finally:
            if not large:
                for fd in fds:
                    os.close(fd)
        self._restorers[request["name"]] = restorer
        self._loaded[request["name"]] = loaded
        return {"status": "ok"}

    def _load(self, request: dict[str, Any], fds: list[int]) -> Any:
        """Load what a request asks for, or take what was loaded before this kernel was forked."""
        options = request["options"]
        ready = None if fds else self._preloaded.pop(request["loader"], request["inside"], options)
        if ready is not None:
            return self._placed(ready)
        private = _lay_out(request["files"], fds) if fds else ""
        try:
            folder = private or str(Path(self._student) / request["inside"])
            module, _, attribute = request["loader"].partition(":")
            loader = getattr(importlib.import_module(module), attribute)
            loaded = loader.from_pretrained(folder, **options)
        finally:
            if private:
                shutil.rmtree(private, ignore_errors=True)
        return self._placed(loaded)

    def _placed(self, loaded: Any) -> Any:
        return loaded.to(self._device).eval() if isinstance(loaded, torch.nn.Module) else loaded

    def resolve(self, value: Any) -> Any:
        """Replace handles by the loaded objects; other values keep their identity where possible."""
        if isinstance(value, Handle):
            return self._loaded[value.name]
        if isinstance(value, list) and any(_holds_handle(item) for item in value):
            return [self.resolve(item) for item in value]
        if isinstance(value, tuple):
            return tuple(self.resolve(item) for item in value)
        if isinstance(value, dict) and any(_holds_handle(item) for item in value.values()):
            return {key: self.resolve(item) for key, item in value.items()}
        return value

    def restore(self) -> list[tuple[str, str]]:
        """Put everything back as it was provided.

        Returns:
            What had to be undone: (handle, part), such as ("model:shipped", "weights").
        """
        return [(name, part) for name, undo in self._restorers.items() for part in undo()]


def _holds_handle(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_holds_handle(item) for item in value)
    if isinstance(value, dict):
        return any(_holds_handle(item) for item in value.values())
    return isinstance(value, Handle)


def _lay_out(names: list[str], fds: list[int]) -> str:
    """Make a private folder whose entries lead to the descriptors, so that no byte is copied."""
    folder = tempfile.mkdtemp(prefix=".model-")
    for name, fd in zip(names, fds, strict=True):
        target = Path(folder) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(f"/proc/self/fd/{fd}")
    return folder


def _bytes_of(model: torch.nn.Module) -> int:
    return sum(tensor.nbytes for tensor in [*model.parameters(), *model.buffers()])


def _module_restorer(
    model: torch.nn.Module, load_again: Callable[[], torch.nn.Module] | None
) -> Callable[[], list[str]]:
    """Remember a model's structure, weights, flags, hooks and configuration; return what puts them back.

    Args:
        model: The model.
        load_again: For a model too large to be kept twice: its weights are not compared, it is looked whether
            anything has written to them, and then they are read again.
    """
    modules = [(module, _shallow(module)) for module in model.modules()]
    parts = [*model.parameters(), *model.buffers()]
    tensors = [] if load_again else [(part, part.detach().clone(), part.requires_grad) for part in parts]
    versions = [(part, part.data_ptr(), part._version, part.requires_grad) for part in parts]
    configs = {id(module.config): module.config for module, _ in modules if hasattr(module, "config")}
    settings = [(config, copy.deepcopy(vars(config))) for config in configs.values()]

    def restore() -> list[str]:
        found: set[str] = set()
        for module, kept in modules:
            found |= _put_back(module, kept)
        for tensor, pristine, requires_grad in tensors:
            found |= _restore_tensor(tensor, pristine, requires_grad)
        if load_again:
            found |= _restore_large(versions, load_again)
        for config, kept in settings:
            if vars(config) != kept:
                found.add("configuration")
                vars(config).clear()
                vars(config).update(copy.deepcopy(kept))
        return sorted(found)

    return restore


def _shallow(module: torch.nn.Module) -> dict[str, Any]:
    """Copy a module's attributes, and its tables of children, parameters and hooks one level deep."""
    return {
        key: copy.copy(value) if isinstance(value, dict) else value for key, value in vars(module).items()
    }


def _put_back(module: torch.nn.Module, kept: dict[str, Any]) -> set[str]:
    """Undo changes of a module's attributes and tables in place, so that old references stay valid."""
    now, found = vars(module), set()
    for key in [key for key in now if key not in kept]:
        del now[key]
        # transformers notes here that it left hooks of its own; see below.
        if key != "_output_capturing_hooks_installed":
            found.add("attributes")
    for key, value in kept.items():
        table = isinstance(value, dict)
        current = now.get(key)
        if table and isinstance(current, dict):
            if current.keys() == value.keys() and all(current[item] is value[item] for item in value):
                continue
            own = key == "_forward_hooks" and _left_by_transformers(current, value)
            current.clear()
            current.update(value)
            if own:
                continue
        elif current is value:
            continue
        else:
            now[key] = copy.copy(value) if table else value
            if key == _KIND_OF_BACKWARD_HOOKS and value is None and isinstance(current, bool):
                continue
        found.add(_kind_of_change(key))
    return found


def _left_by_transformers(current: dict[Any, Any], kept: dict[Any, Any]) -> bool:
    """Say whether a table of hooks grew by hooks of transformers alone: asking for hidden states leaves them."""
    if any(current.get(key) is not hook for key, hook in kept.items()):
        return False
    added = [getattr(hook, "func", hook) for key, hook in current.items() if key not in kept]
    return all(str(getattr(hook, "__module__", "")).startswith("transformers.") for hook in added)


def _kind_of_change(key: str) -> str:
    if key in _HOOKS:
        return "hooks"
    known = {
        "training": "training mode",
        "_parameters": "weights",
        "_modules": "modules",
        "_buffers": "buffers",
    }
    return known.get(key, "attributes")


def _restore_tensor(tensor: torch.Tensor, pristine: torch.Tensor, requires_grad: bool) -> set[str]:
    found: set[str] = set()
    with torch.no_grad():
        if tensor.shape != pristine.shape or tensor.dtype != pristine.dtype:
            tensor.data = pristine.clone()
            found.add("weights")
        elif not torch.equal(tensor, pristine):
            tensor.data.copy_(pristine)
            found.add("weights")
    if tensor.requires_grad != requires_grad:
        tensor.requires_grad_(requires_grad)
        found.add("gradient flags")
    # Gradients that a backward pass left are usual and harm nobody but the next call.
    tensor.grad = None
    return found


def _restore_large(
    versions: list[tuple[torch.Tensor, int, int, bool]], load_again: Callable[[], torch.nn.Module]
) -> set[str]:
    """Put back what was written to; `.data` of a tensor that is written to in place goes unnoticed."""
    written = any(
        part.data_ptr() != place or part._version != version for part, place, version, _ in versions
    )
    if written:
        fresh = load_again()
        with torch.no_grad():
            pairs = zip(versions, [*fresh.parameters(), *fresh.buffers()], strict=True)
            for number, ((part, _, _, requires_grad), pristine) in enumerate(pairs):
                part.data = pristine.data
                versions[number] = (part, part.data_ptr(), part._version, requires_grad)
    found = {"weights"} if written else set()
    for part, _, _, requires_grad in versions:
        if part.requires_grad != requires_grad:
            part.requires_grad_(requires_grad)
            found.add("gradient flags")
        part.grad = None
    return found


def _object_restorer(value: Any) -> Callable[[], list[str]]:
    """Remember a tokenizer's settings; a changed vocabulary cannot be put back, so it is only told."""
    kept = {key: copy.deepcopy(item) for key, item in vars(value).items() if key != "_tokenizer"}
    # Objects without an equality of their own cannot be told from their copies: they are left alone.
    kept = {key: item for key, item in kept.items() if item == vars(value)[key]}
    size = len(value) if hasattr(value, "__len__") else 0

    def restore() -> list[str]:
        found = []
        if hasattr(value, "__len__") and len(value) != size:
            found.append("vocabulary")
        changed = [key for key, item in kept.items() if key not in vars(value) or vars(value)[key] != item]
        if changed:
            found.append("settings")
            vars(value).update({key: copy.deepcopy(kept[key]) for key in changed})
        return found

    return restore
