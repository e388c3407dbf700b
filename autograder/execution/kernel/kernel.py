"""The forked process turned into a Jupyter kernel. It runs in its box, after every layer is on."""

from __future__ import annotations

import builtins
import gc
import getpass
import json
import os
import socket
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch

from autograder.execution import devices
from autograder.execution.kernel import eager_compile, gpu_fallback, kernel_app, stand_ins
from autograder.execution.kernel.preload import PreloadedModels
from autograder.execution.kernel.probe import Probe
from autograder.execution.kernel.probe_models import Models
from autograder.execution.kernel.seed_all import seed_all
from autograder.execution.sandbox import box
from autograder.execution.sandbox.layers import BoxPlan

PORTS = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5}
_CONNECTION_FILE = "connection.json"
_TURN_BYTES = 1024


def run(
    settings: dict[str, Any],
    plan: BoxPlan,
    control: socket.socket,
    probe_socket: socket.socket,
    models: PreloadedModels,
) -> None:
    """Start ipykernel and serve until it ends.

    Args:
        settings: `device`, `key`, `home`, `temporary`, `gpu` (`name`, `share` of its memory).
        plan: Of the box that it runs in.
        control: Told `{"ready"}` when the kernel's sockets are bound; says `seed` and `cuda_fallback` when it is
            somebody's turn, and is then closed.
        probe_socket: Where calls come in after the cells.
        models: Of the student, loaded before the fork.
    """
    _prepare_process(settings, plan.box)
    if seat := settings.get("gpu"):
        devices.take_seat(seat["name"])
        if seat["share"] is not None:
            devices.limit_allocator(seat["share"])
    if plan.limits.threads > 1:
        torch.set_num_threads(plan.limits.threads)
    app = kernel_app.start(_connection_file(plan.sockets, settings["key"]), settings["home"])
    probe = Probe(probe_socket, app.kernel, Models(models, student=plan.student, device=settings["device"]))
    probe.attach()
    # Cells get their own from ipykernel; these are for calls.
    builtins.input, getpass.getpass = app.kernel.raw_input, app.kernel.getpass
    stand_ins.skip_installs(app.shell.note_installs)
    # What matplotlib and IPython set up so far is no garbage, and its pages stay shared.
    gc.freeze()
    box.send(control, {"ready": True})
    fallback = _await_turn(control)
    control.close()
    eager_compile.install(partial(app.shell.notes.add, "compile", 0, "torch.compile"))
    if fallback:
        gpu_fallback.install(partial(app.shell.notes.add, "gpu", 0, "GPU"))
    app.start()


def _await_turn(control: socket.socket) -> bool:
    """Wait until a submission takes this kernel; end with a grader that has none for it.

    Returns:
        Whether the CPU stands for a GPU.
    """
    data = control.recv(_TURN_BYTES)
    if not data:
        os._exit(0)
    turn = json.loads(data)
    seed_all(turn["seed"])
    return turn["cuda_fallback"] is True


def _prepare_process(settings: dict[str, Any], box_dir: str) -> None:
    """Give the process the environment of a fresh login without secrets."""
    os.chdir(box_dir)
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
    if box_dir not in sys.path:
        sys.path.insert(0, box_dir)


def _connection_file(sockets: str, key: str) -> Path:
    """Write down where the kernel is to listen: in the box."""
    path = Path(sockets) / _CONNECTION_FILE
    info = {
        **PORTS,
        "transport": "ipc",
        "ip": f"{sockets}/k",
        "key": key,
        "signature_scheme": "hmac-sha256",
    }
    path.write_text(json.dumps(info))
    return path
