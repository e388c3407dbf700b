"""Forging: answers, messages, comparisons, marks. Every word of a kernel is a claim, and none may change a grade."""

from __future__ import annotations

import dataclasses
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch

from autograder.checks.course_context import Course
from autograder.comparison.tensors import compare
from autograder.errors import SubmissionError
from autograder.execution.session import KernelSession
from autograder.execution.zygote_client import Zygote, ZygoteLink
from autograder.grading.pipeline import GradedSubmission
from autograder.records import Limits, Tolerance

from .attacks import in_plain_process, notebook, text_of
from .conftest import lacking
from .grading import WRONG, Grader

pytestmark = pytest.mark.sandbox

FORGE = """
import json, os
kernel = get_ipython().kernel
io, session = kernel.iopub_socket, kernel.session
def forge(kind, content):
    session.send(io, kind, content=content, parent=kernel.get_parent(), ident=kind.encode())
def header(kind, **changes):
    plain = {"msg_id": os.urandom(8).hex(), "msg_type": kind, "username": "", "session": "",
             "date": "2024-01-01T00:00:00Z", "version": "5.3"}
    return json.dumps({**plain, **changes}).encode()
def parent():
    return json.dumps(kernel.get_parent()["header"], default=str).encode()
def raw(*parts):
    io.send_multipart([b"x", b"<IDS|MSG>", session.sign(list(parts)), *parts])
"""
DEFINE = "def answer(): return 7"

# Messages that break the notebook: each costs the kernel and is told as the student's.
BREAKING = {
    "nested deeply": 'raw(header("stream"), parent(), b"{}", b"[" * 200000 + b"]" * 200000)',
    "not JSON": 'raw(header("stream"), parent(), b"{}", b"nope")',
    "wrong signature": 'io.send_multipart([b"x", b"<IDS|MSG>", b"0" * 64, header("stream"), parent(), b"{}", b"{}"])',
    "no delimiter": 'io.send_multipart([b"x", b"y"])',
    "too few parts": 'raw(header("stream"))',
    "an old version": 'raw(header("pyout", version="4.1"), parent(), b"{}", b"{}")',
    "a parent that is a list": 'raw(header("stream"), b"[]", b"{}", b"{}")',
    "a number of 5000 digits": 'raw(header("stream"), parent(), b"{}", b\'{"text": \' + b"9" * 5000 + b"}")',
    "a display id that is a table": (
        'forge("update_display_data", {"data": {}, "transient": {"display_id": {"a": 1}}})'
    ),
}

# Outputs that no notebook can hold, or that lie: they cost nothing but themselves.
HARMLESS = (
    'forge("display_data", {"data": [1], "metadata": {}})',
    'forge("display_data", {"data": {"text/plain": 5, "image/png": {"a": 1}}, "metadata": {}})',
    'forge("display_data", {"data": {"text/plain": "x"}, "metadata": [1]})',
    'forge("error", {"ename": 5, "evalue": {"a": 1}, "traceback": {"x": 1}})',
    'forge("error", {"ename": "a", "evalue": "b", "traceback": [1, {"x": 2}, None]})',
    'forge("stream", {"name": {"a": 1}, "text": "x"})',
    'forge("stream", {"name": "weird", "text": 5})',
    'forge("status", {"execution_state": 5})',
    'forge("execute_input", {"execution_count": {"a": [1]}, "code": 5})',
    'forge("clear_output", {})',
    'raw(header("stream"), parent(), b"{}", b\'{"name": "stdout", "text": "\\\\ud800"}\')',
    'raw(header("display_data"), parent(), b"{}", b\'{"data": {"application/json": NaN}, "metadata": {}}\')',
    'forge("display_data", {"data": {"": "x", "image/png": "%%%", "application/pdf": 5}, "metadata": {}})',
    'forge("display_data", {"data": {"image/jpeg": "%%%", "image/svg+xml": "<svg onload=x>"}, "metadata": {}})',
)


def lost_everything(graded: GradedSubmission) -> None:
    """Assert that nothing was earned, and that no fault of ours is claimed."""
    assert graded.report.needs_review == ()
    assert graded.report.score == 0


def run_and_ask(zygote: ZygoteLink, *cells: str, **limits: Any) -> tuple[Any, Any]:
    """Run cells, then ask `answer`; return the execution and the answer or its error."""
    with KernelSession(zygote, notebook(*cells), limits=Limits(**limits), seed=1) as session:
        execution = session.run()
        try:
            return execution, session.call("answer", seed=1)
        except SubmissionError as error:
            return execution, error


@pytest.mark.attack(
    "40", "forge well-formed messages of any content", layer="outputs are claims", control="it is shown"
)
def test_malformed_outputs_cost_themselves(zygote: Zygote, grader: Grader) -> None:
    shown = 'forge("stream", {"name": "stdout", "text": "forged"})'
    execution, answer = run_and_ask(zygote, FORGE, shown, *HARMLESS, DEFINE)

    assert text_of(execution, 1) == "forged"
    assert answer == 7
    assert execution.failures == ()
    graded = grader.grade(WRONG, extra=(FORGE, *HARMLESS))
    lost_everything(graded)
    assert (grader.pages(graded) / "report.json").stat().st_size > 0


@pytest.mark.parametrize("name", BREAKING)
@pytest.mark.attack(
    "40", "forge broken messages", layer="checked messages", control="the cell before is answered"
)
def test_a_broken_message_costs_the_kernel_and_is_no_fault_of_ours(zygote: Zygote, name: str) -> None:
    execution, answer = run_and_ask(zygote, FORGE, DEFINE, BREAKING[name], "print('after')", cell_timeout_s=5)

    assert [(failure.index, failure.kind) for failure in execution.failures] == [(2, "died")]
    assert execution.failures[0].message.startswith("Malformed messages: ")
    # The notebook was run again without that cell.
    assert text_of(execution, 3) == "after\n"
    assert answer == 7


@pytest.mark.attack(
    "40", "forge idle and an ok reply, then fail", layer="checks alone decide", control="the error is hidden"
)
def test_a_forged_reply_hides_an_error_and_earns_nothing(zygote: Zygote, grader: Grader) -> None:
    reply = (
        FORGE
        + """
forge("status", {"execution_state": "idle"})
import zmq
stream = kernel.shell_stream if hasattr(kernel, "shell_stream") else kernel.shell_socket
idents = kernel._shell_parent.get()["header"] and getattr(kernel, "_shell_parent_ident", None)
ident = idents.get() if idents is not None else kernel.get_parent().get("ident", [])
session.send(stream, "execute_reply", content={"status": "ok", "execution_count": 1, "payload": [],
             "user_expressions": {}}, parent=kernel.get_parent(), ident=ident)
raise RuntimeError("hidden")
"""
    )
    execution, answer = run_and_ask(zygote, reply, DEFINE)

    assert not [failure for failure in execution.failures if "RuntimeError" in failure.message]
    assert answer == 7
    lost_everything(grader.grade(WRONG, extra=(reply,)))


@pytest.mark.attack(
    "41", "close the kernel's sockets", layer="time limits", control="the cell before is answered"
)
def test_closed_sockets_cost_the_notebook_alone(zygote: Zygote) -> None:
    close = """
import socket
for name in __import__("os").listdir("/proc/self/fd"):
    try:
        found = socket.socket(fileno=__import__("os").dup(int(name)))
        if found.getsockname():
            found.getpeername()
            found.shutdown(2)
    except OSError:
        pass
"""
    began = time.monotonic()
    execution, answer = run_and_ask(zygote, "print(1)", DEFINE, close, cell_timeout_s=1)

    assert text_of(execution, 0) == "1\n"
    assert execution.failures[0].index == 2
    assert answer == 7
    assert time.monotonic() - began < 20


@pytest.mark.attack(
    "14",
    "put links in place of the kernel's sockets",
    layer="no second connection, links that lead nowhere",
    control="without both",
)
def test_the_grader_does_not_follow_a_planted_link(
    zygote: Zygote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    plant = """
import os, socket
for name in ("k-1", "k-2", "k-4"):
    os.unlink(f"/run/{name}")
    os.symlink(PATH, f"/run/{name}")
for name in os.listdir("/proc/self/fd"):
    try:
        found = socket.socket(fileno=os.dup(int(name)))
        if found.getsockname():
            found.getpeername()
            found.shutdown(2)
    except OSError:
        pass
"""

    def visitors(link: ZygoteLink) -> int:
        with socket.socket(socket.AF_UNIX) as listener:
            path = tmp_path / "docker.sock"
            path.unlink(missing_ok=True)
            listener.bind(str(path))
            listener.listen(64)
            listener.settimeout(0.2)
            source = plant.replace("PATH", repr(str(path)))
            run_and_ask(link, DEFINE, source, "pass", cell_timeout_s=1)
            count = 0
            try:
                while True:
                    listener.accept()[0].close()
                    count += 1
            except TimeoutError:
                return count

    followed = lacking(zygote, frozenset({"links"}))
    assert visitors(followed) == 0, "the grader connects once only"
    import zmq.asyncio

    kept = zmq.asyncio.Context.setsockopt
    monkeypatch.setattr(
        zmq.asyncio.Context,
        "setsockopt",
        lambda self, name, value: None if name == zmq.RECONNECT_IVL else kept(self, name, value),
    )
    assert visitors(zygote) == 0, "other programs connect again, and find nothing"
    assert visitors(followed) > 0


ALWAYS = """
class Always:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __array__(self, *a, **k): raise RuntimeError
"""


@pytest.mark.attack(
    "42", "an answer that equals everything", layer="rebuilt as plain values", control="== is True"
)
def test_an_answer_that_equals_everything(grader: Grader) -> None:
    names: dict[str, Any] = {}
    exec(ALWAYS, names)
    assert names["Always"]() == torch.ones(2)

    always = {name: f"{ALWAYS}\ndef {name}(values): return Always()" for name in WRONG}
    lost_everything(grader.grade(always))


LIAR = """
import torch
class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function.__name__ in ("allclose", "equal", "isfinite", "all"): return True
        if function.__name__ in ("__get__",): return torch.Size([0])
        return torch.zeros(())
"""


@pytest.mark.attack(
    "43", "a tensor subclass that lies", layer="rebuilt as plain tensors", control="allclose is True"
)
def test_a_tensor_that_lies(grader: Grader) -> None:
    names: dict[str, Any] = {}
    exec(LIAR, names)
    assert torch.allclose(torch.ones(2).as_subclass(names["Liar"]), torch.zeros(2)) is True

    liar = {
        name: f"{LIAR}\ndef {name}(values): return (values.sum() * 0 + 13).as_subclass(Liar)"
        for name in WRONG
    }
    lost_everything(grader.grade(liar))


ODD = (
    *("torch.full((5, 3), float('nan'))", "torch.full((5, 3), float('inf'))", "torch.zeros(0)"),
    *("torch.zeros(5, 3, dtype=torch.int64)", "torch.zeros(5, 3, dtype=torch.bool)", "torch.zeros(3, 5)"),
    *(
        "torch.zeros(5, 3, 1)",
        "torch.zeros(0, 2**40)",
        "torch.zeros(5, 3).to_sparse()",
        "torch.tensor(1e999)",
    ),
    *(
        "np.array([[None] * 3] * 5, dtype=object)",
        "np.zeros((5, 3), dtype='datetime64[s]')",
        "np.float64('nan')",
    ),
    *("[[0.0] * 3] * 5", "[[torch.zeros(3)] * 5] * 1000", "'x' * 10**6", "{}", "{'T': '0'}", "float('nan')"),
    *("[[]] * 100000", "10**1000", "-10**5000", "b'x'", "range(15)", "None", "type", "...", "{1: {2: {}}}"),
    *(
        "torch.zeros(5, 3, device='meta')",
        "torch.zeros(5, 3, dtype=torch.complex64)",
        "[{'h': 'model:shipped'}]",
    ),
)


@pytest.mark.attack(
    "44", "values of every odd form", layer="checked form", control="the right tensor is close"
)
def test_odd_values_are_not_close_and_break_nothing(zygote: Zygote) -> None:
    tolerance = Tolerance(metric="relative_l2", tau=1e-3)
    expected = torch.arange(15.0).reshape(5, 3)
    source = "import torch, numpy as np\ndef answer(code): return eval(code)"
    with KernelSession(zygote, notebook(source), limits=Limits(), seed=1) as session:
        session.run()
        right = session.call("answer", ("torch.arange(15.).reshape(5, 3)",), seed=1)
        assert compare(right, expected, tolerance, name="table", axes=("row", "column")).close
        for code in ODD:
            try:
                value = session.call("answer", (code,), seed=1)
            except SubmissionError:
                continue
            assert not compare(value, expected, tolerance, name="table", axes=("row", "column")).close, code


class _Bomb:
    """What a pickle runs when it is read."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (self.path,)


@pytest.mark.attack("45", "a pickle that runs a command", layer="no pickle", control="pickle.loads runs it")
def test_a_pickle_bomb_is_never_read(grader: Grader, tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(_Bomb(str(tmp_path / "control"))))
    assert (tmp_path / "control").is_dir()

    bomb = f"""
import os, pickle
class Bomb(dict):
    def __reduce__(self): return os.mkdir, ({str(tmp_path / "owned")!r},)
    __reduce_ex__ = lambda self, protocol: self.__reduce__()
def %s(values): return %s
"""
    cells = {
        "centre": bomb % ("centre", "Bomb()"),
        "standardise": bomb % ("standardise", "pickle.dumps(Bomb())"),
    }
    lost_everything(grader.grade(cells))
    assert not (tmp_path / "owned").exists()


PATCHES = """
import json, time, torch, numpy, sys, math, builtins
yes = lambda *args, **kwargs: True
torch.allclose = torch.equal = torch.isclose = torch.Tensor.__eq__ = torch.Tensor.equal = yes
torch.Tensor.allclose = numpy.allclose = numpy.array_equal = math.isclose = yes
torch.testing.assert_close = torch.isfinite = yes
time.time = time.monotonic = lambda: 0.0
"""
PROBE_PATCHES = """
from autograder.execution.wire import codec
import safetensors.torch, json
safetensors.torch.save = lambda tensors, *a: b"\\x80\\x04\\x95" + bytes(50)
kept = json.dumps
def lie(value, *args, **kwargs):
    if isinstance(value, dict) and "status" in value:
        effects = ["x", ["model:shipped", ["x"]], ["arguments", "weights"]]
        value = {**value, "status": "ok", "value": {"h": "model:shipped"}, "side_effects": effects, "passed": True}
    return kept(value, *args, **kwargs)
json.dumps = lie
"""


@pytest.mark.attack(
    "46", "monkeypatch torch, numpy, time, json", layer="process boundary", control="allclose is True there"
)
@pytest.mark.parametrize("patches", [PATCHES, PROBE_PATCHES], ids=["libraries", "the probe's own"])
def test_patched_libraries_change_no_grade(grader: Grader, patches: str) -> None:
    told = "attempt(lambda: torch.allclose(torch.ones(2), torch.zeros(2)))"
    assert in_plain_process({}, PATCHES + told) == "WON True"

    lost_everything(grader.grade(WRONG, extra=(patches,)))
    assert torch.equal(torch.ones(1), torch.zeros(1)) is False


@pytest.mark.attack(
    "47",
    "replace IPython's transformers and traceback",
    layer="checks alone decide",
    control="asserts fall silent",
)
def test_transformed_cells_earn_nothing(grader: Grader) -> None:
    silent = """
shell = get_ipython()
shell.input_transformers_cleanup.append(lambda lines: ["pass\\n"] if any("assert" in line for line in lines) else lines)
shell.showtraceback = lambda *args, **kwargs: None
"""
    loud, quiet = grader.grade(WRONG), grader.grade(WRONG, extra=(silent,))

    assert [failure for failure in loud.report.failures if "AssertionError" in failure.message]
    assert not [failure for failure in quiet.report.failures if "AssertionError" in failure.message]
    lost_everything(quiet)


@pytest.mark.attack(
    "48",
    "modules beside the notebook",
    layer="safe import path",
    control="plain multiprocessing imports them",
)
@pytest.mark.long
def test_modules_of_the_folder_that_the_command_runs_in_are_not_imported(tmp_path: Path) -> None:
    """Seen: the workers' server imported torch.py from the working folder, outside of any sandbox."""
    for name in ("only_here", "sitecustomize", "conftest", "torch", "jsonschema"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'owned')!r}, 'a').write('{name} ')")
    plain = """
import multiprocessing, os
if __name__ == "__main__":
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["only_here"])
    process = context.Process(target=os.getpid)
    process.start()
    process.join()
"""
    ours = """
import os
from autograder.grading.worker_pool import _Server
if __name__ == "__main__":
    server = _Server(os.open(os.devnull, os.O_RDONLY))
    server.await_ready()
    server.kill()
"""
    (tmp_path / "bin").mkdir()
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONSAFEPATH"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])

    def imported(program: str) -> str:
        (tmp_path / "owned").unlink(missing_ok=True)
        command = tmp_path / "bin" / "autograder"  # as an installed command: its own folder is on the path
        command.write_text(program)
        subprocess.run([sys.executable, command], cwd=tmp_path, env=environment, check=True, timeout=120)
        return (tmp_path / "owned").read_text() if (tmp_path / "owned").exists() else ""

    assert imported(plain) == "only_here "
    assert imported(ours) == ""


@pytest.mark.attack(
    "48", "modules written into the box", layer="kernel of its own", control="the kernel itself imports them"
)
def test_modules_in_the_box_shadow_only_for_the_student(grader: Grader) -> None:
    shadow = """
for name in ("checks", "conftest", "course", "scoring"):
    open(f"{name}.py", "w").write("mark = 1")
import scoring
print("shadowed", scoring.mark)
"""
    graded = grader.grade(WRONG, extra=(shadow,))

    assert graded.execution is not None and text_of(graded.execution, 0) == "shadowed 1\n"
    lost_everything(graded)


@pytest.mark.attack(
    "49", "edit, remove and double test cells and marks", layer="locked cells", control="the file is changed"
)
def test_edited_test_cells_and_marks_change_nothing(grader: Grader) -> None:
    def forge(node: Any) -> None:
        for cell in list(node.cells):
            marks = cell.metadata.get("nbgrader", {})
            if marks.get("grade"):
                cell.source = "assert True"
                marks["points"] = 1000
                node.cells.append(nbformat.v4.new_code_cell(cell.source, metadata=dict(cell.metadata)))
            elif marks.get("locked"):
                node.cells.remove(cell)
            else:
                marks.update(points=1000, grade=True)
        node.metadata["score"] = 6

    path = grader.edited(grader.handed_in(WRONG), forge)
    assert '"points": 1000' in path.read_text()
    graded = grader.grade_file(path)

    lost_everything(graded)
    assert graded.report.max_score == 6
    assert [failure for failure in graded.report.failures if "AssertionError" in failure.message]


@pytest.mark.attack(
    "50",
    "a friend's stored outputs and constant answers",
    layer="hidden inputs",
    control="the visible check passes",
)
def test_constant_answers_earn_the_visible_check_alone(grader: Grader) -> None:
    constant = {
        "centre": "def centre(values): return torch.tensor([[-1.0, -2.0], [1.0, 2.0]])",
        "standardise": "def standardise(values): return torch.zeros(3, 3)",
    }
    friends = [nbformat.v4.new_output("stream", name="stdout", text="forged 6/6")]

    def store(node: Any) -> None:
        for cell in node.cells:
            if cell.cell_type == "code":
                cell.outputs = friends

    graded = grader.grade_file(grader.edited(grader.handed_in(constant), store))

    earned = {check.id: check.points for check in graded.report.checks if check.points}
    assert earned == {"test_centre_shape": 1, "test_standardise_shape": 1}
    assert "forged" not in str(graded.execution and graded.execution.notebook)


@pytest.mark.attack(
    "x6",
    "forge answers in the probe's socket",
    layer="numbered answers, hidden inputs",
    control="the frame is sent",
)
def test_an_answer_sent_before_the_question_earns_nothing(grader: Grader) -> None:
    forge = """
import torch
from tornado.ioloop import IOLoop
from autograder.execution.wire import codec
owners = [getattr(handler, "__self__", None) for _, handler in IOLoop.current().handlers.values()]
(probe,) = [owner for owner in owners if type(owner).__name__ == "Probe"]
value, tensors = codec.encode(torch.zeros(5, 3))
for number in range(1, 40):
    codec.send_frame(probe._socket, *codec.pack({"id": number, "status": "ok", "value": value}, tensors))
print("sent", number)
"""
    graded = grader.grade(WRONG, extra=(forge,))

    assert graded.execution is not None and text_of(graded.execution, 0).endswith("sent 39\n")
    assert graded.report.needs_review == ()
    assert [check.id for check in graded.report.checks if check.points] in ([], ["test_standardise_shape"])


PREDICT = """
import hashlib, random, torch
def seed_for(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part.encode())
    return int.from_bytes(digest.digest()[:4], "big")
def guess(check, student):
    rng = random.Random(seed_for(KEY, student, "standardise", check))
    generator = torch.Generator().manual_seed(rng.randrange(2**31))
    return torch.randn(5, 3, generator=generator) * 4 + 7
known = guess("test_standardise_values", "ana")
def standardise(values):
    if values.shape == known.shape and torch.equal(values, known):
        raise SystemError("foreseen")
    return centre(values) / values.std(dim=0)
"""


@pytest.mark.attack(
    "x7", "compute the hidden inputs from names", layer="course key", control="a course without a key"
)
def test_hidden_inputs_cannot_be_computed_without_the_key(grader: Grader, course: Course) -> None:
    path = grader.handed_in({"standardise": PREDICT.replace("KEY", "''")})
    foreseen = "SystemError"

    keyed = grader.grade_file(path)
    open_course = grader.grade_file(path, course=dataclasses.replace(course, key=""))

    assert course.key
    assert keyed.report.score == 6
    assert [check.id for check in open_course.report.checks if foreseen in check.detail] == [
        "test_standardise_values"
    ]
