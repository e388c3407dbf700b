"""Answers the grader's calls inside the kernel, on its main thread, after the cells have run.

The event loop of the kernel watches the probe's socket; a request is served in one go, so that an
interrupt reaches the student's function as KeyboardInterrupt, as it would in a cell.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import linecache
import os
import signal
import socket
import sys
import traceback
from collections.abc import Awaitable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from tornado.ioloop import IOLoop

from autograder.execution.kernel.fingerprint import Fingerprints
from autograder.execution.kernel.probe_models import Models
from autograder.execution.kernel.seed_all import seed_all
from autograder.execution.wire import arguments, codec

_TRACEBACK_FRAMES = 12
_STACK_FRAMES = 2
_TRACEBACK_CHARS = 8000
_MESSAGE_CHARS = 2000


class Probe:
    """Serves requests on one socket.

    Args:
        sock: Connected to the grader.
        kernel: The running IPythonKernel.
        models: What handles stand for.
    """

    def __init__(self, sock: socket.socket, kernel: Any, models: Models) -> None:
        self._socket = sock
        self._kernel = kernel
        self._models = models
        self._sink = _open_sink()
        self._fingerprints = Fingerprints(kernel.shell.user_ns, str(Path.cwd()))

    def attach(self) -> None:
        """Let the kernel's event loop call `serve` when a request comes."""
        IOLoop.current().add_handler(self._socket.fileno(), self._on_readable, IOLoop.READ)

    def _on_readable(self, fd: int, events: int) -> None:
        try:
            head, blob, fds = _receive(self._socket)
        except EOFError:
            IOLoop.current().remove_handler(fd)
            return
        request, tensors = codec.unpack(head, blob)
        try:
            reply, answer = self._serve(request, tensors, fds)
        except KeyboardInterrupt:
            reply, answer = {"status": "interrupted"}, {}
        reply["id"] = request["id"]
        try:
            frame = codec.pack(reply, answer)
        except codec.WireError as error:
            frame = codec.pack({"status": "unsendable", "what": str(error), "id": request["id"]}, {})
        codec.send_frame(self._socket, *frame)

    def _serve(self, request: dict[str, Any], tensors: dict[str, Any], fds: list[int]) -> Any:
        if request["op"] == "provide":
            with self._silenced():
                return self._models.provide(request, fds), {}
        if request["op"] == "status":
            # What the notebook left may raise whatever it is asked; a kernel that does not answer is ended.
            with self._silenced(), contextlib.suppress(Exception):
                for change in self._models.changes(self._kernel.shell.user_ns):
                    self._kernel.shell.notes.add("model", 0, change)
            return {"status": "ok", "notes": self._kernel.shell.notes.entries}, {}
        if request["op"] == "fingerprint":
            found: dict[str, Any] = {}
            with self._silenced(), _interruptible(), contextlib.suppress(Exception):
                for name in request["names"]:
                    found[name] = self._fingerprints.of(name)
            return {"status": "ok", "fingerprints": found}, {}
        return self._call(request, tensors)

    def _call(self, request: dict[str, Any], tensors: dict[str, Any]) -> Any:
        names = self._kernel.shell.user_ns
        function = names.get(request["name"])
        if not callable(function):
            own = [
                name for name, value in list(names.items()) if callable(value) and not name.startswith("_")
            ]
            return {"status": "missing", "found": codec.type_name(function), "known": own[:200]}, {}
        given = codec.decode(request["arguments"], tensors, arrays=True)
        args, kwargs = self._models.resolve(given)
        seed_all(request["seed"])
        with self._silenced(), _interruptible():
            try:
                with _short_stacks():
                    value = _awaited(function(*args, **kwargs))
                reply, answer = _encode_answer(value, request["answer_bytes"])
            except KeyboardInterrupt:
                reply, answer = {"status": "interrupted"}, {}
            except BaseException as error:
                reply, answer = self._describe(error), {}
        answer |= _returned_arguments(given, reply)
        reply["side_effects"] = self._models.restore()
        return reply, answer

    @contextlib.contextmanager
    def _silenced(self) -> Iterator[None]:
        """Swallow what Python code prints: it could repeat a hidden input.

        The stream stays open afterwards, since a log handler may keep it.
        """
        kept = sys.stdout, sys.stderr
        if self._sink.closed:
            self._sink = _open_sink()
        sys.stdout = sys.stderr = self._sink
        try:
            yield
        finally:
            sys.stdout, sys.stderr = kept

    def _describe(self, error: BaseException) -> dict[str, Any]:
        """Report an exception of the student's function with the frames that are theirs."""
        try:
            text = str(error)
        except BaseException:
            text = "(its message cannot be shown)"
        compiled = getattr(self._kernel.shell.compile, "_filename_map", {})
        frames = _own_frames(error.__traceback__, compiled)
        return {
            "status": "raised",
            "error": type(error).__name__,
            "message": text[:_MESSAGE_CHARS],
            "undefined": getattr(error, "name", None) if isinstance(error, NameError) else None,
            "traceback": "\n".join(f"{place}\n    {line}" for _, place, line in frames)[:_TRACEBACK_CHARS],
            "frames": [name for name, _, _ in frames],
        }


def _receive(sock: socket.socket) -> tuple[bytes, bytes, list[int]]:
    """Read one frame from the grader.

    Raises:
        EOFError: If the grader closed its end.
    """
    prefix, fds, _, _ = socket.recv_fds(sock, codec.PREFIX.size, codec.MAX_FDS)
    if len(prefix) < codec.PREFIX.size:
        raise EOFError
    head_bytes, blob_bytes = codec.PREFIX.unpack(prefix)
    return _read(sock, head_bytes), _read(sock, blob_bytes), list(fds)


def _read(sock: socket.socket, count: int) -> bytes:
    buffer = bytearray(count)
    view = memoryview(buffer)
    while view:
        got = sock.recv_into(view)
        if got == 0:
            raise EOFError
        view = view[got:]
    return bytes(buffer)


def _encode_answer(value: Any, limit_bytes: int) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        tree, tensors = codec.encode(value)
    except codec.WireError as error:
        return {"status": "unsendable", "what": str(error)}, {}
    size = sum(tensor.nbytes for tensor in tensors.values())
    if size > limit_bytes:
        return {"status": "unsendable", "what": f"{size} bytes, more than the {limit_bytes} allowed"}, {}
    return {"status": "ok", "value": tree}, tensors


def _returned_arguments(given: Any, reply: dict[str, Any]) -> dict[str, Any]:
    """Put the arguments, as the function left them, into the reply; return their tensors."""
    try:
        reply["arguments"], tensors = codec.encode(given)
    except codec.WireError:
        return {}
    return {arguments.KEY.format(key): tensor for key, tensor in tensors.items()}


def _open_sink() -> TextIO:
    """Open a complete text stream that forgets what is written."""
    return Path(os.devnull).open("w", encoding="utf-8", errors="replace")


def _awaited(value: Any) -> Any:
    """Return what a coroutine comes to, and any other value as it is.

    The call is served inside the kernel's running loop, which therefore steps aside meanwhile.
    """
    if not inspect.isawaitable(value):
        return value
    outer = asyncio.get_running_loop()
    asyncio._set_running_loop(None)
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_result_of(value))
    finally:
        loop.close()
        asyncio._set_running_loop(outer)


async def _result_of(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGINT raise KeyboardInterrupt; between calls ipykernel ignores it."""
    kept = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, kept)


@contextlib.contextmanager
def _short_stacks() -> Iterator[None]:
    """Keep anomaly mode fast: for each operation torch formats the whole stack, and a kernel's is deep."""
    sys.tracebacklimit = _STACK_FRAMES
    try:
        yield
    finally:
        vars(sys).pop("tracebacklimit", None)


def _own_frames(trace: TracebackType | None, compiled: dict[str, int]) -> list[tuple[str, str, str]]:
    """Return the last frames of cells and of files in the box: the function's name, the place in words, the line.

    Args:
        trace: The exception's traceback.
        compiled: IPython's map from a cell's made-up file name to its number.
    """
    found = []
    for frame in traceback.extract_tb(trace):
        if frame.filename in compiled:
            place = f"Cell In[{compiled[frame.filename]}]"
        elif frame.filename.startswith(("/box/", "/student/")):
            place = frame.filename.removeprefix("/box/").removeprefix("/student/")
        else:
            continue
        source = linecache.getline(frame.filename, frame.lineno or 0).strip()
        found.append((frame.name, f"{place}, line {frame.lineno}, in {frame.name}", source))
    return found[-_TRACEBACK_FRAMES:]
