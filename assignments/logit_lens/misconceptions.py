"""Known mistakes with the logit lens, as functions and as tables of one step, and the variants that are accepted.

A mistake takes the reference module and then the task's own arguments. Three are missing here on purpose, since no
run of them reproduces a student's tensor: dropout left on (the visible check asks twice), NaN where a probability is 0
(the visible check of divergence_from_final asks for it), and a figure that is shown and not returned.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn.functional import pad

from autograder.checks import (
    Feedback,
    accepted_variant,
    misconception,
    misconceptions,
    misconceptions_around,
)

LENS = "layer_probabilities"
TOP = "top_predictions"
RANK = "target_rank"
DIVERGENCE = "divergence_from_final"
PLOT = "plot_lens"

_NORMS = ("ln_f", "norm", "final_layer_norm", "final_layernorm")
_BLOCKS = ("h", "layers")


# layer_probabilities
def _inner(model: Any, names: tuple[str, ...]) -> Any:
    """Return the part of a model that goes by one of these names."""
    found = getattr(model.base_model, "decoder", model.base_model)
    return next(getattr(found, name) for name in names if hasattr(found, name))


def _stream(model: Any, input_ids: Tensor) -> tuple[list[Tensor], Tensor]:
    """Return the residual stream before the first block and after each, (token, hidden) each, and the model's logits.

    Unlike the last entry of hidden_states, the last one here has not been through the final norm.
    """
    kept: list[Tensor] = []
    hook = _inner(model, _NORMS).register_forward_pre_hook(lambda module, inputs: kept.append(inputs[0][0]))
    try:
        with torch.no_grad():
            output = model(input_ids.to(model.device), output_hidden_states=True)
    finally:
        hook.remove()
    return [*(state[0] for state in output.hidden_states[:-1]), kept[0]], output.logits[0]


def _lens(model: Any, states: list[Tensor], norm: Callable[[Tensor], Tensor] | None = None) -> Tensor:
    """Return logits (row, token, vocab) of states (token, hidden); the final norm unless another one is given."""
    chosen = norm or _inner(model, _NORMS)
    with torch.no_grad():
        return torch.stack([model.get_output_embeddings()(chosen(state)) for state in states])


def _unchanged(state: Tensor) -> Tensor:
    return state


def _standardised(model: Any) -> Callable[[Tensor], Tensor]:
    """Return the model's kind of norm without weights."""
    centred = isinstance(_inner(model, _NORMS), torch.nn.LayerNorm)

    def norm(state: Tensor) -> Tensor:
        moved = state - state.mean(dim=-1, keepdim=True) if centred else state
        return moved / (moved.pow(2).mean(dim=-1, keepdim=True) + 1e-5).sqrt()

    return norm


def _final(model: Any) -> Any:
    """Return the final norm."""
    return _inner(model, _NORMS)


def _first_norm(model: Any) -> Callable[[Tensor], Tensor]:
    """Return the norm at the entry of the first block."""
    first = _inner(model, _BLOCKS)[0]
    return next(getattr(first, name) for name in ("ln_1", "input_layernorm") if hasattr(first, name))


def _one_scale(model: Any, states: list[Tensor], chosen: Callable[[Tensor], Tensor]) -> Tensor:
    """Divide the states of all layers by one scale for each token, from chosen squares (layer, token, hidden)."""
    norm, whole = _final(model), torch.stack(states[1:])
    centred = isinstance(norm, torch.nn.LayerNorm)
    moved = whole - whole.mean(dim=-1, keepdim=True) if centred else whole
    scaled = moved / (chosen(moved.pow(2)).mean(dim=(0, -1))[:, None] + 1e-5).sqrt() * norm.weight
    return _lens(model, list(scaled + norm.bias if centred else scaled), _unchanged).softmax(dim=-1)


@misconceptions(
    task=LENS,
    norm_missing=Feedback(
        "The final norm is missing in every layer.",
        "Compare your last layer with the model's own prediction: which step lies between the last block's output "
        "and the unembedding?",
    ).on(lambda model, states, _: _lens(model, states[1:], _unchanged).softmax(dim=-1)),
    norm_without_weights=Feedback(
        "The states were brought to a standard size, but without the final norm's learnt weights.",
        "A norm does more than to bring a vector to a standard size. What else does the module hold?",
    ).on(lambda model, states, _: _lens(model, states[1:], _standardised(model)).softmax(dim=-1)),
    norm_of_a_block=Feedback(
        "The first block's own norm was used instead of the model's final one.",
        "The model has many norms. Which one stands between the last block and the unembedding?",
    ).on(lambda model, states, _: _lens(model, states[1:], _first_norm(model)).softmax(dim=-1)),
    norm_missing_in_inner_layers=Feedback(
        "The final norm is missing in all layers but the last.",
        "Your last layer is right, since something was done to that entry for you. Was it done to the others?",
    ).on(
        lambda model, states, logits: torch.cat(
            [_lens(model, states[1:-1], _unchanged), logits[None]]
        ).softmax(dim=-1)
    ),
    one_scale_for_all_layers=Feedback(
        "All layers were divided by the last layer's scale.",
        "Your last layer is right. Does each state get a norm of its own, or do all share the last one's?",
    ).on(lambda model, states, _: _one_scale(model, states, lambda squares: squares[-1:])),
    scale_of_the_first_layer=Feedback(
        "All layers were divided by the first layer's scale.",
        "Your first layer is right. Does each state get a norm of its own, or do all share the first one's?",
    ).on(lambda model, states, _: _one_scale(model, states, lambda squares: squares[:1])),
    one_scale_over_all_layers=Feedback(
        "One scale was computed over all layers together.",
        "Over which axes does your norm average? Each layer's state at a token has a size of its own.",
    ).on(lambda model, states, _: _one_scale(model, states, lambda squares: squares)),
    norm_twice_in_the_last_layer=Feedback(
        "The final norm was applied a second time in the last layer.",
        "All layers but the last are right. What does the model's documentation say of the last hidden state?",
    ).on(lambda model, states, _: _lens(model, [*states[1:-1], _final(model)(states[-1])]).softmax(dim=-1)),
    inputs_of_the_blocks=Feedback(
        "Off by one: the first row is the embedding, and the last block is missing.",
        "Which tensor is your first row made of: what goes into the first block, or what comes out of it?",
    ).on(lambda model, states, _: _lens(model, states[:-1]).softmax(dim=-1)),
    embedding_as_a_row=Feedback(
        "The embedding has a row of its own: one row too many.",
        "Compare the number of your rows with the number of the model's blocks. What is your first row made of?",
    ).on(lambda model, states, _: _lens(model, states).softmax(dim=-1)),
    embedding_as_a_row_and_norm_twice=Feedback(
        "The embedding has a row of its own, and the final norm was applied twice in the last layer.",
        "Compare the number of your rows with that of the blocks, and your last row with the model's own prediction.",
    ).on(lambda model, states, _: _lens(model, [*states[:-1], _final(model)(states[-1])]).softmax(dim=-1)),
    last_block_missing=Feedback(
        "The last block is missing: one row too few.",
        "Compare the number of your rows with the number of the model's blocks. Where is the model's own prediction?",
    ).on(lambda model, states, _: _lens(model, states[1:-1]).softmax(dim=-1)),
    update_instead_of_stream=Feedback(
        "Each row shows what its block adds, not the sum of all that was added so far.",
        "The model reads the residual stream, which is a running sum. What do you give to the norm?",
    ).on(
        lambda model, states, _: _lens(model, [after - before for before, after in pairwise(states)]).softmax(
            dim=-1
        )
    ),
    logits_returned=Feedback(
        "Logits were returned: the softmax is missing.",
        "What does one row of yours sum to?",
    ).on(lambda model, states, _: _lens(model, states[1:])),
    log_probabilities_returned=Feedback(
        "Logarithms of the probabilities were returned.",
        "Can a probability be negative? Look at the sign of your values.",
    ).on(lambda model, states, _: _lens(model, states[1:]).log_softmax(dim=-1)),
    softmax_over_tokens=Feedback(
        "The softmax runs over the tokens of the input instead of the vocabulary.",
        "Along which axis do your values sum to 1? Between which outcomes does the model choose?",
    ).on(lambda model, states, _: _lens(model, states[1:]).softmax(dim=1)),
    softmax_over_layers=Feedback(
        "The softmax runs over the layers instead of the vocabulary.",
        "Along which axis do your values sum to 1? Do the layers compete with each other?",
    ).on(lambda model, states, _: _lens(model, states[1:]).softmax(dim=0)),
    scaled_like_attention=Feedback(
        "The logits were divided by the square root of the width before the softmax.",
        "Your distributions are too flat. What happens to the scores between the unembedding and the softmax?",
    ).on(lambda model, states, _: (_lens(model, states[1:]) / states[0].shape[-1] ** 0.5).softmax(dim=-1)),
)
def _lens_by(decoded: Any, reference: Any, model: Any, input_ids: Tensor) -> Tensor:
    """Decode other states, or with another norm, or make something else of the logits than their softmax."""
    states, logits = _stream(model, input_ids)
    with torch.no_grad():
        result: Tensor = decoded(model, states, logits)
    return result


@misconceptions(
    task=LENS,
    outputs_of_the_feed_forward_steps=Feedback(
        "The output of each block's feed-forward step was decoded, not the residual stream.",
        "The model reads the residual stream, to which each block adds. Which module does your hook stand at?",
    ).on(("mlp", "feed_forward")),
    outputs_of_the_attentions=Feedback(
        "The output of each block's attention was decoded, not the residual stream.",
        "The model reads the residual stream, to which each block adds. Which module does your hook stand at?",
    ).on(("attn", "self_attn")),
)
def _part_of_a_block(names: tuple[str, ...], reference: Any, model: Any, input_ids: Tensor) -> Tensor:
    """Decode what a part of each block adds."""
    kept: list[Tensor] = []

    def keep(module: Any, args: Any, output: Any) -> None:
        kept.append((output[0] if isinstance(output, tuple) else output)[0])

    blocks = _inner(model, _BLOCKS)
    parts = [next(getattr(block, name) for name in names if hasattr(block, name)) for block in blocks]
    hooks = [part.register_forward_hook(keep) for part in parts]
    try:
        with torch.no_grad():
            model(input_ids.to(model.device))
    finally:
        for hook in hooks:
            hook.remove()
    return _lens(model, kept).softmax(dim=-1)


_around_the_lens = misconceptions_around(
    task=LENS,
    layers_reversed=Feedback(
        "The layers stand in reverse order.",
        "Which of your rows is the model's own prediction, and which one should it be?",
    ).on(lambda right, *asked: right(*asked).flip(0)),
    softmax_twice=Feedback(
        "The softmax was taken twice.",
        "How sure is your last layer of its best token, and how sure is the model? Count the softmaxes on the way.",
    ).on(lambda right, *asked: right(*asked).softmax(dim=-1)),
    batch_axis_kept=Feedback(
        "The batch axis of length 1 was kept.",
        "How many axes does your result have, and how many does the task name?",
    ).on(lambda right, *asked: right(*asked)[:, None]),
    last_position_only=Feedback(
        "Only the last position was decoded.",
        "Each token of the input has a column in the picture. Which of them does your result hold?",
    ).on(lambda right, *asked: right(*asked)[:, -1]),
    first_position_only=Feedback(
        "Only the first position was decoded: an index meant for a tuple took the first entry of an axis.",
        "Print the type and the shape of what your hook gets before you index it. What does [0] take away?",
    ).on(lambda right, *asked: right(*asked)[:, 0]),
    extra_token_in_front=Feedback(
        "A token was put in front of the input: one position too many.",
        "How many positions does your result have, and how many tokens does the input have?",
    ).on(lambda right, model, ids: right(model, pad(ids, (1, 0), value=model.config.bos_token_id or 0))),
)


# top_predictions


Words = list[list[str]]


def _likeliest(
    probabilities: Tensor, words_of: Callable[[list[int]], Any], *, dim: int = -1, place: int = 0
) -> tuple[Tensor, Any]:
    """Return the likeliest tokens' probabilities along an axis, and what is made of each row of their ids."""
    found = probabilities.topk(place + 1, dim=dim)
    values, ids = (one.select(dim, place) for one in found)
    return values, [words_of(row) for row in ids.tolist()]


def _each(tokenizer: Any) -> Callable[[list[int]], list[str]]:
    return lambda row: [tokenizer.decode([number]) for number in row]


@accepted_variant(task=TOP, remark="Words may be stripped.")
def words_stripped(reference: Any, probabilities: Tensor, tokenizer: Any) -> tuple[Tensor, Words]:
    max_probs, words = reference.top_predictions(probabilities, tokenizer)
    return max_probs, [[word.strip() for word in row] for row in words]


@accepted_variant(task=TOP, remark="Words may be escaped.")
def words_escaped(reference: Any, probabilities: Tensor, tokenizer: Any) -> tuple[Tensor, Words]:
    max_probs, words = reference.top_predictions(probabilities, tokenizer)
    return max_probs, [[word.encode("unicode_escape").decode() for word in row] for row in words]


@accepted_variant(task=TOP, remark="Words may stand in quotation marks.")
def words_quoted(reference: Any, probabilities: Tensor, tokenizer: Any) -> tuple[Tensor, Words]:
    max_probs, words = reference.top_predictions(probabilities, tokenizer)
    return max_probs, [[repr(word) for word in row] for row in words]


@misconceptions(
    task=TOP,
    raw_pieces=Feedback(
        "The tokenizer's raw pieces were returned, not decoded text.",
        "Print some of your words: does a reader see a letter that stands for the blank?",
    ).on(lambda probabilities, tokenizer: _likeliest(probabilities, tokenizer.convert_ids_to_tokens)),
    ids_instead_of_words=Feedback(
        "Ids were returned instead of words.",
        "A reader wants words. What turns a single id into text?",
    ).on(lambda probabilities, tokenizer: _likeliest(probabilities, lambda row: row)),
    one_string_a_layer=Feedback(
        "Each layer's ids were decoded together: one string a layer.",
        "How many strings does a layer of yours have, and how many tokens does the input have?",
    ).on(lambda probabilities, tokenizer: _likeliest(probabilities, tokenizer.decode)),
    maximum_over_tokens=Feedback(
        "The largest entry was taken over the tokens instead of the vocabulary.",
        "Which axis does your maximum run over? Print the shape of the result.",
    ).on(lambda probabilities, tokenizer: _likeliest(probabilities, _each(tokenizer), dim=1)),
    second_best=Feedback(
        "The second likeliest tokens were returned.",
        "Is there a token with a larger probability than the one that you return?",
    ).on(lambda probabilities, tokenizer: _likeliest(probabilities, _each(tokenizer), place=1)),
)
def _other_words(words_of: Any, reference: Any, probabilities: Tensor, tokenizer: Any) -> tuple[Tensor, Any]:
    """Make something else of a layer's likeliest ids than one word each, or take other ids."""
    found: tuple[Tensor, Any] = words_of(probabilities, tokenizer)
    return found


_around_the_words = misconceptions_around(
    task=TOP,
    flat_list_of_words=Feedback(
        "The words stand in one flat list.",
        "Take the second layer's third word out of your result: how many brackets do you need?",
    ).on(lambda right, *asked: (right(*asked)[0], [word for row in right(*asked)[1] for word in row])),
    words_transposed=Feedback(
        "Words by token and layer instead of by layer and token.",
        "What is the length of your outer list: the number of layers or the number of tokens?",
    ).on(lambda right, *asked: (right(*asked)[0], [*map(list, zip(*right(*asked)[1], strict=True))])),
    top_of_the_last_position=Feedback(
        "The last position alone was looked at.",
        "Each position has a likeliest token of its own. How many does a layer of yours have?",
    ).on(lambda right, given, tokenizer: right(given[:, -1:], tokenizer)),
    top_of_another_softmax=Feedback(
        "The probabilities went through another softmax.",
        "Compare one of your values with the largest entry of the row that it comes from.",
    ).on(lambda right, given, tokenizer: right(given.softmax(dim=-1), tokenizer)),
    places_instead_of_values=Feedback(
        "The ids of the likeliest tokens were returned in place of their probabilities.",
        "Do the values of your first result lie between 0 and 1? A maximum has a value and a place.",
    ).on(lambda right, given, tokenizer: (given.argmax(dim=-1).to(given.dtype), right(given, tokenizer)[1])),
)


# target_rank


_around_the_rank = misconceptions_around(
    task=RANK,
    rank_from_one=Feedback(
        "Ranks begin with 1.",
        "How many tokens are likelier than the likeliest one?",
    ).on(lambda right, *asked: right(*asked) + 1),
    rank_of_the_last_layer=Feedback(
        "The last layer's rank alone was returned.",
        "The task asks for a rank in each layer. How many does your result hold?",
    ).on(lambda right, *asked: right(*asked)[-1]),
    float_ranks=Feedback(
        "The ranks are right, but floats.",
        "A rank is a number of tokens: which dtype does your tensor have?",
    ).on(lambda right, *asked: right(*asked).float()),
    rank_at_the_first_position=Feedback(
        "The first position was looked at instead of the last.",
        "At which position does the model go on with the text?",
    ).on(lambda right, given, target_id: right(given[:, :1], target_id)),
    rank_at_the_last_but_one_position=Feedback(
        "The last position but one was looked at instead of the last.",
        "At which position does the model go on with the text? Does an index of yours count from the end?",
    ).on(lambda right, given, target_id: right(given[:, -2:][:, :1], target_id)),
    ranks_cut_at_100=Feedback(
        "Ranks end at 100: only the likeliest tokens were looked through.",
        "How many tokens does your function look through, and what does it say of a target behind them?",
    ).on(lambda right, *asked: right(*asked).clamp(max=100)),
    ranks_cut_at_99=Feedback(
        "Ranks end at 99: only the likeliest tokens were looked through.",
        "How many tokens does your function look through, and what does it say of a target behind them?",
    ).on(lambda right, *asked: right(*asked).clamp(max=99)),
    none_behind_the_first_100=Feedback(
        "Targets behind the hundred likeliest tokens have rank -1.",
        "How many tokens does your function look through, and what does it say of a target behind them?",
    ).on(lambda right, *asked: right(*asked).masked_fill(right(*asked) >= 100, -1)),
)


def _sorted(probabilities: Tensor) -> Tensor:
    return probabilities.argsort(dim=-1, descending=True, stable=True)


@misconceptions(
    task=RANK,
    ties_counted=Feedback(
        "Tokens that are exactly as likely as the target were counted, too.",
        "The rank counts tokens that are strictly likelier. What does your comparison do with equal ones?",
    ).on(lambda last, target_id: (last >= last[:, target_id, None]).sum(dim=-1) - 1),
    target_counted=Feedback(
        "Tokens that are as likely as the target were counted, and the target itself.",
        "Is the target strictly likelier than itself? Ask for the rank of the likeliest token.",
    ).on(lambda last, target_id: (last >= last[:, target_id, None]).sum(dim=-1)),
    place_after_sorting=Feedback(
        "The rank is the place after sorting: some of the tokens that are exactly as likely come before.",
        "Where does sorting put tokens that are exactly as likely? The task counts strictly likelier ones.",
    ).on(lambda last, target_id: (_sorted(last) == target_id).long().argmax(dim=-1)),
    sorting_read_backwards=Feedback(
        "The sorted ids were indexed with the target: that is the token of this rank, not the rank of this token.",
        "Sorting gives the ids by rank. You ask the other way round: at which place does the target stand?",
    ).on(lambda last, target_id: _sorted(last)[:, target_id]),
    less_likely_counted=Feedback(
        "Less likely tokens were counted.",
        "Which rank does your function give to the likeliest token?",
    ).on(lambda last, target_id: (last < last[:, target_id, None]).sum(dim=-1)),
    probability_instead_of_rank=Feedback(
        "The target's probability was returned instead of its rank.",
        "Your values lie between 0 and 1. The task asks for a number of tokens.",
    ).on(lambda last, target_id: last[:, target_id]),
)
def _at_the_end(step: Any, reference: Any, probabilities: Tensor, target_id: int) -> Tensor:
    """Count something else than the likelier tokens at the last position."""
    return step(probabilities[:, -1], target_id)


@misconceptions(
    task=RANK,
    rank_over_all_positions=Feedback(
        "The likelier tokens of all positions were counted.",
        "Can a rank of yours be larger than the vocabulary? Which position are the tokens counted at?",
    ).on(lambda counts: counts.sum(dim=1)),
    rank_averaged_over_positions=Feedback(
        "The ranks at all positions were averaged.",
        "How many positions does your function look at? The text goes on at one of them.",
    ).on(lambda counts: counts.double().mean(dim=1).long()),
    rank_at_every_position=Feedback(
        "A rank for every position was returned.",
        "How many numbers does the task ask for in each layer? Which position is meant?",
    ).on(lambda counts: counts),
)
def _over_positions(step: Any, reference: Any, probabilities: Tensor, target_id: int) -> Tensor:
    """Count the likelier tokens at more positions than the last, (layer, token) counts."""
    return step((probabilities > probabilities[..., target_id, None]).sum(dim=-1))


# divergence_from_final
def _pointwise(first: Tensor, second: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the summands of KL(first, second), shape (layer, token, vocab); zeros of `first` give 0.

    Args:
        first: The distribution that the expectation is taken under.
        second: The other one.
        weights: What the logarithms' difference is multiplied with; `first`.
    """
    first, second = first.double().broadcast_to(second.shape), second.double()
    factor = first if weights is None else weights.double().broadcast_to(second.shape)
    # Logarithms first: where the two are equal, the summand is exactly 0.
    return (factor * (first.log() - second.clamp_min(1e-300).log())).where(first > 0, 0.0)


def _divergence(*distributions: Tensor) -> Tensor:
    return _pointwise(*distributions).sum(dim=-1).float()


def _p_log_p(probabilities: Tensor) -> Tensor:
    return torch.special.xlogy(probabilities.double(), probabilities.double())


def _swapped(probabilities: Tensor) -> tuple[Tensor, Tensor]:
    # Where the final layer rules out what a layer does not, the divergence is infinite; a floor keeps it finite.
    return probabilities, probabilities[-1:].clamp_min(1e-30).expand_as(probabilities)


def _to_the_middle(first: Tensor, layers: Tensor) -> Tensor:
    return _divergence(first, (layers + layers[-1:]) / 2)


@misconceptions(
    task=DIVERGENCE,
    swapped_distributions=Feedback(
        "The two distributions are swapped: KL(layer, final).",
        "Under which of the two distributions is the expectation taken? The divergence is not symmetric.",
    ).on(lambda layers: _divergence(*_swapped(layers))),
    from_the_next_layer=Feedback(
        "Each layer was compared with the next one instead of the last.",
        "What is each of your layers compared with? The end stays the same for all of them.",
    ).on(lambda layers: _divergence(torch.cat([layers[1:], layers[-1:]]), layers)),
    from_the_first_layer=Feedback(
        "Each layer was compared with the first one instead of the last.",
        "In which layer are your values 0, and in which should they be?",
    ).on(lambda layers: _divergence(layers[:1], layers)),
    from_the_last_token=Feedback(
        "The last token's final distribution was taken for all positions.",
        "In the last layer, at how many positions are your values 0? Each has a final distribution of its own.",
    ).on(lambda layers: _divergence(layers[-1:, -1:], layers)),
    a_thousandth_inside_the_logarithms=Feedback(
        "0.001 was added inside the logarithms.",
        "How large are the probabilities of most tokens, and how large is what you add to them?",
    ).on(lambda layers: _divergence(layers[-1:] + 1e-3, layers + 1e-3, layers[-1:])),
    jensen_shannon=Feedback(
        "The Jensen-Shannon divergence was computed.",
        "Your values never exceed ln 2. Is there a mixture of two distributions in the task's formula?",
    ).on(lambda layers: (_to_the_middle(layers[-1:], layers) + _to_the_middle(layers, layers)) / 2),
    probabilities_taken_for_logarithms=Feedback(
        "Probabilities were given where a library function expects their logarithms.",
        "Read what the library function expects of each argument: probabilities, or their logarithms?",
    ).on(lambda layers: (_p_log_p(layers[-1:]) - layers[-1:].double() * layers.double()).sum(dim=-1)),
    absolute_summands=Feedback(
        "The summands' absolute values were added up.",
        "Single summands of a divergence may be negative. What happens to them in your sum?",
    ).on(lambda layers: _pointwise(layers[-1:], layers).abs().sum(dim=-1)),
    difference_of_probabilities=Feedback(
        "A difference of probabilities was summed instead of a divergence.",
        "Where is the logarithm of the formula in your code?",
    ).on(lambda layers: (layers - layers[-1:]).abs().sum(dim=-1)),
)
def _between_others(divergence: Any, reference: Any, probabilities: Tensor) -> Tensor:
    """Compare other distributions than the final one with each layer's, or by another formula."""
    found: Tensor = divergence(probabilities)
    return found.float()


_around_the_divergence = misconceptions_around(
    task=DIVERGENCE,
    bits_instead_of_nats=Feedback(
        "The divergence is in bits: the logarithm has base 2.",
        "By which factor are all of your values off? One nat is not one bit.",
    ).on(lambda right, given: right(given) / 0.6931471805599453),
    summed_over_tokens=Feedback(
        "The tokens were summed, too: one number a layer.",
        "Does each token of the input have a number of its own in your result?",
    ).on(lambda right, given: right(given).sum(dim=-1)),
    divergence_of_the_last_position=Feedback(
        "The last position alone was looked at.",
        "How many numbers does a layer of yours have, and how many tokens does the input have?",
    ).on(lambda right, given: right(given)[:, -1]),
    opposite_sign=Feedback(
        "The sign is turned round.",
        "A divergence is never negative. What is yours?",
    ).on(lambda right, given: -right(given)),
    mean_over_the_vocabulary=Feedback(
        "The vocabulary was averaged instead of summed.",
        "By which factor are all of your values off? An expectation weighs by probability and then adds up.",
    ).on(lambda right, given: right(given) / given.shape[-1]),
    both_directions_averaged=Feedback(
        "Both directions were averaged.",
        "The task asks for one direction alone. Are your values the same when you swap the two distributions?",
    ).on(lambda right, given: (right(given) + _divergence(*_swapped(given))) / 2),
    cross_entropy=Feedback(
        "The cross-entropy was returned: the final layer's own entropy is not subtracted.",
        "Your last layer is not 0. What is the divergence of a distribution from itself?",
    ).on(lambda right, given: (right(given) - _p_log_p(given[-1:]).sum(dim=-1)).float()),
    softmax_of_probabilities=Feedback(
        "The probabilities went through another softmax.",
        "Your values are far too small. Are the arguments of your function scores, or probabilities already?",
    ).on(lambda right, given: right(given.double().softmax(dim=-1)).float()),
)


# plot_lens
def _draw(
    max_probs: Tensor,
    words: Any,
    input_tokens: list[str],
    *,
    turned: bool = False,
    shift: float = 0.0,
    mesh: bool = False,
    largest: float | None = None,
) -> Figure:
    """Draw a lens in a way that the reference does not.

    Args:
        max_probs: As the task's.
        words: As the task's.
        input_tokens: As the task's.
        turned: Whether the words' rows are counted from the other end than the colours'.
        shift: How far beside its cell's middle each word stands, in cells.
        mesh: Whether cells are drawn by pcolormesh, whose first one lies between 0 and 1.
        largest: Where the colour scale ends, which then begins at 0; None: as far as the values go.
    """
    figure = Figure(figsize=(8, 5))
    axes = figure.subplots()
    middle = 0.5 if mesh else 0.0
    if mesh:
        axes.pcolormesh(max_probs.numpy(), cmap="magma")
    else:
        axes.imshow(max_probs.numpy(), aspect="auto", vmin=None if largest is None else 0, vmax=largest)
    for layer, row in enumerate(words):
        place = len(words) - 1 - layer if turned else layer
        for token, word in enumerate(row):
            axes.text(token + middle + shift, place + middle + shift, word, ha="center", va="center")
    axes.set_xticks([number + middle for number in range(len(input_tokens))], input_tokens)
    return figure


@accepted_variant(task=PLOT, remark="A mesh without a colour bar is right, too.")
def drawn_as_a_mesh(reference: Any, max_probs: Tensor, words: Any, input_tokens: list[str]) -> Figure:
    return _draw(max_probs, words, input_tokens, mesh=True)


@accepted_variant(task=PLOT, remark="The last layer may stand first.")
def last_layer_above(reference: Any, max_probs: Tensor, words: Any, input_tokens: list[str]) -> Figure:
    return _draw(max_probs.flip(0), words[::-1], input_tokens)


@accepted_variant(task=PLOT, remark="A cell may hold more than its word.")
def numbers_beside_the_words(
    reference: Any, max_probs: Tensor, words: Any, input_tokens: list[str]
) -> Figure:
    both = [
        [f"{word.strip()}\n{value:.2f}" for word, value in zip(*pair, strict=True)]
        for pair in zip(words, max_probs.tolist(), strict=True)
    ]
    return _draw(max_probs, both, [repr(token) for token in input_tokens])


def _rounded(values: Tensor) -> list[list[str]]:
    return [[f"{value:.2f}" for value in row] for row in values.tolist()]


def _numbers(columns: Any) -> list[str]:
    return [str(number) for number in range(len(columns))]


@misconceptions(
    task=PLOT,
    axes_swapped=Feedback(
        "Layers run along x and tokens along y.",
        "What stands along the x axis of your figure, and what should?",
    ).on(lambda colours, words, tokens: (colours.T, [*map(list, zip(*words, strict=True))], _numbers(words))),
    words_missing=Feedback(
        "The cells are empty: there are no words in them.",
        "Colours tell how sure a layer is, but not of what. What else was the function given?",
    ).on(lambda colours, words, tokens: (colours, [], tokens)),
    numbers_instead_of_words=Feedback(
        "The cells hold the probabilities instead of the words.",
        "The colours show the probabilities already. What should stand in the cells?",
    ).on(lambda colours, words, tokens: (colours, _rounded(colours), tokens)),
    colours_in_other_cells=Feedback(
        "The colours stand in other cells than the words that they belong to.",
        "Look for the largest probability of a layer: does its colour stand where its word does? A change of shape "
        "is no transposition.",
    ).on(lambda colours, words, tokens: (colours.T.reshape(colours.shape), words, tokens)),
    tokens_missing=Feedback(
        "The input tokens are missing: the x axis shows numbers.",
        "A reader wants to see at which word of the text each column stands. What is written below it?",
    ).on(lambda colours, words, tokens: (colours, words, _numbers(tokens))),
    predictions_along_x=Feedback(
        "The last layer's words stand along x instead of the input tokens.",
        "What the model reads and what it would say next are two things. Which of them stands below your columns?",
    ).on(lambda colours, words, tokens: (colours, words, list(words[-1]))),
    tokens_shifted=Feedback(
        "The input tokens are shifted by one column.",
        "Which token does the model read in the first column? The word in the cell is what it says after it.",
    ).on(lambda colours, words, tokens: (colours, words, [*tokens[1:], ""])),
    first_layer_missing=Feedback(
        "The first layer is missing in the picture.",
        "Count the rows of your figure. How many layers was the function given?",
    ).on(lambda colours, words, tokens: (colours[1:], words[1:], tokens)),
    last_column_only=Feedback(
        "The last column alone was drawn.",
        "Count the columns of your figure. How many tokens was the function given?",
    ).on(lambda colours, words, tokens: (colours[:, -1:], [row[-1:] for row in words], tokens[-1:])),
)
def _drawn(change: Any, reference: Any, max_probs: Tensor, words: Any, input_tokens: list[str]) -> Figure:
    """Draw something else than what was given."""
    return _draw(*change(max_probs, words, input_tokens))


@misconceptions(
    task=PLOT,
    words_on_the_corners=Feedback(
        "The words stand on the corners between the cells.",
        "Look closely at where a cell begins and ends: is the word in its middle?",
    ).on({"shift": -0.5, "mesh": True}),
    words_upside_down=Feedback(
        "The words are upside down: a layer's words stand in the colours of another layer.",
        "Follow one layer: do its words stand where its colours are? Which end does each of the two count from?",
    ).on({"turned": True}),
)
def _drawn_otherwise(
    options: Any, reference: Any, max_probs: Tensor, words: Any, input_tokens: list[str]
) -> Figure:
    """Draw what was given in another way."""
    return _draw(max_probs, words, input_tokens, **options)


@misconception(
    task=PLOT,
    title="All cells have the same colour.",
    hint="Where does your colour scale begin, where does it end, and where do your values lie on it?",
)
def one_colour(reference: Any, max_probs: Tensor, words: Any, input_tokens: list[str]) -> Figure:
    return _draw(100 * max_probs + 1, words, input_tokens, largest=1)
