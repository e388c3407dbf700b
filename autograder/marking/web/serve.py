"""Serves the pages on this machine until it is interrupted."""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from autograder.marking.actions import Marking
from autograder.marking.errors import MarkingError
from autograder.marking.web.app import Application
from autograder.marking.web.desk import Desk
from autograder.marking.web.refresher import Refresher
from autograder.records import Assignment

HOST = "127.0.0.1"


def serve(
    folder: Path,
    assignment: Assignment,
    *,
    who: str,
    port: int = 0,
    announce: Callable[[str], None],
    refreshed: Callable[[Marking], None] = lambda marking: None,
) -> None:
    """Serve the marking of one assignment until it is interrupted.

    Args:
        folder: `RESULTS/<slug>`.
        assignment: The assignment.
        who: Who marks, where a browser does not say otherwise.
        port: Where to listen on 127.0.0.1; 0: at any free port.
        announce: Gets the address to open, with its token, once it answers.
        refreshed: Called after decisions, to bring grades.csv and the pages up to date.

    Raises:
        MarkingError: If the port is taken, or the log of decisions cannot be used.
    """
    with Marking(folder, assignment) as marking, _listening(port) as listener:
        number = listener.getsockname()[1]
        token = secrets.token_urlsafe(24)
        refresher = Refresher(lambda: refreshed(marking))
        refresher.wake()  # what was decided before a crash may not have come to the pages
        desk = Desk(marking, refresher)
        for question in desk.questions:  # so that the first page does not wait for it
            desk.warm(question)
        app = Application(desk, who).guarded(port=number, token=token)
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
        announce(f"http://{HOST}:{number}/?token={token}")
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])
        refresher.close()
        desk.presence.close()


@contextlib.contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            raise MarkingError(
                f"Port {port} cannot be used: {error.strerror}. Choose another: --port N."
            ) from None
        listener.listen(128)
        yield listener
