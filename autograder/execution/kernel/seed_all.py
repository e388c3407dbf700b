"""Seeds of a kernel."""

from __future__ import annotations

import random

import numpy as np
import torch


def seed_all(seed: int) -> None:
    """Seed torch, NumPy and random: every fork inherits the zygote's state.

    Args:
        seed: From 0 to 2**63 - 1; NumPy gets its lower 32 bits.
    """
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)
