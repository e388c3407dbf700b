"""Right answers written for another device earn all points on the CPU, and one remark."""

from __future__ import annotations

import pytest

from autograder.course.assignment import load_assignment
from autograder.course.submissions import discover
from autograder.execution.kernel_notes import GPU_REMARK
from autograder.grading.batch import Options, grade_class

from ..conftest import ROOT
from ..notebook_maker import submission

pytestmark = pytest.mark.sandbox

ANSWERS = {
    "build_baseline": """
def build_baseline(input_ids, tokenizer):
    keep = (input_ids == tokenizer.cls_token_id) | (input_ids == tokenizer.sep_token_id)
    return torch.where(keep, input_ids, torch.full_like(input_ids, tokenizer.pad_token_id))
""",
    "compute_feature_attribution_scores": """
def compute_feature_attribution_scores(batch, model, tokenizer):
    ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
    run = lambda i, m: model({"input_ids": i, "attention_mask": m})
    with torch.no_grad():
        logits = run(ids, mask)
    lig = LayerIntegratedGradients(run, model.embedding_model.embeddings)
    parts = lig.attribute(ids, baselines=build_baseline(ids, tokenizer), target=logits.argmax(-1),
                          additional_forward_args=(mask,), n_steps=50, internal_batch_size=100)
    return parts.sum(-1).detach(), logits
""",
    "token_importance": """
def token_importance(attributions, attention_mask):
    hidden = attention_mask.to(attributions.device) == 0
    return attributions.masked_fill(hidden, float("-inf")).softmax(dim=-1)
""",
    "merge_subtokens": """
def merge_subtokens(tokens, scores):
    out = []
    for token, score in zip(tokens, scores):
        if token.startswith("##") and out and not out[-1][0].startswith("["):
            out[-1] = (out[-1][0] + token[2:], out[-1][1] + float(score))
        else:
            out.append((token[2:] if token.startswith("##") else token, float(score)))
    return out
""",
    "my_attribution": """
def my_attribution(batch, model, tokenizer):
    ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
    scores = torch.zeros(ids.shape)
    with torch.no_grad():
        full = model({"input_ids": ids, "attention_mask": mask})
        best = full.argmax(-1, keepdim=True)
        for place in range(1, int(mask.sum(1).max()) - 1):
            i, m = ids.clone(), mask.clone()
            i[:, place], m[:, place] = tokenizer.pad_token_id, 0
            less = model({"input_ids": i, "attention_mask": m})
            scores[:, place] = (full - less).gather(1, best)[:, 0].cpu()
    return scores
""",
    "plot-attributions": "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
}
LOOP = """
@torch.compile
def forward(model, ids, mask):
    return model({"input_ids": ids, "attention_mask": mask})

def compute_feature_attribution_scores(batch, model, tokenizer):
    ids, mask = batch["input_ids"].cuda(), batch["attention_mask"].cuda()
    model, layer = model.cuda().eval(), model.embedding_model.embeddings
    with torch.no_grad():
        logits = forward(model, ids, mask)
        inputs, baselines = layer(ids), layer(build_baseline(ids, tokenizer))
    nodes, weights = np.polynomial.legendre.leggauss(50)
    gradients = torch.zeros_like(inputs)
    for node, weight in zip((nodes + 1) / 2, weights / 2):
        point = (baselines + float(node) * (inputs - baselines)).requires_grad_()
        hook = layer.register_forward_hook(lambda module, args, output: point)
        chosen = forward(model, ids, mask).gather(1, logits.argmax(-1, keepdim=True))
        hook.remove()
        chosen.sum().backward()
        gradients += float(weight) * point.grad
    return ((inputs - baselines) * gradients).sum(-1), logits
"""
CAREFUL = (
    "import os, numpy as np\nos.environ['CUBLAS_WORKSPACE_CONFIG'] = ':4096:8'\n"
    "torch.use_deterministic_algorithms(True); torch.autograd.set_detect_anomaly(True)"
)


def moved_to(device: str) -> dict[str, str]:
    """The answers with models and inputs moved to a device."""
    return {
        name: source.replace("(model.device)", f"({device})").replace(
            "    ids, ", f"    model = model.to({device})\n    ids, "
        )
        for name, source in ANSWERS.items()
    }


def replaced(**texts: str) -> dict[str, str]:
    """The answers with a line before a function's first one, named by the function."""
    changed = dict(ANSWERS)
    for name, line in texts.items():
        head, body = changed[name].split(":\n", 1)
        changed[name] = f"{head}:\n    {line}\n{body}"
    return changed


NOTEBOOKS: dict[str, tuple[dict[str, str], list[str]]] = {
    "mac": (moved_to("torch.device('mps')"), []),
    "colab": (
        replaced(
            my_attribution="generator = torch.Generator(device='cuda'); generator.manual_seed(0)",
            token_importance="print(torch.cuda.get_device_properties(0).total_memory)",
            merge_subtokens="start = torch.cuda.Event(enable_timing=True); start.record()",
        ),
        ["print(torch.cuda.get_device_name(0)); torch.cuda.manual_seed_all(0)"],
    ),
    "integers": (moved_to("0"), ["device = torch.device(0); torch.zeros(2, device=0)"]),
    "default": (
        ANSWERS,
        ["torch.set_default_device('cuda')", "torch.set_default_tensor_type(torch.cuda.FloatTensor)"],
    ),
    "in_place": (replaced(token_importance="attributions = attributions.cuda(); attributions[:] += 1"), []),
    "loop": (ANSWERS | {"compute_feature_attribution_scores": LOOP}, [CAREFUL]),
    "asks_first": (
        moved_to(
            "'cuda' if torch.cuda.is_available() else 'mps' if torch.backends.mps.is_available() else 'cpu'"
        ),
        [
            "native = torch.Tensor.softmax\ntorch.Tensor.softmax = lambda *args, **kwargs: native(*args, **kwargs)"
        ],
    ),
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory):
    base = tmp_path_factory.mktemp("gpus")
    assignment = load_assignment(ROOT, "token_attribution")
    for name, (answers, extra) in NOTEBOOKS.items():
        cells = ["import torch", *extra]
        submission(
            assignment.template, base / "submitted" / f"{name}.ipynb", answers, extra=["\n".join(cells)]
        )
    found = discover([base / "submitted"], "token_attribution", base / "scratch")
    return {
        report.student: report for report in grade_class(found, assignment, base / "out", Options(jobs=2))
    }


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_answers_earn_all_points(graded, name: str) -> None:
    report = graded[name]

    assert [(check.id, check.feedback) for check in report.checks if check.outcome != "passed"] == []
    assert report.score == report.max_score == 40


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_there_is_one_remark_about_the_gpu_and_none_about_changes(graded, name: str) -> None:
    remarks = [remark for remark in graded[name].remarks if "torch.compile" not in remark]

    assert remarks == ([] if name == "asks_first" else [GPU_REMARK])
