"""Notebooks written for a GPU, a Mac or an environment with more libraries."""

from __future__ import annotations

from .handed_in import Case, HandedIn


def mps(nb: HandedIn) -> None:
    for name in ("compute_feature_attribution_scores", "my_attribution"):
        nb.edit(name, ("device = model.device", "device = torch.device('mps')\n    model = model.to(device)"))


def names_of_cuda(nb: HandedIn) -> None:
    nb.edit(
        "my_attribution",
        ("    scores =", "    torch.Generator(device='cuda').manual_seed(0)\n    scores ="),
    )
    nb.edit(
        "token_importance",
        (
            "    padding =",
            "    print(torch.cuda.get_device_name(0),\n"
            "          torch.cuda.get_device_properties(0).total_memory)\n    padding =",
        ),
    )
    nb.edit(
        "merge_subtokens",
        (
            "    words = []",
            "    start = torch.cuda.Event(enable_timing=True); start.record()\n    words = []",
        ),
    )


REPORTED = (
    Case(
        name="mps",
        does="hard-codes `mps`",
        happens="falls back to the CPU with one remark",
        change=mps,
    ),
    Case(
        name="names of cuda",
        does="uses a CUDA generator, event, device name and properties",
        happens="falls back to the CPU with one remark",
        change=names_of_cuda,
    ),
)


def cuda_everywhere(nb: HandedIn) -> None:
    for name in ("compute_feature_attribution_scores", "my_attribution"):
        nb.edit(name, ("device = model.device", "device = torch.device('cuda:0')\n    model = model.cuda()"))
    nb.edit("token_importance", ("    padding =", "    attributions = attributions.to(0)\n    padding ="))


def best_device(nb: HandedIn) -> None:
    nb.first(
        "import torch\nDEVICE = torch.device('cuda' if torch.cuda.is_available() else\n"
        "                      'mps' if torch.backends.mps.is_available() else 'cpu')\nprint(DEVICE)"
    )
    for name in ("compute_feature_attribution_scores", "my_attribution"):
        nb.edit(name, ("device = model.device", "device = DEVICE\n    model = model.to(device)"))


def housekeeping(nb: HandedIn) -> None:
    nb.first(
        "import torch\ntorch.manual_seed(0)\ntorch.cuda.manual_seed_all(0)\n"
        "torch.backends.cudnn.deterministic = True\ntorch.backends.cudnn.benchmark = False\n"
        "torch.use_deterministic_algorithms(True)"
    )
    nb.edit("my_attribution", ("    return scores", "    torch.cuda.empty_cache()\n    return scores"))
    nb.edit(
        "token_importance",
        (
            "    padding =",
            "    if torch.cuda.is_available():\n        torch.cuda.synchronize()\n    padding =",
        ),
    )


def mixed_precision_where_there_is_a_gpu(nb: HandedIn) -> None:
    nb.edit(
        "my_attribution",
        (
            "with torch.no_grad():",
            "with torch.no_grad(), torch.autocast('cuda', enabled=torch.cuda.is_available()):",
        ),
    )


def progress_bars(nb: HandedIn) -> None:
    nb.first("from tqdm.auto import tqdm\nfrom tqdm.notebook import trange\nimport ipywidgets as widgets")
    nb.edit("my_attribution", ("in range(1,", "in trange(1,"))
    nb.edit("merge_subtokens", ("in zip(tokens, scores):", "in tqdm(list(zip(tokens, scores))):"))


def compiled(nb: HandedIn) -> None:
    nb.edit(
        "token_importance",
        (
            "def token_importance",
            "@torch.compile\ndef soft(x):\n    return x.softmax(dim=-1)\n\ndef token_importance",
        ),
        ('float("-inf")).softmax(dim=-1)', 'float("-inf"))\n'),
    )
    nb.edit(
        "token_importance",
        (
            'return attributions.masked_fill(padding, float("-inf"))',
            'return soft(attributions.masked_fill(padding, float("-inf")))',
        ),
    )


def frames_and_arrays(nb: HandedIn) -> None:
    nb.first(
        "import pandas as pd\nfrom scipy.special import softmax\nfrom einops import rearrange\n"
        "from sklearn.preprocessing import normalize\nimport seaborn as sns\nimport plotly.express as px"
    )
    nb.put(
        "token_importance",
        "def token_importance(attributions, attention_mask):\n"
        "    hidden = attributions.masked_fill(attention_mask == 0, float('-inf'))\n"
        "    return torch.as_tensor(softmax(hidden.detach().cpu().numpy(), axis=-1))",
    )
    nb.edit("my_attribution", ("return scores", "return rearrange(scores, 'b t -> b t')"))


INVENTED = (
    Case(
        name="cuda everywhere",
        does="hard-codes `cuda:0`, `.cuda()` and `.to(0)`",
        happens="falls back to the CPU with one remark",
        change=cuda_everywhere,
        told=("GPU",),
    ),
    Case(
        name="best device",
        does="takes CUDA, else MPS, else the CPU",
        happens="runs on the CPU, without a remark",
        change=best_device,
    ),
    Case(
        name="housekeeping",
        does="seeds, synchronises and empties a GPU's cache, asks for deterministic algorithms",
        happens="nothing to do on a CPU",
        change=housekeeping,
    ),
    Case(
        name="mixed precision",
        does="uses autocast for a GPU where there is one",
        happens="full precision on a CPU",
        change=mixed_precision_where_there_is_a_gpu,
    ),
    Case(
        name="progress bars",
        does="shows notebook progress bars within graded functions",
        happens="they show nothing and cost nothing",
        change=progress_bars,
    ),
    Case(
        name="compiled",
        does="decorates a helper with `torch.compile`",
        happens="runs without a compiler",
        is_slow=True,
        change=compiled,
    ),
    Case(
        name="usual libraries",
        does="uses pandas, SciPy, scikit-learn, einops, seaborn, plotly",
        happens="installed in the grading environment",
        change=frames_and_arrays,
    ),
)
