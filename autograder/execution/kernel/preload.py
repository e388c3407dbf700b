"""What the warm process does once, before it forks, so that no kernel has to: a first plot, the student's models.

Nothing here may leave a thread behind, and nothing secret is here: the models are those that students have.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

_MOST_BYTES = 2**29
"""Of all models; larger ones are left to the kernels, that a fork may stay cheap."""

_WELL = 77
"""Exit status of a rehearsal that went well: none that a module would end its process with."""


def draw() -> None:
    """Draw what plots have in common, into nothing: fonts, ticks, texts, images and the PNG writer are then ready."""
    import numpy as np
    from IPython.core.pylabtools import print_figure
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    left.bar(range(3), [1.0, -2.0, 3.0], label="a")
    left.plot([0.0, 1.5], [0.5, 1e-3])
    left.set(title="Title", xlabel="x", ylabel="y", xticks=[0, 1], xticklabels=["a", "b"])
    left.legend()
    figure.colorbar(right.imshow(np.eye(3)), ax=right)
    right.text(0, 0, "ä")
    print_figure(figure, fmt="png", bbox_inches="tight")


class PreloadedModels:
    """Models and tokenizers that were loaded before a fork; each is handed out once."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def add(self, student: str, loader: str, inside: str, options: dict[str, str]) -> None:
        """Load one; see `load`."""
        module, _, attribute = loader.partition(":")
        found = getattr(importlib.import_module(module), attribute)
        key = _key(loader, inside, options)
        self._loaded[key] = found.from_pretrained(f"{student}/{inside}", **options)

    def models(self) -> list[Any]:
        """Return the models that nobody has been given yet."""
        return [value for value in self._loaded.values() if isinstance(value, torch.nn.Module)]

    def pop(self, loader: str, inside: str, options: dict[str, str]) -> Any:
        """Pop a preloaded object, else None: its next user would find it changed."""
        return self._loaded.pop(_key(loader, inside, options), None)


def load(student: str, models: Iterable[tuple[str, str, dict[str, str]]]) -> PreloadedModels:
    """Load models and tokenizers that students have.

    A rehearsal in a process of its own comes first: what a course's module does when it is imported must not cost
    the warm process its life or its single thread. If it would, nothing is loaded, and kernels load for themselves.

    Args:
        student: The student's folder as kernels see it.
        models: Each its loader (`module:Class`), folder below the student's, and options of its from_pretrained.
    """
    wanted = list(models)
    size = sum(path.stat().st_size for _, inside, _ in wanted for path in (Path(student) / inside).glob("*"))
    if wanted and size <= _MOST_BYTES and _goes_well(lambda: _load(student, wanted)):
        return _load(student, wanted)
    return PreloadedModels()


def _key(loader: str, inside: str, options: dict[str, str]) -> str:
    return json.dumps([loader, inside, options], sort_keys=True)


def _load(student: str, wanted: list[tuple[str, str, dict[str, str]]]) -> PreloadedModels:
    loaded = PreloadedModels()
    path = list(sys.path)
    sys.path.insert(0, student)
    try:
        for loader, inside, options in wanted:
            loaded.add(student, loader, inside, options)
    finally:
        sys.path[:] = path
    return loaded


def _goes_well(action: Callable[[], object]) -> bool:
    """Tell whether an action ends in a process like this one, and leaves it with one thread."""
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            action()
            os._exit(_WELL if threads() == 1 else 1)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == _WELL


def threads() -> int:
    """Count this process's threads."""
    return len(list(Path("/proc/self/task").iterdir()))
