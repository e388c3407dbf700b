"""Programs that a human grader could call right or wrong: their points must not depend on what is drawn."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from autograder.attribution.quadrature import (
    Rule,
    captum_trapezoid,
    gauss_legendre,
    integrate_gradients,
    riemann_left,
    riemann_middle,
)
from autograder.diagnosis import borderline

SCORES, IMPORTANCE, MERGING = "compute_feature_attribution_scores", "token_importance", "merge_subtokens"
OWN = "my_attribution"

Batch = dict[str, Tensor]
Words = list[tuple[str, float]]


def _by(reference: Any, batch: Batch, model: Any, tokenizer: Any, rule: Rule) -> tuple[Tensor, Tensor]:
    ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
    with torch.no_grad():
        logits = model({"input_ids": ids, "attention_mask": mask})
    chosen = logits.argmax(dim=-1)

    def forward(rows_of_ids: Tensor, rows: Tensor) -> Tensor:
        found = model({"input_ids": rows_of_ids, "attention_mask": mask[rows]})
        return found.gather(1, chosen[rows][:, None])[:, 0]

    start = reference.build_baseline(ids, tokenizer)
    (vectors,) = integrate_gradients(forward, model.embedding_model.embeddings, ids, start, [rule])
    return vectors.sum(dim=-1), logits


def _rounded(values: Tensor, digits: int) -> Tensor:
    return (values.double() * 10**digits).round() / 10**digits


@borderline(task=SCORES)
def gauss_legendre_of_49(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    """49 nodes for 50."""
    return _by(reference, batch, model, tokenizer, gauss_legendre(49))


@borderline(task=SCORES)
def gauss_legendre_of_20(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    """20 nodes for 50."""
    return _by(reference, batch, model, tokenizer, gauss_legendre(20))


@borderline(task=SCORES)
def middle_sum_of_45(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    """A middle sum of 45 steps."""
    return _by(reference, batch, model, tokenizer, riemann_middle(45))


@borderline(task=SCORES)
def left_sum_of_25(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    """A left sum of 25 steps."""
    return _by(reference, batch, model, tokenizer, riemann_left(25))


@borderline(task=SCORES)
def captums_trapezoid_of_40(
    reference: Any, batch: Batch, model: Any, tokenizer: Any
) -> tuple[Tensor, Tensor]:
    """Captum's trapezoid of 40 steps, whose weights sum to 39/40."""
    return _by(reference, batch, model, tokenizer, captum_trapezoid(40))


@borderline(task=SCORES)
def results_in_half(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    """Both results pass through float16."""
    scores, logits = reference.compute_feature_attribution_scores(batch, model, tokenizer)
    return scores.half().float(), logits.half().float()


@borderline(task=SCORES)
def results_of_three_digits(
    reference: Any, batch: Batch, model: Any, tokenizer: Any
) -> tuple[Tensor, Tensor]:
    """Both results are rounded to three digits."""
    scores, logits = reference.compute_feature_attribution_scores(batch, model, tokenizer)
    return _rounded(scores, 3), _rounded(logits, 3)


@borderline(task=SCORES)
def logits_of_four_digits(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    """Both results are rounded to four digits."""
    scores, logits = reference.compute_feature_attribution_scores(batch, model, tokenizer)
    return _rounded(scores, 4), _rounded(logits, 4)


@borderline(task=IMPORTANCE)
def softmax_in_half(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    """The softmax is computed in float16."""
    masked = attributions.half().masked_fill(attention_mask == 0, -torch.inf)
    return masked.softmax(dim=-1).float()


@borderline(task=IMPORTANCE)
def scores_in_half(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    """The scores pass through float16, the softmax does not."""
    result: Tensor = reference.token_importance(attributions.half().float(), attention_mask)
    return result


@borderline(task=IMPORTANCE)
def a_millionth_in_the_sum(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    """The sum of the exponentials has 1e-6 added."""
    raised = attributions.exp() * attention_mask
    return raised / (raised.sum(dim=-1, keepdim=True) + 1e-6)


@borderline(task=IMPORTANCE)
def a_thousandth_in_the_sum(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    """The sum of the exponentials has 1e-3 added."""
    raised = attributions.exp() * attention_mask
    return raised / (raised.sum(dim=-1, keepdim=True) + 1e-3)


@borderline(task=IMPORTANCE)
def filled_with_minus_ten_thousand(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    """Masked scores are -1e4 instead of minus infinity."""
    return attributions.masked_fill(attention_mask == 0, -1e4).softmax(dim=-1)


@borderline(task=IMPORTANCE)
def importance_of_four_digits(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    """Importances are rounded to four digits."""
    return _rounded(reference.token_importance(attributions, attention_mask), 4)


@borderline(task=IMPORTANCE)
def importance_of_five_digits(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    """Importances are rounded to five digits."""
    return _rounded(reference.token_importance(attributions, attention_mask), 5)


@borderline(task=MERGING)
def words_of_three_digits(reference: Any, tokens: list[str], scores: Any) -> Words:
    """Scores of words are rounded to three digits."""
    return [(word, round(float(score), 3)) for word, score in reference.merge_subtokens(tokens, scores)]


@borderline(task=MERGING)
def words_of_four_digits(reference: Any, tokens: list[str], scores: Any) -> Words:
    """Scores of words are rounded to four digits."""
    return [(word, round(float(score), 4)) for word, score in reference.merge_subtokens(tokens, scores)]


@borderline(task=MERGING)
def words_in_half(reference: Any, tokens: list[str], scores: Any) -> Words:
    """Scores of pieces pass through float16."""
    rounded = torch.as_tensor(scores, dtype=torch.float16).tolist()
    words: Words = reference.merge_subtokens(tokens, rounded)
    return words


@borderline(task=OWN)
def saliency(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> Tensor:
    """The length of the plain gradient: faithful in part."""
    kept: dict[str, Tensor] = {}

    def keep(module: Any, arguments: Any, output: Tensor) -> Tensor:
        kept["vectors"] = output.detach().requires_grad_()
        return kept["vectors"]

    handle = model.embedding_model.embeddings.register_forward_hook(keep)
    try:
        logits = model({name: batch[name].to(model.device) for name in ("input_ids", "attention_mask")})
    finally:
        handle.remove()
    (gradient,) = torch.autograd.grad(logits.max(dim=1).values.sum(), kept["vectors"])
    return gradient.norm(dim=-1)


@borderline(task=OWN)
def few_different_scores(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> Tensor:
    """The reference's method, rounded to whole numbers: most sentences have ties."""
    return _rounded(reference.my_attribution(batch, model, tokenizer), 0)


@borderline(task=OWN)
def the_longest_pieces(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> Tensor:
    """The length of each piece, whatever the model says: many ties, better than chance."""
    pieces = [tokenizer.convert_ids_to_tokens(row) for row in batch["input_ids"].tolist()]
    return torch.tensor([[float(len(piece)) for piece in row] for row in pieces])


@borderline(task=OWN)
def in_reading_order(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> Tensor:
    """Every token is more important than the next."""
    return -torch.arange(batch["input_ids"].shape[1]).float().expand(batch["input_ids"].shape)
