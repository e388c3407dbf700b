"""ipykernel's application in two steps: what all kernels have alike in the warm process, the rest after the fork.

Building a shell takes most of a kernel's start. `prepare` builds it before any fork: nothing there knows a
submission, opens a socket or starts a thread. `IPKernelApp.initialize` then finds it in the fork.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from IPython.core.application import BaseIPythonApplication
from IPython.core.profiledir import ProfileDir
from IPython.core.pylabtools import activate_matplotlib
from matplotlib_inline.backend_inline import configure_inline_support
from traitlets import Type
from traitlets.config import Config

from autograder.execution.kernel.shell import ZMQInteractiveShell


class _Once(BaseIPythonApplication):  # type: ignore[misc]
    """What `IPKernelApp.initialize` begins with is done in the warm process, and once."""

    _begun = False

    def initialize(self, argv: Any = None) -> None:
        """Do nothing the second time."""
        if not self._begun:
            self._begun = True
            super().initialize(argv)

    def load_config_file(self, suppress_errors: Any = None) -> None:
        """Read none: a grade must not depend on how the machine's own IPython is configured."""


class _NoSubshells:
    """No thread for subshells, as far as ipykernel asks; it looks here for the main thread before it awaits a cell."""

    parent_thread = threading.main_thread()

    def __bool__(self) -> bool:
        return False


class _PreparedKernel(IPythonKernel):  # type: ignore[misc]
    """A kernel that gets its sockets after it was made, and in which nobody answers a prompt."""

    shell_class = Type(ZMQInteractiveShell)
    _supports_kernel_subshells = False

    @classmethod
    def instance(cls, *args: Any, **kwargs: Any) -> Any:
        """Return the kernel; given to one that is there already, the arguments are what a fork adds."""
        made = cls.initialized()
        kernel = super().instance(*args, **kwargs)
        if made:
            kernel.connect(kwargs)
        return kernel

    def connect(self, given: dict[str, Any]) -> None:
        """Take the fork's streams and session, and hand them on as IPythonKernel's constructor does."""
        for name, value in given.items():
            if value is not None:
                setattr(self, name, value)
        self.shell_channel_thread = _NoSubshells()
        self._stdout, self._stderr = sys.stdout, sys.stderr
        self.ident = str(uuid.uuid4())
        for part in (self.shell.displayhook, self.shell.display_pub):
            part.session, part.pub_socket = self.session, self.iopub_socket
        self.shell.displayhook.topic = self._topic("execute_result")
        self.shell.save_sys_module_state()

    @contextlib.contextmanager
    def _cancel_on_sigint(self, future: asyncio.Future[Any]) -> Iterator[None]:
        """Let SIGINT end an awaiting cell. ipykernel's own way does not wake the event loop from its sleep."""
        loop = asyncio.get_running_loop()
        kept = signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(future.cancel))
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, kept)

    def raw_input(self, prompt: object = "") -> str:
        """Return an empty line."""
        self.shell.note("prompt", "input()")
        return ""

    def getpass(self, prompt: object = "", stream: object = None, **more: object) -> str:
        """Return an empty line."""
        return self.raw_input()


class KernelApp(IPKernelApp, _Once):  # type: ignore[misc]
    """The application of the box's kernel."""

    kernel_class = Type(_PreparedKernel, klass=IPythonKernel)

    def init_control(self, context: Any) -> None:
        """Have no thread for subshells, of which grading uses none: each message would pass through it."""
        super().init_control(context)
        self.shell_channel_thread = None


def prepare() -> KernelApp:
    """Make the application, the kernel and its shell in this process, for its forks."""
    config = Config()
    config.HistoryManager.enabled = False
    config.IPKernelApp.log_level = 50
    config.InteractiveShell.colors = "linux"
    with _ipython_folder():
        app: KernelApp = KernelApp.instance(config=config)
        _Once.initialize(app, [])
        kernel = app.kernel_class.instance(parent=app, profile_dir=app.profile_dir, log=app.log)
    app.kernel, app.shell = kernel, kernel.shell
    app.init_extensions()
    _show_plots(app.shell)
    return app


@contextlib.contextmanager
def _ipython_folder() -> Any:
    """Give IPython a folder for as long as it is being made; each kernel has one of its own."""
    folder = tempfile.mkdtemp()
    before = os.environ.get("IPYTHONDIR")
    os.environ["IPYTHONDIR"] = folder
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        del os.environ["IPYTHONDIR"]
        if before is not None:
            os.environ["IPYTHONDIR"] = before


def _show_plots(shell: Any) -> None:
    """Do what the inline backend does when it is imported in a shell; it was imported without one."""
    backend = os.environ["MPLBACKEND"]
    activate_matplotlib(backend)
    configure_inline_support(shell, backend)  # type: ignore[no-untyped-call]


def start(connection_file: Path, home: str) -> KernelApp:
    """Finish the prepared application in a fork: its folders, sockets, threads.

    Args:
        connection_file: Says where to listen.
        home: The home folder.
    """
    app = KernelApp.instance() if KernelApp.initialized() else prepare()
    app.connection_file = str(connection_file)
    app.ipython_dir = app.shell.ipython_dir = os.environ["IPYTHONDIR"]
    profile = ProfileDir.create_profile_dir_by_name(app.ipython_dir, "default")
    app.profile_dir = app.kernel.profile_dir = app.shell.profile_dir = profile
    app.shell.home_dir = home
    app.shell.history_manager.dir_hist[:] = [Path.cwd()]
    app.initialize([])
    return app
