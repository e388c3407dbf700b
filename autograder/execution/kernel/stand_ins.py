"""Stand-ins for what exists only elsewhere: Colab's and Kaggle's modules, and installers."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from autograder.execution.kernel.install_commands import arguments_without_installs

ELSEWHERE = ("google.colab", "kaggle_secrets")


def asks_for_stand_in(statement: ast.stmt) -> str:
    """Return which stand-in a plain top-level import wants; "" if none.

    An import inside `try` or `if` keeps failing: a notebook asks like that where it runs, and has an answer.
    """
    names: list[str] = []
    if isinstance(statement, ast.Import):
        names = [alias.name for alias in statement.names]
    elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
        names = [f"{statement.module}.{alias.name}" for alias in statement.names]
    return next((place for place in ELSEWHERE for name in names if f"{name}.".startswith(f"{place}.")), "")


class _StandIn(ModuleType):
    """A module whose every public name is a function that does nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _nothing


def _nothing(*args: Any, **kwargs: Any) -> None:
    """Do nothing."""


def _empty_text(*args: Any, **kwargs: Any) -> str:
    return ""


class _UserSecretsClient:
    """Kaggle's secrets, of which there are none."""

    get_secret = _empty_text

    def __getattr__(self, name: str) -> Callable[..., None]:
        return _nothing


def provide(place: str) -> None:
    """Make `import google.colab` or `import kaggle_secrets` work from now on."""
    if place in sys.modules:
        return
    if place == "kaggle_secrets":
        _add(place, UserSecretsClient=_UserSecretsClient)
        return
    if "google" not in sys.modules and importlib.util.find_spec("google") is None:
        _add("google")
    colab = _add(place)
    vars(importlib.import_module("google"))["colab"] = colab
    contents: dict[str, dict[str, Any]] = {
        "auth": {},
        "data_table": {},
        "drive": {},
        "files": {"upload": lambda *args, **kwargs: {}},
        "output": {},
        "patches": {},
        "userdata": {"get": _empty_text},
        "widgets": {},
    }
    for name, members in contents.items():
        setattr(colab, name, _add(f"{place}.{name}", **members))


def _add(name: str, **members: Any) -> ModuleType:
    module = _StandIn(name)
    module.__path__ = []  # its parts are modules, too
    vars(module).update(members)
    sys.modules[name] = module
    return module


def skip_installs(skipped: Callable[[list[str]], None]) -> None:
    """Replace install and download commands that Python code starts by a command that does nothing.

    Args:
        skipped: Told the commands.
    """
    run_by_system = os.system

    class Popen(subprocess.Popen):  # type: ignore[type-arg]
        """subprocess.Popen without installers; `run`, `check_call` and asyncio start their processes by it."""

        def __init__(self, args: Any, *more: Any, **how: Any) -> None:
            rest, found = arguments_without_installs(args)
            if found:
                skipped(found)
                how.pop("executable", None)
            super().__init__(rest, *more, **how)

    def system(command: Any) -> int:
        rest, found = arguments_without_installs(command)
        if found:
            skipped(found)
        return 0 if found and rest == ":" else run_by_system(rest)

    subprocess.Popen = Popen  # type: ignore[misc]
    os.system = system
