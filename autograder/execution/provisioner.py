"""A Jupyter kernel provisioner over the zygote: any Jupyter program gets warm, sandboxed kernels.

A kernelspec names it:

    {"argv": [], "display_name": "Sandboxed", "language": "python", "metadata": {"kernel_provisioner":
        {"provisioner_name": "sandboxed-zygote", "config": {"student_dir": "course/student_template"}}}}

A program that starts kernels of other kernelspecs takes it for all of them by
`JUPYTER_DEFAULT_PROVISIONER_NAME=sandboxed-zygote`; so does an nbgrader course, by one line of its configuration.

The harness itself hands its zygote in by `SandboxedKernelManager`.
"""

from __future__ import annotations

import asyncio
import atexit
import signal
import threading
from pathlib import Path
from typing import Any, cast

import zmq
import zmq.asyncio
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase
from traitlets import Bool, Dict, Instance, Int, Unicode
from traitlets.config import SingletonConfigurable

from autograder.errors import GraderError
from autograder.execution.kernel_process import KernelProcess
from autograder.execution.zygote_client import Zygote
from autograder.execution.zygote_link import KernelRequest, ZygoteLink
from autograder.records import Limits

PROVISIONER = "sandboxed-zygote"
MAX_MESSAGE_BYTES = 32 * 2**20
_DEFAULT_TIMEOUT_S = 5.0


class SandboxedProvisioner(KernelProvisionerBase):
    """Launches a kernel by asking a zygote for a fork."""

    student_dir = Unicode(
        "", help="Folder that kernels see read-only; default: nbgrader's release folder, or the kernel's own."
    ).tag(config=True)
    device = Unicode("cpu", help="cpu or cuda.").tag(config=True)
    seed = Int(0, help="Seed of torch, NumPy and random.").tag(config=True)
    limits = Dict(help="Fields of autograder.records.Limits.").tag(config=True)
    cuda_fallback = Bool(True, help='Let "cuda" mean the CPU where there is no GPU.').tag(config=True)

    zygote = Instance(
        ZygoteLink, allow_none=True, help="Forks the kernels; None: one that this process shares."
    )
    request = Instance(KernelRequest, allow_none=True, help="What is asked of it; None: what is configured.")
    process: KernelProcess | None = None

    @property
    def has_process(self) -> bool:
        """Tell whether a kernel was launched and has not been waited for."""
        return self.process is not None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Need no command: a fork runs no program."""
        kwargs = await super().pre_launch(**kwargs)
        kwargs["cmd"] = []
        return kwargs

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork a kernel.

        Returns:
            Its connection: ZMQ over Unix sockets in the box.

        Raises:
            GraderError: If none can be started.
        """
        zygote = self.zygote or await asyncio.to_thread(
            SharedZygotes.instance().get,
            Path(self.student_dir or _released(Path(kwargs.get("cwd") or "."))),
            self.device,
        )
        self.process = zygote.fork(self.request or self._configured())
        self.connection_info = cast(KernelConnectionInfo, self.process.connection)
        return self.connection_info

    def _configured(self) -> KernelRequest:
        return KernelRequest(
            limits=Limits(**self.limits),
            seed=self.seed,
            cuda_fallback=self.cuda_fallback and self.device == "cpu",
        )

    async def poll(self) -> int | None:
        """Return None while the kernel runs, else 0."""
        return None if self.process is not None and self.process.is_alive() else 0

    async def wait(self) -> int | None:
        """Wait on the pidfd until the kernel has ended."""
        if self.process is not None:
            await until_dead(self.process)
            self.process.close()
            self.process = None
        return 0

    async def send_signal(self, signum: int) -> None:
        """Pass a signal on to the kernel; SIGKILL ends the whole tree."""
        if self.process is None:
            return
        if signum == signal.SIGKILL:
            self.process.kill()
        elif signum == 0:
            self.process.signal(0)
        else:
            self.process.signal(signum)

    async def kill(self, restart: bool = False) -> None:
        """End the whole tree."""
        if self.process is not None:
            self.process.kill()

    async def terminate(self, restart: bool = False) -> None:
        """End the whole tree: nothing in a box is worth a farewell."""
        await self.kill(restart)

    async def cleanup(self, restart: bool = False) -> None:
        """Close what is open."""
        if self.process is not None:
            self.process.close()
            self.process = None

    def get_shutdown_wait_time(self, recommended: float = _DEFAULT_TIMEOUT_S) -> float:
        """Do not wait long for a polite end."""
        return min(recommended, 1.0)


class SharedZygotes(SingletonConfigurable):  # type: ignore[misc]
    """The zygotes of a Jupyter program: one for each student folder and device, ended with the process.

    A program makes a provisioner for every kernel, and they have nothing else in common.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._running: dict[tuple[Path, str], Zygote] = {}
        self._starting = threading.Lock()
        atexit.register(self.close)

    def get(self, student_dir: Path, device: str) -> Zygote:
        """Return the zygote for a folder and device; the first call starts it.

        Raises:
            GraderError: If it cannot be started.
        """
        key = (student_dir.resolve(), device)
        with self._starting:
            if key not in self._running:
                self._running[key] = Zygote(student_dir, device=device)
            return self._running[key]

    def close(self) -> None:
        """End all of them."""
        while self._running:
            self._running.popitem()[1].close()


def _released(folder: Path) -> Path:
    """Return what every student of an nbgrader assignment was given: one zygote then serves the whole class.

    nbgrader runs a submission in `autograded/STUDENT/ASSIGNMENT`, beside `release/ASSIGNMENT`.

    Args:
        folder: Where the kernel was to run; returned where it is none of nbgrader's.
    """
    folder = folder.resolve()
    if len(folder.parents) > 2:
        release = folder.parents[2] / "release" / folder.name
        if release.is_dir():
            return release
    return folder


async def until_dead(process: KernelProcess) -> None:
    """Return as soon as the kernel's box has ended."""
    if process.pidfd < 0:
        return
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    loop.add_reader(process.pidfd, _settle, ended)
    try:
        await ended
    finally:
        loop.remove_reader(process.pidfd)


def _settle(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


class SandboxedKernelManager(AsyncKernelManager):
    """Starts kernels from a zygote that it is given, without a kernelspec on disk.

    Args:
        zygote: Forks the kernels.
        request: What is asked of it.
    """

    def __init__(self, zygote: ZygoteLink, request: KernelRequest) -> None:
        super().__init__()
        self.request = request
        self._zygote = zygote
        self._kernel_spec = KernelSpec(
            display_name="Sandboxed",
            language="python",
            metadata={"kernel_provisioner": {"provisioner_name": PROVISIONER}},
        )

    @property
    def process(self) -> KernelProcess:
        """The running kernel."""
        if not isinstance(self.provisioner, SandboxedProvisioner) or self.provisioner.process is None:
            raise GraderError("No sandboxed kernel runs.")
        return self.provisioner.process

    def prepare(self) -> None:
        """Make the provisioner, registered or not, and the ZMQ context of this kernel's channels.

        The context refuses messages that no honest notebook sends: they would fill the grader's memory. Nor does
        it connect a second time: by then a link to a socket of the machine may stand at the path.
        """
        self.provisioner = SandboxedProvisioner(
            kernel_spec=self._kernel_spec, parent=self, zygote=self._zygote, request=self.request
        )
        self.context = zmq.asyncio.Context()
        self.context.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
        self.context.setsockopt(zmq.LINGER, 0)
        self.context.setsockopt(zmq.RECONNECT_IVL, -1)

    def write_connection_file(self, **kwargs: Any) -> None:
        """Write none: nobody else is to connect."""
