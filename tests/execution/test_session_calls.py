from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
import torch

from autograder.errors import (
    CallTimeoutError,
    GraderError,
    KernelDiedError,
    MissingFunctionError,
    StudentCodeError,
    SubmissionError,
)
from autograder.execution.cpu_clock import STRETCH
from autograder.execution.session import Handle, KernelSession

from .conftest import Runner

pytestmark = pytest.mark.sandbox

FUNCTIONS = """
import os, sys, time, torch, numpy as np, random
from collections import namedtuple, OrderedDict
def same(x): return x
def answer(code): return eval(code)
def fail(x):
    return helper(x)
def helper(x):
    raise ValueError(f"bad {x}")
def forever():
    while True: pass
def stubborn():
    while True:
        try:
            while True: sum(range(99))
        except BaseException: pass
def leave(): os._exit(7)
def quit_politely(): sys.exit(4)
def crash(): os.kill(os.getpid(), 11)
def draw(): return (torch.rand(2), float(np.random.rand()), random.random())
def spoil(x): x.add_(1); return 0
def grow(x): x.append(3); return 0
def fill(x): x["b"] = 2; return 0
def spoil_and_fail(x): x.add_(1); raise ValueError
def noisy(): print("hidden input"); print("x", file=sys.stderr); return 1
def run_model(model, x): return model(x)
def harm(model):
    model.train()
    model.linear.weight.data.zero_()
    model.linear.register_forward_hook(lambda m, i, o: o * 0)
    for p in model.parameters(): p.requires_grad_(False)
    model.linear = torch.nn.Identity()
    return 1
def grad_of(model, x):
    model(x).sum().backward()
    return model.linear.weight.grad
def ids(tokenizer, text): return tokenizer(text)
def hidden(model, ids): return model(ids, output_hidden_states=True).hidden_states[-1]
def attention_of(model, ids): return model(ids, output_attentions=True).attentions[0]
def kind_of_attention(model): return model.config._attn_implementation
def meddle(tokenizer): tokenizer.padding_side = "left"; return 1
def side(tokenizer): return tokenizer.padding_side
def look_around():
    links = []
    for fd in os.listdir("/proc/self/fd"):
        try: links.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError: pass
    return sorted(os.listdir(".")), links, os.listdir("/tmp")
number = 5
"""


@pytest.fixture(scope="module")
def session(zygote: Any) -> Any:
    made = Runner(zygote).session(FUNCTIONS, call_timeout_s=5)
    made.run()
    yield made
    made.close()


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        -(2**80),
        1.5,
        math.inf,
        "Wörter \U0001f600",
        [],
        (1, (2.0, "a")),
        {"a": [1], 2: None},
        [[True], {}],
    ],
    ids=repr,
)
def test_plain_values_come_back_equal_and_of_the_same_type(session: KernelSession, value: object) -> None:
    result = session.call("same", (value,), seed=0)

    assert result == value
    assert type(result) is type(value)


def test_nan_comes_back(session: KernelSession) -> None:
    assert math.isnan(session.call("same", (math.nan,), seed=0))


@pytest.mark.parametrize(
    "dtype", ["float16", "bfloat16", "float32", "float64", "int8", "int64", "uint8", "bool"]
)
def test_tensors_keep_dtype_shape_and_bits(session: KernelSession, dtype: str) -> None:
    tensor = torch.arange(6).reshape(2, 3).to(getattr(torch, dtype))
    result = session.call("same", (tensor,), seed=0)

    assert result.dtype == tensor.dtype
    assert torch.equal(result, tensor)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("torch.arange(6.).reshape(2, 3).t()", torch.arange(6.0).reshape(2, 3).t()),
        ("torch.ones(2, requires_grad=True) * 3", torch.full((2,), 3.0)),
        ("torch.tensor(2.5)", torch.tensor(2.5)),
        ("torch.ones(3, dtype=torch.float64)", torch.ones(3, dtype=torch.float64)),
        ("np.arange(3)[::-1]", torch.tensor([2, 1, 0])),
        ("np.zeros((2, 0), dtype=np.float32)", torch.zeros(2, 0)),
        ("torch.zeros(3).expand(2, 3)", torch.zeros(2, 3)),
        ("torch.eye(2).to_sparse()", torch.eye(2)),
        ("torch.nn.Parameter(torch.ones(2))", torch.ones(2)),
    ],
)
def test_every_form_of_tensor_arrives_plain(
    session: KernelSession, code: str, expected: torch.Tensor
) -> None:
    result = session.call("answer", (code,), seed=0)

    assert type(result) is torch.Tensor
    assert result.dtype == expected.dtype
    assert torch.equal(result, expected)
    assert result.is_contiguous() and not result.requires_grad


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("np.float32(0.5)", 0.5),
        ("np.int64(3)", 3),
        ("np.bool_(True)", True),
        ("np.str_('a')", "a"),
        ("namedtuple('P', 'a b')(1, 2.0)", (1, 2.0)),
        ("OrderedDict(a=1)", {"a": 1}),
        ("type('S', (str,), {'__eq__': lambda a, b: True})('x')", "x"),
    ],
)
def test_numbers_and_containers_arrive_plain(session: KernelSession, code: str, expected: object) -> None:
    result = session.call("answer", (code,), seed=0)

    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("(i for i in [1])", "a value of type generator"),
        ("{1, 2}", "a value of type set"),
        ("torch.ones(2, dtype=torch.complex64)", "a tensor of dtype torch.complex64"),
        ("np.array(['a', None], dtype=object)", "a NumPy array of dtype object"),
        ("[same]", "a value of type function"),
        ("{(1, 2): 3}", "a dictionary with a key of type tuple; use str or int"),
    ],
)
def test_what_cannot_be_carried_is_named(session: KernelSession, code: str, what: str) -> None:
    with pytest.raises(SubmissionError) as caught:
        session.call("answer", (code,), seed=0)

    assert str(caught.value) == f"answer() returned {what}, which cannot be graded."


def test_numpy_arguments_are_arrays_in_the_kernel(session: KernelSession) -> None:
    assert session.call("answer", ("type(same(np.ones(2))).__name__",), seed=0) == "ndarray"
    assert torch.equal(session.call("same", (np.arange(3),), seed=0), torch.arange(3))


def test_a_missing_function_is_named_with_near_names(session: KernelSession) -> None:
    with pytest.raises(MissingFunctionError, match=r"defines no function sama\(\)\. Did you mean same"):
        session.call("sama", seed=0)
    with pytest.raises(MissingFunctionError, match=r"value of type int where it needs a function number\(\)"):
        session.call("number", seed=0)


def test_an_exception_comes_with_the_students_frames_only(session: KernelSession) -> None:
    with pytest.raises(StudentCodeError) as caught:
        session.call("fail", (3,), seed=0)

    assert str(caught.value) == "fail() raised ValueError: bad 3"
    assert caught.value.traceback.splitlines()[0].startswith("Cell In[1], line ")
    assert caught.value.traceback.count("Cell In[1]") == 2
    assert "autograder" not in caught.value.traceback


def test_calls_are_seeded(session: KernelSession) -> None:
    first, again, other = (session.call("draw", seed=seed) for seed in (1, 1, 2))

    assert torch.equal(first[0], again[0]) and first[1:] == again[1:]
    assert not torch.equal(first[0], other[0]) and first[1:] != other[1:]


def test_an_argument_changed_in_place_is_noted_once(session: KernelSession) -> None:
    session.call("spoil", (torch.zeros(2),), seed=0)

    assert session.changing == ["spoil"]
    session.call("same", ({"a": [torch.tensor([1.0, float("nan")])], "b": (1, float("nan"), "c")},), seed=0)
    session.call("spoil", (torch.zeros(2),), seed=0)
    assert session.changing == ["spoil"]
    assert session.side_effects == []


def test_a_changed_list_or_dictionary_is_a_changed_argument(session: KernelSession) -> None:
    session.call("grow", ([1, 2],), seed=0)
    session.call("fill", ({"a": 1},), seed=0)

    assert session.changing[-2:] == ["grow", "fill"]


def test_arguments_of_a_call_that_raised_cost_nothing_more(session: KernelSession) -> None:
    with pytest.raises(StudentCodeError):
        session.call("spoil_and_fail", (torch.zeros(2),), seed=0)

    assert "spoil_and_fail" not in session.changing


def test_printing_in_a_call_disturbs_nothing(session: KernelSession) -> None:
    assert session.call("noisy", seed=0) == 1


def test_a_timeout_costs_that_call_only(session: KernelSession) -> None:
    with pytest.raises(CallTimeoutError, match=r"forever\(\) did not return within 0\.3 s\."):
        session.call("forever", seed=0, timeout_s=0.3)

    assert session.call("same", (1,), seed=0) == 1


def test_a_call_that_ignores_its_interrupt_is_killed(session: KernelSession) -> None:
    began = time.monotonic()
    with pytest.raises(CallTimeoutError):
        session.call("stubborn", seed=0, timeout_s=0.3)

    # 0.3 s and a second to react, both stretched at most so far where the machine is busy.
    assert time.monotonic() - began < 1.3 * STRETCH
    assert session.call("same", (1,), seed=0) == 1


@pytest.mark.parametrize(
    ("name", "ending"), [("leave", "it exited with status 7"), ("crash", r"it crashed \(SIGSEGV\)")]
)
def test_a_death_costs_that_call_only(session: KernelSession, name: str, ending: str) -> None:
    with pytest.raises(KernelDiedError, match=rf"The kernel ended during {name}\(\): {ending}\."):
        session.call(name, seed=0)

    assert session.call("same", (1,), seed=0) == 1


def test_sys_exit_in_a_function_is_its_error(session: KernelSession) -> None:
    with pytest.raises(StudentCodeError, match=r"quit_politely\(\) raised SystemExit: 4"):
        session.call("quit_politely", seed=0)

    assert session.call("same", (1,), seed=0) == 1


def test_an_oversized_answer_is_refused(runner: Runner) -> None:
    session = runner.running("import torch\ndef big(): return torch.zeros(1000, 1000)", answer_bytes=2**20)

    with pytest.raises(
        SubmissionError, match=r"big\(\) returned 4000000 bytes, more than the 1048576 allowed"
    ):
        session.call("big", seed=0)


def test_calls_before_the_run_are_our_fault(runner: Runner) -> None:
    with pytest.raises(GraderError, match=r"come after run\(\)"):
        runner.session("pass").call("f", seed=0)


SCALE = "course.scale:Scale"


@pytest.fixture
def with_models(session: KernelSession, course: Any) -> KernelSession:
    student = course / "student_template"
    session.provide("model:shipped", loader=SCALE, folder=student / "models" / "scale", in_student_dir=True)
    session.provide("model:hidden", loader=SCALE, folder=course / "hidden")
    return session


def test_models_are_passed_as_handles(with_models: KernelSession) -> None:
    ones = torch.ones(3)

    shipped = with_models.call("run_model", (Handle(name="model:shipped"), ones), seed=0)
    hidden = with_models.call("run_model", (Handle(name="model:hidden"), ones), seed=0)

    assert shipped.tolist() == [2.0, 2.0, 2.0]
    assert hidden.tolist() == [5.0, 5.0, 5.0]


def test_a_harmed_model_is_put_back_and_remarked(with_models: KernelSession) -> None:
    handle = Handle(name="model:shipped")
    with_models.call("harm", (handle,), seed=0)

    assert with_models.call("run_model", (handle, torch.ones(3)), seed=0).tolist() == [2.0, 2.0, 2.0]
    for what in ("weights", "hooks", "training mode", "modules", "gradient flags"):
        assert f"harm() left the model:shipped {what} changed." in map(str, with_models.side_effects)
    assert all(effect.function != "run_model" for effect in with_models.side_effects)


def test_gradients_do_not_pile_up(with_models: KernelSession) -> None:
    arguments = (Handle(name="model:shipped"), torch.ones(3))
    first, second = (with_models.call("grad_of", arguments, seed=0) for _ in range(2))

    assert torch.equal(first, second)


def test_models_are_there_again_after_a_death(with_models: KernelSession) -> None:
    with pytest.raises(KernelDiedError):
        with_models.call("leave", seed=0)

    result = with_models.call("run_model", (Handle(name="model:hidden"), torch.ones(3)), seed=0)
    assert result.tolist() == [5.0, 5.0, 5.0]


def test_a_hidden_model_leaves_no_file_and_no_descriptor(with_models: KernelSession) -> None:
    box, links, temporary = with_models.call("look_around", seed=0)

    assert box == ["course", "data", "models"]
    assert any(link.startswith("socket:") for link in links)
    assert not [link for link in links if "memfd" in link]
    assert not [name for name in temporary if name.startswith(".model")]


def test_tokenizers_are_provided_and_kept(session: KernelSession, course: Any) -> None:
    folder = course / "student_template" / "models" / "bert"
    session.provide(
        "tokenizer:shipped", loader="transformers:BertTokenizerFast", folder=folder, in_student_dir=True
    )
    handle = Handle(name="tokenizer:shipped")

    assert session.call("ids", (handle, "ein wort"), seed=0)["input_ids"] == [2, 5, 6, 3]
    session.call("meddle", (handle,), seed=0)
    assert session.call("side", (handle,), seed=0) == "right"


def test_a_model_that_cannot_be_loaded_is_reported(session: KernelSession, course: Any) -> None:
    with pytest.raises(SubmissionError, match=r"model:bad could not be loaded .*AttributeError"):
        session.provide("model:bad", loader="course.scale:Nothing", folder=course / "hidden")


def test_a_handle_that_was_not_provided_is_our_fault(session: KernelSession) -> None:
    with pytest.raises(GraderError, match="same\\(\\) was to get model:none, which was not provided"):
        session.call("same", ([Handle(name="model:none")],), seed=0)


def test_hooks_that_transformers_leaves_for_hidden_states_are_nobodys_fault(
    runner: Runner, course: Any
) -> None:
    session = runner.running(FUNCTIONS)
    folder = course / "student_template" / "models" / "bert"
    session.provide("model:shipped", loader="transformers:AutoModel", folder=folder, in_student_dir=True)
    for _ in range(2):
        answer = session.call("hidden", (Handle(name="model:shipped"), torch.tensor([[1, 2, 3]])), seed=0)
        assert answer.shape == (1, 3, 8)
    assert session.side_effects == []


def test_a_model_computes_its_attention_as_asked_after_a_death_too(runner: Runner, course: Any) -> None:
    session = runner.running(FUNCTIONS)
    folder = course / "student_template" / "models" / "bert"
    for name, options in (("asked", {"attn_implementation": "eager"}), ("not asked", {})):
        session.provide(name, loader="transformers:AutoModel", folder=folder, options=options)
    ids = torch.tensor([[1, 2, 3]])
    for _ in range(2):
        weights = session.call("attention_of", (Handle(name="asked"), ids), seed=0)
        assert torch.allclose(weights.sum(dim=-1), torch.ones(weights.shape[:-1]))
        assert session.call("kind_of_attention", (Handle(name="not asked"),), seed=0) == "sdpa"
        with pytest.raises(KernelDiedError):
            session.call("leave", seed=0)
