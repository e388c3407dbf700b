"""Run a function in a forked child process with limits: a mutant may never end, or take all memory."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import torch

T = TypeVar("T")

WALL_PER_CPU = 6
"""Wall-clock limit of a child as a multiple of its CPU limit: the machine is shared."""

_FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What a child sends."""

    result: Any = None
    """What the function returned."""

    error: str = ""
    """The traceback, if the function raised."""


def run_in_child(work: Callable[[], T], *, cpu_s: int, memory_bytes: int = 4 * 2**30) -> T | None:
    """Call a function in a child process.

    Args:
        work: Its result can be pickled. It sees this process as it is now.
        cpu_s: CPU seconds that it may take.
        memory_bytes: Address space that it may take beyond what this process has.

    Returns:
        The result; None if the child exceeded a limit or died.

    Raises:
        RuntimeError: With the traceback, if the function raised.
    """
    receiving, sending = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=_answer, args=(work, sending, cpu_s, memory_bytes), daemon=True)
    process.start()
    sending.close()
    try:
        # Unpickling is safe: children run the instructor's code, never a student's.
        answer: _Answer = receiving.recv() if receiving.poll(WALL_PER_CPU * cpu_s) else _Answer()
    except EOFError:  # died without an answer
        answer = _Answer()
    finally:
        process.kill()
        process.join()
        process.close()
        receiving.close()
    if answer.error:
        raise RuntimeError(f"A mutant could not be run:\n{answer.error}")
    result: T | None = answer.result
    return result


def _answer(work: Callable[[], Any], pipe: Connection, cpu_s: int, memory_bytes: int) -> None:
    """Send what a function returns; runs in the child."""
    _limit(cpu_s, memory_bytes)
    torch.set_num_threads(1)
    try:
        pipe.send(_Answer(result=work()))
    except MemoryError:
        pass  # over its limit: no answer
    except BaseException:
        pipe.send(_Answer(error=traceback.format_exc()))
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
