"""Other programs for the same values, in float32 like a student's.

They tell calibration how far right answers lie apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from captum.attr import LayerConductance
from torch import Tensor

from autograder.checks import equivalent

ATTENTION, HEADS, CONDUCTANCE = "attention_matrices", "head_norm", "attention_attributions"
VECTORS, WEIGHTED, SUMMED = "transformed_vectors", "weighted_norms", "summed_norms"

Inputs = dict[str, Tensor]


def _given(model: Any, inputs: Inputs) -> Inputs:
    """Return what the model gets beside ids or vectors."""
    names = ("token_type_ids", "position_ids", "attention_mask")
    return {name: inputs[name].to(model.device) for name in names}


def _ends(model: Any, inputs: Inputs) -> tuple[Tensor, Tensor]:
    table = model.bert.embeddings.word_embeddings
    start, end = (table(inputs[name].to(model.device)).detach() for name in ("baseline_ids", "input_ids"))
    return start, end


def _logits(output: Any, position: str) -> Tensor:
    logits: Tensor = output.start_logits if position == "start" else output.end_logits
    return logits


# attention_attributions


def _by_captum(model: Any, inputs: Inputs, position: str, rows: int | None) -> Tensor:
    def forward(points: Tensor, types: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        asked = {"token_type_ids": types, "position_ids": positions, "attention_mask": mask}
        return _logits(model(inputs_embeds=points, **asked), position).max(dim=-1).values

    start, end = _ends(model, inputs)
    layers = []
    for layer in model.bert.encoder.layer:
        found = LayerConductance(forward, layer.attention.self).attribute(
            end,
            baselines=start,
            additional_forward_args=tuple(_given(model, inputs).values()),
            n_steps=50,
            internal_batch_size=rows,
        )
        layers.append(found[1][0].detach())
    return torch.stack(layers)


@equivalent(task=CONDUCTANCE)
def conductance_by_captum(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _by_captum(model, inputs, position, None)


@equivalent(task=CONDUCTANCE)
def conductance_in_batches_of_ten(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _by_captum(model, inputs, position, 10)


@equivalent(task=CONDUCTANCE, slow=True)
def conductance_in_batches_of_one(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _by_captum(model, inputs, position, 1)


@equivalent(task=CONDUCTANCE)
def conductance_one_node_at_a_time(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    """Go from node to node, one backward pass each."""
    start, end = _ends(model, inputs)
    total: Any = 0
    last = None
    for node in (np.polynomial.legendre.leggauss(51)[0] + 1) / 2:
        points = (start + float(node) * (end - start)).requires_grad_()
        output = model(inputs_embeds=points, output_attentions=True, **_given(model, inputs))
        gradients = torch.autograd.grad(_logits(output, position).max(), output.attentions)
        weights = torch.cat([one.detach() for one in output.attentions])
        if last is not None:
            total = total + (weights - last[0]) * last[1]
        last = weights, torch.cat(gradients)
    return total


# What flows


def _by_slices(model: Any, inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Return attention and f(x) from hooks on the layers and products of the weights' slices."""
    kept: list[Tensor] = []
    hooks = [
        layer.register_forward_pre_hook(lambda module, args: kept.append(args[0]))
        for layer in model.bert.encoder.layer
    ]
    try:
        with torch.no_grad():
            model(inputs["input_ids"].to(model.device), **_given(model, inputs))
    finally:
        for hook in hooks:
            hook.remove()
    matrices, vectors = [], []
    width = model.config.hidden_size // model.config.num_attention_heads
    with torch.no_grad():
        for layer, state in zip(model.bert.encoder.layer, kept, strict=True):
            part, rows = layer.attention.self, []
            for first in range(0, model.config.hidden_size, width):
                mine = slice(first, first + width)
                query, key, value = (
                    state[0] @ one.weight[mine].T + one.bias[mine]
                    for one in (part.query, part.key, part.value)
                )
                matrices.append((query @ key.T / width**0.5).softmax(dim=-1))
                rows.append(value @ layer.attention.output.dense.weight[:, mine].T)
            vectors.append(torch.stack(rows))
    found = torch.stack(vectors)
    return torch.stack(matrices).view(*found.shape[:3], found.shape[2]), found


def _flows(model: Any, inputs: Inputs) -> Tensor:
    """Return every vector that flows, shape (layer, head, query, key, hidden)."""
    matrices, vectors = _by_slices(model, inputs)
    return matrices[..., None] * vectors[:, :, None]


@equivalent(task=ATTENTION)
def attention_by_slices(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return _by_slices(model, inputs)[0]


@equivalent(task=VECTORS)
def vectors_by_slices(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return _by_slices(model, inputs)[1]


@equivalent(task=WEIGHTED)
def weighted_from_every_vector(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return _flows(model, inputs).norm(dim=-1)


@equivalent(task=SUMMED)
def summed_from_every_vector(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return _flows(model, inputs).sum(dim=1).norm(dim=-1)


@equivalent(task=SUMMED)
def summed_by_einsum(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    matrices, vectors = _by_slices(model, inputs)
    return torch.einsum("lhqk,lhkd->lqkd", matrices, vectors).square().sum(dim=-1).sqrt()


@equivalent(task=HEADS)
def root_of_squares(reference: Any, matrices: Tensor) -> Tensor:
    return matrices.square().sum(dim=1).sqrt()


@equivalent(task=HEADS)
def heads_by_numpy(reference: Any, matrices: Tensor) -> np.ndarray:
    return np.linalg.norm(matrices.numpy(), axis=1)


# Right values with a few digits, or those of half precision: nobody would take points for that


@equivalent(task=ATTENTION)
def attention_in_half_precision(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return reference.attention_matrices(model, inputs).half()


@equivalent(task=HEADS)
def heads_with_three_digits(reference: Any, matrices: Tensor) -> Tensor:
    return reference.head_norm(matrices).round(decimals=3)


@equivalent(task=CONDUCTANCE)
def conductance_with_four_digits(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return reference.attention_attributions(model, inputs, position).round(decimals=4)


@equivalent(task=VECTORS)
def vectors_with_the_digits_of_bfloat16(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return reference.transformed_vectors(model, inputs).bfloat16().float()


@equivalent(task=WEIGHTED)
def weighted_in_half_precision(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return reference.weighted_norms(model, inputs).half()


@equivalent(task=SUMMED)
def summed_in_half_precision(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return reference.summed_norms(model, inputs).half()
