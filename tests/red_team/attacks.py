"""What an attack is, how it is run inside a sandbox and as a plain process, and how its outcome reads.

An attack is the source of a cell. It calls `attempt(action)`, which prints `WON <what was gained>` or
`HELD <the error's name>`. The same source runs in a sandboxed kernel, where it must be held in the stated way, and
as its control where the layer is missing, where it must win: so no test passes because its attack is broken.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder.execution.session import KernelSession
from autograder.execution.zygote_client import ZygoteLink
from autograder.records import Execution, Limits

PRELUDE = """
import ctypes, gc, json, os, socket, sys, signal, time
G = json.loads({grounds!r})
def attempt(action):
    try:
        gained = action()
    except BaseException as error:
        print("HELD", type(error).__name__)
    else:
        print("WON", repr(gained)[:300]) if gained else print("HELD nothing")
def syscall(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def in_a_child(action):
    # A process of one thread, as some calls want it.
    pid = os.fork()
    if pid == 0:
        try:
            action()
        except OSError as error:
            os._exit(error.errno)
        os._exit(0)
    number = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if number:
        raise OSError(number, os.strerror(number) if number > 0 else "killed")
    return "done"
def in_a_box():
    return os.getppid() == 1 and os.getpid() < 10
"""
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One attack by a cell."""

    number: str
    """Of the threat model; one that it lacks starts with `x`."""

    title: str
    """What is tried."""

    layer: str
    """What holds it."""

    cell: str
    """Source of the attack; `G` holds the grounds."""

    held: str = r"HELD \w+"
    """Pattern of the whole outcome in a sandbox."""

    won: str = r"WON .+"
    """Pattern of the whole outcome where nothing holds it."""

    without: frozenset[str] = frozenset()
    """Layers that the control switches off, all that stand in its way; none: the control is a plain process."""

    safe: str = ""
    """Why there is no control, where it cannot be shown safely."""

    prepare: str = ""
    """Source that runs before in a kernel of its own: what one submission leaves for the next."""

    cleanup: str = ""
    """Source that a plain process runs after the control, for what only the machine's owner can remove."""

    needs_root: bool = False
    """Whether it needs rights that only root has: as another user there is nothing to hold, and no control."""

    needs_full: bool = False
    """Whether only the full sandbox holds it."""

    def __str__(self) -> str:
        """Name the test."""
        return f"{self.number}-{self.title.replace(' ', '-')}"

    @property
    def control(self) -> str:
        """Where it wins, in words."""
        if self.safe:
            return f"none: {self.safe}"
        return f"without {', '.join(sorted(self.without))}" if self.without else "plain process"

    def as_param(self) -> Any:
        """Return the attack as a parameter of a test, with its line of the table."""
        mark = pytest.mark.attack(self.number, self.title, layer=self.layer, control=self.control)
        return pytest.param(self, id=str(self), marks=mark)


def notebook(*sources: str) -> dict[str, Any]:
    """Return a notebook of code cells."""
    cells = [nbformat.v4.new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(sources)]
    return dict(nbformat.v4.new_notebook(cells=cells))


def text_of(execution: Execution, cell: int) -> str:
    """Return what a cell printed, showed and raised."""
    parts = []
    for output in execution.notebook["cells"][cell]["outputs"]:
        shown = output.get("data", {}).get("text/plain", "")
        parts.append(output.get("text", "") or shown or "\n".join(output.get("traceback", [])))
    return "".join(parts)


def in_kernel(
    zygote: ZygoteLink, grounds: Mapping[str, Any], sources: Sequence[str], limits: Limits | None = None
) -> list[str]:
    """Run attacks one after another in one kernel; return what each said last."""
    prelude = PRELUDE.format(grounds=json.dumps(grounds))
    with KernelSession(
        zygote, notebook(prelude, *sources), limits=limits or Limits(cell_timeout_s=15), seed=1
    ) as session:
        execution = session.run()
    assert not [failure for failure in execution.failures if failure.index == 0], execution.failures
    ended = {failure.index: f"ENDED {failure.kind}: {failure.message}" for failure in execution.failures}
    said = []
    for number in range(1, len(sources) + 1):
        text = text_of(execution, number).strip()
        said.append(ended.get(number) or (text.splitlines() or ["said nothing"])[-1])
    return said


def in_plain_process(grounds: Mapping[str, Any], source: str, *, inherit: Sequence[int] = ()) -> str:
    """Run an attack as a kernel would run without this harness: a child of the grader, with all that it has."""
    result = subprocess.run(
        [sys.executable, "-c", PRELUDE.format(grounds=json.dumps(grounds)) + "\n" + source],
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
        pass_fds=tuple(inherit),
    )
    lines = result.stdout.strip().splitlines()
    return lines[-1] if lines else f"said nothing: {result.stderr[-300:]}"


def readable_by_all(folder: Path) -> None:
    """Let any user reach a folder below pytest's own, so that only the sandbox can refuse."""
    for path in (folder, *folder.parents):
        if path == Path("/tmp") or path.stat().st_uid != os.geteuid() or path == path.parent:
            return
        path.chmod(path.stat().st_mode | 0o055)
