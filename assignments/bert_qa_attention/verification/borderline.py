"""Programs that a human grader could call right or wrong: `verify --names` gives each the same points for everyone."""

from __future__ import annotations

from typing import Any

import torch
from captum.attr import LayerConductance
from torch import Tensor

from autograder.diagnosis import borderline

MATRICES, HEAD_NORM, CONDUCTANCE = "attention_matrices", "head_norm", "attention_attributions"
VECTORS, WEIGHTED, SUMMED = "transformed_vectors", "weighted_norms", "summed_norms"

Inputs = dict[str, Tensor]


def _given(inputs: Inputs) -> Inputs:
    return {name: inputs[name] for name in ("token_type_ids", "position_ids", "attention_mask")}


# attention_matrices


@borderline(task=MATRICES)
def matrices_of_a_bfloat16_model(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        output = model(inputs["input_ids"], output_attentions=True, **_given(inputs))
    return torch.cat(output.attentions).float()


@borderline(task=MATRICES)
def matrices_in_float16(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return reference.attention_matrices(model, inputs).half()


@borderline(task=MATRICES)
def matrices_in_bfloat16(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return reference.attention_matrices(model, inputs).bfloat16().float()


@borderline(task=MATRICES)
def matrices_with_4_digits(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return reference.attention_matrices(model, inputs).round(decimals=4)


@borderline(task=MATRICES)
def matrices_with_3_digits(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return reference.attention_matrices(model, inputs).round(decimals=3)


@borderline(task=MATRICES)
def matrices_with_a_small_number(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    """1e-6 is added to each weight, and the rows divided by their sums."""
    raised = reference.attention_matrices(model, inputs) + 1e-6
    return raised / raised.sum(dim=-1, keepdim=True)


# head_norm


@borderline(task=HEAD_NORM)
def root_with_1e_6(reference: Any, matrices: Tensor) -> Tensor:
    """1e-6 is added to the sum of squares."""
    return (matrices.square().sum(dim=1) + 1e-6).sqrt()


@borderline(task=HEAD_NORM)
def root_with_1e_12(reference: Any, matrices: Tensor) -> Tensor:
    return (matrices.square().sum(dim=1) + 1e-12).sqrt()


@borderline(task=HEAD_NORM)
def norm_in_float16(reference: Any, matrices: Tensor) -> Tensor:
    return matrices.half().norm(dim=1)


@borderline(task=HEAD_NORM)
def norm_in_bfloat16(reference: Any, matrices: Tensor) -> Tensor:
    return matrices.bfloat16().norm(dim=1).float()


@borderline(task=HEAD_NORM)
def norm_with_4_digits(reference: Any, matrices: Tensor) -> Tensor:
    return reference.head_norm(matrices).round(decimals=4)


@borderline(task=HEAD_NORM)
def norm_with_3_digits(reference: Any, matrices: Tensor) -> Tensor:
    return reference.head_norm(matrices).round(decimals=3)


# attention_attributions


def _by_captum(
    model: Any, inputs: Inputs, position: str, dtype: torch.dtype | None = None, **rule: Any
) -> Tensor:
    def forward(points: Tensor, types: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        asked = {"token_type_ids": types, "position_ids": positions, "attention_mask": mask}
        with torch.autocast("cpu", dtype=dtype or torch.bfloat16, enabled=dtype is not None):
            output = model(inputs_embeds=points, **asked)
        return output[f"{position}_logits"].float().max(dim=-1).values

    table = model.bert.embeddings.word_embeddings
    end, start = (table(inputs[name]).detach() for name in ("input_ids", "baseline_ids"))
    found = [
        LayerConductance(forward, layer.attention.self).attribute(
            end, start, additional_forward_args=tuple(_given(inputs).values()), **rule
        )[1]
        for layer in model.bert.encoder.layer
    ]
    return torch.cat(found).detach().float()


@borderline(task=CONDUCTANCE)
def conductance_at_50_nodes(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    """50 nodes, of which Captum makes 49 steps."""
    return _by_captum(model, inputs, position, n_steps=49)


@borderline(task=CONDUCTANCE)
def conductance_at_52_nodes(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _by_captum(model, inputs, position, n_steps=51)


@borderline(task=CONDUCTANCE)
def conductance_at_101_nodes(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _by_captum(model, inputs, position, n_steps=100)


@borderline(task=CONDUCTANCE)
def conductance_of_a_bfloat16_model(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _by_captum(model, inputs, position, torch.bfloat16)


@borderline(task=CONDUCTANCE)
def conductance_in_float16(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return reference.attention_attributions(model, inputs, position).half()


@borderline(task=CONDUCTANCE)
def conductance_in_bfloat16(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return reference.attention_attributions(model, inputs, position).bfloat16().float()


@borderline(task=CONDUCTANCE)
def conductance_with_6_digits(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return reference.attention_attributions(model, inputs, position).round(decimals=6)


@borderline(task=CONDUCTANCE)
def conductance_with_4_digits(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return reference.attention_attributions(model, inputs, position).round(decimals=4)


@borderline(task=CONDUCTANCE)
def conductance_with_3_digits(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return reference.attention_attributions(model, inputs, position).round(decimals=3)


# transformed_vectors


@borderline(task=VECTORS)
def vectors_of_a_bfloat16_model(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        states = model(inputs["input_ids"], output_hidden_states=True, **_given(inputs)).hidden_states
        rows = []
        for layer, state in zip(model.bert.encoder.layer, states[:-1], strict=True):
            heads = layer.attention.self.value(state[0]).chunk(model.config.num_attention_heads, dim=1)
            parts = layer.attention.output.dense.weight.chunk(len(heads), dim=1)
            rows.append(torch.stack([values @ part.T for values, part in zip(heads, parts, strict=True)]))
    return torch.stack(rows).float()


@borderline(task=VECTORS)
def vectors_in_float16(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return reference.transformed_vectors(model, inputs).half()


@borderline(task=VECTORS)
def vectors_in_bfloat16(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return reference.transformed_vectors(model, inputs).bfloat16().float()


@borderline(task=VECTORS)
def vectors_with_4_digits(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return reference.transformed_vectors(model, inputs).round(decimals=4)


@borderline(task=VECTORS)
def vectors_with_3_digits(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return reference.transformed_vectors(model, inputs).round(decimals=3)


# weighted_norms and summed_norms


@borderline(task=WEIGHTED)
def weighted_in_float16(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return reference.weighted_norms(model, inputs).half()


@borderline(task=WEIGHTED)
def weighted_in_bfloat16(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return reference.weighted_norms(model, inputs).bfloat16().float()


@borderline(task=WEIGHTED)
def weighted_with_4_digits(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return reference.weighted_norms(model, inputs).round(decimals=4)


@borderline(task=WEIGHTED)
def weighted_with_3_digits(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return reference.weighted_norms(model, inputs).round(decimals=3)


@borderline(task=WEIGHTED)
def weighted_root_with_1e_6(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    """1e-6 is added to the square of each norm."""
    return (reference.weighted_norms(model, inputs).square() + 1e-6).sqrt()


@borderline(task=SUMMED)
def summed_in_float16(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return reference.summed_norms(model, inputs).half()


@borderline(task=SUMMED)
def summed_in_bfloat16(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return reference.summed_norms(model, inputs).bfloat16().float()


@borderline(task=SUMMED)
def summed_with_4_digits(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return reference.summed_norms(model, inputs).round(decimals=4)


@borderline(task=SUMMED)
def summed_with_3_digits(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    return reference.summed_norms(model, inputs).round(decimals=3)


@borderline(task=SUMMED)
def summed_root_with_1e_6(reference: Any, model: Any, inputs: Inputs) -> Tensor:
    """1e-6 is added to the square of each norm."""
    return (reference.summed_norms(model, inputs).square() + 1e-6).sqrt()
