"""One forked kernel as the grader sees it: its sockets, its signals, its end."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import time
from pathlib import Path
from typing import Any

import psutil

from autograder.errors import GraderError
from autograder.execution.control_group import ControlGroup

MESSAGE_BYTES = 64 * 2**10
_FORK_TIMEOUT_S = 30.0


class KernelProcess:
    """One forked kernel: its sockets, its end, its death.

    Attributes:
        pid: Its init's process id, seen from outside.
        student_pid: The process that runs the student's code, seen from outside.
        connection: What a Jupyter client needs to reach it.
        probe: Connected to the probe in the kernel.
        killed_for: Why we killed it, or "".
        group: Its control group, from `confine` on.
    """

    def __init__(
        self, control: socket.socket, probe: socket.socket, key: str, *, folders: tuple[str, ...] = ()
    ) -> None:
        self._folders = folders  # only without a sandbox; a box takes its own with it
        self._control = control
        self.probe = probe
        self.killed_for = ""
        self.group: ControlGroup | None = None
        self._killed = False
        self.exit_code: int | None = None
        self.pid = 0
        self.pidfd = -1
        self._folder = -1
        self._await_ready()
        self.student_pid = _only_child(self.pid) or self.pid
        self.connection: dict[str, Any] = {
            "transport": "ipc",
            "ip": f"/proc/{os.getpid()}/fd/{self._folder}/k",
            "key": key.encode(),
            "signature_scheme": "hmac-sha256",
            **{"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5},
        }

    def _await_ready(self) -> None:
        """Collect the box's messages until the kernel has bound its sockets.

        Raises:
            GraderError: If the box could not be built.
        """
        deadline = time.monotonic() + _FORK_TIMEOUT_S
        while True:
            self._control.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                data, fds, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, 1)
            except TimeoutError:
                self.kill("it did not start")
                raise GraderError(f"A kernel did not start within {_FORK_TIMEOUT_S:.0f} s.") from None
            message: dict[str, Any] = {"error": "it ended before it started"}
            if data:
                message = json.loads(data)
            if "error" in message or "exit" in message:
                self.close()
                raise GraderError(f"A kernel could not be started: {message.get('error', message)}.")
            if "pid" in message:
                self.pid, self.pidfd = message["pid"], fds[0]
            elif "run" in message:
                self._folder = fds[0]
            elif "ready" in message:
                return

    def begin(self, *, seed: int, cuda_fallback: bool) -> None:
        """Let it take messages: until then it has bound its sockets and waits.

        Args:
            seed: For torch, NumPy and random.
            cuda_fallback: Whether "cuda" means the CPU there.

        Raises:
            GraderError: If it has ended.
        """
        try:
            self._control.send(json.dumps({"seed": seed, "cuda_fallback": cuda_fallback}).encode())
        except OSError as error:
            self.close()
            raise GraderError(f"A kernel ended before its turn ({error}).") from None

    def confine(self, memory_bytes: int) -> None:
        """Put it into a control group of its own, where one can be made; must come before its first cell."""
        self.group = ControlGroup(memory_bytes)
        self.group.add((self.pid, self.student_pid))

    def is_alive(self) -> bool:
        """Tell whether the box's init still runs and nobody has sent it its end."""
        if self.pidfd < 0 or self._killed:
            return False
        return not select.select([self.pidfd], [], [], 0)[0]

    def wait(self, timeout_s: float) -> bool:
        """Wait until the box has ended; return whether it has."""
        return self.pidfd < 0 or bool(select.select([self.pidfd], [], [], timeout_s)[0])

    def interrupt(self) -> None:
        """Send SIGINT to the kernel, by way of its init."""
        self.signal(signal.SIGINT)

    def signal(self, signum: int) -> None:
        """Send a signal to the box's init; a box that has ended is no error."""
        if self.pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, signum)

    def kill(self, reason: str = "") -> None:
        """End the whole tree.

        Args:
            reason: For people; the first one given stays.
        """
        self.killed_for = self.killed_for or reason
        self._killed = True
        # Of a process that has ended the number may be another's by now.
        tree = [] if self.wait(0) else _descendants(self.pid)
        self.signal(signal.SIGKILL)
        # In a pid namespace the kernel has killed them already; without one this is what ends them.
        for process in tree:
            with contextlib.suppress(psutil.Error):
                process.kill()

    def how_it_ended(self) -> str:
        """Say in words how the kernel ended, for the student."""
        if self.group is not None:
            self.killed_for = self.killed_for or self.group.why_ended()
        if self.killed_for:
            return f"it was stopped: {self.killed_for}"
        self._control.settimeout(0.2)
        with contextlib.suppress(OSError, ValueError):
            while data := self._control.recv(MESSAGE_BYTES):
                self.exit_code = json.loads(data).get("exit", self.exit_code)
        if self.exit_code is None:
            return "it was stopped from outside"
        if self.exit_code < 0:
            return f"it crashed ({signal.Signals(-self.exit_code).name})"
        return f"it exited with status {self.exit_code}"

    def close(self) -> None:
        """Kill what still runs, wait for its end and close every descriptor."""
        if self.pidfd >= 0:
            self.kill()
            self.wait(5.0)
        for fd in (self.pidfd, self._folder):
            if fd >= 0:
                os.close(fd)
        self.pidfd = self._folder = -1
        if self.group is not None:
            self.group.close()
        self._control.close()
        self.probe.close()
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)


def _only_child(pid: int) -> int:
    """Return the process that an init has started, before that has started any of its own; 0 if there is none."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    return 0


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        tree: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []
    return tree
