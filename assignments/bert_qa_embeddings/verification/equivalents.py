"""Other programs for the same values, in float32 like a student's.

They tell calibration how far right answers lie apart.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from captum.attr import LayerConductance, LayerIntegratedGradients
from torch import Tensor

from autograder.attribution.quadrature import gauss_legendre, integrate_gradients
from autograder.checks import equivalent

EMBEDDINGS, PARTS = "embedding_attributions", "subembedding_attributions"
CONDUCTANCE, ENTROPY = "layer_conductance", "attribution_entropy"

Inputs = dict[str, Tensor]


def _on(model: Any, inputs: Inputs) -> Inputs:
    return {name: values.to(model.device) for name, values in inputs.items()}


def _logits(output: Any, position: str) -> Tensor:
    logits: Tensor = output.start_logits if position == "start" else output.end_logits
    return logits


def _largest(model: Any, position: str, given: str = "input_ids") -> Callable[..., Tensor]:
    """Return a forward function for Captum: ids or vectors, types, positions and mask in, the largest logit out."""

    def forward(first: Tensor, types: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        asked = {given: first, "token_type_ids": types, "position_ids": positions, "attention_mask": mask}
        return _logits(model(**asked), position).amax(dim=-1)

    return forward


def _others(inputs: Inputs) -> tuple[Tensor, ...]:
    return inputs["token_type_ids"], inputs["position_ids"], inputs["attention_mask"]


def _unit(vectors: Tensor) -> Tensor:
    """Sum over the hidden dimension and bring to length 1."""
    return torch.nn.functional.normalize(vectors.squeeze(0).sum(dim=-1), dim=0).detach()


# embedding_attributions


def _whole_in_batches(model: Any, inputs: Inputs, position: str, rows: int) -> Tensor:
    inputs = _on(model, inputs)
    explainer = LayerIntegratedGradients(_largest(model, position), model.bert.embeddings)
    found = explainer.attribute(
        inputs["input_ids"],
        baselines=inputs["baseline_ids"],
        additional_forward_args=_others(inputs),
        internal_batch_size=rows,
    )
    return _unit(found)


@equivalent(task=EMBEDDINGS)
def whole_in_batches_of_ten(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _whole_in_batches(model, inputs, position, 10)


@equivalent(task=EMBEDDINGS, slow=True)
def whole_one_node_at_a_time(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _whole_in_batches(model, inputs, position, 1)


@equivalent(task=EMBEDDINGS)
def whole_without_captum(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    """Integrate by plain autograd, sums in float64."""
    inputs = _on(model, inputs)

    def forward(ids: Tensor, rows: Tensor) -> Tensor:
        others = (values.expand(len(ids), -1) for values in _others(inputs))
        return _largest(model, position)(ids, *others)

    ends = inputs["input_ids"], inputs["baseline_ids"]
    (found,) = integrate_gradients(forward, model.bert.embeddings, *ends, [gauss_legendre(50)])
    return _unit(found)


# subembedding_attributions


def _parts_in_batches(model: Any, inputs: Inputs, position: str, rows: int) -> dict[str, Tensor]:
    inputs, tables = _on(model, inputs), model.bert.embeddings
    explainer = LayerIntegratedGradients(
        _largest(model, position),
        [tables.word_embeddings, tables.token_type_embeddings, tables.position_embeddings],
    )
    found = explainer.attribute(
        (inputs["input_ids"], inputs["token_type_ids"], inputs["position_ids"]),
        baselines=tuple(inputs[f"baseline_{name}"] for name in ("ids", "token_type_ids", "position_ids")),
        additional_forward_args=(inputs["attention_mask"],),
        internal_batch_size=rows,
    )
    return dict(zip(("word", "token_type", "position"), map(_unit, found), strict=True))


@equivalent(task=PARTS)
def parts_in_batches_of_ten(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    return _parts_in_batches(model, inputs, position, 10)


@equivalent(task=PARTS, slow=True)
def parts_one_node_at_a_time(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    return _parts_in_batches(model, inputs, position, 1)


@equivalent(task=PARTS)
def parts_without_captum(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    """Move all three embeddings along their paths with hooks, one backward pass a node."""
    inputs, tables = _on(model, inputs), model.bert.embeddings
    modules = (tables.word_embeddings, tables.token_type_embeddings, tables.position_embeddings)
    names = ("ids", "token_type_ids", "position_ids")
    with torch.no_grad():
        starts = [module(inputs[f"baseline_{name}"]) for module, name in zip(modules, names, strict=True)]
        ends = [module(inputs[name]) for module, name in zip(modules, ("input_ids", *names[1:]), strict=True)]
    sums = [torch.zeros_like(end) for end in ends]
    nodes, weights = np.polynomial.legendre.leggauss(50)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        pairs = zip(starts, ends, strict=True)
        points = [(start + float(node) * (end - start)).requires_grad_() for start, end in pairs]
        with ExitStack() as stack:
            for module, point in zip(modules, points, strict=True):
                hook = module.register_forward_hook(lambda _, args, output, point=point: point)
                stack.callback(hook.remove)
            score = _largest(model, position)(inputs["input_ids"], *_others(inputs)).sum()
        for total, gradient in zip(sums, torch.autograd.grad(score, points), strict=True):
            total += float(weight) * gradient
    vectors = [total * (end - start) for total, start, end in zip(sums, starts, ends, strict=True)]
    return dict(zip(("word", "token_type", "position"), map(_unit, vectors), strict=True))


# layer_conductance


@equivalent(task=CONDUCTANCE, slow=True)
def conductance_in_batches(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    """Let Captum go on from the last node of the batch before."""
    inputs, table = _on(model, inputs), model.bert.embeddings.word_embeddings
    vectors = [
        LayerConductance(_largest(model, position, "inputs_embeds"), layer).attribute(
            table(inputs["input_ids"]).detach(),
            baselines=table(inputs["baseline_ids"]).detach(),
            additional_forward_args=_others(inputs),
            n_steps=50,
            internal_batch_size=60,
        )
        for layer in model.bert.encoder.layer
    ]
    return torch.stack([_unit(one) for one in vectors])


@equivalent(task=CONDUCTANCE)
def conductance_without_captum(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    """Go from node to node, one backward pass each for all layers at once."""
    inputs, table = _on(model, inputs), model.bert.embeddings.word_embeddings
    start, end = (table(inputs[name]).detach() for name in ("baseline_ids", "input_ids"))
    asked = {name: inputs[name] for name in ("token_type_ids", "position_ids", "attention_mask")}
    total: Any = 0
    last = None
    for node in (np.polynomial.legendre.leggauss(51)[0] + 1) / 2:
        points = (start + float(node) * (end - start)).requires_grad_()
        output = model(inputs_embeds=points, output_hidden_states=True, **asked)
        layers = output.hidden_states[1:]
        gradients = torch.cat(torch.autograd.grad(_logits(output, position).max(), layers))
        states = torch.cat([layer.detach() for layer in layers])
        if last is not None:
            total = total + (states - last[0]) * last[1]
        last = states, gradients
    return torch.stack([_unit(one[None]) for one in total])


# attribution_entropy


def _by_numpy(scores: Tensor, bins: int, dtype: type) -> Tensor:
    rows = []
    for row in scores.numpy().astype(dtype):
        counts, _ = np.histogram(row, bins=bins)
        shares = (counts[counts > 0] / row.size).astype(dtype)
        rows.append(-(shares * np.log2(shares)).sum())
    return torch.tensor(np.array(rows))


@equivalent(task=ENTROPY)
def entropy_by_numpy(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return _by_numpy(layer_scores, bins, np.float64)


@equivalent(task=ENTROPY)
def entropy_by_numpy_in_single(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return _by_numpy(layer_scores, bins, np.float32)


def _shares(layer_scores: Tensor, bins: int) -> Tensor:
    counts = torch.stack([torch.histc(row, bins=bins) for row in layer_scores])
    return counts / counts.sum(dim=1, keepdim=True)


@equivalent(task=ENTROPY)
def entropy_by_entr(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return torch.special.entr(_shares(layer_scores, bins)).sum(dim=1) / np.log(2)


@equivalent(task=ENTROPY)
def entropy_with_a_small_number_added(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    shares = _shares(layer_scores, bins)
    return -(shares * (shares + 1e-12).log2()).sum(dim=1)


@equivalent(task=ENTROPY)
def entropy_with_a_millionth_added(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    shares = _shares(layer_scores, bins)
    return -(shares * (shares + 1e-6).log2()).sum(dim=1)


@equivalent(task=ENTROPY)
def entropy_of_a_distribution(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    shares = _shares(layer_scores, bins)
    return torch.distributions.Categorical(probs=shares).entropy() / np.log(2)


# Right values with four digits, or in float16: nobody would take points for that


@equivalent(task=EMBEDDINGS)
def whole_with_four_digits(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return reference.embedding_attributions(model, inputs, position).round(decimals=4)


@equivalent(task=EMBEDDINGS)
def whole_in_half_precision(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return reference.embedding_attributions(model, inputs, position).half()


@equivalent(task=PARTS)
def parts_with_four_digits(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    found = reference.subembedding_attributions(model, inputs, position)
    return {name: scores.round(decimals=4) for name, scores in found.items()}


@equivalent(task=PARTS)
def parts_in_half_precision(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    found = reference.subembedding_attributions(model, inputs, position)
    return {name: scores.half() for name, scores in found.items()}


@equivalent(task=CONDUCTANCE)
def conductance_with_four_digits(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return reference.layer_conductance(model, inputs, position).round(decimals=4)


@equivalent(task=CONDUCTANCE)
def conductance_in_half_precision(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return reference.layer_conductance(model, inputs, position).half()
