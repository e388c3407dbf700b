"""Each function is called in the state right after its own check cell."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest

from autograder.errors import KernelDiedError
from autograder.execution.check_states import END, CheckStates
from autograder.execution.session import KernelSession
from autograder.records import Limits

from .conftest import Runner

F = "def f(x):\n    return sum(list(x))"
HELPER = "def helper(x):\n    return 2 * x\ndef f(x):\n    return helper(x)"


def session(runner: Runner, *cells: str | tuple[str, str], **limits: Any) -> KernelSession:
    """Make a session; a cell given as ("check f", source) is the check cell of f."""
    made, checks = [], {}
    for number, cell in enumerate(cells):
        label, source = cell if isinstance(cell, tuple) else ("", cell)
        identity = label.replace(" ", "-") or f"cell-{number}"
        if label:
            checks[label.removeprefix("check ")] = identity
        made.append(nbformat.v4.new_code_cell(source, id=identity))
    content = dict(nbformat.v4.new_notebook(cells=made))
    opened = KernelSession(runner.zygote, content, limits=Limits(**limits), seed=3, check_cells=checks)
    runner.open.append(opened)
    return opened


CHECK_F = ("check f", "assert f([1, 2]) == 3")


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("defining", "later"),
    [
        (F, "list = [1]"),
        (F, "sum = 0"),
        (F, "import builtins\nbuiltins.sum = lambda x: 99"),
        (F, "def f(x):\n    return 99"),
        (F, "f = 99"),
        (F, "del f"),
        ("def f(x):\n    return sum(v for v in x)", "for sum in range(3): pass"),
        ("def helper(x):\n    return sum(x)\ndef f(x):\n    return helper(x)", "def helper(x): return 99"),
        (
            "class Adder:\n    def add(self, x): return sum(x)\ndef f(x):\n    return Adder().add(x)",
            "Adder.add = lambda self, x: 99",
        ),
        (
            "class Base:\n    def add(self, x): return sum(x)\nclass Adder(Base): pass\nadder = Adder()\n"
            "def f(x):\n    return adder.add(x)",
            "Base.add = lambda self, x: 99",
        ),
        (
            "class Settings: scale = 1\nsettings = Settings()\ndef f(x):\n    return sum(x) * settings.scale",
            "settings.scale = 5",
        ),
        ("options = {'a': [1]}\ndef f(x):\n    return sum(x) * options['a'][0]", "options['a'][0] = 5"),
        ("import torch\nscale = torch.ones(1)\ndef f(x):\n    return sum(x) * int(scale)", "scale += 4"),
        (
            "import torch\nscale = torch.ones(1)\ndef f(x):\n    return sum(x) * int(scale)",
            "scale.data[0] = 4",
        ),
        (
            "import numpy as np\nscale = np.ones(1)\ndef f(x):\n    return int(sum(x) * scale[0])",
            "scale[0] = 4",
        ),
        (
            "import functools\ndef add(x, scale): return sum(x) * scale\nf = functools.partial(add, scale=1)",
            "f.keywords['scale'] = 4",
        ),
        (
            "def made():\n    scale = [1]\n    return (lambda x: sum(x) * scale[0]), scale\nf, scale = made()",
            "scale[0] = 4",
        ),
        (
            "import torch\nlayer = torch.nn.Linear(1, 1, bias=False)\nlayer.weight.data.fill_(1.)\n"
            "def f(x):\n    return int(layer(torch.tensor([float(sum(x))])).detach())",
            "layer.register_forward_hook(lambda *a: a[-1] + 50)",
        ),
        (
            "import torch\ndef f(x):\n    return int(torch.tensor(x).sum())",
            "torch.Tensor.sum = lambda self: self[0]",
        ),
        (
            "import torch\ndef f(x):\n    return int(torch.tensor(x).sum())",
            "torch.tensor = lambda x: torch.zeros(3)",
        ),
        ("import math\ndef f(x):\n    return math.fsum(x)", "import math\nmath.fsum = lambda x: 99"),
        (
            "import torch\ndef f(x):\n    w = torch.ones(1, requires_grad=True)\n    (w * sum(x)).backward()\n"
            "    return int(w.grad)",
            "torch.set_grad_enabled(False)",
        ),
        (
            "import torch\ndef f(x):\n    return int(torch.tensor([.5]).element_size() == 4) * sum(x)",
            "torch.set_default_dtype(torch.float64)",
        ),
        (
            "import torch\ndef f(x):\n    return int(torch.zeros(1).device.type == 'cpu') * sum(x)",
            "torch.set_default_device('meta')",
        ),
        (
            "import warnings\ndef f(x):\n    warnings.warn('!')\n    return sum(x)",
            "warnings.simplefilter('error')",
        ),
        ("%%writefile own.py\ndef add(x): return sum(x)", "import own\nown.add = lambda x: 99"),
    ],
)
def test_later_cells_cost_nothing(runner: Runner, defining: str, later: str) -> None:
    cells = [defining, CHECK_F, later]
    if defining.startswith("%%writefile"):
        cells.insert(1, "import own\ndef f(x): return own.add(x)")
    opened = session(runner, *cells)
    execution = opened.run()

    assert execution.failures == ()
    assert opened.call("f", ([1, 2, 3],), seed=0) == 6
    assert opened.early_runs == 1


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "later",
    [
        "y = 1\ntotal = f([1, 2])\nprint(total)",
        "def other(x): return f(x)",
        "import json\nlist_of = [1]",
        "import torch, matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\ntorch.manual_seed(3)\ntorch.rand(3)",
        "import warnings\nwarnings.filterwarnings('ignore')",
        "import torch\nwith torch.no_grad():\n    torch.set_grad_enabled(True)",
        F,
    ],
)
def test_other_cells_need_no_second_run(runner: Runner, later: str) -> None:
    opened = session(runner, F, CHECK_F, later)
    opened.run()

    assert opened.call("f", ([1, 2, 3],), seed=0) == 6
    assert opened.early_runs == 0


@pytest.mark.sandbox
def test_a_helper_that_two_answers_share_by_name(runner: Runner) -> None:
    opened = session(
        runner,
        HELPER,
        ("check f", "assert f(2) == 4"),
        "def g(x):\n    return f(x) + 1",
        ("check g", "assert g(2) == 5"),
        "def helper(x):\n    return 3 * x\ndef h(x):\n    return helper(x)",
        ("check h", "assert h(2) == 6"),
    )
    assert opened.run().failures == ()

    assert [opened.call(name, (10,), seed=0) for name in "fghfhg"] == [20, 21, 30, 20, 30, 21]
    assert opened.early_runs == 1


@pytest.mark.sandbox
def test_a_function_that_is_defined_after_its_check_cell_counts(runner: Runner) -> None:
    opened = session(runner, CHECK_F, "def helper(x): return sum(x)", F)
    opened.run()

    assert opened.call("f", ([1, 2, 3],), seed=0) == 6
    assert opened.early_runs == 0


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "stub",
    [
        "raise NotImplementedError()",
        "raise NotImplementedError",
        '"""To do."""\n    raise NotImplementedError()',
    ],
)
def test_a_function_that_was_a_stub_at_its_check_cell_counts(runner: Runner, stub: str) -> None:
    opened = session(runner, f"def f(x):\n    {stub}", CHECK_F, F)
    opened.run()

    assert opened.call("f", ([1, 2, 3],), seed=0) == 6
    assert opened.early_runs == 0


@pytest.mark.sandbox
def test_a_function_that_is_no_stub_is_judged_at_its_check_cell(runner: Runner) -> None:
    begun = "def f(x):\n    if not x:\n        raise NotImplementedError\n    return 0"
    opened = session(runner, begun, CHECK_F, F)
    opened.run()

    assert opened.call("f", ([1, 2, 3],), seed=0) == 0


@pytest.mark.sandbox
def test_a_helper_that_is_defined_after_the_check_cell_counts(runner: Runner) -> None:
    opened = session(
        runner, "def f(x):\n    return helper(x)", CHECK_F, "def helper(x): return sum(x)", "sum_of = 1"
    )
    opened.run()

    assert opened.call("f", ([1, 2, 3],), seed=0) == 6


@pytest.mark.sandbox
def test_nothing_that_was_written_earlier_is_there_in_a_second_run(runner: Runner) -> None:
    opened = session(
        runner,
        "import os\nseen = os.path.exists('left'), os.path.exists('/tmp/left')\n"
        "open('left', 'w').write('x'); open('/tmp/left', 'w').write('x')\ndef f():\n    return list(seen)",
        ("check f", ""),
        "seen = None\nlist = None\nprint('later')",
    )
    execution = opened.run()

    assert opened.call("f", seed=0) == [False, False]
    assert "later" in str(execution.notebook)


@pytest.mark.sandbox
def test_a_second_run_leaves_out_what_ended_the_first(runner: Runner) -> None:
    opened = session(
        runner,
        "import os\nos._exit(1)",
        "y = 1\ndef f(): return y",
        ("check f", ""),
        "import os\nos._exit(1)",
        "y = 2",
    )
    opened.run()

    assert opened.call("f", seed=0) == 1


@pytest.mark.sandbox
def test_a_call_that_ends_the_second_kernel_costs_itself(runner: Runner) -> None:
    opened = session(
        runner, "import os\ny = 1\ndef f(x):\n    return os._exit(1) if x else y", ("check f", ""), "y = 2"
    )
    opened.run()

    with pytest.raises(KernelDiedError, match="ended during"):
        opened.call("f", (True,), seed=0)
    assert opened.call("f", (False,), seed=0) == 1


@pytest.mark.sandbox
def test_the_time_of_a_second_run_is_not_the_students(runner: Runner) -> None:
    opened = session(
        runner,
        "import time\ntime.sleep(2.5)\ny = 1\ndef f(): return y",
        ("check f", ""),
        "y = 2",
        submission_timeout_s=4,
        call_timeout_s=1,
    )
    opened.run()

    assert opened.call("f", seed=0) == 1


@pytest.mark.sandbox
def test_models_are_provided_to_every_kernel(runner: Runner, course: Any) -> None:
    from autograder.execution.wire.codec import Handle

    opened = session(
        runner,
        "k = 1\ndef f(model): return float(model.linear.weight[0, 0]) * k",
        ("check f", ""),
        "k = 2",
        "def g(model): return float(model.linear.weight[0, 0]) * k",
        ("check g", ""),
    )
    opened.run()
    for name, folder in {
        "model:shipped": course / "student_template/models/scale",
        "model:hidden": course / "hidden",
    }.items():
        opened.provide(name, loader="course.scale:Scale", folder=folder, in_student_dir="shipped" in name)
        assert opened.call("f", (Handle(name=name),), seed=0) == (2.0 if "shipped" in name else 5.0)
        assert opened.call("g", (Handle(name=name),), seed=0) == (4.0 if "shipped" in name else 10.0)
    opened.provide(
        "model:hidden", loader="course.scale:Scale", folder=course / "student_template/models/scale"
    )
    assert opened.call("f", (Handle(name="model:hidden"),), seed=0) == 2.0


LOAD = "from course.scale import Scale\nmodel = Scale.from_pretrained('/student/models/scale')"
CHANGED = (
    "Checks pass a freshly loaded model to your functions, without what your notebook changed on its own model: {}. "
    "Let each function set what it needs."
)


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("changing", "named"),
    [
        ("model.linear.register_forward_hook(lambda *a: None)", "`a hook on model.linear`"),
        ("model.register_forward_pre_hook(lambda *a: None)", "`a hook on model`"),
        ("model.eval()\nmodel(__import__('torch').ones(3)).sum().backward()", ""),
        ("model.linear.register_forward_hook(lambda *a: None).remove()", ""),
        ("class Own(Scale): config = 1 / 1\nmodel = Own()", ""),
    ],
)
def test_what_is_set_on_the_notebooks_own_model_is_told(runner: Runner, changing: str, named: str) -> None:
    execution = session(runner, LOAD, changing).run()

    assert execution.failures == ()
    assert execution.remarks == ((CHANGED.format(named),) if named else ())


@pytest.mark.sandbox
def test_an_endless_structure_ends(runner: Runner) -> None:
    opened = session(
        runner,
        "class Odd:\n    def __getattribute__(self, name): raise SystemExit\n    def __eq__(self, other): 1 / 0\n"
        "    def __repr__(self): return 1 / 0\nodd = Odd()\nloop = []\nloop.append(loop)\nloop += [{}] * 100000\n"
        "deep = []\nfor _ in range(100000): deep = [deep]\nmany = [[n] for n in range(100000)]\n"
        "def f(): return len(loop) + len(deep) + len(many) + (odd is None)",
        ("check f", "assert f() > 0"),
    )
    assert opened.run().failures == ()
    assert opened.call("f", seed=0) == 200002
    assert opened.early_runs == 0


def reply(**claims: Any) -> dict[str, Any]:
    return {"fingerprints": {name: [digest, []] for name, digest in claims.items()}}


def test_one_second_run_serves_all_functions_it_can() -> None:
    states = CheckStates({"f": 1, "g": 3, "h": 5})
    states.record(1, reply(f="a"))
    states.record(3, reply(f="a", g="b"))
    states.record(5, reply(f="x", g="b", h="c"))
    states.record(END, reply(f="x", g="y", h="c"))

    assert states.changed() == {"f": 3, "g": 3}


def test_two_states_that_exclude_each_other_need_two_runs() -> None:
    states = CheckStates({"f": 1, "g": 3})
    states.record(1, reply(f="a"))
    states.record(3, reply(f="x", g="b"))
    states.record(END, reply(f="y", g="z"))

    assert states.changed() == {"f": 1, "g": 3}


@pytest.mark.parametrize(
    "claims", [None, [], {"f": "a"}, {"f": ["a"]}, {"f": [1, []]}, {"other": ["a", []]}, {"f": ["a", [[]]]}]
)
def test_malformed_claims_change_nothing(claims: Any) -> None:
    states = CheckStates({"f": 1})
    states.record(1, {"fingerprints": claims})
    states.record(END, {"fingerprints": claims})

    assert states.changed() == {}
