"""The grader's side of the zygote: starts it, asks it for kernels, watches and ends them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from autograder.errors import AutograderWarning, GraderError
from autograder.execution import control_group
from autograder.execution.devices import ENVIRONMENT, VISIBLE, visible
from autograder.execution.kernel_process import MESSAGE_BYTES
from autograder.execution.sandbox import box, runtime_tree, selftest, temp_dirs
from autograder.execution.zygote_link import ZygoteLink
from autograder.records import Loadable

__all__ = ["REMEDY", "DegradedSandboxWarning", "Zygote", "ZygoteLink", "scrubbed_environment"]

_START_TIMEOUT_S = 180.0
_BOOT = (
    "import sys, json; s = json.loads(sys.argv[1]); sys.path[:] = s['path'];"
    "from autograder.execution.kernel.zygote import main; main(s)"
)
REMEDY = (
    "Student code is only run in a sandbox, which needs Linux 5.12 or newer with user namespaces. Allow them "
    "(sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, "
    "kernel.apparmor_restrict_unprivileged_userns; in a container: --security-opt seccomp=unconfined), "
    "see what this machine gives with `autograder doctor`, make do with less by --accept-degraded, "
    "or, if you trust every submission with all that you may do on this machine, pass "
    "--i-trust-these-submissions."
)
_SHORT_OF_FULL = {
    "namespaces": "Landlock, the second wall around files, is missing",
    "landlock": "submissions that run at the same time can reach each other, and see that others run",
    "none": "submissions can read, change and send away all that you can",
}


class DegradedSandboxWarning(AutograderWarning):
    """Student code runs with less around it than this harness can give."""


def _allowed(*, trust: bool, accept_degraded: bool, sandboxed: bool) -> tuple[str, ...]:
    """List the modes that the instructor agrees to."""
    if not sandboxed:
        return ("none",)
    degraded = ("landlock",) if accept_degraded else ()
    return ("full", "namespaces", *degraded, *(("none",) if trust else ()))


def _warning(mode: str, problems: tuple[tuple[str, str], ...]) -> str:
    why = f" ({problems[-1][1]})" if problems else ""
    return (
        f"Student code runs in sandbox mode {mode}, not full{why}: {_SHORT_OF_FULL[mode]}. "
        "`autograder doctor` says how to get a better one."
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
        "PLOTLY_RENDERER": "plotly_mimetype",  # data alone: with plotly's script a plot exceeds the output limit
        "MPLCONFIGDIR": str(cache / "interp-autograder" / "matplotlib"),
        **(_gpu_environment() if gpu else {VISIBLE: ""}),
    }


def _gpu_environment() -> dict[str, str]:
    """Return what CUDA reads before it starts: the GPUs that there are, of which a kernel gets one."""
    return {**ENVIRONMENT, VISIBLE: ",".join(visible()) or "0"}


class Zygote(ZygoteLink):
    """A warm process that forks sandboxed kernels for one student folder.

    Args:
        student_dir: The folder that students receive; kernels see it read-only.
        device: `cpu` or `cuda`.
        trust: Run without a sandbox where none can be made.
        accept_degraded: Make do with Landlock and seccomp where no namespaces can be had.
        sandboxed: False never tries a sandbox; allowed only with `trust`.
        without: Names of `sandbox.LAYERS` to switch off; for tests that show what a layer stops, and reachable
            from nowhere else. The mode is then that of the layers that are left.
        on_spawn: Given the process as soon as there is one, so that an interrupted start can be ended.
        models: Models and tokenizers in the student's folder, loaded once for all kernels.
        bound: It dies with the calling thread, also while it imports; else when the last link is closed.

    Attributes:
        problems: Why each mode stronger than `mode` does not work here: pairs of its name and a sentence.

    Raises:
        GraderError: If it cannot start, or no sandbox can be made and the submissions are not trusted.
    """

    def __init__(
        self,
        student_dir: Path,
        *,
        device: str = "cpu",
        trust: bool = False,
        accept_degraded: bool = False,
        sandboxed: bool = True,
        without: frozenset[str] = frozenset(),
        on_spawn: Callable[[subprocess.Popen[bytes]], None] = lambda process: None,
        bound: bool = False,
        models: Iterable[Loadable] = (),
    ) -> None:
        if not sandboxed and not trust:
            raise GraderError(f"Running without a sandbox was asked for without trust. {REMEDY}")
        unknown = without - box.LAYERS
        if unknown:
            raise ValueError(f"no such layer: {sorted(unknown)}; there are {sorted(box.LAYERS)}")
        super().__init__(None, student_dir=student_dir, device=device, mode="none")
        if not self.student_dir.is_dir():
            raise GraderError(f"{student_dir}: the student's folder does not exist.")
        exposed = runtime_tree.exposing(self.student_dir, runtime_tree.runtime_paths(sys.path))
        if exposed and sandboxed:
            raise GraderError(
                f"{student_dir}: the student's folder lies inside {exposed}, which kernels see with all "
                "that is beside it, references too. Move the course."
            )
        self._on_spawn = on_spawn
        self._bound = bound
        self._models = [
            (one.loader, str(one.folder.resolve().relative_to(self.student_dir)), dict(one.options))
            for one in models
            if one.folder.resolve().is_relative_to(self.student_dir)
        ]
        self.problems: tuple[tuple[str, str], ...] = ()
        self._process: subprocess.Popen[bytes] | None = None
        modes = _allowed(trust=trust, accept_degraded=accept_degraded, sandboxed=sandboxed)
        self._start(selftest.candidates(modes, without), without)
        if sandboxed and not without and self.mode != "full":
            warnings.warn(_warning(self.mode, self.problems), DegradedSandboxWarning, stacklevel=2)

    def _start(self, candidates: list[tuple[str, list[str]]], without: frozenset[str]) -> None:
        """Start the process, which takes the first candidate that works here.

        Raises:
            GraderError: If none does.
        """
        temp_dirs.clear(box.FIRST_UID)
        control_group.clear()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        folders = {name: temp_dirs.make_folder("try") for name in ("box", "sockets")}
        folders["root"] = temp_dirs.make_folder("root")
        gpu = self.device != "cpu"
        settings = {
            **folders,
            "fd": theirs.fileno(),
            "parent": os.getpid() if self._bound else 0,
            "student_dir": str(self.student_dir),
            "candidates": candidates,
            "gpu": gpu,
            "models": self._models,
            "path": [entry for entry in sys.path if entry],  # "" is the working folder, whatever lies there
        }
        environment = scrubbed_environment(gpu=gpu)
        if "environment" in without:
            environment = {**os.environ, **environment}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _BOOT, json.dumps(settings)],
            env=environment,
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
        for folder in folders.values():
            shutil.rmtree(folder, ignore_errors=True)
        if "ready" not in message:
            self.close()
            raise GraderError(f"The sandboxed kernels cannot be started: {message['error']}. {REMEDY}")
        self.mode, self.layers = message["mode"], frozenset(message["layers"])
        self.problems = tuple((mode, problem) for mode, problem in message["problems"])

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
