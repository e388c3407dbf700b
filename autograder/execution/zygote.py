"""The warm process: imports the libraries once, then forks a kernel for every request.

It is started with an empty environment, knows the student's folder alone, moves into the read-only tree
before it serves, and stays single-threaded: a fork copies one thread, and a lock that another one held
would stay locked for ever.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from autograder.execution import linux, runtime_tree, sandbox

_PRELOADED = (
    *("torch", "numpy", "captum.attr", "safetensors.torch", "matplotlib.pyplot", "matplotlib.font_manager"),
    *(
        "matplotlib.backends.backend_agg",
        "matplotlib_inline.backend_inline",
        "IPython",
        "IPython.core.pylabtools",
    ),
    *("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell"),
    *("autograder.execution.kernel", "autograder.execution.probe"),
)
_TRANSFORMERS = (
    *("AutoTokenizer", "AutoModel", "AutoConfig", "PreTrainedModel", "BertModel", "BertTokenizerFast"),
    *("BertForQuestionAnswering", "GPT2LMHeadModel", "LlamaForCausalLM"),
)
_REQUEST_BYTES = 64 * 2**10


def preload() -> None:
    """Import all that a course's notebook is likely to import, without starting a thread.

    Raises:
        ImportError: If torch, captum or another needed library is missing.
    """
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # a kernel starts 40 ms sooner without it
    for name in _PRELOADED:
        importlib.import_module(name)
    import torch
    import transformers

    torch.set_num_threads(1)
    # A progress bar would leave a monitor thread behind.
    transformers.utils.logging.disable_progress_bar()
    for name in _TRANSFORMERS:
        getattr(transformers, name)
    warm_transformers()


def warm_transformers() -> None:
    """Build the table by which transformers renames weights: 0.1 s at the first model that is loaded."""
    with contextlib.suppress(ImportError):  # of version 5; another version has another place for it, or none
        from transformers.conversion_mapping import get_checkpoint_conversion_mapping

        get_checkpoint_conversion_mapping("bert")


def isolate(settings: dict[str, Any]) -> tuple[str, ...]:
    """Move this process into the read-only tree, and try out one box.

    Args:
        settings: `root`, an empty folder; `student_dir`; `gpu`; `path`.

    Returns:
        The runtime paths that each box has to bind again (`BoxPlan.covered`).

    Raises:
        OSError: If the machine does not allow it.
    """
    student_dir = Path(settings["student_dir"])
    paths = runtime_tree.runtime_paths(settings["path"])
    _own_mounts()
    runtime_tree.build(settings["root"], student_dir, paths, gpu=settings["gpu"])
    runtime_tree.enter(settings["root"])
    covered = runtime_tree.covered(paths)
    _try_box(covered)
    return covered


def _own_mounts() -> None:
    """Get a mount namespace: as root directly, else inside a user namespace."""
    if os.geteuid() == 0:
        try:
            linux.unshare(linux.CLONE_NEWNS)
        except PermissionError:
            pass  # root without capabilities, as in many containers
        else:
            return
    uid, gid = os.geteuid(), os.getegid()
    linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNS)
    linux.map_ids(uid, gid)


def _try_box(covered: tuple[str, ...]) -> None:
    """Run a box whose kernel does nothing.

    Raises:
        OSError: With what the box said if it could not be built.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    plan = sandbox.BoxPlan(
        sandboxed=True,
        box=runtime_tree.BOX,
        sockets=runtime_tree.SOCKETS,
        student=runtime_tree.STUDENT,
        processes=64,
        file_bytes=2**20,
        memory_bytes=2**30,
        covered=covered,
    )
    keeper = fork_box(plan, theirs, lambda: os._exit(0), keep=[theirs.fileno()])
    theirs.close()
    problem = "the box ended without a word"
    while data := ours.recv(_REQUEST_BYTES):
        message = json.loads(data)
        problem = message.get("error", problem)
        if message.get("exit") == 0:
            problem = ""
    os.waitpid(keeper, 0)
    if problem:
        raise OSError(0, problem)


def fork_box(plan: sandbox.BoxPlan, control: socket.socket, body: Any, keep: list[int]) -> int:
    """Fork a process that becomes the keeper of a new box.

    Args:
        plan: What the box may use.
        control: The box's end of its control socket.
        body: What the kernel does.
        keep: Descriptors that the box inherits; all others are closed.

    Returns:
        The keeper's process id.
    """
    pid = os.fork()
    if pid:
        return pid
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    def work() -> None:
        sandbox.close_all_but(keep)
        sandbox.launch(plan, control, body)

    sandbox.guarded(control, work)
    raise AssertionError("unreachable")


def serve(server: socket.socket, covered: tuple[str, ...]) -> None:
    """Fork a kernel for each request until the grader closes its end.

    Args:
        server: SOCK_SEQPACKET; a request is JSON with two descriptors, the control and the probe socket.
        covered: From `isolate`.
    """
    from autograder.execution import kernel

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers need no reaping
    while True:
        data, fds, _, _ = socket.recv_fds(server, _REQUEST_BYTES, 2)
        if not data:
            return
        request = json.loads(data)
        control = socket.socket(fileno=fds[0])
        probe = socket.socket(fileno=fds[1])
        plan = sandbox.BoxPlan(**request["plan"], covered=covered)

        def body(request: Any = request, control: Any = control, probe: Any = probe) -> None:
            kernel.run(request["kernel"], control, probe)

        fork_box(plan, control, body, keep=[control.fileno(), probe.fileno()])
        control.close()
        probe.close()


def main(settings: dict[str, Any]) -> None:
    """Preload, isolate, say so and serve.

    Args:
        settings: `fd` of the inherited socket, `path` for sys.path, `parent` to die with (0: nobody), and those
            of `isolate`.
    """
    started = time.monotonic()
    if settings["parent"]:
        linux.die_with_parent(signal.SIGKILL)
        if os.getppid() != settings["parent"]:
            return
    os.umask(0o022)  # the tree must be readable for the kernels' users
    server = socket.socket(fileno=settings["fd"])
    try:
        preload()
        sys.path[:] = [entry for entry in sys.path if runtime_tree.is_installed(entry)]
        threads = len(list(Path("/proc/self/task").iterdir()))
        if threads != 1:
            raise RuntimeError(f"{threads} threads after the imports: a fork would copy only one")
        covered = isolate(settings) if settings["sandboxed"] else ()
    except Exception as error:
        sandbox.send(server, {"error": f"{type(error).__name__}: {error}"})
        return
    gc.collect()
    gc.freeze()
    seconds = round(time.monotonic() - started, 3)
    sandbox.send(
        server, {"ready": True, "seconds": seconds, "mode": sandbox.MODE if settings["sandboxed"] else "none"}
    )
    serve(server, covered)
