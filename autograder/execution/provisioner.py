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
from pathlib import Path
from typing import Any, cast

import zmq
import zmq.asyncio
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase
from traitlets import Any as AnyTrait
from traitlets import Bool, Dict, Int, Unicode

from autograder.errors import GraderError
from autograder.execution.kernel_process import KernelProcess
from autograder.execution.zygote_client import Zygote, ZygoteLink
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
        manager = self.parent
        given = getattr(manager, "zygote", None)
        zygote = (
            given
            if isinstance(given, ZygoteLink)
            else await asyncio.to_thread(
                _own_zygote, self, Path(self.student_dir or _released(Path(kwargs.get("cwd") or ".")))
            )
        )
        self.process = zygote.fork(
            seed=getattr(manager, "seed", self.seed),
            limits=getattr(manager, "limits", None) or Limits(**self.limits),
            cuda_fallback=getattr(manager, "cuda_fallback", self.cuda_fallback and self.device == "cpu"),
        )
        self.connection_info = cast(KernelConnectionInfo, self.process.connection)
        return self.connection_info

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


def _own_zygote(provisioner: SandboxedProvisioner, student_dir: Path) -> Zygote:
    """Start a zygote for this process and folder once, and end it with the process."""
    root = type(provisioner)
    shared: dict[tuple[str, str], Zygote] = root.__dict__.get("_shared") or {}
    root._shared = shared
    key = (str(student_dir.resolve()), provisioner.device)
    if key not in shared:
        shared[key] = Zygote(student_dir, device=provisioner.device)
        atexit.register(shared[key].close)
    return shared[key]


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
    """Starts kernels from a zygote that it is given, without a kernelspec on disk."""

    zygote = AnyTrait()
    seed = Int(0)
    limits = AnyTrait()
    cuda_fallback = Bool(False)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._kernel_spec = KernelSpec(
            display_name="Sandboxed",
            language="python",
            metadata={"kernel_provisioner": {"provisioner_name": PROVISIONER}},
        )

    @property
    def process(self) -> KernelProcess:
        """The running kernel."""
        process = getattr(self.provisioner, "process", None)
        if not isinstance(process, KernelProcess):
            raise GraderError("No sandboxed kernel runs: the provisioner of another program was used.")
        return process

    def prepare(self) -> None:
        """Make the provisioner, registered or not, and the ZMQ context of this kernel's channels.

        The context refuses messages that no honest notebook sends: they would fill the grader's memory. Nor does
        it connect a second time: by then a link to a socket of the machine may stand at the path.
        """
        self.provisioner = SandboxedProvisioner(kernel_spec=self._kernel_spec, parent=self)
        self.context = zmq.asyncio.Context()
        self.context.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
        self.context.setsockopt(zmq.LINGER, 0)
        self.context.setsockopt(zmq.RECONNECT_IVL, -1)

    def write_connection_file(self, **kwargs: Any) -> None:
        """Write none: nobody else is to connect."""
