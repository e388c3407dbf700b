"""Other programs for the same values, in float32 like a student's.

They tell calibration how far right answers lie apart.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from autograder.checks import equivalent

LENS, TOP, DIVERGENCE = "layer_probabilities", "top_predictions", "divergence_from_final"
FLOOR = 1e-30
"""Where probabilities are 0 in float32."""

Words = list[list[str]]


@equivalent(task=LENS)
def by_hooks(reference: Any, model: Any, input_ids: Tensor) -> Tensor:
    """Decode all layers in one batch of states that hooks on the blocks caught."""
    states: list[Tensor] = []
    hooks = [
        block.register_forward_hook(
            lambda module, inputs, output: states.append(output[0] if isinstance(output, tuple) else output)
        )
        for block in model.transformer.h
    ]
    try:
        with torch.no_grad():
            model(input_ids.to(model.device))
    finally:
        for hook in hooks:
            hook.remove()
    with torch.no_grad():
        return model.lm_head(model.transformer.ln_f(torch.cat(states))).softmax(dim=-1)


@equivalent(task=LENS)
def in_double_after_the_blocks(reference: Any, model: Any, input_ids: Tensor) -> Tensor:
    """Decode float32 states in float64."""
    double = copy.deepcopy(model).double()
    with torch.no_grad():
        states = model(input_ids.to(model.device), output_hidden_states=True).hidden_states
        inner = [double.lm_head(double.transformer.ln_f(state[0].double())) for state in states[1:-1]]
        return torch.stack([*inner, double.lm_head(states[-1][0].double())]).softmax(dim=-1)


@equivalent(task=LENS)
def by_log_softmax(reference: Any, model: Any, input_ids: Tensor) -> Tensor:
    """Take the exponential of log-probabilities, and normalise once more."""
    return reference.layer_probabilities(model, input_ids).log().softmax(dim=-1)


@equivalent(task=LENS)
def norm_by_hand(reference: Any, model: Any, input_ids: Tensor) -> Tensor:
    """Compute the final norm from its formula, and multiply by the embedding's rows."""
    norm = model.transformer.ln_f
    with torch.no_grad():
        states = model(input_ids.to(model.device), output_hidden_states=True).hidden_states
        stack = torch.stack([state[0] for state in states[1:-1]])
        centred = stack - stack.mean(dim=-1, keepdim=True)
        scale = (centred.square().mean(dim=-1, keepdim=True) + norm.eps).sqrt()
        last = states[-1][:1]  # normalised already
        decoded = torch.cat([centred / scale * norm.weight + norm.bias, last])
        return (decoded @ model.lm_head.weight.T).softmax(dim=-1)


@equivalent(task=LENS)
def softmax_in_float16(reference: Any, model: Any, input_ids: Tensor) -> Tensor:
    """Take the softmax of logits in float16, as on a GPU."""
    return reference.layer_probabilities(model, input_ids).log().half().softmax(dim=-1)


@equivalent(task=TOP)
def top_by_numpy(reference: Any, probabilities: Tensor, tokenizer: Any) -> tuple[Any, Words]:
    """Take the largest with NumPy."""
    table = probabilities.numpy()
    words = [[tokenizer.decode([int(best)]) for best in row] for row in table.argmax(axis=-1)]
    return table.max(axis=-1), words


@equivalent(task=TOP)
def top_by_sorting(reference: Any, probabilities: Tensor, tokenizer: Any) -> tuple[Tensor, Words]:
    """Sort each row."""
    values, places = probabilities.sort(dim=-1, descending=True, stable=True)
    return values[..., 0], [[tokenizer.decode([int(best)]) for best in row] for row in places[..., 0]]


@equivalent(task=TOP)
def top_of_float16(reference: Any, probabilities: Tensor, tokenizer: Any) -> tuple[Tensor, Words]:
    return reference.top_predictions(probabilities.half(), tokenizer)


@equivalent(task=DIVERGENCE)
def difference_of_logarithms(reference: Any, probabilities: Tensor) -> Tensor:
    final = probabilities[-1:]
    return (final * (final.clamp_min(FLOOR).log() - probabilities.clamp_min(FLOOR).log())).sum(dim=-1)


@equivalent(task=DIVERGENCE)
def logarithm_of_the_quotient(reference: Any, probabilities: Tensor) -> Tensor:
    final = probabilities[-1:]
    return torch.special.xlogy(final, final / probabilities.clamp_min(FLOOR)).sum(dim=-1)


@equivalent(task=DIVERGENCE)
def by_kl_div(reference: Any, probabilities: Tensor) -> Tensor:
    final = probabilities[-1:].expand_as(probabilities)
    logs = probabilities.clamp_min(FLOOR).log()
    return torch.nn.functional.kl_div(logs, final, reduction="none").sum(dim=-1)


@equivalent(task=DIVERGENCE)
def a_small_number_added(reference: Any, probabilities: Tensor) -> Tensor:
    """Keep zeros out of the logarithm by a small number, as is usual, and one of the larger ones."""
    final, small = probabilities[-1:], 1e-7
    return (final * ((final + small) / (probabilities + small)).log()).sum(dim=-1)


@equivalent(task=DIVERGENCE)
def cross_entropy_less_entropy(reference: Any, probabilities: Tensor) -> Tensor:
    final = probabilities[-1:]
    entropy = -torch.special.xlogy(final, final).sum(dim=-1)
    return -(final * probabilities.clamp_min(FLOOR).log()).sum(dim=-1) - entropy
