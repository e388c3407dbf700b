"""Finds out which sandbox this machine allows, by building one, without importing torch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from autograder.execution.sandbox import box, isolation, temp_dirs

_TIMEOUT_S = 60.0
_MESSAGE_BYTES = 4096
_BOOT = (
    "import sys, json; s = json.loads(sys.argv[1]); sys.path[:] = s['path'];"
    "from autograder.execution.sandbox.selftest import report; report(s)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a self-test found."""

    mode: str
    """The strongest mode that works; "" if none of the candidates does."""

    layers: tuple[str, ...] | None
    """Its layers."""

    problems: tuple[tuple[str, str], ...] = ()
    """Why each stronger mode does not work, by its name."""

    def why(self) -> str:
        """Return why each mode was rejected."""
        return "; ".join(f"mode {mode}: {problem}" for mode, problem in self.problems)


def candidates(modes: Sequence[str], without: frozenset[str] = frozenset()) -> list[tuple[str, list[str]]]:
    """List modes to try and their layers, the strongest first.

    Args:
        modes: Which to list.
        without: Layers that a test switches off; the name is then that of the mode which the rest comes to.
    """
    kept = [layers - without for mode, layers in box.MODES.items() if mode in modes]
    return [(box.mode_of(layers), sorted(layers)) for layers in kept]


def find_mode(settings: dict[str, Any]) -> Found:
    """Build one box of each candidate until one holds, in children of this process, which must have one thread.

    Args:
        settings: `candidates`, and those of `isolation.try_box` but `layers`.
    """
    problems: list[tuple[str, str]] = []
    for mode, layers in settings["candidates"]:
        problem = _in_child(partial(_try, {**settings, "layers": layers}))
        if not problem:
            return Found(mode=mode, layers=tuple(layers), problems=tuple(problems))
        problems.append((mode, problem))
    return Found(mode="", layers=None, problems=tuple(problems))


def _try(settings: dict[str, Any]) -> None:
    isolation.try_box(settings, isolation.isolate(settings))


def _in_child(action: Callable[[], None]) -> str:
    """Run an action in a forked process; return what it raised, or ""."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        said = "it ended without a word"
        try:
            action()
            said = ""
        except BaseException as error:
            said = box.in_words(error)
        finally:
            os.write(writing, b"." + said.encode()[: _MESSAGE_BYTES - 1])
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        told = answer.read(_MESSAGE_BYTES)
    os.waitpid(pid, 0)
    return told[1:].decode(errors="replace") if told else "its process was ended"


def find_mode_here() -> Found:
    """Try all modes on this machine, in a process of its own and with an empty student's folder.

    Raises:
        OSError: If not even that process can be run.
    """
    folders = {name: temp_dirs.make_folder("try") for name in ("root", "student_dir", "box", "sockets")}
    settings = {
        **folders,
        "candidates": candidates(tuple(box.MODES)),
        "gpu": False,
        "path": [str(Path(entry).resolve()) for entry in sys.path if entry],
    }
    Path(folders["student_dir"]).chmod(0o755)
    try:
        result = subprocess.run(
            [sys.executable, "-P", "-c", _BOOT, json.dumps(settings)],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
            cwd="/",
        )
        answer = json.loads(result.stdout)
    except (subprocess.TimeoutExpired, ValueError) as error:
        raise OSError(0, f"the self-test could not be run: {error}") from None
    finally:
        for folder in folders.values():
            shutil.rmtree(folder, ignore_errors=True)
    problems = tuple((mode, problem) for mode, problem in answer.pop("problems"))
    return Found(**{**answer, "layers": tuple(answer["layers"] or ()), "problems": problems})


def report(settings: dict[str, Any]) -> None:
    """Run the self-test in this process, and print what it found as JSON.

    Args:
        settings: As of `find_mode`.
    """
    print(json.dumps(asdict(find_mode(settings))))
