"""The grader's side of the probe: one request, one checked answer, within its time."""

from __future__ import annotations

import select
import socket
from typing import Any

import torch

from autograder.execution.cpu_clock import FairClock
from autograder.execution.kernel_process import KernelProcess
from autograder.execution.wire import codec

_GRACE_S = 1.0
_SPARE_BYTES = 2**20


class ProbeTimeout(Exception):
    """No answer came in time; `alive` says whether the kernel still serves."""

    def __init__(self, *, alive: bool) -> None:
        super().__init__("no answer in time")
        self.alive = alive


class ProbeDied(Exception):
    """The kernel ended before it answered."""


class ProbeClient:
    """Asks the probe of one kernel.

    Args:
        process: The kernel.
        answer_bytes: Largest answer that is read, in bytes.
    """

    def __init__(self, process: KernelProcess, answer_bytes: int) -> None:
        self._process = process
        self._answer_bytes = answer_bytes
        self._number = 0

    def ask(
        self,
        request: dict[str, Any],
        tensors: dict[str, torch.Tensor],
        *,
        timeout_s: float,
        fds: list[int] | None = None,
    ) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        """Send a request and read its answer.

        Args:
            request: The header.
            tensors: Of the request.
            timeout_s: Until the whole answer is here, by the kernel's fair clock.
            fds: Descriptors that travel along.

        Returns:
            The answer's header and tensors, checked for form; their content is a claim.

        Raises:
            ProbeTimeout: If it took longer: the student's code was interrupted, or the kernel killed.
            ProbeDied: If the kernel ended.
            wire.WireError: If the answer is malformed or too large; the kernel is killed then.
        """
        self._number += 1
        head, blob = codec.pack({**request, "id": self._number}, tensors)
        clock = FairClock(timeout_s, self._process)
        interrupted = False
        try:
            self._send(head, blob, fds, timeout_s)
            try:
                answer = self._receive(clock)
            except TimeoutError:
                interrupted = True
                self._process.interrupt()
                answer = self._receive(FairClock(_GRACE_S, self._process))
        except TimeoutError:
            self._process.kill("a call did not react to its interrupt")
            raise ProbeTimeout(alive=False) from None
        except (ConnectionError, EOFError):
            self._process.wait(_GRACE_S)
            raise ProbeDied from None
        except codec.WireError:
            self._process.kill("it sent a malformed or oversized answer")
            raise
        if interrupted or answer[0].get("status") == "interrupted":
            raise ProbeTimeout(alive=True)
        return answer

    def _send(self, head: bytes, blob: bytes, fds: list[int] | None, timeout_s: float) -> None:
        self._process.probe.settimeout(max(0.01, timeout_s))
        codec.send_frame(self._process.probe, head, blob, fds)

    def _receive(self, clock: FairClock) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        head_bytes, blob_bytes = codec.PREFIX.unpack(self._read(codec.PREFIX.size, clock))
        codec.check_lengths(head_bytes, blob_bytes, self._answer_bytes + _SPARE_BYTES)
        head, blob = self._read(head_bytes, clock), self._read(blob_bytes, clock)
        header, tensors = codec.unpack(head, blob)
        if header.get("id") != self._number or not isinstance(header.get("status"), str):
            raise codec.WireError("an answer to another question")
        return header, tensors

    def _read(self, count: int, clock: FairClock) -> bytes:
        """Read exactly so many bytes.

        Raises:
            TimeoutError: When the clock has run down.
            EOFError: If the kernel ended.
        """
        sock, pidfd = self._process.probe, self._process.pidfd
        sources: list[socket.socket | int] = [sock, pidfd]
        buffer = bytearray(count)
        view = memoryview(buffer)
        while view:
            ready = select.select(sources, [], [], max(0.02, clock.left_s()))[0]
            if not ready:
                if clock.left_s() > 0:
                    continue
                raise TimeoutError
            got = sock.recv_into(view) if sock in ready else 0
            if got == 0:
                raise EOFError
            view = view[got:]
        return bytes(buffer)
