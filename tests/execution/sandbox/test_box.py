from __future__ import annotations

import ast
import os
import signal
import socket
from pathlib import Path
from typing import Any

import psutil
import pytest

from autograder.errors import GraderError
from autograder.execution.check_states import END
from autograder.execution.zygote_client import Zygote
from autograder.execution.zygote_link import KernelRequest

from ..conftest import Runner, notebook, text_of

pytestmark = pytest.mark.sandbox


def failed_with(runner: Runner, source: str, **limits: Any) -> str:
    """Run one cell and return how it failed; "" if it did not."""
    failures = runner.session(source, **limits).run().failures
    return failures[0].message if failures else ""


def test_the_reference_cannot_be_read(runner: Runner, course: Path) -> None:
    secret = course / "reference" / "secret_solution.py"
    assert secret.exists()

    assert failed_with(runner, f"open({str(secret)!r})").startswith("FileNotFoundError")
    assert failed_with(runner, f"import os\nos.stat({str(secret.parent)!r})").startswith("FileNotFoundError")
    assert failed_with(runner, "open('../reference/secret_solution.py')").startswith("FileNotFoundError")


def test_no_walk_through_the_box_finds_the_reference(runner: Runner, course: Path) -> None:
    assert (course / "reference" / "secret_solution.py").exists()
    walk = (
        "import os\nseen = []\nfor path, folders, files in os.walk('/'):\n"
        "    skipped = ('/proc', '/usr')\n"
        "    folders[:] = [f for f in folders if f != 'site-packages' and path + f not in skipped]\n"
        "    seen += files\n"
        "print('secret_solution.py' in seen, 'words.txt' in seen, 'base64.py' in seen)"
    )
    assert text_of(runner.session(walk).run(), 0) == "False True True\n"


def test_a_secret_file_elsewhere_cannot_be_read(runner: Runner, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("x")

    assert failed_with(runner, f"open({str(secret)!r})").startswith("FileNotFoundError")


def test_the_process_tree_outside_cannot_be_seen(runner: Runner) -> None:
    execution = runner.session("import os\nprint(os.getpid(), os.getppid(), os.getuid() != 0)").run()

    assert text_of(execution, 0) == "2 1 True\n"


def test_the_network_is_unreachable(runner: Runner) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        message = failed_with(
            runner, f"import socket\nsocket.create_connection(('127.0.0.1', {port}), timeout=2)"
        )
    # By Landlock, or by the own network in which nobody listens.
    assert message.startswith(("PermissionError", "ConnectionRefusedError"))

    away = "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.1', 53))"
    assert failed_with(runner, away).startswith("OSError: [Errno 101]")


def test_an_abstract_socket_outside_is_unreachable(runner: Runner) -> None:
    name = f"autograder-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0{name}")
        listener.listen()
        source = f"import socket\nsocket.socket(socket.AF_UNIX).connect('\\0{name}')"
        assert failed_with(runner, source).startswith(("PermissionError", "ConnectionRefusedError"))


def test_the_runtime_and_the_students_folder_are_read_only(runner: Runner) -> None:
    refusals = ("Read-only file system", "Permission denied")  # by the mount, or already by the file's owner
    assert any(text in failed_with(runner, "import torch\nopen(torch.__file__, 'a')") for text in refusals)
    assert any(text in failed_with(runner, "open('data/words.txt', 'a')") for text in refusals)
    assert any(text in failed_with(runner, "open('/student/data/new', 'w')") for text in refusals)
    assert any(text in failed_with(runner, "open('/new', 'w')") for text in refusals)


def test_every_mount_but_the_private_ones_is_read_only(runner: Runner) -> None:
    source = (
        "rows = [line.split() for line in open('/proc/self/mountinfo')]\n"
        "print(*sorted({row[4] for row in rows if 'rw' in row[5].split(',') and '/proc' not in row[4]}))"
    )
    writable = set(text_of(runner.session(source).run(), 0).split())

    private = {"/box", "/tmp", "/run", "/dev/shm", "/dev/pts"}
    devices = {f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty")}
    assert private <= writable <= private | devices


def test_the_box_and_tmp_are_writable_and_private(runner: Runner) -> None:
    execution = runner.session("open('mine', 'w').write('1'); open('/tmp/mine', 'w').write('2')").run()
    assert execution.failures == ()

    assert failed_with(runner, "open('/tmp/mine')").startswith("FileNotFoundError")
    assert failed_with(runner, "open('mine')").startswith("FileNotFoundError")


def test_the_zygotes_standard_streams_are_not_inherited(runner: Runner, zygote: Zygote) -> None:
    source = (
        "import os\nnumbers = [int(name) for name in os.listdir('/proc/self/fd')]\n"
        "print({os.fstat(n).st_ino for n in numbers if os.path.exists(f'/proc/self/fd/{n}')})"
    )
    inside = ast.literal_eval(text_of(runner.session(source).run(), 0))

    assert zygote._process is not None and zygote._process.stderr is not None
    assert len(inside) > 3
    assert os.fstat(zygote._process.stderr.fileno()).st_ino not in inside


def test_the_environment_holds_nothing_but_settings(runner: Runner) -> None:
    import json

    from autograder.execution.zygote_client import scrubbed_environment

    seen = json.loads(
        text_of(runner.session("import os, json\nprint(json.dumps(dict(os.environ)))").run(), 0)
    )

    set_by_jupyter = {"CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "GIT_PAGER", "PAGER", "TERM", "LC_CTYPE"}
    ours = {"IPYTHONDIR", "JUPYTER_RUNTIME_DIR", *scrubbed_environment(gpu=False)}
    libraries = {name for name in seen if name.startswith(("KMP_", "TORCH", "PYDEVD", "MPL"))}
    assert set(seen) - set_by_jupyter - ours - libraries == set()


def test_environment_variables_of_the_grader_do_not_leak(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from autograder.execution.zygote_client import scrubbed_environment

    monkeypatch.setenv("GRADEBOOK_TOKEN", "secret")
    assert "GRADEBOOK_TOKEN" not in scrubbed_environment(gpu=False)


def test_no_foreign_descriptor_is_open(runner: Runner) -> None:
    source = (
        "import os\nlinks = []\nfor f in os.listdir('/proc/self/fd'):\n"
        "    try: links.append(os.readlink(f'/proc/self/fd/{f}'))\n    except OSError: pass\n"
        "usual = ('pipe:', 'socket:', 'anon_inode:', '/dev/null', '/proc/', '/box')\n"
        "print([link for link in links if not link.startswith(usual)])"
    )
    assert text_of(runner.session(source).run(), 0) == "[]\n"


def test_a_file_cannot_grow_beyond_its_limit(runner: Runner) -> None:
    source = "with open('big', 'wb') as f:\n    for i in range(4): f.write(bytes(2**20))"

    assert failed_with(runner, source, file_bytes=2 * 2**20).startswith("OSError: [Errno 27] File too large")


def test_a_memory_bomb_is_killed(runner: Runner) -> None:
    source = "import time\nhoard = []\nwhile True:\n    hoard.append(bytearray(2**24))\n    time.sleep(0.002)"
    message = failed_with(runner, source, memory_bytes=700 * 2**20)

    assert (
        message == "The kernel ended while this cell ran: it was stopped: it used more than 700 MB of memory."
    )


def test_a_memory_bomb_spread_over_processes_is_killed(runner: Runner) -> None:
    source = (
        "import os, time\nfor i in range(4):\n    if os.fork() == 0:\n"
        "        x = bytearray(os.urandom(2**20)) * 200\n        time.sleep(60)\ntime.sleep(60)"
    )
    assert "it used more than 700 MB" in failed_with(
        runner, source, memory_bytes=700 * 2**20, cell_timeout_s=20
    )


def test_a_fork_bomb_stays_within_its_limit(runner: Runner) -> None:
    source = (
        "import os, time\nn = 0\ntry:\n    while n < 500:\n"
        "        if os.fork() == 0: time.sleep(60)\n        n += 1\n"
        "except BlockingIOError: pass\nprint(n < 64)"
    )
    assert text_of(runner.session(source, processes=64).run(), 0) == "True\n"


def test_no_process_survives_the_session(runner: Runner) -> None:
    source = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        while True: time.sleep(1)\n    os._exit(0)\nprint(os.getpid())"
    )
    session = runner.session(source)
    session.run()
    tree = psutil.Process(session._kernels.after(END).process.pid).children(recursive=True)
    assert len(tree) >= 2
    session.close()

    assert psutil.wait_procs(tree, timeout=3)[1] == []


def test_kernels_end_with_their_zygote(course: Path) -> None:
    from autograder.execution.session import KernelSession

    with Zygote(course / "student_template") as own:
        session = KernelSession(own, notebook("pass"))
        session.run()
        init = psutil.Process(session._kernels.after(END).process.pid)
        tree = [init, *init.children(recursive=True)]

    assert psutil.wait_procs(tree, timeout=3)[1] == []
    with pytest.raises(GraderError):
        session.call("f", seed=0)
    session.close()


def test_a_kernel_ends_with_the_worker_that_asked_for_it(zygote: Zygote) -> None:
    reading, writing = os.pipe()
    worker = os.fork()
    if worker == 0:
        process = zygote.fork(KernelRequest())
        os.write(writing, str(process.pid).encode())
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(writing)
    os.waitpid(worker, 0)
    pid = int(os.read(reading, 20))
    os.close(reading)
    kernel = [psutil.Process(pid)] if psutil.pid_exists(pid) else []
    _, alive = psutil.wait_procs(kernel, timeout=10)
    assert alive == []
    assert zygote.is_alive()


def test_a_student_folder_inside_the_runtime_is_refused(tmp_path: Path) -> None:
    import numpy

    inside = Path(numpy.__file__).parent / "linalg"
    with pytest.raises(GraderError, match="lies inside"):
        Zygote(inside)


def test_trusted_submissions_run_without_a_sandbox_and_leave_nothing(course: Path) -> None:
    from autograder.execution.session import KernelSession

    with pytest.raises(GraderError, match="without trust"):
        Zygote(course / "student_template", sandboxed=False)
    with Zygote(course / "student_template", sandboxed=False, trust=True) as own:
        source = (
            "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\n"
            "x = os.getcwd()\ndef f(): return x"
        )
        with KernelSession(own, notebook(source)) as session:
            assert session.run().sandbox_mode == "none"
            box = Path(session.call("f", seed=0))
            tree = psutil.Process(session._kernels.after(END).process.pid).children(recursive=True)
            assert len(tree) >= 2
        assert psutil.wait_procs(tree, timeout=3)[1] == []
        assert not box.exists()
