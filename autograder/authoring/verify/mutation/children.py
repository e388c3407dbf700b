"""Run small pieces of work in forked children: a wrong program may never end, or take all memory."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

WALL_PER_CPU = 6
"""A child is given this many times its CPU seconds by the clock: machines are shared."""


@dataclass(kw_only=True)
class _Child:
    index: int
    pid: int
    pipe: int
    deadline: float
    said: bytearray = field(default_factory=bytearray)


def in_children(
    work: Sequence[Callable[[], Any]], *, cpu_s: int, memory_bytes: int = 4 * 2**30, at_once: int = 1
) -> list[Any]:
    """Call each function in a child of its own.

    Args:
        work: Functions whose results JSON can carry. They see this process as it is now.
        cpu_s: CPU seconds that each may take.
        memory_bytes: Address space that each may take beyond what this process has.
        at_once: Children at a time.

    Returns:
        The results in order; None for a child that took too long or died.

    Raises:
        RuntimeError: With the traceback, if a function raised.
    """
    results: list[Any] = [None] * len(work)
    waiting = list(enumerate(work))[::-1]
    running: dict[int, _Child] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                child = _fork(*waiting.pop(), cpu_s=cpu_s, memory_bytes=memory_bytes)
                running[child.pipe] = child
            _listen(running, results)
    finally:
        for child in running.values():
            _end(child)
    return results


def _fork(index: int, work: Callable[[], Any], *, cpu_s: int, memory_bytes: int) -> _Child:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return _Child(index=index, pid=pid, pipe=reading, deadline=time.monotonic() + WALL_PER_CPU * cpu_s)
    # Nothing below may return into the parent's program: not its cleanup, not its output.
    try:
        os.close(reading)
        _limit(cpu_s, memory_bytes)
        torch.set_num_threads(1)
        try:
            answer = {"result": work()}
        except MemoryError:
            os._exit(1)
        except BaseException:
            answer = {"error": traceback.format_exc()}
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(json.dumps(answer).encode())
    finally:
        os._exit(0)


def _limit(cpu_s: int, memory_bytes: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        pages = int(file.read().split()[0])
    limit = pages * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _listen(running: dict[int, _Child], results: list[Any]) -> None:
    nearest = min(child.deadline for child in running.values())
    ready, _, _ = select.select(list(running), [], [], max(0.0, nearest - time.monotonic()))
    for pipe in ready:
        child = running[pipe]
        chunk = os.read(pipe, 65536)
        child.said += chunk
        if not chunk:
            _end(running.pop(pipe))
            results[child.index] = _result(child.said)
    now = time.monotonic()
    for pipe in [pipe for pipe, child in running.items() if child.deadline <= now]:
        _end(running.pop(pipe))


def _result(said: bytearray) -> Any:
    try:
        answer = json.loads(said.decode()) if said else {"result": None}
    except ValueError:  # killed while it wrote
        return None
    if "error" in answer:
        raise RuntimeError(f"A trial could not be made:\n{answer['error']}")
    return answer["result"]


def _end(child: _Child) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child.pid, signal.SIGKILL)
    os.waitpid(child.pid, 0)
    os.close(child.pipe)
