"""Programs that a human grader could call right or wrong: `verify --names` gives each the same points for everyone."""

from __future__ import annotations

from typing import Any

import torch
from captum.attr import LayerConductance, LayerIntegratedGradients
from torch import Tensor

from autograder.diagnosis import borderline

ANSWER = "predict_answer"
EMBEDDINGS, PARTS = "embedding_attributions", "subembedding_attributions"
TOP, CONDUCTANCE, ENTROPY = "top_tokens", "layer_conductance", "attribution_entropy"

Inputs = dict[str, Tensor]


# predict_answer


def _logits(model: Any, tokenizer: Any, question: str, text: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return the ids, the start logits and the end logits, (token,) each."""
    inputs = tokenizer(question, text, return_tensors="pt").to(model.device)
    with torch.no_grad():
        output = model(**inputs)
    return inputs["input_ids"][0], output.start_logits[0], output.end_logits[0]


@borderline(task=ANSWER)
def answer_in_bfloat16(reference: Any, model: Any, tokenizer: Any, question: str, text: str) -> tuple:
    """The model runs in bfloat16."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ids, starts, ends = _logits(model, tokenizer, question, text)
    start, end = int(starts.argmax()), int(ends.argmax())
    return start, end, tokenizer.decode(ids[start : end + 1])


@borderline(task=ANSWER)
def answer_from_rounded_logits(reference: Any, model: Any, tokenizer: Any, question: str, text: str) -> tuple:
    """Logits are rounded to one digit."""
    ids, starts, ends = _logits(model, tokenizer, question, text)
    start, end = int(starts.round(decimals=1).argmax()), int(ends.round(decimals=1).argmax())
    return start, end, tokenizer.decode(ids[start : end + 1])


@borderline(task=ANSWER)
def best_pair_of_start_and_end(reference: Any, model: Any, tokenizer: Any, question: str, text: str) -> tuple:
    """The pair with the largest sum of logits, the start not behind the end."""
    ids, starts, ends = _logits(model, tokenizer, question, text)
    sums = (starts[:, None] + ends).masked_fill(torch.ones(len(ids), len(ids)).tril(-1).bool(), -torch.inf)
    start, end = divmod(int(sums.argmax()), len(ids))
    return start, end, tokenizer.decode(ids[start : end + 1])


@borderline(task=ANSWER)
def answer_in_the_passage_alone(
    reference: Any, model: Any, tokenizer: Any, question: str, text: str
) -> tuple:
    """Only the passage's tokens are asked."""
    ids, starts, ends = _logits(model, tokenizer, question, text)
    first = ids.tolist().index(tokenizer.sep_token_id) + 1
    start, end = first + int(starts[first:].argmax()), first + int(ends[first:].argmax())
    return start, end, tokenizer.decode(ids[start : end + 1])


# embedding_attributions and subembedding_attributions


def _target(position: str, given: str = "input_ids", dtype: torch.dtype | None = None) -> Any:
    """Return what makes a forward function for Captum of a model."""

    def of(model: Any) -> Any:
        def forward(first: Tensor, types: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
            asked = {given: first, "token_type_ids": types, "position_ids": positions, "attention_mask": mask}
            with torch.autocast("cpu", dtype=dtype or torch.bfloat16, enabled=dtype is not None):
                output = model(**asked)
            return output[f"{position}_logits"].float().max(dim=1).values

        return forward

    return of


def _summed(
    model: Any, inputs: Inputs, position: str, dtype: torch.dtype | None = None, **rule: Any
) -> Tensor:
    """Return integrated gradients of the embeddings, (token,), not normalised."""
    explainer = LayerIntegratedGradients(_target(position, dtype=dtype)(model), model.bert.embeddings)
    others = inputs["token_type_ids"], inputs["position_ids"], inputs["attention_mask"]
    found = explainer.attribute(
        inputs["input_ids"], inputs["baseline_ids"], additional_forward_args=others, **rule
    )
    return found[0].sum(dim=-1).detach()


def _summed_parts(
    model: Any, inputs: Inputs, position: str, dtype: torch.dtype | None = None, **rule: Any
) -> dict[str, Tensor]:
    tables = model.bert.embeddings
    layers = [tables.word_embeddings, tables.token_type_embeddings, tables.position_embeddings]
    ends = inputs["input_ids"], inputs["token_type_ids"], inputs["position_ids"]
    starts = tuple(inputs[f"baseline_{name}"] for name in ("ids", "token_type_ids", "position_ids"))
    found = LayerIntegratedGradients(_target(position, dtype=dtype)(model), layers).attribute(
        ends, starts, additional_forward_args=(inputs["attention_mask"],), **rule
    )
    names = ("word", "token_type", "position")
    return {name: one[0].sum(dim=-1).detach() for name, one in zip(names, found, strict=True)}


def _unit(scores: Tensor, small: float = 0.0) -> Tensor:
    return scores / (scores.norm() + small)


def _rounded(scores: Tensor, decimals: int) -> Tensor:
    return _unit(scores).round(decimals=decimals)


@borderline(task=EMBEDDINGS)
def small_number_beside_the_norm(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    """1e-6 is added to the norm."""
    return _unit(_summed(model, inputs, position), 1e-6)


@borderline(task=EMBEDDINGS)
def larger_number_beside_the_norm(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    """1e-3 is added to the norm."""
    return _unit(_summed(model, inputs, position), 1e-3)


@borderline(task=EMBEDDINGS)
def rounded_to_6_digits(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _rounded(_summed(model, inputs, position), 6)


@borderline(task=EMBEDDINGS)
def rounded_to_4_digits(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _rounded(_summed(model, inputs, position), 4)


@borderline(task=EMBEDDINGS)
def rounded_to_3_digits(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _rounded(_summed(model, inputs, position), 3)


@borderline(task=EMBEDDINGS)
def scores_in_float16(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    """The token scores are kept in float16."""
    return _unit(_summed(model, inputs, position)).half().float()


@borderline(task=EMBEDDINGS)
def scores_in_bfloat16(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    """The token scores are kept in bfloat16."""
    return _unit(_summed(model, inputs, position)).bfloat16().float()


@borderline(task=EMBEDDINGS)
def model_in_bfloat16(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _unit(_summed(model, inputs, position, torch.bfloat16))


@borderline(task=EMBEDDINGS)
def model_in_float16(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _unit(_summed(model, inputs, position, torch.float16))


@borderline(task=EMBEDDINGS)
def forty_nine_nodes(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _unit(_summed(model, inputs, position, n_steps=49))


@borderline(task=EMBEDDINGS)
def fifty_one_nodes(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _unit(_summed(model, inputs, position, n_steps=51))


@borderline(task=EMBEDDINGS)
def hundred_nodes(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _unit(_summed(model, inputs, position, n_steps=100))


@borderline(task=EMBEDDINGS)
def trapezoids(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _unit(_summed(model, inputs, position, method="riemann_trapezoid"))


@borderline(task=EMBEDDINGS)
def midpoints(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _unit(_summed(model, inputs, position, method="riemann_middle"))


@borderline(task=PARTS)
def parts_with_a_small_number(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    """1e-6 is added to each norm."""
    return {name: _unit(one, 1e-6) for name, one in _summed_parts(model, inputs, position).items()}


@borderline(task=PARTS)
def parts_rounded_to_6_digits(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    return {name: _rounded(one, 6) for name, one in _summed_parts(model, inputs, position).items()}


@borderline(task=PARTS)
def parts_rounded_to_4_digits(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    return {name: _rounded(one, 4) for name, one in _summed_parts(model, inputs, position).items()}


@borderline(task=PARTS)
def parts_rounded_to_3_digits(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    return {name: _rounded(one, 3) for name, one in _summed_parts(model, inputs, position).items()}


@borderline(task=PARTS)
def parts_of_a_bfloat16_model(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    found = _summed_parts(model, inputs, position, torch.bfloat16)
    return {name: _unit(one) for name, one in found.items()}


@borderline(task=PARTS)
def parts_at_49_nodes(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    return {name: _unit(one) for name, one in _summed_parts(model, inputs, position, n_steps=49).items()}


@borderline(task=PARTS)
def parts_at_51_nodes(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    return {name: _unit(one) for name, one in _summed_parts(model, inputs, position, n_steps=51).items()}


@borderline(task=PARTS)
def parts_by_midpoints(reference: Any, model: Any, inputs: Inputs, position: str) -> dict[str, Tensor]:
    found = _summed_parts(model, inputs, position, method="riemann_middle")
    return {name: _unit(one) for name, one in found.items()}


# top_tokens


def _listed(scores: Tensor, tokens: list[str], order: Any) -> list[tuple]:
    return [(tokens[index], int(index), float(scores[index])) for index in order]


@borderline(task=TOP)
def largest_by_topk(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    """torch.topk does not say which of two equal scores comes first."""
    return _listed(scores, tokens, scores.topk(k).indices)


@borderline(task=TOP)
def largest_by_argsort(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    """torch.argsort is not stable unless told to be."""
    return _listed(scores, tokens, scores.argsort(descending=True)[:k])


@borderline(task=TOP)
def turned_argsort(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    """A stable sort turned round has the larger index first."""
    return _listed(scores, tokens, scores.argsort(stable=True).flip(0)[:k])


@borderline(task=TOP)
def listed_with_4_digits(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    """The right tokens, their scores rounded to 4 digits."""
    found = reference.top_tokens(scores, tokens, k)
    return [(token, index, round(score, 4)) for token, index, score in found]


@borderline(task=TOP)
def listed_with_6_digits(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    """The right tokens, their scores rounded to 6 digits."""
    found = reference.top_tokens(scores, tokens, k)
    return [(token, index, round(score, 6)) for token, index, score in found]


@borderline(task=TOP)
def sorted_in_float16(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    """Scores are sorted in float16, in which some are equal that were not."""
    return _listed(scores, tokens, scores.half().argsort(stable=True, descending=True)[:k])


@borderline(task=TOP)
def sorted_by_3_digits(reference: Any, scores: Tensor, tokens: list[str], k: int) -> list[tuple]:
    """Scores are sorted by their first three digits."""
    return _listed(scores, tokens, scores.round(decimals=3).argsort(stable=True, descending=True)[:k])


# layer_conductance


def _flow(model: Any, inputs: Inputs, position: str, dtype: torch.dtype | None = None, **rule: Any) -> Tensor:
    """Return conductance (layer, token), not normalised."""
    table = model.bert.embeddings.word_embeddings
    end, start = (table(inputs[name]).detach() for name in ("input_ids", "baseline_ids"))
    others = inputs["token_type_ids"], inputs["position_ids"], inputs["attention_mask"]
    forward = _target(position, "inputs_embeds", dtype)(model)
    found = [
        LayerConductance(forward, layer).attribute(end, start, additional_forward_args=others, **rule)
        for layer in model.bert.encoder.layer
    ]
    return torch.cat(found).sum(dim=-1).detach().float()


def _unit_rows(rows: Tensor, small: float = 0.0) -> Tensor:
    return rows / (rows.norm(dim=-1, keepdim=True) + small)


@borderline(task=CONDUCTANCE)
def conductance_with_a_small_number(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    """1e-6 is added to each norm."""
    return _unit_rows(_flow(model, inputs, position), 1e-6)


@borderline(task=CONDUCTANCE)
def conductance_rounded_to_6_digits(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _unit_rows(_flow(model, inputs, position)).round(decimals=6)


@borderline(task=CONDUCTANCE)
def conductance_rounded_to_4_digits(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _unit_rows(_flow(model, inputs, position)).round(decimals=4)


@borderline(task=CONDUCTANCE)
def conductance_rounded_to_3_digits(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _unit_rows(_flow(model, inputs, position)).round(decimals=3)


@borderline(task=CONDUCTANCE)
def conductance_of_a_bfloat16_model(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _unit_rows(_flow(model, inputs, position, torch.bfloat16))


@borderline(task=CONDUCTANCE)
def conductance_at_50_nodes(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    """50 nodes, of which Captum makes 49 steps."""
    return _unit_rows(_flow(model, inputs, position, n_steps=49))


@borderline(task=CONDUCTANCE)
def conductance_at_52_nodes(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _unit_rows(_flow(model, inputs, position, n_steps=51))


@borderline(task=CONDUCTANCE)
def conductance_at_101_nodes(reference: Any, model: Any, inputs: Inputs, position: str) -> Tensor:
    return _unit_rows(_flow(model, inputs, position, n_steps=100))


# attribution_entropy


def _shares(layer_scores: Tensor, bins: int) -> Tensor:
    counts = torch.stack([torch.histc(row, bins=bins) for row in layer_scores])
    return counts / counts.sum(dim=1, keepdim=True)


def _bits(shares: Tensor, small: float) -> Tensor:
    return -(shares * (shares + small).log2()).sum(dim=1)


@borderline(task=ENTROPY)
def log_of_shares(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    """An empty bin gives 0 times minus infinity."""
    return _bits(_shares(layer_scores, bins), 0.0)


@borderline(task=ENTROPY)
def log_of_shares_and_1e_10(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return _bits(_shares(layer_scores, bins), 1e-10)


@borderline(task=ENTROPY)
def log_of_shares_and_1e_6(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return _bits(_shares(layer_scores, bins), 1e-6)


@borderline(task=ENTROPY)
def log_of_shares_and_1e_4(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return _bits(_shares(layer_scores, bins), 1e-4)


@borderline(task=ENTROPY)
def shares_raised_by_1e_6(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    """Every share is 1e-6 larger, and so empty bins count."""
    return _bits(_shares(layer_scores, bins) + 1e-6, 0.0)


@borderline(task=ENTROPY)
def shares_of_at_least_1e_9(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return _bits(_shares(layer_scores, bins).clamp_min(1e-9), 0.0)


@borderline(task=ENTROPY)
def shares_of_at_least_1e_6(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return _bits(_shares(layer_scores, bins).clamp_min(1e-6), 0.0)


@borderline(task=ENTROPY)
def shares_in_float16(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    shares = _shares(layer_scores, bins).half().float()
    return _bits(shares, 1e-12)


@borderline(task=ENTROPY)
def shares_in_bfloat16(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    shares = _shares(layer_scores, bins).bfloat16().float()
    return _bits(shares, 1e-12)


@borderline(task=ENTROPY)
def scores_binned_in_float16(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return _bits(_shares(layer_scores.half().float(), bins), 1e-12)


@borderline(task=ENTROPY)
def scores_binned_with_4_digits(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return _bits(_shares(layer_scores.round(decimals=4), bins), 1e-12)


@borderline(task=ENTROPY)
def entropy_with_4_digits(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return _bits(_shares(layer_scores, bins), 1e-12).round(decimals=4)


@borderline(task=ENTROPY)
def entropy_with_3_digits(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    return _bits(_shares(layer_scores, bins), 1e-12).round(decimals=3)


@borderline(task=ENTROPY)
def range_a_little_wider(reference: Any, layer_scores: Tensor, bins: int) -> Tensor:
    """The last edge lies 1e-6 beyond the largest score, so that none falls out."""
    counts = torch.stack(
        [
            torch.histc(row, bins=bins, min=float(row.min()), max=float(row.max()) + 1e-6)
            for row in layer_scores.double()
        ]
    )
    return _bits(counts / counts.sum(dim=1, keepdim=True), 1e-12)
