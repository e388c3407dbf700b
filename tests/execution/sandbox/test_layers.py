"""Each layer can be switched off by a test, and then what it stops succeeds."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autograder.execution.sandbox import box
from autograder.execution.session import KernelSession
from autograder.execution.zygote_client import Zygote
from autograder.records import Limits

from ..conftest import notebook, text_of

pytestmark = [pytest.mark.sandbox, pytest.mark.long]

Printed = Callable[[str], str]


def printed_in(zygote: Zygote, source: str) -> str:
    """Run a cell; return what it printed or how it failed."""
    with KernelSession(zygote, notebook(source), limits=Limits()) as session:
        execution = session.run()
        return execution.failures[0].message if execution.failures else text_of(execution, 0)


@pytest.fixture
def printed_without(course: Path) -> Iterator[Callable[..., Printed]]:
    """Give a function that runs a cell in a box that lacks layers, and returns what it printed or how it failed."""
    zygotes: list[Zygote] = []

    def without(*layers: str) -> Printed:
        zygotes.append(Zygote(course / "student_template", without=frozenset(layers)))
        return lambda source: printed_in(zygotes[-1], source)

    yield without
    for zygote in zygotes:
        zygote.close()


def test_a_layer_must_exist_to_be_switched_off(course: Path) -> None:
    with pytest.raises(ValueError, match="no such layer: \\['nettwork'\\]"):
        Zygote(course / "student_template", without=frozenset({"nettwork"}))


def test_the_modes_are_ordered_by_their_layers() -> None:
    assert box.mode_of(box.LAYERS) == "full"
    assert box.mode_of(box.LAYERS - {"landlock"}) == "namespaces"
    assert box.mode_of(box.LAYERS - {"network"}) == "landlock"
    assert box.mode_of(box.LAYERS - {"seccomp"}) == "none"


def test_without_their_own_table_processes_of_the_machine_are_seen(
    printed_without: Callable[..., Printed],
) -> None:
    printed = printed_without("pid")

    assert printed("import os\nprint(os.getpid() > 2)") == "True\n"
    assert printed(f"import os\nprint(os.path.exists('/proc/{os.getpid()}'))") == "True\n"


def test_without_an_own_network_the_machines_is_reached(printed_without: Callable[..., Printed]) -> None:
    printed = printed_without("network", "landlock")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        source = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), timeout=2)\nprint('in')"
        assert printed(source) == "in\n"


def test_without_own_mounts_the_reference_is_read(
    printed_without: Callable[..., Printed], course: Path
) -> None:
    printed = printed_without("mounts", "landlock", "user")

    secret = course / "reference" / "secret_solution.py"
    assert "the solution" in printed(f"print(open({str(secret)!r}).read())")


def test_without_a_clean_environment_the_graders_is_read(
    printed_without: Callable[..., Printed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADEBOOK_TOKEN", "secret")
    printed = printed_without("environment")

    assert printed("import os\nprint(os.environ['GRADEBOOK_TOKEN'])") == "secret\n"


def test_without_limits_there_is_no_bound_on_files(printed_without: Callable[..., Printed]) -> None:
    printed = printed_without("rlimits")

    source = "import resource as r\nprint(r.getrlimit(r.RLIMIT_FSIZE)[1] == r.RLIM_INFINITY)"
    assert printed(source) == "True\n"


def test_without_the_filter_what_it_refuses_passes(
    printed_without: Callable[..., Printed], zygote: Zygote
) -> None:
    source = (
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "print(libc.unshare(0), libc.shmget(0, 4096, 0o1600) >= 0)"
    )
    assert printed_in(zygote, source) == "-1 False\n"
    assert printed_without("seccomp")(source) == "0 True\n"


def test_without_landlock_a_process_may_rename_itself_in_proc(
    printed_without: Callable[..., Printed], zygote: Zygote
) -> None:
    source = "open('/proc/self/comm', 'w').write('other')\nprint(open('/proc/self/comm').read())"
    assert printed_in(zygote, source).startswith("PermissionError")
    weaker = printed_without("landlock")
    assert weaker(source) == "other\n\n"
    # The box's init, which is sealed less, is out of reach even so.
    assert weaker("open('/proc/1/mem', 'r+b')").startswith("PermissionError")
