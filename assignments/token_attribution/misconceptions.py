"""Known mistakes in token attribution, as functions and as tables of one step, and the variants that are accepted.

A mistake takes the reference module and then the task's own arguments. Dropout left on is missing here on
purpose: its results are random, so that no run of it reproduces a student's; the visible check of
compute_feature_attribution_scores asks for one sentence twice and finds it that way.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from autograder.attribution.quadrature import (
    Rule,
    captum_trapezoid,
    gauss_legendre,
    gauss_legendre_unmapped,
    integrate_gradients,
    riemann_right,
)
from autograder.checks import (
    Feedback,
    accepted_variant,
    memoised,
    misconception,
    misconceptions,
    misconceptions_around,
)

BASELINE = "build_baseline"
ATTRIBUTION = "compute_feature_attribution_scores"
IMPORTANCE = "token_importance"
MERGING = "merge_subtokens"

Batch = dict[str, Tensor]


# build_baseline
def _pad_all_but(input_ids: Tensor, tokenizer: Any, kept: list[int]) -> Tensor:
    """Return [PAD] everywhere but where an id is one of `kept`."""
    stays = torch.isin(input_ids, torch.tensor(kept, dtype=input_ids.dtype, device=input_ids.device))
    return torch.where(stays, input_ids, torch.full_like(input_ids, tokenizer.pad_token_id))


def _framing(tokenizer: Any) -> list[int]:
    return [tokenizer.cls_token_id, tokenizer.sep_token_id]


def _framed_row(input_ids: Tensor, tokenizer: Any) -> Tensor:
    baseline = torch.full_like(input_ids, tokenizer.pad_token_id)
    baseline[:, 0], baseline[:, -1] = _framing(tokenizer)
    return baseline


def _all_masked(right: Tensor, tokenizer: Any) -> Tensor:
    return torch.where(right == tokenizer.pad_token_id, tokenizer.mask_token_id, right)


def _masked_words(right: Tensor, input_ids: Tensor, tokenizer: Any) -> Tensor:
    content = (right == tokenizer.pad_token_id) & (input_ids != tokenizer.pad_token_id)
    return torch.where(content, torch.full_like(right, tokenizer.mask_token_id), right)


@misconceptions(
    task=BASELINE,
    all_padding=Feedback(
        "[CLS] and [SEP] became [PAD] as well.",
        "Everything turned into [PAD]. Which tokens carry the form of a sentence and none of its content?",
    ).on(lambda ids, tokenizer: [tokenizer.pad_token_id]),
    cls_not_kept=Feedback(
        "[CLS] became [PAD].",
        "Look at the first token of your baseline: does the sentence still begin as every sentence does?",
    ).on(lambda ids, tokenizer: [tokenizer.sep_token_id]),
    sep_not_kept=Feedback(
        "[SEP] became [PAD].",
        "Look at the place where the sentence ends: does your baseline still say so?",
    ).on(lambda ids, tokenizer: [tokenizer.cls_token_id]),
    unknown_kept=Feedback(
        "[UNK] was kept.",
        "An unknown word is a word of the sentence. Does your baseline still hold content?",
    ).on(lambda ids, tokenizer: [*_framing(tokenizer), tokenizer.unk_token_id]),
    mask_kept=Feedback(
        "[MASK] in the input was kept.",
        "A [MASK] stands where a word was. Should it stay in a sentence without content?",
    ).on(lambda ids, tokenizer: [*_framing(tokenizer), tokenizer.mask_token_id]),
    all_special_kept=Feedback(
        "All special tokens were kept, [UNK] and [MASK] among them.",
        "The tokenizer's list of special tokens is longer than the two that the baseline keeps.",
    ).on(lambda ids, tokenizer: list(tokenizer.all_special_ids)),
    sep_at_the_end_of_the_row=Feedback(
        "[SEP] was put at the last position of the padded row, not where the sentence ends.",
        "A batch is padded: where does a short sentence end, and what stands at the end of its row?",
    ).on(_framed_row),
    published_ids=Feedback(
        "The ids 0, 101 and 102 of the published BERT vocabularies are written into the code.",
        "Ids differ from one vocabulary to the next: ask the tokenizer that you were given.",
    ).on(lambda ids, tokenizer: torch.where((ids == 101) | (ids == 102), ids, torch.zeros_like(ids))),
    shipped_ids=Feedback(
        "The ids of the shipped vocabulary are written into the code.",
        "Your function is also called with another vocabulary: ask the tokenizer that you were given.",
    ).on(lambda ids, tokenizer: torch.where((ids == 2) | (ids == 3), ids, torch.zeros_like(ids))),
)
def _other_baseline(baseline_of: Any, reference: Any, input_ids: Tensor, tokenizer: Any) -> Tensor:
    """Keep other tokens than [CLS] and [SEP], or put them elsewhere."""
    found = baseline_of(input_ids, tokenizer)
    return found if isinstance(found, Tensor) else _pad_all_but(input_ids, tokenizer, found)


_around_the_baseline = misconceptions_around(
    task=BASELINE,
    filled_with_mask=Feedback(
        "[MASK] was put in place of the words instead of [PAD].",
        "Which token does the task ask for in place of the words? It also fills up short sentences.",
    ).on(lambda right, *asked: _masked_words(right(*asked), *asked)),
    padding_changed=Feedback(
        "The padding was filled with [MASK] as well as the words.",
        "Look behind the end of a short sentence: the padding should be what it was.",
    ).on(lambda right, ids, tokenizer: _all_masked(right(ids, tokenizer), tokenizer)),
    first_sentences_baseline=Feedback(
        "The first sentence's baseline was taken for the whole batch.",
        "Sentences of a batch have other lengths: where does [SEP] stand in each row of your baseline?",
    ).on(lambda right, ids, tokenizer: right(ids, tokenizer)[:1].expand_as(ids).clone()),
    float_ids=Feedback(
        "The ids are right, but floats.",
        "Ids are looked up in a table, so they are whole numbers: which dtype does your tensor have?",
    ).on(lambda right, *asked: right(*asked).float()),
)


# compute_feature_attribution_scores
def _predict(batch: Batch, model: Any) -> Tensor:
    with torch.no_grad():
        return model({name: batch[name].to(model.device) for name in ("input_ids", "attention_mask")})


def _vectors(
    batch: Batch,
    model: Any,
    baseline: Tensor,
    rule: Rule | None = None,
    target: Tensor | None = None,
    score: Callable[[Tensor], Tensor] | None = None,
    layer: Any = None,
) -> Tensor:
    """Integrate gradients as the contract says, save for what is given.

    Args:
        batch: As the task's.
        model: The model.
        baseline: Ids at the path's start, shape (batch, token).
        rule: Of the integral; 50 Gauss-Legendre nodes.
        target: Class of each sentence, shape (batch,); the predicted one.
        score: From logits (row, label) to what is explained (row, label); the logits themselves.
        layer: Where the path runs; the embedding module.

    Returns:
        Attributions, shape (batch, token, hidden).
    """
    ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
    chosen = _predict(batch, model).argmax(dim=-1) if target is None else target.to(model.device)

    def forward(rows_of_ids: Tensor, rows: Tensor) -> Tensor:
        logits = model({"input_ids": rows_of_ids, "attention_mask": mask[rows]})
        scores = logits if score is None else score(logits)
        return scores.gather(1, chosen[rows][:, None])[:, 0]

    where = model.embedding_model.embeddings if layer is None else layer
    return integrate_gradients(forward, where, ids, baseline.to(ids.device), [rule or gauss_legendre(50)])[0]


def _right_vectors(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> Tensor:
    baseline = reference.build_baseline(batch["input_ids"], tokenizer)
    return memoised(reference, "vectors", _vectors, batch, model, baseline)


def _from(reference: Any, batch: Batch, model: Any, tokenizer: Any, **changed: Any) -> tuple[Tensor, Tensor]:
    baseline = changed.pop("baseline", None)
    if baseline is None:
        baseline = reference.build_baseline(batch["input_ids"], tokenizer)
    return _vectors(batch, model, baseline, **changed).sum(dim=-1), _predict(batch, model)


def _keeping(batch: Batch, tokenizer: Any, *kept: int) -> Tensor:
    return _pad_all_but(batch["input_ids"], tokenizer, list(kept))


@accepted_variant(
    task=ATTRIBUTION,
    remark="Your path begins at [PAD] for [CLS] and [SEP] too. That is accepted; with both kept, all of the "
    "difference would be shared among the words.",
)
def baseline_of_padding(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    padding = _keeping(batch, tokenizer, tokenizer.pad_token_id)
    return _from(reference, batch, model, tokenizer, baseline=padding)


@accepted_variant(task=ATTRIBUTION, remark="You integrate by another rule than Gauss-Legendre.")
def right_riemann_sum(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    return _from(reference, batch, model, tokenizer, rule=riemann_right(50))


@accepted_variant(task=ATTRIBUTION, remark="You integrate by another rule than Gauss-Legendre.")
def trapezoid_of_captum(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    return _from(reference, batch, model, tokenizer, rule=captum_trapezoid(50))


@accepted_variant(task=ATTRIBUTION, remark="You take more steps than asked for.")
def more_steps(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    return _from(reference, batch, model, tokenizer, rule=gauss_legendre(200))


def _softmax(logits: Tensor) -> Tensor:
    return logits.softmax(dim=-1)


def _log_softmax(logits: Tensor) -> Tensor:
    return logits.log_softmax(dim=-1)


def _next_class(batch: Batch, model: Any) -> Tensor:
    logits = _predict(batch, model)
    return (logits.argmax(dim=-1) + 1) % logits.shape[1]


@misconceptions(
    task=ATTRIBUTION,
    calls=(BASELINE,),
    path_without_cls=Feedback(
        "The path's baseline lost [CLS], but kept [SEP].",
        "Which attribution does [CLS] get? Where input and baseline agree it must be exactly 0.",
    ).on(lambda batch, model, tokenizer: {"baseline": _keeping(batch, tokenizer, tokenizer.sep_token_id)}),
    path_without_sep=Feedback(
        "The path's baseline lost [SEP], but kept [CLS].",
        "Which attribution does [SEP] get? Where input and baseline agree it must be exactly 0.",
    ).on(lambda batch, model, tokenizer: {"baseline": _keeping(batch, tokenizer, tokenizer.cls_token_id)}),
    word_embeddings_as_layer=Feedback(
        "The layer is the word embeddings alone, not the embedding module.",
        "Which module's output does your path run through? Position, type and normalisation belong to it.",
    ).on(lambda batch, model, tokenizer: {"layer": model.embedding_model.embeddings.word_embeddings}),
    label_as_target=Feedback(
        "The target is the label instead of the predicted class.",
        "Which class do you explain where the model is wrong? The question is why it said what it said.",
    ).on(lambda batch, model, tokenizer: {"target": batch["labels"].argmax(dim=-1)}),
    next_class_as_target=Feedback(
        "The target is the class after the predicted one.",
        "Do you count the classes from 0, as the columns of the logits?",
    ).on(lambda batch, model, tokenizer: {"target": _next_class(batch, model)}),
    class_of_the_baseline_as_target=Feedback(
        "The target is the class that the model predicts for the baseline.",
        "Whose prediction do you explain: that of the sentence, or that of the sentence without its words?",
    ).on(
        lambda batch, model, tokenizer: {
            "target": _predict(
                batch | {"input_ids": _keeping(batch, tokenizer, *_framing(tokenizer))}, model
            ).argmax(dim=-1)
        }
    ),
    probability_as_target=Feedback(
        "The probability is explained instead of the logit.",
        "What does your sum of attributions add up to: a difference of logits, or of something else?",
    ).on(lambda batch, model, tokenizer: {"score": _softmax}),
    log_probability_as_target=Feedback(
        "The log-probability is explained instead of the logit.",
        "What comes out of the model that you explain: is it still what `model(batch)` returns?",
    ).on(lambda batch, model, tokenizer: {"score": _log_softmax}),
    five_steps=Feedback(
        "Far too few steps (5).",
        "How many steps does the task ask for? Compare the sum of your attributions with what it should be.",
    ).on(lambda batch, model, tokenizer: {"rule": gauss_legendre(5)}),
    nodes_from_minus_one=Feedback(
        "The nodes were left on the interval from -1 to 1.",
        "Between which two numbers do your nodes lie, and where on the path is a negative one?",
    ).on(lambda batch, model, tokenizer: {"rule": gauss_legendre_unmapped(50, halved=False)}),
    nodes_from_minus_one_with_halved_weights=Feedback(
        "The nodes were left on the interval from -1 to 1; only the weights were halved.",
        "Between which two numbers do your nodes lie, and where on the path is a negative one?",
    ).on(lambda batch, model, tokenizer: {"rule": gauss_legendre_unmapped(50)}),
)
def _changed(options: Any, reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    """Integrate with another start, layer, target, score or rule."""
    return _from(reference, batch, model, tokenizer, **options(batch, model, tokenizer))


@misconception(
    task=ATTRIBUTION,
    title="The path begins at [MASK] tokens.",
    hint="Which tokens stand at the start of your path? Compare with what build_baseline returns.",
    calls=(BASELINE,),
)
def path_from_mask_tokens(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    ids = batch["input_ids"]
    baseline = _masked_words(reference.build_baseline(ids, tokenizer), ids, tokenizer)
    return _from(reference, batch, model, tokenizer, baseline=baseline)


@misconceptions(
    task=ATTRIBUTION,
    path_from_zero_vectors=Feedback(
        "The path begins at the zero vector instead of the baseline's embeddings.",
        "Where does your path begin? The embedding of [PAD] at a position is a vector, not zeros.",
    ).on(lambda vectors, gradient, embeddings: vectors),
    gradient_only=Feedback(
        "The plain gradient at the input, summed over the hidden dimension.",
        "A gradient at one point is no integral along a path, and nothing is multiplied with it.",
    ).on(lambda vectors, gradient, embeddings: gradient),
    gradient_times_input=Feedback(
        "Gradient times input, without a path.",
        "You look at a single point. At how many points of the path does the task ask for the gradient?",
    ).on(lambda vectors, gradient, embeddings: gradient * embeddings),
)
def _from_zero(step: Any, reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    """Attribute along a path from zero vectors, or at its end alone."""
    found = memoised(reference, "from zero", _from_zero_vectors, batch, model)
    return step(*found).sum(dim=-1), _predict(batch, model)


def _from_zero_vectors(batch: Batch, model: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Return integrated gradients from zero vectors, and gradient and embeddings at the input."""
    ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
    embeddings_module = model.embedding_model.embeddings
    with torch.no_grad():
        embeddings = embeddings_module(ids)
    average = _mean_gradient(model, ids, mask, torch.zeros_like(embeddings), embeddings)
    there = _mean_gradient(
        model, ids, mask, embeddings, embeddings, Rule(name="the input", nodes=(1.0,), weights=(1.0,))
    )
    return embeddings * average, there, embeddings


def _mean_gradient(
    model: Any, ids: Tensor, mask: Tensor, start: Tensor, end: Tensor, rule: Rule | None = None
) -> Tensor:
    """Return the mean gradient of the predicted class between two points, shape (batch, token, hidden)."""
    asked = {"input_ids": ids, "attention_mask": mask}
    target = _predict(asked, model).argmax(dim=-1, keepdim=True)

    def gradient_at(points: Tensor) -> Tensor:
        points = points.detach().requires_grad_()
        hook = model.embedding_model.embeddings.register_forward_hook(lambda module, inputs, output: points)
        try:
            with torch.enable_grad():
                return torch.autograd.grad(model(asked).gather(1, target).sum(), points)[0]
        finally:
            hook.remove()

    chosen = rule or gauss_legendre(50)
    pairs = zip(chosen.nodes, chosen.weights, strict=True)
    total: Tensor = sum(weight * gradient_at(start + node * (end - start)) for node, weight in pairs)
    return total


@misconception(
    task=ATTRIBUTION,
    title="The gradients were integrated, but not multiplied by the difference between input and baseline.",
    hint="What does the formula multiply the integral with?",
    calls=(BASELINE,),
)
def average_gradient(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
    embeddings = model.embedding_model.embeddings
    with torch.no_grad():
        end = embeddings(ids)
        start = embeddings(reference.build_baseline(batch["input_ids"], tokenizer).to(ids.device))
    average = _mean_gradient(model, ids, mask, start, end)
    return average.sum(dim=-1), _predict(batch, model)


@misconceptions(
    task=ATTRIBUTION,
    needs_whole=True,
    calls=(BASELINE,),
    one_target_for_all=Feedback(
        "The first sentence's predicted class is the target for the whole batch.",
        "Each sentence has a prediction of its own: how many targets does your batch have?",
    ).on(lambda predicted, baseline: {"target": predicted[:1].expand_as(predicted)}),
    one_baseline_for_all=Feedback(
        "The paths of all sentences begin at the first sentence's baseline.",
        "Where does [SEP] stand at the beginning of each sentence's path? Each has a baseline of its own.",
    ).on(lambda predicted, baseline: {"baseline": baseline[:1].expand_as(baseline).clone()}),
    divided_by_norm_of_batch=Feedback(
        "The attributions of the whole batch were divided by their common L2 norm.",
        "Does the score of a sentence depend on which sentences stand beside it in the batch?",
    ).on(None),
)
def _one_for_all(
    options: Any, reference: Any, batch: Batch, model: Any, tokenizer: Any
) -> tuple[Tensor, Tensor]:
    """Take something of the first sentence, or of the batch, for all sentences."""
    if options is None:
        summed = _right_vectors(reference, batch, model, tokenizer).sum(dim=-1)
        return summed / summed.norm(), _predict(batch, model)
    predicted = _predict(batch, model).argmax(dim=-1)
    baseline = reference.build_baseline(batch["input_ids"], tokenizer)
    return _from(reference, batch, model, tokenizer, **options(predicted, baseline))


def _unit(scores: Tensor) -> Tensor:
    return scores / scores.norm(dim=-1, keepdim=True)


@misconceptions(
    task=ATTRIBUTION,
    calls=(BASELINE,),
    mean_over_hidden=Feedback(
        "The hidden dimension was averaged instead of summed.",
        "By what factor is the sum of a sentence's attributions off the difference of the logits?",
    ).on(lambda vectors: vectors.mean(dim=-1)),
    norm_over_hidden=Feedback(
        "The norm over the hidden dimension was taken instead of the sum.",
        "Can a token of yours speak against the class? A length has no sign.",
    ).on(lambda vectors: vectors.norm(dim=-1)),
    absolute_sum_over_hidden=Feedback(
        "Absolute values were summed over the hidden dimension.",
        "What happens to the entries of a token's vector that speak against the class?",
    ).on(lambda vectors: vectors.abs().sum(dim=-1)),
    divided_by_norm=Feedback(
        "Each sentence's attributions were divided by their L2 norm.",
        "What do your attributions of a sentence add up to? Normalising is not asked for here.",
    ).on(lambda vectors: _unit(vectors.sum(dim=-1))),
    opposite_sign=Feedback(
        "The sign is turned round: baseline minus input.",
        "Does the most helpful word speak for the class? Which way does your path run?",
    ).on(lambda vectors: -vectors.sum(dim=-1)),
    weights_not_halved=Feedback(
        "The weights of the nodes are those of the interval from -1 to 1: everything is twice as large.",
        "What do your weights add up to, and how long is the path from 0 to 1?",
    ).on(lambda vectors: 2 * vectors.sum(dim=-1)),
)
def _summarised(step: Any, reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    """Make something else of the right vectors than their sum over the hidden dimension."""
    return step(_right_vectors(reference, batch, model, tokenizer)), _predict(batch, model)


@misconceptions(
    task=ATTRIBUTION,
    calls=(BASELINE,),
    without_attention_mask=Feedback(
        "The model is called without the attention mask.",
        "Which tokens may the model attend to along your path? Short sentences show the difference.",
    ).on(lambda mask, kept: torch.ones_like(mask)),
    attention_mask_of_baseline=Feedback(
        "The attention mask is the baseline's: only [CLS] and [SEP] are attended to.",
        "The attention mask is the input's own along the whole path. Which one do you pass on?",
    ).on(lambda mask, kept: kept.long()),
)
def _with_mask(
    mask_of: Any, reference: Any, batch: Batch, model: Any, tokenizer: Any
) -> tuple[Tensor, Tensor]:
    """Integrate with another attention mask."""
    kept = reference.build_baseline(batch["input_ids"], tokenizer) != tokenizer.pad_token_id
    attended = {**batch, "attention_mask": mask_of(batch["attention_mask"], kept)}
    logits = _predict(batch, model)
    scores, _ = _from(reference, attended, model, tokenizer, target=logits.argmax(dim=-1))
    return scores, logits


@misconceptions(
    task=ATTRIBUTION,
    calls=(ATTRIBUTION,),
    predictions_as_probabilities=Feedback(
        "The predictions are probabilities instead of logits.",
        "The second result is what the model returns, as it is.",
    ).on(lambda scores, logits: (scores, logits.softmax(dim=-1))),
    predictions_as_classes=Feedback(
        "The predictions are class numbers instead of logits.",
        "The second result has a column for each label: what does the model return before you pick one?",
    ).on(lambda scores, logits: (scores, logits.argmax(dim=-1))),
    results_swapped=Feedback(
        "The two results are swapped.",
        "Look at the order of the two results: which shape does each of them have?",
    ).on(lambda scores, logits: (logits, scores)),
)
def _other_results(step: Any, reference: Any, batch: Batch, model: Any, tokenizer: Any) -> Any:
    """Return something else beside the right scores than the right logits, or in another order."""
    return step(*reference.compute_feature_attribution_scores(batch, model, tokenizer))


# token_importance
def _masked(scores: Tensor, mask: Tensor) -> Tensor:
    return scores.masked_fill(mask == 0, float("-inf"))


def _shares(values: Tensor) -> Tensor:
    return values / values.sum(dim=-1, keepdim=True)


def _inner(mask: Tensor) -> Tensor:
    """Return the mask without the first and last valid token of each row."""
    inner = mask.clone()
    for row in inner:
        valid = torch.nonzero(row)[:, 0]
        row[valid[0]] = row[valid[-1]] = 0
    return inner


@misconceptions(
    task=IMPORTANCE,
    softmax_over_everything=Feedback(
        "The softmax runs over the padding, too.",
        "How much importance does the padding get, and what is left for the words?",
    ).on(lambda scores, mask: scores.softmax(dim=-1)),
    zeroed_after_softmax=Feedback(
        "The padding took part in the softmax and was set to 0 after it: rows sum to less than 1.",
        "What does a row of yours sum to? What was taken away is missing now.",
    ).on(lambda scores, mask: scores.softmax(dim=-1) * mask),
    zeroed_before_softmax=Feedback(
        "The attributions at the padding were set to 0 before the softmax.",
        "What is exp(0)? A score of 0 is not the same as no score.",
    ).on(lambda scores, mask: (scores * mask).softmax(dim=-1)),
    zeroed_before_and_after_softmax=Feedback(
        "The attributions at the padding were set to 0 before the softmax and again after it.",
        "The padding is 0 in the end, but what did it take from the others before?",
    ).on(lambda scores, mask: (scores * mask).softmax(dim=-1) * mask),
    softmax_over_the_batch=Feedback(
        "The softmax runs over the sentences of the batch instead of the tokens.",
        "Along which axis do your values sum to 1?",
    ).on(lambda scores, mask: _masked(scores, mask).softmax(dim=0)),
    softmax_over_both_axes=Feedback(
        "One softmax runs over all tokens of all sentences.",
        "Does each row of yours sum to 1, or only all of them together?",
    ).on(lambda scores, mask: _masked(scores, mask).flatten().softmax(dim=0).reshape(scores.shape)),
    divided_by_sum=Feedback(
        "The scores were divided by their sum instead of passed through a softmax.",
        "Are all of your values positive? What does a softmax do before it divides?",
    ).on(lambda scores, mask: _shares(scores * mask)),
    divided_by_absolute_sum=Feedback(
        "The absolute scores were divided by their sum instead of passed through a softmax.",
        "Is the ratio of two of your values the ratio of the scores? What would a softmax make of it?",
    ).on(lambda scores, mask: _shares(scores.abs() * mask)),
    order_of_the_scores=Feedback(
        "The order of the scores was returned (argsort) instead of importances.",
        "What does argsort give: values, or places? Do your values sum to 1?",
    ).on(lambda scores, mask: scores.argsort(dim=-1, descending=True).to(scores.dtype)),
    logarithms=Feedback(
        "The logarithm of the importances was returned.",
        "Are your values between 0 and 1?",
    ).on(lambda scores, mask: _masked(scores, mask).log_softmax(dim=-1).masked_fill(mask == 0, 0.0)),
)
def _normalised(share: Any, reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    """Share out in another way than by a softmax over each sentence's tokens."""
    return share(attributions, attention_mask)


_importance_of_others = misconceptions_around(
    task=IMPORTANCE,
    absolute_values_first=Feedback(
        "Absolute values were taken before the softmax.",
        "Should a token that speaks against the class be as important as one that speaks for it?",
    ).on(lambda right, scores, mask: right(scores.abs(), mask)),
    border_tokens_left_out=Feedback(
        "The first and last valid token, [CLS] and [SEP], were left out.",
        "Which tokens count as valid? The attention mask says so.",
    ).on(lambda right, scores, mask: right(scores, _inner(mask))),
)


@accepted_variant(
    task=IMPORTANCE,
    remark="You take the valid tokens to be the first of the row. A mask may have holes, though.",
)
def mask_assumed_a_prefix(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    lengths = attention_mask.sum(dim=-1, keepdim=True)
    places = torch.arange(attention_mask.shape[1], device=attention_mask.device)
    return reference.token_importance(attributions, (places < lengths).long())


# merge_subtokens
def _is_special(word: str) -> bool:
    return word.startswith("[") and word.endswith("]")


def _merged(
    tokens: list[str],
    scores: Any,
    *,
    join: Callable[[list[float]], float] = sum,
    glue: Callable[[str, str], str] = lambda word, token: word + token[2:],
    begin: Callable[[str], str] = lambda token: token.removeprefix("##"),
    apart: Callable[[str], bool] = _is_special,
) -> list[tuple[str, float]]:
    """Merge the pieces of words, save for what is given.

    Args:
        tokens: As the task's.
        scores: Likewise.
        join: From the pieces' scores to the word's.
        glue: From a word and the next piece to a longer word.
        begin: From a word's first piece to its beginning.
        apart: Whether no piece may follow a word.
    """
    words: list[tuple[str, list[float]]] = []
    for token, score in zip(tokens, scores, strict=True):
        if token.startswith("##") and words and not apart(words[-1][0]):
            words[-1] = (glue(words[-1][0], token), [*words[-1][1], float(score)])
        else:
            words.append((begin(token), [float(score)]))
    return [(word, join(pieces)) for word, pieces in words]


def _specials_merged(right: Any, tokens: list[str], scores: Any) -> list[tuple[str, float]]:
    words: list[tuple[str, float]] = []
    for word, score in right(tokens, scores):
        if words and _is_special(word) and _is_special(words[-1][0]):
            words[-1] = (words[-1][0] + word, words[-1][1] + score)
        else:
            words.append((word, score))
    return words


def _without_leading_piece(right: Any, tokens: list[str], scores: Any) -> list[tuple[str, float]]:
    start = next((place for place, token in enumerate(tokens) if not token.startswith("##")), len(tokens))
    return right(tokens[start:], list(scores)[start:])


def _added_up(right: Any, tokens: list[str], scores: Any) -> list[tuple[str, float]]:
    totals: dict[str, float] = {}
    for word, score in right(tokens, scores):
        totals[word] = totals.get(word, 0.0) + score
    return list(totals.items())


@accepted_variant(task=MERGING, remark="A leading piece may keep its ##.")
def leading_hashes_kept(reference: Any, tokens: list[str], scores: Any) -> list[tuple[str, float]]:
    kept = [("##" + token if token.startswith("##") else token) for token in tokens]
    for place, token in enumerate(tokens):
        if place > 0 and not _is_special(tokens[place - 1]):
            kept[place] = token
    return reference.merge_subtokens(kept, scores)


@misconceptions(
    task=MERGING,
    mean_of_pieces=Feedback(
        "The pieces' scores were averaged.",
        "Does the sum over a sentence stay the same when you join its pieces?",
    ).on(partial(_merged, join=lambda pieces: sum(pieces) / len(pieces))),
    largest_piece=Feedback(
        "The largest score of the pieces was taken.",
        "What happens to the scores of the other pieces of a word?",
    ).on(partial(_merged, join=max)),
    strongest_piece=Feedback(
        "The score of largest magnitude among the pieces was taken.",
        "One piece stands for the whole word here. Where do the other scores go?",
    ).on(partial(_merged, join=lambda pieces: max(pieces, key=abs))),
    first_piece=Feedback(
        "The first piece's score was kept for the whole word.",
        "When a ## piece joins a word, what happens to its score?",
    ).on(partial(_merged, join=lambda pieces: pieces[0])),
    last_piece=Feedback(
        "The last piece's score replaced the others.",
        "When a ## piece joins a word, what happens to the score that the word had before?",
    ).on(partial(_merged, join=lambda pieces: pieces[-1])),
    hashes_left_inside=Feedback(
        "The ## was left inside the words.",
        "Read one of your joined words aloud: is it a word of the sentence?",
    ).on(partial(_merged, glue=lambda word, token: word + token, begin=str)),
    piece_joined_to_special_token=Feedback(
        "A ## piece behind a special token was joined to it.",
        "In a window of a long text a ## piece may follow [CLS] or [SEP]: is it a part of the special token?",
    ).on(partial(_merged, apart=lambda word: False)),
    joined_with_blanks=Feedback(
        "The pieces were joined with blanks.",
        "Read one of your joined words aloud: is it one word of the sentence?",
    ).on(partial(_merged, glue=lambda word, token: f"{word} {token[2:]}")),
)
def _joined(join: Any, reference: Any, tokens: list[str], scores: Any) -> list[tuple[str, float]]:
    """Give a word something else than the sum of its pieces, or glue other pieces together."""
    found: list[tuple[str, float]] = join(tokens, scores)
    return found


_rearranged = misconceptions_around(
    task=MERGING,
    words_sorted_by_score=Feedback(
        "The words were sorted by their scores.",
        "Read your words one after the other: is it still the sentence?",
    ).on(lambda right, *asked: sorted(right(*asked), key=lambda one: -one[1])),
    words_sorted_by_magnitude=Feedback(
        "The words were sorted by the magnitude of their scores.",
        "Read your words one after the other: is it still the sentence?",
    ).on(lambda right, *asked: sorted(right(*asked), key=lambda one: -abs(one[1]))),
    words_sorted_by_alphabet=Feedback(
        "The words were sorted by the alphabet.",
        "Read your words one after the other: is it still the sentence?",
    ).on(lambda right, *asked: sorted(right(*asked))),
    scores_rounded=Feedback(
        "The scores were rounded to two digits.",
        "Compare the sum over your words with the sum over the pieces: what became of the other digits?",
    ).on(lambda right, *asked: [(word, round(score, 2)) for word, score in right(*asked)]),
    special_tokens_dropped=Feedback(
        "Special tokens were dropped.",
        "Compare the number of your words with the sentence: are [CLS] and [SEP] still there?",
    ).on(lambda right, *asked: [one for one in right(*asked) if not _is_special(one[0])]),
    special_tokens_merged=Feedback(
        "Neighbouring special tokens were merged into one word.",
        "Each special token is a word of its own, also beside another one.",
    ).on(_specials_merged),
    leading_piece_dropped=Feedback(
        "A leading ## piece was dropped.",
        "What happens to a ## piece when there is no word before it?",
    ).on(_without_leading_piece),
    repeated_words_added_up=Feedback(
        "A word that stands twice in the sentence became one entry with both scores.",
        "How often does each word of the sentence stand in your list? Think of what a dictionary does.",
    ).on(_added_up),
    repeated_words_overwritten=Feedback(
        "A word that stands twice in the sentence kept only its last score.",
        "How often does each word of the sentence stand in your list? Think of what a dictionary does.",
    ).on(lambda right, *asked: list(dict(right(*asked)).items())),
)
