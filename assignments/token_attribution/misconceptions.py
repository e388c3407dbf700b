"""Known mistakes in token attribution, each as a function that makes it, and the variants that are accepted.

A mistake takes the reference module and then the task's own arguments. Dropout left on is missing here on
purpose: its results are random, so that no run of it reproduces a student's; the visible check of
compute_feature_attribution_scores asks for one sentence twice and finds it that way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from autograder.attribution.quadrature import (
    Rule,
    captum_trapezoid,
    gauss_legendre,
    integrate_gradients,
    riemann_right,
)
from autograder.checks import accepted_variant, misconception

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


@misconception(
    task=BASELINE,
    title="[CLS] and [SEP] became [PAD] as well.",
    hint="Everything turned into [PAD]. Which tokens carry the form of a sentence and none of its content?",
)
def all_padding(reference: Any, input_ids: Tensor, tokenizer: Any) -> Tensor:
    return _pad_all_but(input_ids, tokenizer, [tokenizer.pad_token_id])


@misconception(
    task=BASELINE,
    title="[CLS] became [PAD].",
    hint="Look at the first token of your baseline: does the sentence still begin as every sentence does?",
)
def cls_not_kept(reference: Any, input_ids: Tensor, tokenizer: Any) -> Tensor:
    return _pad_all_but(input_ids, tokenizer, [tokenizer.sep_token_id])


@misconception(
    task=BASELINE,
    title="[SEP] became [PAD].",
    hint="Look at the place where the sentence ends: does your baseline still say so?",
)
def sep_not_kept(reference: Any, input_ids: Tensor, tokenizer: Any) -> Tensor:
    return _pad_all_but(input_ids, tokenizer, [tokenizer.cls_token_id])


@misconception(
    task=BASELINE,
    title="[UNK] was kept.",
    hint="An unknown word is a word of the sentence. Does your baseline still hold content?",
)
def unknown_kept(reference: Any, input_ids: Tensor, tokenizer: Any) -> Tensor:
    kept = [tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.unk_token_id]
    return _pad_all_but(input_ids, tokenizer, kept)


@misconception(
    task=BASELINE,
    title="[MASK] in the input was kept.",
    hint="A [MASK] stands where a word was. Should it stay in a sentence without content?",
)
def mask_kept(reference: Any, input_ids: Tensor, tokenizer: Any) -> Tensor:
    kept = [tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.mask_token_id]
    return _pad_all_but(input_ids, tokenizer, kept)


@misconception(
    task=BASELINE,
    title="All special tokens were kept, [UNK] and [MASK] among them.",
    hint="The tokenizer's list of special tokens is longer than the two that the baseline keeps.",
)
def all_special_kept(reference: Any, input_ids: Tensor, tokenizer: Any) -> Tensor:
    return _pad_all_but(input_ids, tokenizer, list(tokenizer.all_special_ids))


@misconception(
    task=BASELINE,
    title="[MASK] was put in place of the words instead of [PAD].",
    hint="Which token does the task ask for in place of the words? It also fills up short sentences.",
    calls=(BASELINE,),
)
def filled_with_mask(reference: Any, input_ids: Tensor, tokenizer: Any) -> Tensor:
    right = reference.build_baseline(input_ids, tokenizer)
    content = (right == tokenizer.pad_token_id) & (input_ids != tokenizer.pad_token_id)
    return torch.where(content, torch.full_like(right, tokenizer.mask_token_id), right)


@misconception(
    task=BASELINE,
    title="The padding was filled with [MASK] as well as the words.",
    hint="Look behind the end of a short sentence: the padding should be what it was.",
    calls=(BASELINE,),
)
def padding_changed(reference: Any, input_ids: Tensor, tokenizer: Any) -> Tensor:
    right = reference.build_baseline(input_ids, tokenizer)
    return torch.where(right == tokenizer.pad_token_id, tokenizer.mask_token_id, right)


@misconception(
    task=BASELINE,
    title="[SEP] was put at the last position of the padded row, not where the sentence ends.",
    hint="A batch is padded: where does a short sentence end, and what stands at the end of its row?",
)
def sep_at_the_end_of_the_row(reference: Any, input_ids: Tensor, tokenizer: Any) -> Tensor:
    baseline = torch.full_like(input_ids, tokenizer.pad_token_id)
    baseline[:, 0], baseline[:, -1] = tokenizer.cls_token_id, tokenizer.sep_token_id
    return baseline


@misconception(
    task=BASELINE,
    title="The ids 0, 101 and 102 of the published BERT vocabularies are written into the code.",
    hint="Ids differ from one vocabulary to the next: ask the tokenizer that you were given.",
)
def published_ids(reference: Any, input_ids: Tensor, tokenizer: Any) -> Tensor:
    return torch.where((input_ids == 101) | (input_ids == 102), input_ids, torch.zeros_like(input_ids))


@misconception(
    task=BASELINE,
    title="The ids of the shipped vocabulary are written into the code.",
    hint="Your function is also called with another vocabulary: ask the tokenizer that you were given.",
)
def shipped_ids(reference: Any, input_ids: Tensor, tokenizer: Any) -> Tensor:
    return torch.where((input_ids == 2) | (input_ids == 3), input_ids, torch.zeros_like(input_ids))


@misconception(
    task=BASELINE,
    title="The ids are right, but floats.",
    hint="Ids are looked up in a table, so they are whole numbers: which dtype does your tensor have?",
    calls=(BASELINE,),
)
def float_ids(reference: Any, input_ids: Tensor, tokenizer: Any) -> Tensor:
    return reference.build_baseline(input_ids, tokenizer).float()


# compute_feature_attribution_scores


def _remembered(reference: Any, label: str, compute: Callable[..., Any], *args: Any) -> Any:
    """Return compute(*args), kept by a reference that keeps answers: mistakes share most of the work."""
    memoise = getattr(reference, "memoise", None)
    return compute(*args) if memoise is None else memoise(label, compute, *args)


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
    return _remembered(reference, "vectors", _vectors, batch, model, baseline)


def _from(reference: Any, batch: Batch, model: Any, tokenizer: Any, **changed: Any) -> tuple[Tensor, Tensor]:
    baseline = changed.pop("baseline", None)
    if baseline is None:
        baseline = reference.build_baseline(batch["input_ids"], tokenizer)
    return _vectors(batch, model, baseline, **changed).sum(dim=-1), _predict(batch, model)


@accepted_variant(
    task=ATTRIBUTION,
    remark="Your path begins at [PAD] for [CLS] and [SEP] too. That is accepted; with both kept, all of the "
    "difference would be shared among the words.",
)
def baseline_of_padding(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    return _from(
        reference, batch, model, tokenizer, baseline=all_padding(None, batch["input_ids"], tokenizer)
    )


@accepted_variant(task=ATTRIBUTION, remark="You integrate by another rule than Gauss-Legendre.")
def right_riemann_sum(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    return _from(reference, batch, model, tokenizer, rule=riemann_right(50))


@accepted_variant(task=ATTRIBUTION, remark="You integrate by another rule than Gauss-Legendre.")
def trapezoid_of_captum(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    return _from(reference, batch, model, tokenizer, rule=captum_trapezoid(50))


@accepted_variant(task=ATTRIBUTION, remark="You take more steps than asked for.")
def more_steps(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    return _from(reference, batch, model, tokenizer, rule=gauss_legendre(200))


@misconception(
    task=ATTRIBUTION,
    title="The path's baseline lost [CLS], but kept [SEP].",
    hint="Which attribution does [CLS] get? Where input and baseline agree it must be exactly 0.",
    calls=(BASELINE,),
)
def path_without_cls(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    baseline = cls_not_kept(None, batch["input_ids"], tokenizer)
    return _from(reference, batch, model, tokenizer, baseline=baseline)


@misconception(
    task=ATTRIBUTION,
    title="The path's baseline lost [SEP], but kept [CLS].",
    hint="Which attribution does [SEP] get? Where input and baseline agree it must be exactly 0.",
    calls=(BASELINE,),
)
def path_without_sep(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    baseline = sep_not_kept(None, batch["input_ids"], tokenizer)
    return _from(reference, batch, model, tokenizer, baseline=baseline)


@misconception(
    task=ATTRIBUTION,
    title="The path begins at [MASK] tokens.",
    hint="Which tokens stand at the start of your path? Compare with what build_baseline returns.",
    calls=(BASELINE,),
)
def path_from_mask_tokens(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    baseline = filled_with_mask(reference, batch["input_ids"], tokenizer)
    return _from(reference, batch, model, tokenizer, baseline=baseline)


@misconception(
    task=ATTRIBUTION,
    title="The path begins at the zero vector instead of the baseline's embeddings.",
    hint="Where does your path begin? The embedding of [PAD] at a position is a vector, not zeros.",
)
def path_from_zero_vectors(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    vectors, _, _ = _remembered(reference, "from zero", _from_zero_vectors, batch, model)
    return vectors.sum(dim=-1), _predict(batch, model)


def _from_zero_vectors(batch: Batch, model: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Return integrated gradients from zero vectors, and gradient and embeddings at the input."""
    ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
    embeddings_module = model.embedding_model.embeddings
    with torch.no_grad():
        embeddings = embeddings_module(ids)
    target = _predict(batch, model).argmax(dim=-1, keepdim=True)

    def gradient_at(points: Tensor) -> Tensor:
        points = points.detach().requires_grad_()
        hook = embeddings_module.register_forward_hook(lambda module, inputs, output: points)
        try:
            with torch.enable_grad():
                logits = model({"input_ids": ids, "attention_mask": mask})
                return torch.autograd.grad(logits.gather(1, target).sum(), points)[0]
        finally:
            hook.remove()

    rule = gauss_legendre(50)
    pairs = zip(rule.nodes, rule.weights, strict=True)
    average = sum(weight * gradient_at(node * embeddings) for node, weight in pairs)
    return embeddings * average, gradient_at(embeddings), embeddings


@misconception(
    task=ATTRIBUTION,
    title="The layer is the word embeddings alone, not the embedding module.",
    hint="Which module's output does your path run through? Position, type and normalisation belong to it.",
    calls=(BASELINE,),
)
def word_embeddings_as_layer(
    reference: Any, batch: Batch, model: Any, tokenizer: Any
) -> tuple[Tensor, Tensor]:
    layer = model.embedding_model.embeddings.word_embeddings
    return _from(reference, batch, model, tokenizer, layer=layer)


@misconception(
    task=ATTRIBUTION,
    title="The target is the label instead of the predicted class.",
    hint="Which class do you explain where the model is wrong? The question is why it said what it said.",
    calls=(BASELINE,),
)
def label_as_target(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    return _from(reference, batch, model, tokenizer, target=batch["labels"].argmax(dim=-1))


@misconception(
    task=ATTRIBUTION,
    title="The target is the class after the predicted one.",
    hint="Do you count the classes from 0, as the columns of the logits?",
    calls=(BASELINE,),
)
def next_class_as_target(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    logits = _predict(batch, model)
    return _from(reference, batch, model, tokenizer, target=(logits.argmax(dim=-1) + 1) % logits.shape[1])


@misconception(
    task=ATTRIBUTION,
    title="The first sentence's predicted class is the target for the whole batch.",
    hint="Each sentence has a prediction of its own: how many targets does your batch have?",
    needs_whole=True,
    calls=(BASELINE,),
)
def one_target_for_all(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    predicted = _predict(batch, model).argmax(dim=-1)
    return _from(reference, batch, model, tokenizer, target=predicted[:1].expand(len(predicted)))


@misconception(
    task=ATTRIBUTION,
    title="The probability is explained instead of the logit.",
    hint="What does your sum of attributions add up to: a difference of logits, or of something else?",
    calls=(BASELINE,),
)
def probability_as_target(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    return _from(reference, batch, model, tokenizer, score=_softmax)


@misconception(
    task=ATTRIBUTION,
    title="The log-probability is explained instead of the logit.",
    hint="What comes out of the model that you explain: is it still what `model(batch)` returns?",
    calls=(BASELINE,),
)
def log_probability_as_target(
    reference: Any, batch: Batch, model: Any, tokenizer: Any
) -> tuple[Tensor, Tensor]:
    return _from(reference, batch, model, tokenizer, score=_log_softmax)


def _softmax(logits: Tensor) -> Tensor:
    return logits.softmax(dim=-1)


def _log_softmax(logits: Tensor) -> Tensor:
    return logits.log_softmax(dim=-1)


@misconception(
    task=ATTRIBUTION,
    title="The hidden dimension was averaged instead of summed.",
    hint="By what factor is the sum of a sentence's attributions off the difference of the logits?",
    calls=(BASELINE,),
)
def mean_over_hidden(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    return _right_vectors(reference, batch, model, tokenizer).mean(dim=-1), _predict(batch, model)


@misconception(
    task=ATTRIBUTION,
    title="The norm over the hidden dimension was taken instead of the sum.",
    hint="Can a token of yours speak against the class? A length has no sign.",
    calls=(BASELINE,),
)
def norm_over_hidden(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    return _right_vectors(reference, batch, model, tokenizer).norm(dim=-1), _predict(batch, model)


@misconception(
    task=ATTRIBUTION,
    title="Absolute values were summed over the hidden dimension.",
    hint="What happens to the entries of a token's vector that speak against the class?",
    calls=(BASELINE,),
)
def absolute_sum_over_hidden(
    reference: Any, batch: Batch, model: Any, tokenizer: Any
) -> tuple[Tensor, Tensor]:
    return _right_vectors(reference, batch, model, tokenizer).abs().sum(dim=-1), _predict(batch, model)


@misconception(
    task=ATTRIBUTION,
    title="Each sentence's attributions were divided by their L2 norm.",
    hint="What do your attributions of a sentence add up to? Normalising is not asked for here.",
    calls=(BASELINE,),
)
def divided_by_norm(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    summed = _right_vectors(reference, batch, model, tokenizer).sum(dim=-1)
    return summed / summed.norm(dim=-1, keepdim=True), _predict(batch, model)


@misconception(
    task=ATTRIBUTION,
    title="The attributions of the whole batch were divided by their common L2 norm.",
    hint="Does the score of a sentence depend on which sentences stand beside it in the batch?",
    needs_whole=True,
    calls=(BASELINE,),
)
def divided_by_norm_of_batch(
    reference: Any, batch: Batch, model: Any, tokenizer: Any
) -> tuple[Tensor, Tensor]:
    summed = _right_vectors(reference, batch, model, tokenizer).sum(dim=-1)
    return summed / summed.norm(), _predict(batch, model)


@misconception(
    task=ATTRIBUTION,
    title="The sign is turned round: baseline minus input.",
    hint="Does the most helpful word speak for the class? Which way does your path run?",
    calls=(BASELINE,),
)
def opposite_sign(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    return -_right_vectors(reference, batch, model, tokenizer).sum(dim=-1), _predict(batch, model)


@misconception(
    task=ATTRIBUTION,
    title="The weights of the nodes are those of the interval from -1 to 1: everything is twice as large.",
    hint="What do your weights add up to, and how long is the path from 0 to 1?",
    calls=(BASELINE,),
)
def weights_not_halved(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    return 2 * _right_vectors(reference, batch, model, tokenizer).sum(dim=-1), _predict(batch, model)


@misconception(
    task=ATTRIBUTION,
    title="The plain gradient at the input, summed over the hidden dimension.",
    hint="A gradient at one point is no integral along a path, and nothing is multiplied with it.",
)
def gradient_only(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    _, gradient, _ = _remembered(reference, "from zero", _from_zero_vectors, batch, model)
    return gradient.sum(dim=-1), _predict(batch, model)


@misconception(
    task=ATTRIBUTION,
    title="Gradient times input, without a path.",
    hint="You look at a single point. At how many points of the path does the task ask for the gradient?",
)
def gradient_times_input(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    _, gradient, embeddings = _remembered(reference, "from zero", _from_zero_vectors, batch, model)
    return (gradient * embeddings).sum(dim=-1), _predict(batch, model)


@misconception(
    task=ATTRIBUTION,
    title="Far too few steps (5).",
    hint="How many steps does the task ask for? Compare the sum of your attributions with what it should be.",
    calls=(BASELINE,),
)
def five_steps(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    return _from(reference, batch, model, tokenizer, rule=gauss_legendre(5))


@misconception(
    task=ATTRIBUTION,
    title="The model is called without the attention mask.",
    hint="Which tokens may the model attend to along your path? Short sentences show the difference.",
    calls=(BASELINE,),
)
def without_attention_mask(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    attended = {**batch, "attention_mask": torch.ones_like(batch["attention_mask"])}
    target = _predict(batch, model).argmax(dim=-1)
    scores, _ = _from(reference, attended, model, tokenizer, target=target)
    return scores, _predict(batch, model)


@misconception(
    task=ATTRIBUTION,
    title="The attention mask is the baseline's: only [CLS] and [SEP] are attended to.",
    hint="The attention mask is the input's own along the whole path. Which one do you pass on?",
    calls=(BASELINE,),
)
def attention_mask_of_baseline(
    reference: Any, batch: Batch, model: Any, tokenizer: Any
) -> tuple[Tensor, Tensor]:
    baseline = reference.build_baseline(batch["input_ids"], tokenizer)
    hidden = {**batch, "attention_mask": (baseline != tokenizer.pad_token_id).long()}
    target = _predict(batch, model).argmax(dim=-1)
    scores, _ = _from(reference, hidden, model, tokenizer, target=target)
    return scores, _predict(batch, model)


@misconception(
    task=ATTRIBUTION,
    title="The predictions are probabilities instead of logits.",
    hint="The second result is what the model returns, as it is.",
    calls=(ATTRIBUTION,),
)
def predictions_as_probabilities(
    reference: Any, batch: Batch, model: Any, tokenizer: Any
) -> tuple[Tensor, Tensor]:
    scores, logits = reference.compute_feature_attribution_scores(batch, model, tokenizer)
    return scores, logits.softmax(dim=-1)


@misconception(
    task=ATTRIBUTION,
    title="The predictions are class numbers instead of logits.",
    hint="The second result has a column for each label: what does the model return before you pick one?",
    calls=(ATTRIBUTION,),
)
def predictions_as_classes(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    scores, logits = reference.compute_feature_attribution_scores(batch, model, tokenizer)
    return scores, logits.argmax(dim=-1)


@misconception(
    task=ATTRIBUTION,
    title="The two results are swapped.",
    hint="Look at the order of the two results: which shape does each of them have?",
    calls=(ATTRIBUTION,),
)
def results_swapped(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    scores, logits = reference.compute_feature_attribution_scores(batch, model, tokenizer)
    return logits, scores


# token_importance


@misconception(
    task=IMPORTANCE,
    title="The softmax runs over the padding, too.",
    hint="How much importance does the padding get, and what is left for the words?",
)
def softmax_over_everything(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    return attributions.softmax(dim=-1)


@misconception(
    task=IMPORTANCE,
    title="The padding took part in the softmax and was set to 0 after it: rows sum to less than 1.",
    hint="What does a row of yours sum to? What was taken away is missing now.",
)
def zeroed_after_softmax(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    return attributions.softmax(dim=-1) * attention_mask


@misconception(
    task=IMPORTANCE,
    title="The attributions at the padding were set to 0 before the softmax.",
    hint="What is exp(0)? A score of 0 is not the same as no score.",
)
def zeroed_before_softmax(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    return (attributions * attention_mask).softmax(dim=-1)


@misconception(
    task=IMPORTANCE,
    title="The attributions at the padding were set to 0 before the softmax and again after it.",
    hint="The padding is 0 in the end, but what did it take from the others before?",
)
def zeroed_before_and_after_softmax(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    return (attributions * attention_mask).softmax(dim=-1) * attention_mask


@misconception(
    task=IMPORTANCE,
    title="The softmax runs over the sentences of the batch instead of the tokens.",
    hint="Along which axis do your values sum to 1?",
)
def softmax_over_the_batch(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    return attributions.masked_fill(attention_mask == 0, float("-inf")).softmax(dim=0)


@misconception(
    task=IMPORTANCE,
    title="One softmax runs over all tokens of all sentences.",
    hint="Does each row of yours sum to 1, or only all of them together?",
)
def softmax_over_both_axes(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    masked = attributions.masked_fill(attention_mask == 0, float("-inf"))
    return masked.flatten().softmax(dim=0).reshape(masked.shape)


@misconception(
    task=IMPORTANCE,
    title="Absolute values were taken before the softmax.",
    hint="Should a token that speaks against the class be as important as one that speaks for it?",
    calls=(IMPORTANCE,),
)
def absolute_values_first(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    return reference.token_importance(attributions.abs(), attention_mask)


@misconception(
    task=IMPORTANCE,
    title="The scores were divided by their sum instead of passed through a softmax.",
    hint="Are all of your values positive? What does a softmax do before it divides?",
)
def divided_by_sum(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    valid = attributions * attention_mask
    return valid / valid.sum(dim=-1, keepdim=True)


@misconception(
    task=IMPORTANCE,
    title="The absolute scores were divided by their sum instead of passed through a softmax.",
    hint="Is the ratio of two of your values the ratio of the scores? What would a softmax make of it?",
)
def divided_by_absolute_sum(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    valid = attributions.abs() * attention_mask
    return valid / valid.sum(dim=-1, keepdim=True)


@misconception(
    task=IMPORTANCE,
    title="The first and last valid token, [CLS] and [SEP], were left out.",
    hint="Which tokens count as valid? The attention mask says so.",
    calls=(IMPORTANCE,),
)
def border_tokens_left_out(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    mask = attention_mask.clone()
    for row in mask:
        valid = torch.nonzero(row)[:, 0]
        row[valid[0]] = row[valid[-1]] = 0
    return reference.token_importance(attributions, mask)


@accepted_variant(
    task=IMPORTANCE,
    remark="You take the valid tokens to be the first of the row. A mask may have holes, though.",
)
def mask_assumed_a_prefix(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    lengths = attention_mask.sum(dim=-1, keepdim=True)
    places = torch.arange(attention_mask.shape[1], device=attention_mask.device)
    return reference.token_importance(attributions, (places < lengths).long())


@misconception(
    task=IMPORTANCE,
    title="The logarithm of the importances was returned.",
    hint="Are your values between 0 and 1?",
)
def logarithms(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    logs = attributions.masked_fill(attention_mask == 0, float("-inf")).log_softmax(dim=-1)
    return logs.masked_fill(attention_mask == 0, 0.0)


# merge_subtokens


def _groups(tokens: list[str], scores: Any) -> list[tuple[str, list[float]]]:
    """Return each word with the scores of its pieces."""
    groups: list[tuple[str, list[float]]] = []
    for token, score in zip(tokens, scores, strict=True):
        if token.startswith("##") and groups and not _is_special(groups[-1][0]):
            groups[-1] = (groups[-1][0] + token[2:], [*groups[-1][1], float(score)])
        else:
            groups.append((token.removeprefix("##"), [float(score)]))
    return groups


def _is_special(word: str) -> bool:
    return word.startswith("[") and word.endswith("]")


def _merged(tokens: list[str], scores: Any, join: Callable[[list[float]], float]) -> list[tuple[str, float]]:
    return [(word, join(pieces)) for word, pieces in _groups(tokens, scores)]


@accepted_variant(task=MERGING, remark="A leading piece may keep its ##.")
def leading_hashes_kept(reference: Any, tokens: list[str], scores: Any) -> list[tuple[str, float]]:
    kept = [("##" + token if token.startswith("##") else token) for token in tokens]
    for place, token in enumerate(tokens):
        if place > 0 and not _is_special(tokens[place - 1]):
            kept[place] = token
    return reference.merge_subtokens(kept, scores)


@misconception(
    task=MERGING,
    title="The pieces' scores were averaged.",
    hint="Does the sum over a sentence stay the same when you join its pieces?",
)
def mean_of_pieces(reference: Any, tokens: list[str], scores: Any) -> list[tuple[str, float]]:
    return _merged(tokens, scores, lambda pieces: sum(pieces) / len(pieces))


@misconception(
    task=MERGING,
    title="The largest score of the pieces was taken.",
    hint="What happens to the scores of the other pieces of a word?",
)
def largest_piece(reference: Any, tokens: list[str], scores: Any) -> list[tuple[str, float]]:
    return _merged(tokens, scores, max)


@misconception(
    task=MERGING,
    title="The score of largest magnitude among the pieces was taken.",
    hint="One piece stands for the whole word here. Where do the other scores go?",
)
def strongest_piece(reference: Any, tokens: list[str], scores: Any) -> list[tuple[str, float]]:
    return _merged(tokens, scores, lambda pieces: max(pieces, key=abs))


@misconception(
    task=MERGING,
    title="The first piece's score was kept for the whole word.",
    hint="When a ## piece joins a word, what happens to its score?",
)
def first_piece(reference: Any, tokens: list[str], scores: Any) -> list[tuple[str, float]]:
    return _merged(tokens, scores, lambda pieces: pieces[0])


@misconception(
    task=MERGING,
    title="The last piece's score replaced the others.",
    hint="When a ## piece joins a word, what happens to the score that the word had before?",
)
def last_piece(reference: Any, tokens: list[str], scores: Any) -> list[tuple[str, float]]:
    return _merged(tokens, scores, lambda pieces: pieces[-1])


@misconception(
    task=MERGING,
    title="The ## was left inside the words.",
    hint="Read one of your joined words aloud: is it a word of the sentence?",
)
def hashes_left_inside(reference: Any, tokens: list[str], scores: Any) -> list[tuple[str, float]]:
    words: list[tuple[str, float]] = []
    for token, score in zip(tokens, scores, strict=True):
        if token.startswith("##") and words and not _is_special(words[-1][0]):
            words[-1] = (words[-1][0] + token, words[-1][1] + float(score))
        else:
            words.append((token, float(score)))
    return words


@misconception(
    task=MERGING,
    title="Special tokens were dropped.",
    hint="Compare the number of your words with the sentence: are [CLS] and [SEP] still there?",
    calls=(MERGING,),
)
def special_tokens_dropped(reference: Any, tokens: list[str], scores: Any) -> list[tuple[str, float]]:
    return [
        (word, score) for word, score in reference.merge_subtokens(tokens, scores) if not _is_special(word)
    ]


@misconception(
    task=MERGING,
    title="Neighbouring special tokens were merged into one word.",
    hint="Each special token is a word of its own, also beside another one.",
    calls=(MERGING,),
)
def special_tokens_merged(reference: Any, tokens: list[str], scores: Any) -> list[tuple[str, float]]:
    words: list[tuple[str, float]] = []
    for word, score in reference.merge_subtokens(tokens, scores):
        if words and _is_special(word) and _is_special(words[-1][0]):
            words[-1] = (words[-1][0] + word, words[-1][1] + score)
        else:
            words.append((word, score))
    return words


@misconception(
    task=MERGING,
    title="A leading ## piece was dropped.",
    hint="What happens to a ## piece when there is no word before it?",
    calls=(MERGING,),
)
def leading_piece_dropped(reference: Any, tokens: list[str], scores: Any) -> list[tuple[str, float]]:
    start = next((place for place, token in enumerate(tokens) if not token.startswith("##")), len(tokens))
    return reference.merge_subtokens(tokens[start:], list(scores)[start:])


@misconception(
    task=MERGING,
    title="A ## piece behind a special token was joined to it.",
    hint="In a window of a long text a ## piece may follow [CLS] or [SEP]: is it a part of the special token?",
)
def piece_joined_to_special_token(reference: Any, tokens: list[str], scores: Any) -> list[tuple[str, float]]:
    words: list[tuple[str, float]] = []
    for token, score in zip(tokens, scores, strict=True):
        if token.startswith("##") and words:
            words[-1] = (words[-1][0] + token[2:], words[-1][1] + float(score))
        else:
            words.append((token.removeprefix("##"), float(score)))
    return words


@misconception(
    task=MERGING,
    title="A word that stands twice in the sentence became one entry with both scores.",
    hint="How often does each word of the sentence stand in your list? Think of what a dictionary does.",
    calls=(MERGING,),
)
def repeated_words_added_up(reference: Any, tokens: list[str], scores: Any) -> list[tuple[str, float]]:
    totals: dict[str, float] = {}
    for word, score in reference.merge_subtokens(tokens, scores):
        totals[word] = totals.get(word, 0.0) + score
    return list(totals.items())


@misconception(
    task=MERGING,
    title="A word that stands twice in the sentence kept only its last score.",
    hint="How often does each word of the sentence stand in your list? Think of what a dictionary does.",
    calls=(MERGING,),
)
def repeated_words_overwritten(reference: Any, tokens: list[str], scores: Any) -> list[tuple[str, float]]:
    return list(dict(reference.merge_subtokens(tokens, scores)).items())


@misconception(
    task=MERGING,
    title="The pieces were joined with blanks.",
    hint="Read one of your joined words aloud: is it one word of the sentence?",
)
def joined_with_blanks(reference: Any, tokens: list[str], scores: Any) -> list[tuple[str, float]]:
    words: list[tuple[str, float]] = []
    for token, score in zip(tokens, scores, strict=True):
        if token.startswith("##") and words and not _is_special(words[-1][0]):
            words[-1] = (f"{words[-1][0]} {token[2:]}", words[-1][1] + float(score))
        else:
            words.append((token.removeprefix("##"), float(score)))
    return words
