"""Other programs for the same values as the reference of linear_probe."""

from __future__ import annotations

import torch

from autograder.checks import equivalent


@equivalent(task="hidden_activations")
def by_hooks(reference, model, inputs):
    found = []
    handles = [
        layer.register_forward_hook(lambda _m, _i, out: found.append(out.relu())) for layer in model.hidden
    ]
    model(inputs)
    for handle in handles:
        handle.remove()
    return torch.stack(found).detach()


@equivalent(task="fit_probe")
def by_least_squares(reference, features, labels):
    units = features.shape[1] + 1
    columns = torch.cat([features, torch.ones(len(features), 1)], dim=1)
    rows = torch.cat([columns, 0.1**0.5 * torch.eye(units)])
    return torch.linalg.lstsq(rows, torch.cat([labels, torch.zeros(units)])).solution
