from __future__ import annotations

import pytest

from .conftest import Runner, text_of

pytestmark = pytest.mark.sandbox

STUBBORN = "while True:\n    try:\n        while True: sum(range(99))\n    except BaseException: pass"
DEFINES = "def f(): return y"


@pytest.mark.parametrize(
    "fatal",
    [
        "import os\nos._exit(3)",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "import ctypes\nctypes.string_at(0)",
        "import faulthandler\nfaulthandler._sigabrt()",
        "import threading, os\nthreading.Thread(target=os._exit, args=(1,)).start()\nwhile True: pass",
    ],
)
def test_a_cell_that_ends_the_kernel_costs_only_itself(runner: Runner, fatal: str) -> None:
    session = runner.session("y = 1", fatal, "y += 1\nprint('on', y)", DEFINES)
    execution = session.run()

    assert [(failure.index, failure.kind) for failure in execution.failures] == [(1, "died")]
    assert text_of(execution, 2) == "on 2\n"
    assert session.call("f", seed=0) == 2


@pytest.mark.parametrize(
    "hanging",
    [
        STUBBORN,
        "import time\nfor n in range(100):\n    try: time.sleep(1)\n    except: print('next')",
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(60)",
        "import time\nawait __import__('asyncio').sleep(0)\nwhile True: pass",
    ],
)
def test_a_cell_that_swallows_its_interrupt_costs_only_itself(runner: Runner, hanging: str) -> None:
    session = runner.session("y = 1", hanging, "print('on')", DEFINES, cell_timeout_s=1)
    execution = session.run()

    assert [(failure.index, failure.kind, failure.message) for failure in execution.failures] == [
        (1, "timeout", "The cell ran longer than 1 s and ignored its interrupt.")
    ]
    assert "ignored its interrupt" in text_of(execution, 1)
    assert text_of(execution, 2) == "on\n"
    assert session.call("f", seed=0) == 1


def test_an_awaiting_cell_is_interrupted_and_costs_only_itself(runner: Runner) -> None:
    session = runner.session("import asyncio\nawait asyncio.sleep(60)", "print('on')", cell_timeout_s=1)
    execution = session.run()

    assert [(failure.index, failure.message) for failure in execution.failures] == [
        (0, "The cell ran longer than 1 s and was interrupted.")
    ]
    assert text_of(execution, 1) == "on\n"


def test_each_of_several_fatal_cells_costs_only_itself(runner: Runner) -> None:
    leave = "import os\nos._exit(0)"
    session = runner.session(leave, "y = 5", leave, DEFINES, "1 / 0", leave)
    execution = session.run()

    assert [(failure.index, failure.kind) for failure in execution.failures] == [
        (0, "died"),
        (2, "died"),
        (4, "error"),
        (5, "died"),
    ]
    assert session.call("f", seed=0) == 5


def test_a_memory_bomb_costs_only_itself(runner: Runner) -> None:
    bomb = "hoard = [bytes(range(256)) * 2**20 for _ in range(99)]"
    session = runner.session("y = 4", bomb, DEFINES, memory_bytes=900 * 2**20)
    execution = session.run()

    assert [failure.index for failure in execution.failures] == [1]
    assert session.call("f", seed=0) == 4


def test_what_a_fatal_cell_printed_is_kept(runner: Runner) -> None:
    execution = runner.session("print('so far', flush=True)\n" + STUBBORN, "1", cell_timeout_s=1).run()

    assert text_of(execution, 0).startswith("so far\n")


def test_a_run_again_finds_nothing_of_the_first(runner: Runner) -> None:
    look = "from pathlib import Path\nprint(Path('left.txt').exists())\nPath('left.txt').write_text('x')"
    execution = runner.session(look, "import os\nos._exit(0)").run()

    assert text_of(execution, 0).startswith("False\n")


def test_a_kernel_that_a_call_ended_comes_back_without_the_fatal_cell(runner: Runner) -> None:
    session = runner.running(
        "import os\nos._exit(0)", "y = 2", DEFINES, "def leave(): os._exit(0)", "import os"
    )

    with pytest.raises(Exception, match=r"The kernel ended during leave\(\)"):
        session.call("leave", seed=0)
    assert session.call("f", seed=0) == 2


def test_runs_end_with_the_time_of_the_submission(runner: Runner) -> None:
    execution = runner.session(*[STUBBORN] * 6, cell_timeout_s=2, submission_timeout_s=3).run()

    assert {failure.kind for failure in execution.failures} <= {"timeout", "died"}
    assert [failure.index for failure in execution.failures] == list(range(6))
