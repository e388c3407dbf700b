"""The grader's side of the zygote: starts it, asks it for kernels, watches and ends them."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from autograder.errors import GraderError
from autograder.execution import runtime_tree, sandbox
from autograder.records import Limits

_MESSAGE_BYTES = 64 * 2**10
_START_TIMEOUT_S = 180.0
_FORK_TIMEOUT_S = 30.0
_BOOT = (
    "import sys, json; s = json.loads(sys.argv[1]); sys.path[:] = s['path'];"
    "from autograder.execution.zygote import main; main(s)"
)
REMEDY = (
    "Student code is only run in a sandbox, which needs Linux 5.12 or newer with user namespaces. Allow them "
    "(sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, "
    "kernel.apparmor_restrict_unprivileged_userns; in a container: --security-opt seccomp=unconfined), or, if "
    "you trust every submission with all that you may do on this machine, pass --i-trust-these-submissions."
)


def scrubbed_environment(*, gpu: bool) -> dict[str, str]:
    """Return the whole environment of the zygote and its kernels: nothing of the grader's own.

    Args:
        gpu: Whether kernels may see the GPUs.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/tmp/home",
        "USER": "student",
        "LOGNAME": "student",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",  # spinning threads on busy cores cost a factor of ten
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TQDM_DISABLE": "1",  # progress bars differ from run to run
        # matplotlib is imported before there is a shell, so it cannot find out by itself.
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MPLCONFIGDIR": str(cache / "interp-autograder" / "matplotlib"),
        "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "0") if gpu else "",
    }


class KernelProcess:
    """One forked kernel: its sockets, its end, its death.

    Attributes:
        pid: Its init's process id, seen from outside.
        connection: What a Jupyter client needs to reach it.
        probe: Connected to the probe in the kernel.
        killed_for: Why we killed it, or "".
    """

    def __init__(self, control: socket.socket, probe: socket.socket, key: str) -> None:
        self._control = control
        self.probe = probe
        self.killed_for = ""
        self._killed = False
        self.exit_code: int | None = None
        self.pid = 0
        self.pidfd = -1
        self._folder = -1
        self._await_ready()
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
                data, fds, _, _ = socket.recv_fds(self._control, _MESSAGE_BYTES, 1)
            except TimeoutError:
                self.kill("it did not start")
                raise GraderError(f"A kernel did not start within {_FORK_TIMEOUT_S:.0f} s.") from None
            message = json.loads(data) if data else {"error": "it ended before it started"}
            if "error" in message or "exit" in message:
                self.close()
                raise GraderError(f"A kernel could not be started: {message.get('error', message)}.")
            if "pid" in message:
                self.pid, self.pidfd = message["pid"], fds[0]
            elif "run" in message:
                self._folder = fds[0]
            elif "ready" in message:
                return

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
        tree = [] if self.pidfd < 0 else _descendants(self.pid)
        self.signal(signal.SIGKILL)
        # In a pid namespace the kernel has killed them already; without one this is what ends them.
        for process in tree:
            with contextlib.suppress(psutil.Error):
                process.kill()

    def how_it_ended(self) -> str:
        """Say in words how the kernel ended, for the student."""
        if self.killed_for:
            return f"it was stopped: {self.killed_for}"
        self._control.settimeout(0.2)
        with contextlib.suppress(OSError, ValueError):
            while data := self._control.recv(_MESSAGE_BYTES):
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
        self._control.close()
        self.probe.close()


def _plain(plan: sandbox.BoxPlan) -> dict[str, Any]:
    """Return what the zygote does not know itself."""
    return {key: value for key, value in asdict(plan).items() if key != "covered"}


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


class Zygote:
    """A warm process that forks sandboxed kernels for one student folder.

    Args:
        student_dir: The folder that students receive; kernels see it read-only.
        device: `cpu` or `cuda`.
        trust: Run without a sandbox where none can be made.
        sandboxed: False never tries one; allowed only with `trust`.

    Raises:
        GraderError: If it cannot start, or no sandbox can be made and the submissions are not trusted.
    """

    def __init__(
        self, student_dir: Path, *, device: str = "cpu", trust: bool = False, sandboxed: bool = True
    ) -> None:
        if not sandboxed and not trust:
            raise GraderError(f"Running without a sandbox was asked for without trust. {REMEDY}")
        self.student_dir = student_dir.resolve()
        if not self.student_dir.is_dir():
            raise GraderError(f"{student_dir}: the student's folder does not exist.")
        exposed = runtime_tree.exposing(self.student_dir, runtime_tree.runtime_paths(sys.path))
        if exposed and sandboxed:
            raise GraderError(
                f"{student_dir}: the student's folder lies inside {exposed}, which kernels see with all "
                "that is beside it, references too. Move the course."
            )
        self.device = device
        self.mode = "none"
        self.start_seconds = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        problem = self._start(sandboxed=sandboxed)
        if problem and trust and sandboxed:
            problem = self._start(sandboxed=False)
        if problem:
            raise GraderError(f"The sandboxed kernels cannot be started: {problem}. {REMEDY}")

    def _start(self, *, sandboxed: bool) -> str:
        """Start the process; return why it could not, or ""."""
        began = time.monotonic()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        root = tempfile.mkdtemp(prefix="autograder-root-")
        gpu = self.device != "cpu"
        settings = {
            "fd": theirs.fileno(),
            "root": root,
            "student_dir": str(self.student_dir),
            "sandboxed": sandboxed,
            "gpu": gpu,
            "path": [str(Path(entry).resolve()) if entry == "" else entry for entry in sys.path],
        }
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _BOOT, json.dumps(settings)],
            env=scrubbed_environment(gpu=gpu),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/",
            start_new_session=True,
        )
        theirs.close()
        self._socket = ours
        message = self._first_word()
        Path(root).rmdir()
        if "ready" not in message:
            self.close()
            return str(message["error"])
        self.mode = message["mode"]
        self.start_seconds = time.monotonic() - began
        return ""

    def _first_word(self) -> dict[str, Any]:
        assert self._socket and self._process and self._process.stderr
        self._socket.settimeout(_START_TIMEOUT_S)
        try:
            data = self._socket.recv(_MESSAGE_BYTES)
        except TimeoutError:
            return {"error": f"no answer within {_START_TIMEOUT_S:.0f} s"}
        if data:
            message: dict[str, Any] = json.loads(data)
            return message
        self._process.wait(10)
        return {"error": self._process.stderr.read().decode(errors="replace").strip()[-500:] or "it ended"}

    def fork(
        self, *, seed: int, limits: Limits, cuda_fallback: bool = False, plain: bool = False
    ) -> KernelProcess:
        """Fork a kernel in a box of its own.

        Args:
            seed: For torch, NumPy and random.
            limits: What it may use.
            cuda_fallback: Whether "cuda" means the CPU there.
            plain: Whether tracebacks come without colours.

        Raises:
            GraderError: If the zygote has died or the box cannot be built.
        """
        if self._socket is None:
            raise GraderError("The warm process has been closed.")
        boxed = self.mode != "none"
        box = runtime_tree.BOX if boxed else tempfile.mkdtemp(prefix="autograder-box-")
        plan = sandbox.BoxPlan(
            sandboxed=boxed,
            box=box,
            sockets=runtime_tree.SOCKETS if boxed else tempfile.mkdtemp(prefix="autograder-run-"),
            student=runtime_tree.STUDENT if boxed else str(self.student_dir),
            processes=limits.processes,
            file_bytes=limits.file_bytes,
            memory_bytes=limits.memory_bytes,
            gpu=self.device != "cpu",
        )
        key = secrets.token_hex(16)
        kernel = {
            "seed": seed,
            "device": self.device,
            "key": key,
            "sockets": plan.sockets,
            "box": box,
            "home": "/tmp/home" if boxed else f"{box}/.home",
            "student": plan.student,
            "cuda_fallback": cuda_fallback,
            "plain": plain,
        }
        control, their_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        probe, their_probe = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with their_control, their_probe:
            request = json.dumps({"plan": _plain(plan), "kernel": kernel}).encode()
            try:
                socket.send_fds(self._socket, [request], [their_control.fileno(), their_probe.fileno()])
            except OSError as error:
                raise GraderError(f"The warm process has died ({error}); start the command again.") from None
        return KernelProcess(control, probe, key)

    def close(self) -> None:
        """End the process, and with it every kernel that it forked."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            if self._process.stderr:
                self._process.stderr.close()
            self._process = None

    def __enter__(self) -> Zygote:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
