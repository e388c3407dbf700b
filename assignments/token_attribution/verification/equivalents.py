"""Other programs for the same values, in float32 like a student's, and other rules of fifty steps or more.

They tell calibration how far right answers lie apart.
"""

from __future__ import annotations

from typing import Any

import torch
from captum.attr import LayerIntegratedGradients
from torch import Tensor

from autograder.attribution.quadrature import (
    Rule,
    captum_trapezoid,
    gauss_legendre,
    integrate_gradients,
    riemann_left,
    riemann_middle,
    riemann_right,
    trapezoid,
)
from autograder.checks import accepted_variant, equivalent

SCORES, IMPORTANCE, MERGING = "compute_feature_attribution_scores", "token_importance", "merge_subtokens"

Batch = dict[str, Tensor]
OTHER_RULE = "You integrate by another rule than 50 Gauss-Legendre nodes. That is accepted."


def _asked(batch: Batch, model: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Return ids, mask and logits."""
    ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
    with torch.no_grad():
        return ids, mask, model({"input_ids": ids, "attention_mask": mask})


def _captum(
    reference: Any, batch: Batch, model: Any, tokenizer: Any, rows: int | None, method: str = "gausslegendre"
) -> tuple[Tensor, Tensor]:
    ids, mask, logits = _asked(batch, model)

    def forward(rows_of_ids: Tensor, rows_of_mask: Tensor) -> Tensor:
        return model({"input_ids": rows_of_ids, "attention_mask": rows_of_mask})

    vectors = LayerIntegratedGradients(forward, model.embedding_model.embeddings).attribute(
        ids,
        baselines=reference.build_baseline(batch["input_ids"], tokenizer).to(ids.device),
        target=logits.argmax(dim=-1),
        additional_forward_args=(mask,),
        n_steps=50,
        method=method,
        internal_batch_size=rows,
    )
    return vectors.sum(dim=-1).detach(), logits


def _by(
    reference: Any, batch: Batch, model: Any, tokenizer: Any, rule: Rule, padded: bool = False
) -> tuple[Tensor, Tensor]:
    """Integrate by a rule without Captum; `padded`: from [PAD] everywhere, which is accepted."""
    ids, mask, logits = _asked(batch, model)
    chosen = logits.argmax(dim=-1)

    def forward(rows_of_ids: Tensor, rows: Tensor) -> Tensor:
        found = model({"input_ids": rows_of_ids, "attention_mask": mask[rows]})
        return found.gather(1, chosen[rows][:, None])[:, 0]

    baseline = reference.build_baseline(batch["input_ids"], tokenizer)
    start = torch.full_like(baseline, tokenizer.pad_token_id) if padded else baseline
    layer = model.embedding_model.embeddings
    (vectors,) = integrate_gradients(forward, layer, ids, start.to(ids.device), [rule])
    return vectors.sum(dim=-1), logits


@equivalent(task=SCORES, slow=True)
def in_batches_of_ten(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    return _captum(reference, batch, model, tokenizer, 10)


@equivalent(task=SCORES, slow=True)
def in_one_batch(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    return _captum(reference, batch, model, tokenizer, None)


@equivalent(task=SCORES)
def without_captum(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    return _by(reference, batch, model, tokenizer, gauss_legendre(50))


@accepted_variant(task=SCORES, remark=OTHER_RULE)
def left_sum(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    return _by(reference, batch, model, tokenizer, riemann_left(50))


@accepted_variant(task=SCORES, remark=OTHER_RULE)
def middle_sum(reference: Any, batch: Batch, model: Any, tokenizer: Any) -> tuple[Tensor, Tensor]:
    return _by(reference, batch, model, tokenizer, riemann_middle(50))


@accepted_variant(task=SCORES, remark=OTHER_RULE)
def trapezoid_of_fifty_one_nodes(
    reference: Any, batch: Batch, model: Any, tokenizer: Any
) -> tuple[Tensor, Tensor]:
    return _by(reference, batch, model, tokenizer, trapezoid(51))


@accepted_variant(task=SCORES, remark=OTHER_RULE)
def left_sum_of_seventy_from_padding(
    reference: Any, batch: Batch, model: Any, tokenizer: Any
) -> tuple[Tensor, Tensor]:
    return _by(reference, batch, model, tokenizer, riemann_left(70), padded=True)


@accepted_variant(task=SCORES, remark=OTHER_RULE, slow=True)
def nodes_that_are_not_listed(
    reference: Any, batch: Batch, model: Any, tokenizer: Any
) -> tuple[Tensor, Tensor]:
    return _by(reference, batch, model, tokenizer, gauss_legendre(140))


@accepted_variant(task=SCORES, remark=OTHER_RULE, slow=True)
def right_sum_that_is_not_listed(
    reference: Any, batch: Batch, model: Any, tokenizer: Any
) -> tuple[Tensor, Tensor]:
    return _by(reference, batch, model, tokenizer, riemann_right(350))


@accepted_variant(task=SCORES, remark=OTHER_RULE, slow=True)
def captums_trapezoid_that_is_not_listed(
    reference: Any, batch: Batch, model: Any, tokenizer: Any
) -> tuple[Tensor, Tensor]:
    return _by(reference, batch, model, tokenizer, captum_trapezoid(330))


@equivalent(task=IMPORTANCE)
def importance_by_minus_infinity(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    return attributions.masked_fill(attention_mask == 0, -torch.inf).softmax(dim=-1)


@equivalent(task=IMPORTANCE)
def importance_by_exponentials(reference: Any, attributions: Tensor, attention_mask: Tensor) -> Tensor:
    raised = attributions.exp() * attention_mask
    return raised / raised.sum(dim=-1, keepdim=True)


@equivalent(task=MERGING)
def merged_in_single(reference: Any, tokens: list[str], scores: Any) -> list[tuple[str, float]]:
    return reference.merge_subtokens(tokens, torch.as_tensor(scores, dtype=torch.float32))
