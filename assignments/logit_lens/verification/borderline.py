"""Programs that a human grader could call right or wrong: each gets the same points under every name."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import kl_div

from autograder.diagnosis import borderline

LENS, TOP, RANK, DIVERGENCE, PLOT = (
    "layer_probabilities",
    "top_predictions",
    "target_rank",
    "divergence_from_final",
    "plot_lens",
)


# layer_probabilities


def decoded(model: Any, input_ids: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the lens's probabilities, all after the blocks computed in another dtype."""
    with torch.no_grad():
        states = model(input_ids, output_hidden_states=True).hidden_states
        norm, head = (copy.deepcopy(part).to(dtype) for part in (model.transformer.ln_f, model.lm_head))
        rows = [*(norm(state[0].to(dtype)) for state in states[1:-1]), states[-1][0].to(dtype)]
        return head(torch.stack(rows)).softmax(dim=-1)


def normed(model: Any, input_ids: Tensor, *, eps: float = 1e-5, correction: int = 0) -> Tensor:
    """Return the lens's probabilities with a final norm by hand in all layers but the last."""
    norm = model.transformer.ln_f
    with torch.no_grad():
        states = model(input_ids, output_hidden_states=True).hidden_states
        stack = torch.cat(states[1:-1])
        centred = stack - stack.mean(dim=-1, keepdim=True)
        scale = (stack.var(dim=-1, keepdim=True, correction=correction) + eps).sqrt()
        rows = torch.cat([centred / scale * norm.weight + norm.bias, states[-1]])
        return model.lm_head(rows).softmax(dim=-1)


@borderline(task=LENS)
def decoded_in_float16(reference: Any, model: Any, input_ids: Tensor) -> Tensor:
    return decoded(model, input_ids, torch.float16)


@borderline(task=LENS)
def decoded_in_bfloat16(reference: Any, model: Any, input_ids: Tensor) -> Tensor:
    return decoded(model, input_ids, torch.bfloat16)


@borderline(task=LENS)
def stored_in_float16(reference: Any, model: Any, input_ids: Tensor) -> Tensor:
    return reference.layer_probabilities(model, input_ids).half()


@borderline(task=LENS)
def probabilities_to_4_digits(reference: Any, model: Any, input_ids: Tensor) -> Tensor:
    return reference.layer_probabilities(model, input_ids).round(decimals=4)


@borderline(task=LENS)
def probabilities_to_5_digits(reference: Any, model: Any, input_ids: Tensor) -> Tensor:
    return reference.layer_probabilities(model, input_ids).round(decimals=5)


@borderline(task=LENS)
def probabilities_to_6_digits(reference: Any, model: Any, input_ids: Tensor) -> Tensor:
    return reference.layer_probabilities(model, input_ids).round(decimals=6)


@borderline(task=LENS)
def norm_with_epsilon_1e_6(reference: Any, model: Any, input_ids: Tensor) -> Tensor:
    return normed(model, input_ids, eps=1e-6)


@borderline(task=LENS)
def norm_with_epsilon_1e_4(reference: Any, model: Any, input_ids: Tensor) -> Tensor:
    return normed(model, input_ids, eps=1e-4)


@borderline(task=LENS)
def norm_with_epsilon_1e_3(reference: Any, model: Any, input_ids: Tensor) -> Tensor:
    return normed(model, input_ids, eps=1e-3)


@borderline(task=LENS)
def norm_by_the_sample_deviation(reference: Any, model: Any, input_ids: Tensor) -> Tensor:
    """Divide by n - 1 in the norm's variance, as torch.std does."""
    return normed(model, input_ids, correction=1)


# top_predictions


@borderline(task=TOP)
def largest_of_bfloat16(reference: Any, probabilities: Tensor, tokenizer: Any) -> Any:
    return reference.top_predictions(probabilities.bfloat16(), tokenizer)


@borderline(task=TOP)
def largest_to_4_digits(reference: Any, probabilities: Tensor, tokenizer: Any) -> Any:
    largest, words = reference.top_predictions(probabilities, tokenizer)
    return largest.round(decimals=4), words


@borderline(task=TOP)
def largest_to_2_digits(reference: Any, probabilities: Tensor, tokenizer: Any) -> Any:
    largest, words = reference.top_predictions(probabilities, tokenizer)
    return largest.round(decimals=2), words


@borderline(task=TOP)
def special_tokens_left_out(reference: Any, probabilities: Tensor, tokenizer: Any) -> Any:
    largest, best = probabilities.max(dim=-1)
    return largest, [
        [tokenizer.decode([number], skip_special_tokens=True) for number in row] for row in best.tolist()
    ]


@borderline(task=TOP)
def blank_put_for_its_sign(reference: Any, probabilities: Tensor, tokenizer: Any) -> Any:
    """Read raw pieces, where letters beyond ASCII stand as bytes."""
    largest, best = probabilities.max(dim=-1)
    pieces = [tokenizer.convert_ids_to_tokens(row) for row in best.tolist()]
    return largest, [[piece.replace("Ġ", " ") for piece in row] for row in pieces]


# target_rank


@borderline(task=RANK)
def rank_in_float16(reference: Any, probabilities: Tensor, target_id: int) -> Tensor:
    return reference.target_rank(probabilities.half(), target_id)


@borderline(task=RANK)
def rank_to_5_digits(reference: Any, probabilities: Tensor, target_id: int) -> Tensor:
    return reference.target_rank(probabilities.round(decimals=5), target_id)


@borderline(task=RANK)
def rank_to_7_digits(reference: Any, probabilities: Tensor, target_id: int) -> Tensor:
    return reference.target_rank(probabilities.round(decimals=7), target_id)


@borderline(task=RANK)
def rank_by_a_small_margin(reference: Any, probabilities: Tensor, target_id: int) -> Tensor:
    """Count as equal what differs by less than 1e-9."""
    last = probabilities[:, -1].double()
    return (last > last[:, target_id, None] + 1e-9).sum(dim=-1)


# divergence_from_final


def clamped(probabilities: Tensor, least: float) -> Tensor:
    return _divergence(probabilities.clamp_min(least))


def added(probabilities: Tensor, small: float) -> Tensor:
    final = probabilities[-1:]
    return (final * ((final + small) / (probabilities + small)).log()).sum(dim=-1)


def _divergence(probabilities: Tensor) -> Tensor:
    final = probabilities[-1:]
    return (final * (final.log() - probabilities.log())).sum(dim=-1)


@borderline(task=DIVERGENCE)
def clamped_to_1e_6(reference: Any, probabilities: Tensor) -> Tensor:
    return clamped(probabilities, 1e-6)


@borderline(task=DIVERGENCE)
def clamped_to_1e_9(reference: Any, probabilities: Tensor) -> Tensor:
    return clamped(probabilities, 1e-9)


@borderline(task=DIVERGENCE)
def clamped_to_1e_12(reference: Any, probabilities: Tensor) -> Tensor:
    return clamped(probabilities, 1e-12)


@borderline(task=DIVERGENCE)
def added_1e_6(reference: Any, probabilities: Tensor) -> Tensor:
    return added(probabilities, 1e-6)


@borderline(task=DIVERGENCE)
def added_1e_8(reference: Any, probabilities: Tensor) -> Tensor:
    return added(probabilities, 1e-8)


@borderline(task=DIVERGENCE)
def added_1e_10(reference: Any, probabilities: Tensor) -> Tensor:
    return added(probabilities, 1e-10)


@borderline(task=DIVERGENCE)
def added_on_both_sides_1e_6(reference: Any, probabilities: Tensor) -> Tensor:
    return _divergence(probabilities + 1e-6)


@borderline(task=DIVERGENCE)
def divergence_in_float16(reference: Any, probabilities: Tensor) -> Tensor:
    return added(probabilities.half(), 1e-7)


@borderline(task=DIVERGENCE)
def divergence_in_bfloat16(reference: Any, probabilities: Tensor) -> Tensor:
    return added(probabilities.bfloat16(), 1e-9)


@borderline(task=DIVERGENCE)
def divergence_to_2_digits(reference: Any, probabilities: Tensor) -> Tensor:
    return reference.divergence_from_final(probabilities).round(decimals=2)


@borderline(task=DIVERGENCE)
def divergence_to_4_digits(reference: Any, probabilities: Tensor) -> Tensor:
    return reference.divergence_from_final(probabilities).round(decimals=4)


@borderline(task=DIVERGENCE)
def textbook_kl_div(reference: Any, probabilities: Tensor) -> Tensor:
    """Take kl_div of the logarithms: NaN where both distributions are 0."""
    final = probabilities[-1:].expand_as(probabilities)
    return kl_div(probabilities.log(), final, reduction="none").sum(dim=-1)


# plot_lens


@borderline(task=PLOT)
def words_cut_to_six_letters(reference: Any, max_probs: Tensor, words: Any, input_tokens: Any) -> Any:
    cut = [[word.strip()[:6] for word in row] for row in words]
    return reference.plot_lens(max_probs, cut, input_tokens)


@borderline(task=PLOT)
def tokens_cut_to_five_letters(reference: Any, max_probs: Tensor, words: Any, input_tokens: Any) -> Any:
    return reference.plot_lens(max_probs, words, [token.strip()[:5] for token in input_tokens])


@borderline(task=PLOT)
def tokens_with_their_numbers(reference: Any, max_probs: Tensor, words: Any, input_tokens: Any) -> Any:
    labels = [f"{place}: {token}" for place, token in enumerate(input_tokens)]
    return reference.plot_lens(max_probs, words, labels)


@borderline(task=PLOT)
def tokens_as_raw_pieces(reference: Any, max_probs: Tensor, words: Any, input_tokens: Any) -> Any:
    return reference.plot_lens(max_probs, words, [token.replace(" ", "Ġ") for token in input_tokens])


@borderline(task=PLOT)
def colours_rounded_to_one_digit(reference: Any, max_probs: Tensor, words: Any, input_tokens: Any) -> Any:
    return reference.plot_lens(max_probs.round(decimals=1), words, input_tokens)


@borderline(task=PLOT)
def labels_of_equal_tokens_merged(reference: Any, max_probs: Tensor, words: Any, input_tokens: Any) -> Any:
    """Label a token the first time only, as a dictionary of labels does."""
    labels = [token if token not in input_tokens[:place] else "" for place, token in enumerate(input_tokens)]
    return reference.plot_lens(max_probs, words, labels)
