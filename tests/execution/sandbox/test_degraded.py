"""Sandbox mode `landlock`, in a process that is allowed no namespaces, as on a locked-down machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from autograder.execution.sandbox import landlock

from ...cli.test_doctor import WITHOUT_NAMESPACES
from ..conftest import notebook

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(landlock.version() == 0, reason="this kernel has no Landlock, or it is switched off"),
]

SCRIPT = (
    WITHOUT_NAMESPACES
    + """
import json, warnings
from autograder.errors import AutograderError
from autograder.execution.session import KernelSession
from autograder.execution.zygote_client import Zygote
settings = json.loads(sys.argv[1])
said = {}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    try:
        with Zygote(Path(settings["student"]), **settings["options"]) as zygote:
            with KernelSession(zygote, settings["notebook"]) as session:
                run = session.run()
            said["mode"] = run.sandbox_mode
            said["failures"] = {failure.index: failure.message for failure in run.failures}
    except AutograderError as error:
        said["error"] = str(error)
said["warnings"] = [str(warning.message) for warning in caught]
print(json.dumps(said))
"""
)


def graded(course: Path, *sources: str, temporary: str = "/tmp", **options: bool) -> dict[str, Any]:
    """Run cells where no namespaces are allowed."""
    settings = {
        "student": str(course / "student_template"),
        "notebook": notebook(*sources),
        "options": options,
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(settings)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": temporary},
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_without_the_instructors_word_nothing_runs(course: Path) -> None:
    said = graded(course, "pass")

    assert "unshare: No space left on device" in said["error"]
    assert "--accept-degraded" in said["error"]


def test_landlock_and_the_filter_hold_alone(course: Path, tmp_path: Path) -> None:
    secret = course / "reference" / "secret_solution.py"
    (tmp_path / "s").mkdir()
    path = str(tmp_path / "s" / "socket")
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as own,  # pytest's folders are too deep for sockets
        socket.socket(socket.AF_UNIX) as listener,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        listener.bind(path)
        listener.listen()
        port = server.getsockname()[1]
        said = graded(
            course,
            "import os, socket, torch\ntorch.save(torch.ones(2), 'mine.pt')\nprint(torch.load('mine.pt'))",
            "import tempfile\nwith tempfile.TemporaryFile() as f: f.write(b'x')",
            "import multiprocessing as mp\nwith mp.Pool(2) as pool: print(pool.map(abs, [-1]))",
            "assert open('data/words.txt').read()",
            f"open({str(secret)!r})",
            f"open({str(tmp_path / 'new')!r}, 'w')",
            f"socket.create_connection(('127.0.0.1', {port}), timeout=2)",
            "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
            f"socket.socket(socket.AF_UNIX).connect({path!r})",
            "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)",
            f"open('/proc/{os.getpid()}/environ').read()",
            f"os.kill({os.getpid()}, 0)",
            temporary=own,
            accept_degraded=True,
        )
        assert list(Path(own).iterdir()) == []

    assert said["mode"] == "landlock"
    refused = {str(number) for number in range(4, 12)}
    assert said["failures"].keys() == refused
    assert all(message.startswith("PermissionError") for message in said["failures"].values())
    assert len(said["warnings"]) == 1 and "sandbox mode landlock, not full" in said["warnings"][0]


@pytest.mark.long
def test_trust_runs_without_a_sandbox_and_says_so(course: Path) -> None:
    said = graded(course, "pass", trust=True)

    assert (said["mode"], said["failures"]) == ("none", {})
    assert "sandbox mode none, not full" in said["warnings"][0]
