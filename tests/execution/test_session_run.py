from __future__ import annotations

import json
import time
from typing import Any

import pytest

from autograder.execution.display_limit import MAX_DISPLAYS

from .conftest import Runner, text_of

pytestmark = pytest.mark.sandbox


def test_cells_run_and_keep_their_outputs(runner: Runner) -> None:
    execution = runner.session("x = 20 + 22\nprint('out')", "x").run()

    assert text_of(execution, 0) == "out\n"
    assert text_of(execution, 1) == "42"
    assert execution.failures == ()
    assert execution.sandbox_mode in ("namespaces", "full")


def test_a_plot_becomes_a_picture(runner: Runner) -> None:
    execution = runner.session("import matplotlib.pyplot as plt\nplt.plot([1, 2]);").run()

    data = execution.notebook["cells"][0]["outputs"][0]["data"]
    assert data["image/png"].startswith("iVBOR")


UPDATES = """
from IPython.display import clear_output, display, update_display
for number in range({displays}):
    {before}display(number, display_id=str(number))
{after}
"""


def updated(runner: Runner, **parts: Any) -> list[str]:
    execution = runner.session(UPDATES.format(**parts), output_bytes=2**20).run()
    assert execution.failures == ()
    return [output["data"]["text/plain"] for output in execution.notebook["cells"][0]["outputs"]]


def test_displays_are_updated_by_their_ids(runner: Runner) -> None:
    assert updated(runner, displays=3, before="", after="update_display('new', display_id='1')") == [
        *("0", "'new'", "2")
    ]


def test_of_very_many_displays_the_first_are_updated_and_all_are_kept(runner: Runner) -> None:
    last = MAX_DISPLAYS - 1
    after = f"for number in ({last}, {last + 1}): update_display('new', display_id=str(number))"
    outputs = updated(runner, displays=MAX_DISPLAYS + 2, before="", after=after)

    assert outputs[last:] == ["'new'", str(last + 1), str(last + 2)]


def test_cleared_displays_make_room_for_new_ones(runner: Runner) -> None:
    after = f"update_display('new', display_id='{2 * MAX_DISPLAYS}')"
    assert updated(runner, displays=2 * MAX_DISPLAYS + 1, before="clear_output(); ", after=after) == ["'new'"]


def test_relative_paths_and_course_modules_work(runner: Runner) -> None:
    execution = runner.session(
        "print(open('data/words.txt', encoding='utf-8').read())",
        "from course.scale import Scale\nScale.from_pretrained('models/scale').linear.weight[0, 0].item()",
        "from transformers import BertModel\nBertModel.from_pretrained('models/bert').config.hidden_size",
    ).run()

    assert [text_of(execution, number) for number in range(3)] == ["Wörter\n", "2.0", "8"]


def test_an_error_does_not_stop_later_cells(runner: Runner) -> None:
    execution = runner.session("1 / 0", "print('still here')").run()

    assert [(f.cell, f.index, f.kind, f.message) for f in execution.failures] == [
        ("cell-0", 0, "error", "ZeroDivisionError: division by zero")
    ]
    assert text_of(execution, 1) == "still here\n"


def test_an_endless_loop_is_interrupted_and_the_next_cell_runs(runner: Runner) -> None:
    execution = runner.session("while True: pass", "print('next')", cell_timeout_s=0.5).run()

    assert [(f.index, f.kind, f.message) for f in execution.failures] == [
        (0, "timeout", "The cell ran longer than 0.5 s and was interrupted.")
    ]
    assert text_of(execution, 1) == "next\n"


def test_a_locked_cell_gets_the_time_of_two_calls(runner: Runner) -> None:
    session = runner.session(
        *["import time\ntime.sleep(1)\nprint('done')"] * 2, cell_timeout_s=20, call_timeout_s=0.2
    )
    session._kernels.source.cells[0].metadata["nbgrader"] = {"grade": True, "locked": True, "solution": False}
    execution = session.run()

    assert [(failure.index, failure.message) for failure in execution.failures] == [
        (0, "The cell ran longer than 0.4 s and was interrupted.")
    ]
    assert text_of(execution, 1) == "done\n"


def test_a_dead_kernel_is_noticed_at_once(runner: Runner) -> None:
    session = runner.session("import os\nos._exit(3)")
    began = time.monotonic()
    execution = session.run()

    assert time.monotonic() - began < 3
    assert execution.failures[0].kind == "died"
    assert execution.failures[0].message == "The kernel ended while this cell ran: it exited with status 3."


def test_functions_defined_before_a_fatal_cell_can_be_called(runner: Runner) -> None:
    session = runner.running("def f(): return 5", "import os\nos._exit(0)")

    assert session.call("f", seed=0) == 5


def test_tagged_cells_are_not_run(runner: Runner) -> None:
    execution = runner.session("print('a')", "print('b')", tags={0: ["skip-grading"]}).run()

    assert execution.notebook["cells"][0]["outputs"] == []
    assert text_of(execution, 1) == "b\n"


def test_a_print_flood_is_capped_with_a_remark(runner: Runner) -> None:
    execution = runner.session("for i in range(3000): print('x' * 1000)", "1 + 1", output_bytes=2**20).run()

    assert len(json.dumps(execution.notebook)) < 1.2 * 2**20
    assert execution.remarks == ("Your notebook printed more than 1 MB; the rest was not kept.",)
    assert execution.failures == ()


def test_a_print_flood_is_cut_at_the_same_place_and_leaves_a_later_plot(runner: Runner) -> None:
    flood = "for i in range(30000): print(i, 'x' * 100)"
    plot = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2]);"
    first, second = (runner.session(flood, plot, output_bytes=2**20).run() for _ in range(2))

    assert first.notebook == second.notebook
    assert len(text_of(first, 0)) == 2**20
    assert any("image/png" in output.get("data", {}) for output in first.notebook["cells"][1]["outputs"])


def test_two_runs_give_identical_bytes(runner: Runner) -> None:
    sources = (
        "import torch, numpy as np, random\nprint(torch.rand(3), np.random.rand(), random.random())",
        "import sys\nfor i in range(5): print(i); print(i, file=sys.stderr)",
        "object(), {'a', 'b', 'c'}",
        "import matplotlib.pyplot as plt\nplt.hist(torch.randn(50).numpy());",
        "import warnings\nwarnings.warn('careful')",
        "undefined_name",
    )
    first, second = (runner.session(*sources).run() for _ in range(2))

    assert json.dumps(first.notebook) == json.dumps(second.notebook)
    assert "metadata" in first.notebook["cells"][0]
    assert "execution" not in first.notebook["cells"][0]["metadata"]


def test_stored_outputs_are_dropped(runner: Runner) -> None:
    session = runner.session("pass")
    session._kernels.source.cells[0].outputs = [{"output_type": "stream", "name": "stdout", "text": "forged"}]

    assert session.run().notebook["cells"][0]["outputs"] == []


def test_the_whole_submission_has_a_deadline(runner: Runner) -> None:
    began = time.monotonic()
    execution = runner.session(*["while True: pass"] * 4, cell_timeout_s=5, submission_timeout_s=1).run()

    assert time.monotonic() - began < 4
    assert {f.kind for f in execution.failures} == {"timeout"}
    assert execution.failures[3].message == "Not run: the time for the whole notebook was used up."


def test_tracebacks_hold_no_path_of_this_machine(runner: Runner, course: object) -> None:
    execution = runner.session("def f(): raise ValueError('x')\nf()", "open('/nowhere')").run()

    assert str(course) not in json.dumps(execution.notebook)
    assert "ValueError" in text_of(execution, 0)
