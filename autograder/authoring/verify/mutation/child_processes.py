"""Run functions in forked child processes with limits: a mutant may never end, or take all memory."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import Any, Generic, TypeVar

import torch

T = TypeVar("T")

WALL_PER_CPU = 6
"""Wall-clock limit of a child as a multiple of its CPU limit: the machine is shared."""

_FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer(Generic[T]):
    """What a child sends."""

    result: T
    """What the function returned; meaningless after an error."""

    error: str = ""
    """The traceback, if the function raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Child:
    """A running child process."""

    index: int
    """Number of its function."""

    process: ForkProcess
    """The process."""

    deadline: float
    """On the monotonic clock."""


def run_in_children(
    work: Sequence[Callable[[], T]], *, cpu_s: int, memory_bytes: int = 4 * 2**30, at_once: int = 1
) -> list[T | None]:
    """Call each function in a child process of its own.

    Args:
        work: Functions whose results can be pickled. They see this process as it is now.
        cpu_s: CPU seconds that each may take.
        memory_bytes: Address space that each may take beyond what this process has.
        at_once: Children at a time.

    Returns:
        The results in order; None for a child that exceeded a limit or died.

    Raises:
        RuntimeError: With the traceback, if a function raised.
    """
    results: list[T | None] = [None] * len(work)
    waiting = list(enumerate(work))[::-1]
    running: dict[Connection, _Child] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                pipe, child = _fork(*waiting.pop(), cpu_s=cpu_s, memory_bytes=memory_bytes)
                running[pipe] = child
            nearest = min(child.deadline for child in running.values())
            ready = wait(list(running), max(0.0, nearest - time.monotonic()))
            for pipe, child in list(running.items()):
                if pipe in ready:
                    results[child.index] = _received(pipe)
                if pipe in ready or child.deadline <= time.monotonic():
                    _end(pipe, running.pop(pipe))
    finally:
        for pipe, child in running.items():
            _end(pipe, child)
    return results


def _fork(index: int, work: Callable[[], Any], *, cpu_s: int, memory_bytes: int) -> tuple[Connection, _Child]:
    receiving, sending = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=_answer, args=(work, sending, cpu_s, memory_bytes), daemon=True)
    process.start()
    sending.close()
    return receiving, _Child(index=index, process=process, deadline=time.monotonic() + WALL_PER_CPU * cpu_s)


def _answer(work: Callable[[], Any], pipe: Connection, cpu_s: int, memory_bytes: int) -> None:
    """Send what a function returns; runs in the child."""
    _limit(cpu_s, memory_bytes)
    torch.set_num_threads(1)
    try:
        pipe.send(_Answer(result=work()))
    except MemoryError:
        pass  # over its limit: no answer
    except BaseException:
        pipe.send(_Answer(result=None, error=traceback.format_exc()))
    # Neither the parent's cleanup nor its buffered output is the child's to run.
    os._exit(0)


def _limit(cpu_s: int, memory_bytes: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        pages = int(file.read().split()[0])
    limit = pages * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _received(pipe: Connection) -> Any:
    try:
        # Unpickling is safe: children run the instructor's code, never a student's.
        answer: _Answer[Any] = pipe.recv()
    except EOFError:  # died without an answer
        return None
    if answer.error:
        raise RuntimeError(f"A mutant could not be run:\n{answer.error}")
    return answer.result


def _end(pipe: Connection, child: _Child) -> None:
    child.process.kill()
    child.process.join()
    child.process.close()
    pipe.close()
