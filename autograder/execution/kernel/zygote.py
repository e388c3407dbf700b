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
from dataclasses import asdict
from functools import partial
from typing import Any

from autograder.execution.kernel import preload
from autograder.execution.kernel.preload import PreloadedModels
from autograder.execution.sandbox import box, isolation, runtime_tree, selftest, syscalls
from autograder.records import Limits

_PRELOADED = (
    *("torch", "numpy", "captum.attr", "safetensors.torch", "matplotlib.pyplot", "matplotlib.font_manager"),
    *(
        "matplotlib.backends.backend_agg",
        "matplotlib_inline.backend_inline",
        "IPython",
        "IPython.core.pylabtools",
    ),
    *("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell"),
    *("autograder.execution.kernel.kernel", "autograder.execution.kernel.probe"),
)
_TRANSFORMERS = (
    *("AutoTokenizer", "AutoModel", "AutoConfig", "PreTrainedModel", "BertModel", "BertTokenizerFast"),
    *("BertForQuestionAnswering", "GPT2LMHeadModel", "LlamaForCausalLM"),
)
# What a kernel's start, a plot, a tokenizer and a traceback import only then; not every version has them all.
_IMPORTED_LATE = (
    *("IPython.core.completerlib", "IPython.core.debugger", "IPython.core.oinspect"),
    *("IPython.extensions.storemagic", "IPython.utils.wildcard", "ipykernel.debugger"),
    *("tornado.locks", "tornado.platform.asyncio", "tornado.queues"),
    *("pygments.formatters.terminal256", "pygments.styles", "stack_data", "pandas", "seaborn"),
    *("transformers.models.bert.tokenization_bert", "transformers.models.gpt2.tokenization_gpt2"),
)
_REQUEST_BYTES = 64 * 2**10


def import_libraries() -> None:
    """Import all that a course's notebook is likely to import, without starting a thread.

    Raises:
        ImportError: If torch, captum or another needed library is missing.
    """
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # a kernel starts 40 ms sooner without it
    for name in _PRELOADED:
        importlib.import_module(name)
    for name in _IMPORTED_LATE:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    import PIL.Image
    import torch
    import transformers

    PIL.Image.preinit()
    torch.set_num_threads(1)
    # A progress bar would leave a monitor thread behind.
    transformers.utils.logging.disable_progress_bar()
    for name in _TRANSFORMERS:
        getattr(transformers, name)
    warm_transformers()
    from autograder.execution.kernel import kernel_app
    from autograder.execution.kernel.seed_all import seed_all

    kernel_app.prepare()
    preload.draw()
    seed_all(0)


def warm_transformers() -> None:
    """Build the table by which transformers renames weights: 0.1 s at the first model that is loaded."""
    with contextlib.suppress(ImportError):  # of version 5; another version has another place for it, or none
        from transformers.conversion_mapping import get_checkpoint_conversion_mapping

        get_checkpoint_conversion_mapping("bert")


def serve(server: socket.socket, tree: isolation.Tree, models: PreloadedModels) -> None:
    """Fork a kernel for each request until the grader closes its end.

    Args:
        server: SOCK_SEQPACKET; a request is JSON with two descriptors, the control and the probe socket.
        tree: From `isolation.isolate`.
        models: Of the student, for the kernels.
    """
    from autograder.execution.kernel import kernel

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers need no reaping
    while True:
        data, fds, _, _ = socket.recv_fds(server, _REQUEST_BYTES, 2)
        if not data:
            return
        request = json.loads(data)
        control = socket.socket(fileno=fds[0])
        probe = socket.socket(fileno=fds[1])
        stated = request["plan"]
        known = {"layers": frozenset(stated["layers"]), "limits": Limits(**stated["limits"])}
        plan = box.BoxPlan(**{**stated, **known}, runtime=tree.runtime, covered=tree.covered)
        body = partial(kernel.run, request["kernel"], plan, control, probe, models)
        isolation.fork_box(plan, control, body, keep=[control.fileno(), probe.fileno()])
        control.close()
        probe.close()


def main(settings: dict[str, Any]) -> None:
    """Find the mode, preload, isolate, say so and serve.

    Args:
        settings: `fd` of the inherited socket, `path` for sys.path, `parent` to die with (0: nobody),
            `candidates`, `models` of `preload.load`, and those of `isolation.isolate` but `layers`.
    """
    started = time.monotonic()
    if settings["parent"]:
        syscalls.die_with_parent(signal.SIGKILL)
        if os.getppid() != settings["parent"]:
            return
    gc.disable()  # imports make much and drop little: looking for garbage meanwhile takes a tenth of their time
    os.umask(0o022)  # the tree must be readable for the kernels' users
    server = socket.socket(fileno=settings["fd"])
    try:
        found = selftest.find_mode(settings)
        if found.layers is None:
            raise OSError(0, found.why())
        import_libraries()
        sys.path[:] = [entry for entry in sys.path if runtime_tree.is_installed(entry)]
        threads = preload.threads()
        if threads != 1:
            raise RuntimeError(f"{threads} threads after the imports: a fork would copy only one")
        tree = isolation.isolate({**settings, "layers": found.layers})
        models = PreloadedModels()
        if "mounts" in found.layers:  # else a module would know the folder's place on the machine
            models = preload.load(runtime_tree.STUDENT, settings["models"])
    except Exception as error:
        box.send(server, {"error": box.in_words(error)})
        return
    gc.collect()
    gc.freeze()
    gc.enable()
    syscalls.gather_memory()
    seconds = round(time.monotonic() - started, 3)
    box.send(server, {"ready": True, "seconds": seconds, **asdict(found)})
    serve(server, tree, models)
    os._exit(0)  # nothing here is worth the fraction of a second that Python takes to tidy up
