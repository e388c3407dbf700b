"""What a notebook has set on its own model: checks call its functions with another one, as it was shipped."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import torch

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_PLAIN = (bool, int, float, str, type(None))


def changes(names: Mapping[str, Any], shipped: Collection[torch.nn.Module]) -> Iterator[str]:
    """Describe what a notebook has changed on its models: settings of the configuration and hooks.

    Args:
        names: The notebook's global names.
        shipped: The course's models as they were loaded.

    Yields:
        `model.config.output_hidden_states = True`, `a hook on model.encoder`.
    """
    for name, model in list(names.items()):
        if not isinstance(model, torch.nn.Module) or name.startswith("_"):
            continue
        for other in shipped:
            if type(other) is type(model):
                yield from _of_parts(name, dict(model.named_modules()), dict(other.named_modules()))


def _of_parts(
    name: str, parts: Mapping[str, torch.nn.Module], shipped: Mapping[str, torch.nn.Module]
) -> Iterator[str]:
    seen: set[int] = set()
    for place, part in parts.items():
        whole = f"{name}.{place}".rstrip(".")
        config, other = getattr(part, "config", None), getattr(shipped.get(place), "config", None)
        if config is not None and other is not None and id(config) not in seen:
            seen.add(id(config))
            yield from _of_settings(f"{whole}.config", vars(config), vars(other))
        if any(_is_own(hook) for table in _HOOKS for hook in vars(part).get(table, {}).values()):
            yield f"a hook on {whole}"


def _of_settings(name: str, settings: Mapping[str, Any], shipped: Mapping[str, Any]) -> Iterator[str]:
    for key, value in settings.items():
        if (
            type(value) in _PLAIN
            and not key.startswith("_")
            and (key not in shipped or shipped[key] != value)
        ):
            yield f"{name}.{key} = {value!r}"


def _is_own(hook: Any) -> bool:
    """Tell whether the notebook defines a hook; those of libraries come and go with their calls."""
    return getattr(getattr(hook, "func", hook), "__module__", None) == "__main__"
