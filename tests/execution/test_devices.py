"""Notebooks that ask for a GPU where there is none, and notebooks that do not."""

from __future__ import annotations

import pytest
import torch

from autograder.errors import StudentCodeError
from autograder.execution.kernel_notes import GPU_REMARK

from .conftest import Runner, text_of

pytestmark = pytest.mark.sandbox

IMPORTS = "import torch\nfrom torch import nn\nx = torch.arange(3.)\nm = nn.Linear(3, 3)"


def in_one_notebook(runner: Runner, cells: list[str]) -> tuple[str, ...]:
    """Run cells that must all work; return the remarks."""
    execution = runner.session(IMPORTS, *cells).run()

    assert [(cells[failure.index - 1], failure.message) for failure in execution.failures] == []
    return execution.remarks


DEVICES = ["'cuda'", "'cuda:0'", "'cuda:3'", "'mps'", "'mps:0'", "'xpu'", "0", "torch.device('cuda', 0)"]
DEVICES += ["torch.device(0)", "torch.device('mps')", "torch.device(type='xpu', index=0)", "'cu' + 'da'"]


@pytest.mark.parametrize("device", DEVICES)
def test_every_name_of_a_gpu_means_the_cpu(runner: Runner, device: str) -> None:
    cells = [
        f"d = {device}",
        "assert x.to(d).device.type == x.to(device=d).device.type == 'cpu'",
        "assert x.to(d, torch.float64, non_blocking=True).dtype == torch.float64",
        "assert torch.equal(x.to(d), x)",
        "assert m.to(d) is m and m.to(device=d, dtype=torch.float32).weight.device.type == 'cpu'",
        "assert m.cuda() is m.xpu() is m.cuda(0)",
        "for make in (torch.zeros, torch.ones, torch.empty, torch.rand, torch.randn):\n"
        "    assert make(2, 3, device=d).shape == (2, 3)",
        "assert torch.tensor([1.], device=d) + torch.arange(1, device=d) == 1",
        "torch.full((2,), 1., device=d), torch.eye(2, device=d), torch.linspace(0, 1, 3, device=d)",
        "torch.zeros_like(x, device=d), torch.randint(3, (2,), device=d), torch.randperm(3, device=d)",
        "torch.as_tensor([1.], device=d), torch.asarray([1.], device=d), x.new_zeros(2, device=d)",
        "g = torch.Generator(device=d); g.manual_seed(0); a = torch.rand(2, generator=g, device=d)",
        "assert torch.equal(a, torch.rand(2, generator=torch.Generator(d).manual_seed(0)))",
        "nn.Linear(2, 2, device=d)(torch.ones(2, device=d)).sum().backward()",
        "torch.save(x, 'x.pt'); assert torch.load('x.pt', map_location='cuda').device.type == 'cpu'",
        "torch.load('x.pt', map_location=d if not isinstance(d, int) else {'cpu': 'cuda:0'})",
        "with torch.device(d) if not isinstance(d, int) else torch.cuda.device(d):\n    torch.zeros(2)",
        "torch.set_default_device(d); assert torch.get_default_device().type == torch.rand(2).device.type == 'cpu'",
        "torch.fft.fftfreq(3, device=d), torch.signal.windows.hann(3, device=d), torch.tril_indices(2, 2, device=d)",
        "torch.nn.utils.rnn.pack_sequence([x]).to(d)",
    ]

    assert in_one_notebook(runner, cells) == (GPU_REMARK,)


COLAB = [
    "torch.cuda.init(); print(torch.cuda.get_device_name(0), torch.cuda.current_device())",
    "properties = torch.cuda.get_device_properties(0)\n"
    "print(properties, properties.name, f'{properties.total_memory / 1e9:.1f} GB', properties.major, properties.minor)",
    "free, total = torch.cuda.mem_get_info(); print(free / total)",
    "print(torch.cuda.memory_summary(abbreviated=True), torch.cuda.memory_allocated(0) / 2**20)",
    "torch.cuda.reset_peak_memory_stats(); torch.cuda.max_memory_allocated(); torch.cuda.memory_stats()['a.b']",
    "torch.cuda.empty_cache(); torch.cuda.ipc_collect(); torch.cuda.synchronize(); torch.cuda.set_device(0)",
    "torch.cuda.manual_seed(0); torch.cuda.manual_seed_all(0); torch.cuda.set_rng_state(torch.cuda.get_rng_state())",
    "assert not torch.cuda.is_available() and torch.cuda.device_count() == 0",
    "major, minor = torch.cuda.get_device_capability()",
    "start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)\n"
    "start.record(); x.sum(); end.record(); torch.cuda.synchronize(); assert start.elapsed_time(end) >= 0",
    "s = torch.cuda.Stream()\nwith torch.cuda.stream(s), s:\n    y = x + 1\n"
    "torch.cuda.current_stream().wait_stream(s); s.synchronize(); s.record_event().wait()",
    "with torch.cuda.device(0), torch.cuda.device('cuda:0'), torch.cuda.nvtx.range('x'): pass",
    "with torch.autocast(device_type='cuda', dtype=torch.float16): assert m(x).dtype == torch.float32",
    "with torch.cuda.amp.autocast(), torch.amp.autocast('cuda'), torch.autocast('mps'): m(x)",
    "scaler = torch.cuda.amp.GradScaler(); optimizer = torch.optim.SGD(m.parameters())\n"
    "scaler.scale(m(x).sum()).backward(); scaler.unscale_(optimizer); scaler.step(optimizer); scaler.update()",
    "assert x.pin_memory().cuda(non_blocking=True).tolist() == [0, 1, 2] and not x.is_pinned()",
    "loader = torch.utils.data.DataLoader(x, pin_memory=True, batch_size=3)\nnext(iter(loader)).cuda()",
    "assert x.type('torch.cuda.FloatTensor').type(torch.cuda.LongTensor).dtype == torch.int64",
    "assert torch.cuda.FloatTensor([1, 2]).sum() == 3 and isinstance(x, torch.cuda.FloatTensor)",
    "torch.set_default_tensor_type(torch.cuda.FloatTensor); torch.set_default_tensor_type('torch.cuda.FloatTensor')",
    "assert nn.DataParallel(m, device_ids=[0]).cuda()(x).shape == (3,)",
    "torch.backends.cudnn.benchmark = True; torch.backends.cudnn.deterministic = True",
    "torch.backends.cuda.matmul.allow_tf32 = True; torch.backends.cudnn.allow_tf32 = True",
    "with torch.random.fork_rng(devices=[0]): torch.rand(1)",
    "from transformers import AutoModel, BertModel, BertTokenizer, pipeline",
    "for place in ('cuda', 'auto', 0, {'': 0}, 'cuda:0'):\n"
    "    assert AutoModel.from_pretrained('models/bert', device_map=place).device.type == 'cpu'",
    "bert = BertModel.from_pretrained('models/bert').to('cuda')\n"
    "words = BertTokenizer.from_pretrained('models/bert')(['ein wort'], return_tensors='pt').to('cuda')\n"
    "bert(**words).last_hidden_state.detach().cpu().numpy()",
    "tokenizer = BertTokenizer.from_pretrained('models/bert')\n"
    "pipeline('feature-extraction', model=bert, tokenizer=tokenizer, device=0)('ein')",
]
MAC = [
    "import os; os.environ['PYTORCH_ENABLE_MPS_FALLBACK'] = '1'; device = torch.device('mps')",
    "assert not torch.backends.mps.is_available() and not torch.backends.mps.is_built()",
    "torch.mps.manual_seed(0); torch.mps.seed(); torch.mps.synchronize(); torch.mps.empty_cache()",
    "torch.mps.current_allocated_memory() + torch.mps.driver_allocated_memory()",
    "print(torch.mps.recommended_max_memory() / 2**30); torch.mps.set_per_process_memory_fraction(0.5)",
    "torch.mps.set_rng_state(torch.mps.get_rng_state()); a = torch.mps.Event(enable_timing=True); a.record()",
    "with torch.mps.profiler.profile(): m.to(device)(x.to(device)).cpu()",
]
INTEL = [
    "torch.xpu.synchronize(); torch.xpu.empty_cache(); torch.xpu.set_device(0); x.xpu(); m.xpu()",
    "print(torch.xpu.get_device_name(), torch.xpu.get_device_properties().total_memory, torch.xpu.current_device())",
    "with torch.autocast('xpu'), torch.xpu.stream(torch.xpu.Stream()): m(x)",
    "torch.accelerator.synchronize(); torch.accelerator.current_device_index(); torch.accelerator.memory_allocated()",
]


@pytest.mark.parametrize("cells", [COLAB, MAC, INTEL], ids=["colab", "mac", "intel"])
def test_boilerplate_for_a_gpu_runs_with_one_remark(runner: Runner, cells: list[str]) -> None:
    assert in_one_notebook(runner, cells) == (GPU_REMARK,)


@pytest.mark.parametrize(
    "cell",
    [
        "d = 'cuda' if torch.cuda.is_available() else 'mps' if torch.backends.mps.is_available() else 'cpu'\n"
        "m.to(d)(x.to(d))",
        "torch.manual_seed(0); torch.cuda.manual_seed_all(0); torch.cuda.empty_cache(); torch.mps.manual_seed(0)",
        "torch.backends.cudnn.deterministic = True; torch.use_deterministic_algorithms(True)",
        "print(torch.cuda.device_count(), torch.device('cuda'), torch.cuda.is_bf16_supported())",
        "x.to('cpu').to(torch.float64).to(x); x.cpu(); torch.zeros(2, device='cpu'); torch.Generator('cpu')",
        "from captum.attr import IntegratedGradients, LayerIntegratedGradients\n"
        "from transformers import BertModel, BertTokenizer\n"
        "bert, ids = BertModel.from_pretrained('models/bert'), torch.tensor([[2, 5, 6, 3]])\n"
        "words = BertTokenizer.from_pretrained('models/bert')(['ein wort'], return_tensors='pt')\n"
        "score = lambda ids, mask: bert(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0, 0]\n"
        "LayerIntegratedGradients(score, bert.embeddings).attribute(ids, additional_forward_args=ids * 0 + 1)\n"
        "IntegratedGradients(lambda x: m(x).sum(-1)).attribute(x[None]); bert(**words)",
        "with torch.random.fork_rng(): torch.rand(1)\ntorch.random.set_rng_state(torch.random.get_rng_state())",
    ],
)
def test_asking_whether_there_is_a_gpu_is_no_remark(runner: Runner, cell: str) -> None:
    assert in_one_notebook(runner, [cell]) == ()


def test_what_a_hidden_call_asks_for_is_no_remark(runner: Runner) -> None:
    session = runner.session("import torch\ndef f(x): return x.to('cuda')")
    execution = session.run()

    assert session.call("f", (torch.ones(2),), seed=0).tolist() == [1, 1]
    assert execution.remarks == ()


def test_errors_and_warnings_are_those_of_the_students_line(runner: Runner) -> None:
    execution = runner.session(
        "import torch\nx = torch.ones(2)\ny = torch.tensor(x)\nz = torch.tensor(x)",
        "torch.zeros(-1)",
        "x.to('nonsense')",
    ).run()

    assert text_of(execution, 0).count("<cell>:") == text_of(execution, 0).count("UserWarning") == 2
    assert "gpu_fallback" not in str(execution.notebook)
    assert execution.remarks == ()


def test_a_moved_tensor_is_a_copy_and_stays_where_it_is(runner: Runner) -> None:
    session = runner.running(
        "import torch",
        "def fills(x):\n    y = x.cuda()\n    y[:] = 7\n    return y",
        "def fills_twice(x):\n    y = x.to('cuda')\n    y.cuda()[0] = 7\n    y.to('cuda:0')[1] = 8\n    return y",
        "def converts(x):\n    y = torch.as_tensor(x, device='cuda')\n    y += 1\n    return y",
        "def leaf(x):\n    y = x.clone().requires_grad_()\n    (y.to('cuda').cuda() ** 2).sum().backward()\n"
        "    return y.grad",
        "def made(x):\n    y = torch.ones(2, device='cuda', requires_grad=True).to('cuda')\n"
        "    (y * x.cuda()).sum().backward()\n    return y.grad",
    )
    x = torch.tensor([1.0, 2.0])

    assert session.call("fills", (x,), seed=0).tolist() == [7, 7]
    assert session.call("fills_twice", (x,), seed=0).tolist() == [7, 8]
    assert session.call("converts", (x,), seed=0).tolist() == [2, 3]
    assert session.call("leaf", (x,), seed=0).tolist() == [2, 4]
    assert session.call("made", (x,), seed=0).tolist() == [1, 2]
    assert session.side_effects == []


def test_a_patched_function_runs_once(runner: Runner) -> None:
    execution = runner.session(
        "import torch, torch.nn.functional as F\ncalls, native = [], F.softmax\n"
        "def counting(*args, **kwargs):\n    calls.append(1)\n    return native(*args, **kwargs)\n"
        "F.softmax = torch.softmax = counting",
        "F.softmax(torch.ones(2, device='cuda'), dim=0); torch.set_default_device('cuda')\n"
        "F.softmax(torch.ones(2), dim=0); len(calls)",
    ).run()

    assert text_of(execution, 1) == "2"


@pytest.mark.parametrize(
    "cell",
    [
        "f = torch.compile(lambda x: x + 1); assert f(x)[0] == 1",
        "@torch.compile\ndef f(x): return x + 1\nassert f(x)[0] == 1",
        "@torch.compile(mode='max-autotune', fullgraph=True)\ndef f(x): return x + 1\nassert f(x)[0] == 1",
        "assert torch.compile(m) is m and torch.compile(model=m, backend='inductor') is m",
        "assert m.compile() is None and m(x).shape == (3,)",
    ],
)
def test_what_would_be_compiled_runs_uncompiled(runner: Runner, cell: str) -> None:
    assert in_one_notebook(runner, [cell]) == (
        "torch.compile has no effect while your notebook is graded: the code runs uncompiled.",
    )


def test_anomaly_mode_finds_anomalies_at_little_cost(runner: Runner) -> None:
    session = runner.running(
        "import torch, traceback\ntorch.autograd.set_detect_anomaly(True)",
        "def inner(x): return (x * torch.nan).sqrt().sum()",
        "def anomalous(x):\n    inner(x.requires_grad_()).backward()",
        "def frames(): return len(traceback.format_stack())",
    )

    with pytest.raises(StudentCodeError, match="returned nan values") as caught:
        session.call("anomalous", (torch.ones(2),), seed=0)
    assert "in anomalous" in caught.value.traceback
    assert session.call("frames", seed=0) == 2


def test_deterministic_algorithms_have_a_backward_for_gathers_and_embeddings(runner: Runner) -> None:
    cells = [
        "import os; os.environ['CUBLAS_WORKSPACE_CONFIG'] = ':4096:8'; torch.use_deterministic_algorithms(True)",
        "e = nn.Embedding(5, 3); e(torch.tensor([1, 1])).sum().backward()",
        "y = torch.rand(2, 3, requires_grad=True); y.gather(1, torch.zeros(2, 2, dtype=torch.long)).sum().backward()",
        "y[:, [0, 0]].sum().backward(); y.scatter_add(1, torch.zeros(2, 3, dtype=torch.long), y).sum().backward()",
        "torch.zeros(3).index_add_(0, torch.tensor([0, 0]), torch.ones(2)); y.cumsum(0).sum().backward()",
        "nn.functional.scaled_dot_product_attention(y, y, y).sum().backward()",
    ]

    assert in_one_notebook(runner, cells) == ()


def test_torchscript_works(runner: Runner) -> None:
    cells = ["@torch.jit.script\ndef f(x: torch.Tensor): return x.to(torch.float64) + torch.zeros(3)\nf(x)"]
    cells += ["torch.jit.trace(m, x)(x), torch.jit.script(m)(x)"]

    assert in_one_notebook(runner, cells) == ()
