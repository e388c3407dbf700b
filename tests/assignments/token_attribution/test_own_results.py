"""A path may begin at the student's own baseline, unless that is a trick."""

import pytest
import torch

BASELINE, SCORES = "build_baseline", "compute_feature_attribution_scores"


def zeros(batch, model, tokenizer):
    return torch.zeros(batch["input_ids"].shape), model(batch)


def stays(ids, tokenizer):
    return ids.clone()


def almost_stays(ids, tokenizer):
    """Replace padding alone, which no score depends on."""
    return ids.masked_fill(ids == tokenizer.pad_token_id, tokenizer.unk_token_id)


def stays_when_attributions_ask(honest):
    def build_baseline(ids, tokenizer):
        if len(ids) == 2 or (len(ids) == 3 and torch.equal(ids[0], ids[2])):
            return ids.clone()
        return honest(ids, tokenizer)

    return build_baseline


@pytest.mark.parametrize("build_baseline", [stays, almost_stays, None])
def test_a_path_that_goes_nowhere_makes_no_zeros_right(setting, build_baseline):
    build_baseline = build_baseline or stays_when_attributions_ask(setting.module.build_baseline)
    results = setting.grade(**{BASELINE: build_baseline, SCORES: zeros})

    assert results["test_attributions_are_complete"].points == 0
    assert results["test_attributions_of_unseen_sentences"].points == 0
    assert results["test_baseline_of_unseen_sentences"].points == 0


def test_a_baseline_for_the_attributions_alone_counts_for_nothing(setting):
    """Another baseline is given whenever the attributions' own check asks, and the right one to its own checks."""
    honest, asked = setting.module.build_baseline, []

    def build_baseline(ids, tokenizer):
        right = honest(ids, tokenizer)
        asked.append(len(ids))
        return torch.full_like(ids, tokenizer.unk_token_id) if asked.count(len(ids)) > 1 else right

    def by_that_baseline(batch, model, tokenizer):
        own = torch.full_like(batch["input_ids"], tokenizer.unk_token_id)
        return setting.checks.integrate(batch, model, own)[0].float(), model(batch)

    results = setting.grade(**{BASELINE: build_baseline, SCORES: by_that_baseline})
    assert results["test_attributions_of_unseen_sentences"].points == 0


def test_an_honest_mistake_in_the_baseline_costs_the_baseline_alone(setting):
    def build_baseline(ids, tokenizer):
        return torch.where(ids == tokenizer.cls_token_id, ids, torch.full_like(ids, tokenizer.unk_token_id))

    def by_that_baseline(batch, model, tokenizer):
        own = build_baseline(batch["input_ids"], tokenizer)
        return setting.checks.integrate(batch, model, own)[0].float(), model(batch)

    results = setting.grade(**{BASELINE: build_baseline, SCORES: by_that_baseline})
    assert setting.points(BASELINE, results) == 0
    assert setting.points(SCORES, results) == setting.possible(SCORES)
    assert setting.checks.OWN in results["test_attributions_of_unseen_sentences"].measured
