"""The layers around one kernel, put on before any of the student's code runs.

Three processes make a box: a keeper outside that dies with the zygote or the worker, the box's init (PID 1
inside, which reaps, passes SIGINT on and ends the tree when it ends), and the kernel itself. In order: an own
session and user, own namespaces, own writable folders on the read-only tree, no capabilities, no new privileges,
resource limits, Landlock, seccomp (`restrict`).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType

from autograder.execution.sandbox import restrict, runtime_tree, syscalls
from autograder.execution.sandbox.layers import LAYERS, MODES, NAMESPACES, BoxPlan, mode_of
from autograder.execution.sandbox.restrict import FIRST_UID

__all__ = [
    "FIRST_UID",
    "LAYERS",
    "MODES",
    "BoxPlan",
    "close_all_but",
    "guarded",
    "in_words",
    "launch",
    "mode_of",
    "send",
]

_FLAGS = {
    "mounts": syscalls.CLONE_NEWNS,
    "pid": syscalls.CLONE_NEWPID,
    "network": syscalls.CLONE_NEWNET,
    "ipc": syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWCGROUP,
}

_FOLDERS = {"/tmp": "256m", "/dev/shm": "256m", runtime_tree.BOX: "256m", runtime_tree.SOCKETS: "1m"}


def send(control: socket.socket, message: dict[str, object], fds: Iterable[int] = ()) -> None:
    """Tell the grader something over the box's control socket.

    Args:
        control: A SOCK_SEQPACKET socket.
        message: Anything that JSON holds.
        fds: Descriptors that travel along.
    """
    socket.send_fds(control, [json.dumps(message).encode()], list(fds))


def close_all_but(kept: Iterable[int]) -> None:
    """Close every descriptor from 3 on that is not kept: none of the zygote's may be inherited."""
    low = 3
    for fd in sorted({fd for fd in kept if fd >= low}):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))


def launch(plan: BoxPlan, control: socket.socket, body: Callable[[], None]) -> None:
    """Build the box around the calling process's children and run `body` in it. Never returns.

    The calling process becomes the keeper. It must have no thread besides this one.

    Args:
        plan: What the box may use.
        control: Tells the grader of `{"pid"}` with a pidfd, `{"run"}` with the sockets' folder, `{"exit"}`.
        body: What the kernel does, as the last process inside.

    Raises:
        OSError: If a layer is refused; the grader hears of it from the caller.
    """
    os.setsid()
    if "user" in plan.layers:
        _become_own_user(plan)
    syscalls.die_with_parent(signal.SIGKILL)
    _enter_namespaces(plan.layers)
    started, start = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(start)
        guarded(control, lambda: _run_init(plan, control, started, body))
    os.close(started)
    pidfd = os.pidfd_open(pid)
    send(control, {"pid": pid}, [pidfd])
    os.write(start, b"!")
    ending = select.poll()
    ending.register(pidfd, select.POLLIN)
    ending.register(control, 0)  # a hang-up is told unasked: the worker has died, and nobody needs the kernel
    ending.poll()
    os._exit(0)  # init dies with this process


def in_words(error: BaseException) -> str:
    """Return an error for people; our own sentences come as OSErrors without a number."""
    if isinstance(error, OSError) and error.strerror and not error.filename:
        return error.strerror
    return f"{type(error).__name__}: {error}"


def guarded(control: socket.socket, action: Callable[[], None]) -> None:
    """Run an action, report what it raises, and end this process in any case."""
    try:
        action()
    except BaseException as error:
        # The grader may have gone: then nobody is left to tell.
        with contextlib.suppress(OSError):
            send(control, {"error": in_words(error)})
    finally:
        os._exit(1)


def _enter_namespaces(layers: frozenset[str]) -> None:
    """Leave the machine's processes, network and the like for own ones."""
    flags = 0
    for layer in layers & NAMESPACES:
        flags |= _FLAGS[layer]
    if not flags:
        return
    if os.geteuid() == 0 and "user" not in layers:
        syscalls.unshare(flags)
    else:
        uid, gid = os.geteuid(), os.getegid()
        syscalls.unshare(flags | syscalls.CLONE_NEWUSER)
        syscalls.map_ids(uid, gid)
    if "network" in layers:
        syscalls.raise_loopback()


def _become_own_user(plan: BoxPlan) -> None:
    """Leave root for a user that no other process has; a plain user stays who they are."""
    if os.geteuid() != 0:
        return
    own = FIRST_UID + os.getpid()
    try:
        if "mounts" not in plan.layers:
            for folder in (plan.box, plan.sockets):
                os.chown(folder, own, own)
        os.setgroups([])
        os.setresgid(own, own, own)
        os.setresuid(own, own, own)
    except OSError:
        return  # root of a user namespace with a single id: there is nobody else to become
    syscalls.show_memory(True)  # and so this process may write its own id maps


def _run_init(plan: BoxPlan, control: socket.socket, started: int, body: Callable[[], None]) -> None:
    """Be the box's init: put on the inner layers, start the kernel, reap until it ends."""
    syscalls.die_with_parent(signal.SIGKILL)
    if os.read(started, 1) != b"!":
        return  # the keeper ended before the death signal was armed
    os.close(started)
    if "mounts" in plan.layers:
        _mount_writable(plan)
    if "ipc" in plan.layers:
        socket.sethostname("box")
    if "pid" not in plan.layers:
        syscalls.adopt_orphans()
    if "capabilities" in plan.layers:
        syscalls.drop_capabilities()
    if "privileges" in plan.layers:
        syscalls.forbid_new_privileges()
    _fill_box(plan)
    folder = os.open(plan.sockets, os.O_PATH | os.O_DIRECTORY)
    send(control, {"run": plan.sockets}, [folder])
    os.close(folder)
    pid = os.fork()
    if pid == 0:
        syscalls.die_with_parent(signal.SIGKILL)
        syscalls.show_memory(True)  # else a plain user's watchdog could not measure it
        restrict.seal(plan)
        guarded(control, body)
    syscalls.show_memory(False)  # else the kernel could change this process, which is sealed less
    close_all_but([control.fileno()])
    _reap(pid, control)


def _mount_writable(plan: BoxPlan) -> None:
    """Put the box's own small file systems on the read-only tree."""
    plain = syscalls.MS_NOSUID | syscalls.MS_NODEV
    if "pid" in plan.layers:  # else the machine's own stays visible
        syscalls.mount("proc", "/proc", "proc", plain | syscalls.MS_NOEXEC)
    for folder, size in _FOLDERS.items():
        # The grader connects to what stands in this one: it must not be led to another socket of the machine.
        no_links = syscalls.MS_NOSYMFOLLOW if folder == plan.sockets and "links" in plan.layers else 0
        syscalls.mount("tmpfs", folder, "tmpfs", plain | no_links, f"mode=0700,size={size},nr_inodes=16384")
    for number, path in enumerate(plan.covered):
        source = f"{runtime_tree.ASIDE}/{number}"
        if Path(source).is_dir():
            Path(path).mkdir(parents=True, exist_ok=True)
        else:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).touch()
        syscalls.mount(source, path, flags=syscalls.MS_BIND | syscalls.MS_REC)
    syscalls.mount(
        "devpts", "/dev/pts", "devpts", syscalls.MS_NOSUID | syscalls.MS_NOEXEC, "newinstance,ptmxmode=0666"
    )


def _fill_box(plan: BoxPlan) -> None:
    """Make the student folder's entries visible in the working folder, so that relative paths work."""
    for entry in sorted(Path(plan.student).iterdir()):
        link = Path(plan.box) / entry.name
        if not link.exists():
            link.symlink_to(entry)
    os.chdir(plan.box)


def _reap(kernel: int, control: socket.socket) -> None:
    """Wait for all children until the kernel ends, then say how it ended."""

    def pass_on(signum: int, frame: FrameType | None) -> None:
        os.kill(kernel, signum)

    signal.signal(signal.SIGINT, pass_on)
    signal.signal(signal.SIGTERM, pass_on)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == kernel:
            send(control, {"exit": os.waitstatus_to_exitcode(status)})
            os._exit(0)
