"""The forked process turned into a Jupyter kernel. It runs in its box, after every layer is on."""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from autograder.execution import gpu_watchdog
from autograder.execution.kernel import cuda_fallback, kernel_app
from autograder.execution.kernel.probe import Probe
from autograder.execution.kernel.seed_all import seed_all
from autograder.execution.sandbox import box

PORTS = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5}
_CONNECTION_FILE = "connection.json"
_TURN_BYTES = 1024


def run(settings: dict[str, Any], control: socket.socket, probe_socket: socket.socket) -> None:
    """Start ipykernel and serve until it ends.

    Args:
        settings: `device`, `key`, `sockets`, `box`, `home`, `temporary`, `student`, `plain`,
            `gpu` (`name`, `share` of its memory), `threads`.
        control: Told `{"ready"}` when the kernel's sockets are bound; says `seed` and `cuda_fallback` when it is
            somebody's turn, and is then closed.
        probe_socket: Where calls come in after the cells.
    """
    _prepare_process(settings)
    if seat := settings.get("gpu"):
        gpu_watchdog.take_seat(seat["name"])
        if seat["share"] is not None:
            gpu_watchdog.limit_allocator(seat["share"])
    if (threads := settings.get("threads", 1)) > 1:
        torch.set_num_threads(threads)
    app = kernel_app.start(_connection_file(settings), settings["home"], plain=settings.get("plain", False))
    probe = Probe(probe_socket, app.kernel, student=settings["student"], device=settings["device"])
    probe.attach()
    # What matplotlib and IPython set up so far is no garbage, and its pages stay shared.
    gc.freeze()
    box.send(control, {"ready": True})
    _await_turn(control)
    control.close()
    app.start()


def _await_turn(control: socket.socket) -> None:
    """Wait until a submission takes this kernel; end with a grader that has none for it."""
    data = control.recv(_TURN_BYTES)
    if not data:
        os._exit(0)
    turn = json.loads(data)
    seed_all(turn["seed"])
    if turn["cuda_fallback"]:
        cuda_fallback.install()


def _prepare_process(settings: dict[str, Any]) -> None:
    """Give the process the environment of a fresh login without secrets."""
    os.chdir(settings["box"])
    os.umask(0o077)
    home = settings["home"]
    os.environ["HOME"] = home
    os.environ["IPYTHONDIR"] = f"{home}/.ipython"
    os.environ["JUPYTER_RUNTIME_DIR"] = f"{home}/.jupyter"
    Path(home).mkdir(parents=True, exist_ok=True)
    if temporary := settings["temporary"]:
        os.environ["TMPDIR"] = tempfile.tempdir = temporary
        Path(temporary).mkdir()
    sys.argv = ["ipykernel"]
    sys.dont_write_bytecode = True
    if settings["box"] not in sys.path:
        sys.path.insert(0, settings["box"])


def _connection_file(settings: dict[str, Any]) -> Path:
    """Write down where the kernel is to listen: in the box."""
    path = Path(settings["sockets"]) / _CONNECTION_FILE
    info = {
        **PORTS,
        "transport": "ipc",
        "ip": f"{settings['sockets']}/k",
        "key": settings["key"],
        "signature_scheme": "hmac-sha256",
    }
    path.write_text(json.dumps(info))
    return path
