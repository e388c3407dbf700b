"""Moves the zygote into its read-only tree, and forks boxes in it."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.execution.sandbox import box, runtime_tree, syscalls
from autograder.records import Limits

_MESSAGE_BYTES = 64 * 2**10


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """What boxes have to know of the tree that they are made in."""

    runtime: tuple[str, ...]
    """The paths that the Python runtime needs (`BoxPlan.runtime`)."""

    covered: tuple[str, ...] = ()
    """Those that each box has to bind again (`BoxPlan.covered`)."""


def isolate(settings: dict[str, Any]) -> Tree:
    """Move this process into the read-only tree.

    Args:
        settings: `root`, an empty folder; `student_dir`; `gpu`; `path`; `layers`, names of `sandbox.LAYERS`.

    Raises:
        OSError: If the machine does not allow it.
    """
    paths = runtime_tree.runtime_paths(settings["path"])
    if "mounts" not in settings["layers"]:
        return Tree(runtime=paths)
    _own_mounts()
    runtime_tree.build(settings["root"], Path(settings["student_dir"]), paths, gpu=settings["gpu"])
    runtime_tree.enter(settings["root"])
    return Tree(runtime=paths, covered=runtime_tree.covered(paths))


def _own_mounts() -> None:
    """Get a mount namespace: as root directly, else inside a user namespace."""
    if os.geteuid() == 0:
        try:
            syscalls.unshare(syscalls.CLONE_NEWNS)
        except PermissionError:
            pass  # root without capabilities, as in many containers
        else:
            return
    uid, gid = os.geteuid(), os.getegid()
    syscalls.unshare(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS)
    syscalls.map_ids(uid, gid)


def try_box(settings: dict[str, Any], tree: Tree) -> None:
    """Run a box whose kernel only looks whether its layers hold.

    Args:
        settings: As of `isolate`, and `box` and `sockets`, folders for a box without mounts of its own.
        tree: From `isolate`.

    Raises:
        OSError: With what the box said if it could not be built or does not hold.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    layers = frozenset(settings["layers"])
    mounted = "mounts" in layers
    plan = box.BoxPlan(
        layers=layers,
        box=runtime_tree.BOX if mounted else settings["box"],
        sockets=runtime_tree.SOCKETS if mounted else settings["sockets"],
        student=runtime_tree.STUDENT if mounted else settings["student_dir"],
        limits=Limits(processes=64, file_bytes=2**20, memory_bytes=2**30),
        runtime=tree.runtime,
        covered=tree.covered,
        gpu=settings["gpu"],
    )

    def look() -> None:
        _look_around(plan)
        os._exit(0)

    keeper = fork_box(plan, theirs, look, keep=[theirs.fileno()])
    theirs.close()
    problem = "the box ended without a word"
    while data := ours.recv(_MESSAGE_BYTES):
        message = json.loads(data)
        problem = message.get("error", problem)
        if message.get("exit") == 0:
            problem = ""
    ours.close()
    os.waitpid(keeper, 0)
    if problem:
        raise OSError(0, problem)


def _look_around(plan: box.BoxPlan) -> None:
    """Try what the layers have to forbid, and what they have to allow.

    Raises:
        OSError: If one does not hold, or holds too much.
    """
    Path(os.__file__).read_bytes()
    sorted(Path(plan.student).iterdir())
    (Path(plan.box) / ".tried").write_text("")
    (Path(plan.box) / ".tried").unlink()
    if "pid" in plan.layers and os.getpid() != 2:
        raise OSError(0, "the process table is not the box's own")
    if "network" in plan.layers and [name for _, name in socket.if_nameindex()] != ["lo"]:
        raise OSError(0, "the network is not the box's own")
    if "mounts" in plan.layers:
        _must_fail("the tree is writable", errno.EROFS, lambda: Path("/tried").write_text(""))
    if "landlock" in plan.layers:  # which is what forbids to rename oneself in /proc
        _must_fail("Landlock does not hold", errno.EACCES, lambda: Path("/proc/self/comm").write_text("x"))
    if "seccomp" in plan.layers:
        _must_fail("the system call filter does not hold", errno.EPERM, lambda: syscalls.unshare(0))


def _must_fail(otherwise: str, number: int, action: Callable[[], object]) -> None:
    """Raise an OSError that says `otherwise`, unless an action fails as it must."""
    try:
        action()
    except OSError as error:
        # A stronger layer may have answered first.
        if error.errno in (number, errno.EACCES, errno.EPERM):
            return
        raise
    raise OSError(0, otherwise)


def _forget_standard_streams() -> None:
    """Part from the zygote's: its errors go into a pipe that every kernel could read, by way of /proc."""
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)


def fork_box(plan: box.BoxPlan, control: socket.socket, body: Callable[[], None], keep: list[int]) -> int:
    """Fork a process that becomes the keeper of a new box.

    Args:
        plan: What the box may use.
        control: The box's end of its control socket.
        body: What the kernel does.
        keep: Descriptors that the box inherits; all others are closed.

    Returns:
        The keeper's process id.
    """
    pid = os.fork()
    if pid:
        return pid
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    def work() -> None:
        if "descriptors" in plan.layers:
            box.close_all_but(keep)
            _forget_standard_streams()
        box.launch(plan, control, body)

    box.guarded(control, work)
    raise AssertionError("unreachable")
