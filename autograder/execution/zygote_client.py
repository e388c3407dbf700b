"""The grader's side of the zygote: starts it, asks it for kernels, watches and ends them."""

from __future__ import annotations

import json
import os
import secrets
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from autograder.errors import GraderError
from autograder.execution import runtime_tree, sandbox
from autograder.execution.kernel_process import MESSAGE_BYTES, KernelProcess
from autograder.records import Limits

_START_TIMEOUT_S = 180.0
_BOOT = (
    "import sys, json; s = json.loads(sys.argv[1]); sys.path[:] = s['path'];"
    "from autograder.execution.zygote import main; main(s)"
)
REMEDY = (
    "Student code is only run in a sandbox, which needs Linux 5.12 or newer with user namespaces. Allow them "
    "(sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, "
    "kernel.apparmor_restrict_unprivileged_userns; in a container: --security-opt seccomp=unconfined), "
    "or, if you trust every submission with all that you may do on this machine, pass "
    "--i-trust-these-submissions."
)


def scrubbed_environment(*, gpu: bool) -> dict[str, str]:
    """Return the whole environment of the zygote and its kernels: nothing of the grader's own.

    Args:
        gpu: Whether kernels may see the GPUs.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    libraries = os.environ.get("LD_LIBRARY_PATH")
    return {
        **({"LD_LIBRARY_PATH": libraries} if libraries else {}),
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


def _plain(plan: sandbox.BoxPlan) -> dict[str, Any]:
    """Return what the zygote does not know itself."""
    return {key: value for key, value in asdict(plan).items() if key != "covered"}


class ZygoteLink:
    """A way to ask a running zygote for kernels; several processes may hold one to the same zygote.

    Requests are single messages that bring their own reply sockets, so that links need no lock.

    Args:
        requests: The grader's end of the zygote's socket; None once closed.
        student_dir: The folder that students receive.
        device: `cpu` or `cuda`.
        mode: The sandbox mode that the zygote found.
    """

    def __init__(self, requests: socket.socket | None, *, student_dir: Path, device: str, mode: str) -> None:
        self._socket = requests
        self.student_dir = student_dir.resolve()
        self.device = device
        self.mode = mode

    def is_alive(self) -> bool:
        """Tell whether there is a zygote at the other end."""
        if self._socket is None:
            return False
        poll = select.poll()
        poll.register(self._socket, 0)  # a hang-up is told unasked
        return not poll.poll(0)

    def handle(self) -> int:
        """Return the descriptor of the link, to be handed to another process.

        Raises:
            GraderError: If the link is closed.
        """
        if self._socket is None:
            raise GraderError("The warm process has been closed.")
        return self._socket.fileno()

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
        return KernelProcess(control, probe, key, folders=() if boxed else (box, plan.sockets))

    def close(self) -> None:
        """Let go of the zygote, which ends when the last link is closed."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Zygote(ZygoteLink):
    """A warm process that forks sandboxed kernels for one student folder.

    Args:
        student_dir: The folder that students receive; kernels see it read-only.
        device: `cpu` or `cuda`.
        trust: Run without a sandbox where none can be made.
        sandboxed: False never tries one; allowed only with `trust`.
        scratch: Folder for a mount point that is removed when it runs; default: the system's for such files.
        on_spawn: Given the process as soon as there is one, so that an interrupted start can be ended.
        bound: It dies with the calling thread, also while it imports; else when the last link is closed.

    Raises:
        GraderError: If it cannot start, or no sandbox can be made and the submissions are not trusted.
    """

    def __init__(
        self,
        student_dir: Path,
        *,
        device: str = "cpu",
        trust: bool = False,
        sandboxed: bool = True,
        scratch: Path | None = None,
        on_spawn: Callable[[subprocess.Popen[bytes]], None] = lambda process: None,
        bound: bool = False,
    ) -> None:
        if not sandboxed and not trust:
            raise GraderError(f"Running without a sandbox was asked for without trust. {REMEDY}")
        super().__init__(None, student_dir=student_dir, device=device, mode="none")
        if not self.student_dir.is_dir():
            raise GraderError(f"{student_dir}: the student's folder does not exist.")
        exposed = runtime_tree.exposing(self.student_dir, runtime_tree.runtime_paths(sys.path))
        if exposed and sandboxed:
            raise GraderError(
                f"{student_dir}: the student's folder lies inside {exposed}, which kernels see with all "
                "that is beside it, references too. Move the course."
            )
        self.start_seconds = 0.0
        self._scratch = scratch
        self._on_spawn = on_spawn
        self._bound = bound
        self._process: subprocess.Popen[bytes] | None = None
        problem = self._start(sandboxed=sandboxed)
        if problem and trust and sandboxed:
            problem = self._start(sandboxed=False)
        if problem:
            raise GraderError(f"The sandboxed kernels cannot be started: {problem}. {REMEDY}")

    def _start(self, *, sandboxed: bool) -> str:
        """Start the process; return why it could not, or ""."""
        began = time.monotonic()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        root = tempfile.mkdtemp(prefix="autograder-root-", dir=self._scratch)
        gpu = self.device != "cpu"
        settings = {
            "fd": theirs.fileno(),
            "parent": os.getpid() if self._bound else 0,
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
        self._on_spawn(self._process)
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
            data = self._socket.recv(MESSAGE_BYTES)
        except TimeoutError:
            return {"error": f"no answer within {_START_TIMEOUT_S:.0f} s"}
        if data:
            message: dict[str, Any] = json.loads(data)
            return message
        self._process.wait(10)
        return {"error": self._process.stderr.read().decode(errors="replace").strip()[-500:] or "it ended"}

    def is_alive(self) -> bool:
        """Tell whether it can fork."""
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        """End the process, and with it every kernel that it forked."""
        super().close()
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
