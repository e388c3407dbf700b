"""The state of torch and Python that every call depends on."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import torch
from torch._C import _len_torch_function_stack
from torch.nn.modules import module as torch_module

_HOOKS = [name for name in vars(torch_module) if name.startswith("_global_") and "hooks" in name]


def global_state() -> tuple[object, ...]:
    """Return what a call of a torch function depends on besides its arguments, with Python's share."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    autocast = [
        (kind, torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in ("cpu", "cuda")
    ]
    return (
        (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_anomaly_enabled()),
        (torch.get_default_dtype(), torch.get_default_device(), torch.get_num_threads()),
        (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()),
        (torch.get_float32_matmul_precision(), cudnn.deterministic, cudnn.benchmark, matmul.allow_tf32),
        autocast,
        [len(getattr(torch_module, name) or ()) for name in _HOOKS],
        _len_torch_function_stack(),
        (str(Path.cwd()), sys.getrecursionlimit()),
        [str(entry) for entry in warnings.filters if entry[0] == "error"],
    )
