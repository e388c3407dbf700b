"""Checks of token attribution: what each of the five functions must do, and what it is worth."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from functools import cache, partial
from math import inf
from operator import itemgetter
from typing import Any

import torch
from course.intent_classifier import INTENTS, Sentence, encode, load_sentences

from autograder.attribution import faithfulness, quadrature
from autograder.attribution.path_sampling import integrate_samples, sample_integrands
from autograder.checks import (
    Part,
    assert_close,
    assert_figure_shown,
    assert_integers_equal,
    assert_matches,
    first_within,
    grades,
    hint,
    points,
    requires,
    visibility,
    within,
)
from autograder.checks.input_selection import smallest_first
from autograder.checks.model_answers import assert_models_differ, fewest_ids, models_share_an_answer
from autograder.checks.tolerance_context import noted_by, tolerance_for
from autograder.comparison.tensors import as_tensor, compare, distance
from autograder.records import Tolerance

TELLING = ("p098", "p107")
"""Pool sentences that everybody is asked: the measured tolerances judge them."""

OWN_BOUND = Tolerance(
    metric="relative_l2", tau=0.15, origin="accepted rules lie less than a third of it apart"
)
"""Judges what is drawn for each student: it tells stored answers, and leaves nearly right values to what all are asked.

So the points do not depend on the draw.
"""

FAITHFUL_SENTENCES = 48
"""Sentences that everybody's own method is measured on."""

OWN_SENTENCES = 24
"""Other sentences that it is asked, drawn for each student: they count only where it does far worse on them."""

ALLOWANCE = 25.0
"""How many percentiles worse it may do on them: four standard errors of a method that does not know the sentences."""

WITHOUT_THE_MODEL = 0.75
"""Share of its points that a method keeps whose scores are not those of the model that is passed."""

AT_A_TIME = 8
"""Sentences a call: 50 copies of each fit into a kernel's memory."""

CHANCES = "chance.json"
"""What random rankings of the pool's sentences reach: in generated/ on the shipped model, in a model's folder on any
other; `python -m training.intent_de.make_chances` writes it."""

SCORES = ("sentence", "token")


# Inputs


def pool(assignment) -> list[Sentence]:
    """Return the hidden checks' sentences."""
    return load_sentences(assignment.data_dir / "pool.tsv")


def shown(assignment) -> list[Sentence]:
    """Return sentences that the student has, of unequal lengths and four intents."""
    sentences = load_sentences(assignment.student_dir / "data" / "intents_de_examples.tsv")
    first = {sentence.intent: sentence for sentence in reversed(sentences)}
    return sorted(first.values(), key=lambda sentence: sentence.id)[:4]


def telling(assignment) -> list[Sentence]:
    """Return the sentences that everybody is asked, of different intents, lengths and predictions."""
    by_id = {sentence.id: sentence for sentence in pool(assignment)}
    return [by_id[number] for number in TELLING]


@cache
def ids_in(text: str, tokenizer) -> frozenset[int]:
    """Return the ids of a text's pieces."""
    return frozenset(tokenizer(text, truncation=True)["input_ids"])


def ordinary(assignment, models) -> list[Sentence]:
    """Return pool sentences of usual length without unknown words and `foreign_ids`; not those that all are asked."""

    def is_ordinary(sentence: Sentence) -> bool:
        for loaded in models:
            unusual = {*foreign_ids(loaded.tokenizer, models), *content_ids(loaded.tokenizer)}
            if unusual & ids_in(sentence.text, loaded.tokenizer):
                return False
        return 4 <= len(sentence.slots) <= 24 and sentence.id not in TELLING

    return [sentence for sentence in pool(assignment) if is_ordinary(sentence)]


def two_unlike(sentences: list[Sentence], rng: random.Random) -> list[Sentence]:
    """Draw two sentences of different intents and lengths."""
    first = rng.choice(sentences)
    others = [one for one in sentences if one.intent != first.intent and len(one.slots) != len(first.slots)]
    return [first, rng.choice(others)]


def batch_of(sentences, tokenizer) -> dict[str, torch.Tensor]:
    """Return a batch in which every label is wrong: to take it for the prediction shows in each row."""
    columns = [INTENTS.index(one.intent) + (5 if row else 3) for row, one in enumerate(sentences)]
    labels = [INTENTS[column % len(INTENTS)] for column in columns]
    return encode([sentence.text for sentence in sentences], labels, tokenizer)


def content_ids(tokenizer) -> list[int]:
    """Return the ids of the special tokens that stand for a word."""
    return [tokenizer.unk_token_id, tokenizer.mask_token_id]


def foreign_ids(tokenizer, models) -> list[int]:
    """Return the ids that are words here, and [CLS] or [SEP] in a published vocabulary or another model's."""
    others = {101, 102}
    for loaded in models:
        others |= {loaded.tokenizer.cls_token_id, loaded.tokenizer.sep_token_id}
    return sorted(others - set(tokenizer.all_special_ids))


def ids_with(told: list[int], tokenizer, rng: random.Random) -> torch.Tensor:
    """Return three made-up sentences of unequal lengths, padded, each of which holds these ids among other words."""
    words = [number for number in range(len(tokenizer)) if number not in tokenizer.all_special_ids]
    ids = torch.full((3, 20), tokenizer.pad_token_id)
    for row, length in enumerate(rng.sample(range(len(told) + 1, 19), 3)):
        inner = rng.sample([*told, *rng.sample(words, length - len(told))], length)
        ids[row, : length + 2] = torch.tensor([tokenizer.cls_token_id, *inner, tokenizer.sep_token_id])
    return ids


def shown_twice(assignment, tokenizer) -> dict[str, torch.Tensor]:
    """Return a batch of two example sentences, the first of which stands in it twice."""
    first, second = shown(assignment)[:2]
    return batch_of([first, second, first], tokenizer)


def unseen_batches(
    models, assignment, rng: random.Random
) -> Iterator[tuple[Any, dict[str, torch.Tensor], bool]]:
    """Yield each model, the smallest first, with two batches of unseen sentences, and whether all are asked these."""
    drawn = two_unlike(ordinary(assignment, models), rng)
    for loaded in smallest_first(models):
        yield loaded, batch_of(telling(assignment), loaded.tokenizer), True
        yield loaded, batch_of(drawn, loaded.tokenizer), False


def batch_for_all(sentences, models) -> dict[str, torch.Tensor]:
    """Return a batch whose ids all models have."""
    return batch_of(sentences, fewest_ids(models).tokenizer)


# build_baseline


@grades("build_baseline")
@points(2)
@visibility("visible")
@hint("Print tokenizer.convert_ids_to_tokens(...) of one row of your baseline beside the sentence.")
def test_baseline_of_shown_sentences(submission, reference, tokenizer, assignment):
    """The baseline of the example sentences keeps [CLS] and [SEP] and removes the rest."""
    every = [
        batch_of(shown(assignment), tokenizer)["input_ids"],
        shown_twice(assignment, tokenizer)["input_ids"],
    ]
    for ids in every:
        submission.recall("build_baseline", ids, tokenizer)
    for ids in every:
        assert_baseline(submission, reference, ids, tokenizer)


def assert_baseline(submission, reference, ids, tokenizer) -> None:
    """Assert that the baseline of some ids is right."""
    actual = submission.recall("build_baseline", ids, tokenizer)
    assert_integers_equal(actual, reference.build_baseline(ids, tokenizer), name="baseline ids", axes=SCORES)


@grades("build_baseline")
@points(0)
@visibility("visible")
@hint("Which two tokens stay, whatever else stands in the sentence?")
def test_baseline_of_shown_special_words(submission, reference, models):
    """An example with [UNK], [MASK] and the ids 101 and 102: these are content, too (no points of its own)."""
    tokenizer = models[0].tokenizer
    words = [*content_ids(tokenizer), 101, 102]
    ids = torch.tensor([[tokenizer.cls_token_id, *words, tokenizer.sep_token_id, tokenizer.pad_token_id]])
    assert_baseline(submission, reference, ids, tokenizer)


@grades("build_baseline")
@points(3)
@visibility("hidden")
@hint("Which tokens stay, and does it hold for every vocabulary?")
def test_baseline_of_unseen_sentences(submission, reference, models, assignment, rng, shared_rng):
    """The baseline of unseen sentences is right, also with another vocabulary."""
    # All are asked before any is judged: attributions may be judged by what was answered here.
    asked = [
        (batch["input_ids"], loaded.tokenizer)
        for loaded, batch, _ in unseen_batches(models, assignment, shared_rng)
    ]
    # Lengths of one's own: a baseline says nothing else of its sentence, and could be another student's.
    mine = rng.sample(ordinary(assignment, models), 5)
    asked += [(batch_of(mine, loaded.tokenizer)["input_ids"], loaded.tokenizer) for loaded in models]
    for arguments in asked:
        submission.recall("build_baseline", *arguments)
    for arguments in asked:
        assert_baseline(submission, reference, *arguments)


@grades("build_baseline")
@points(0.5)
@visibility("hidden")
@hint("Is an unknown or a masked word a part of the sentence's form, or of its content?")
def test_baseline_of_unknown_and_masked_words(submission, reference, models, rng):
    """[UNK] and [MASK] inside a sentence are content: they become [PAD]."""
    for loaded in models:
        ids = ids_with(content_ids(loaded.tokenizer), loaded.tokenizer, rng)
        assert_baseline(submission, reference, ids, loaded.tokenizer)


@grades("build_baseline")
@points(0.5)
@visibility("hidden")
@hint("Which ids do [CLS] and [SEP] have? Who knows it?")
def test_baseline_of_ids_from_other_vocabularies(submission, reference, models, rng):
    """Words whose ids mean [CLS] or [SEP] in other vocabularies (101, 102) become [PAD]."""
    for loaded in models:
        ids = ids_with(foreign_ids(loaded.tokenizer, models), loaded.tokenizer, rng)
        assert_baseline(submission, reference, ids, loaded.tokenizer)


# compute_feature_attribution_scores

CONTRACT = (quadrature.gauss_legendre(50),)
COUNTS = (*range(50, 301), 400, 500, 512, 600, 800, 1000)
"""Steps and nodes of the equidistant rules that answers are compared with; what is finer lies near one of them."""
GAUSS_COUNTS = (*range(50, 131), 150, 160, 180, 200, 250, 256, 300, 400, 500)
"""The same of Gauss-Legendre nodes."""
NEAR = OWN_BOUND.tau
"""Accepted rules lie less than a third of this from 50 Gauss-Legendre nodes (a test measures it)."""
STILL = 1e-3
"""A path along which the logit moves by less than this share of what it should move by goes nowhere."""
LIMIT = quadrature.trapezoid(20001)
"""Stands for the integral itself."""
PADDED = (
    "Your path begins at [PAD] in place of [CLS] and [SEP], too. That is accepted; keeping both leaves the whole \
difference to the words."
)
OWN = "Your path begins at what your build_baseline returns. That is right here; what is wrong with it counts there."
RULE = "You integrate by another rule than 50 Gauss-Legendre nodes. That is accepted."


def integrate(batch, model, baseline, rules=CONTRACT) -> list[torch.Tensor]:
    """Return the attributions (sentence, token) of the predicted classes by each rule."""
    forward, layer, ids = explained(batch, model)
    vectors = quadrature.integrate_gradients(forward, layer, ids, baseline.to(ids.device), list(rules))
    return [one.sum(dim=-1).cpu() for one in vectors]


def explained(batch, model):
    """Return the logits of the predicted classes as a function of (ids, rows), the layer of the path, and the ids."""
    ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
    with torch.no_grad():
        predicted = model({"input_ids": ids, "attention_mask": mask}).argmax(dim=-1)

    def forward(rows_of_ids, rows):
        logits = model({"input_ids": rows_of_ids, "attention_mask": mask[rows]})
        return logits.gather(1, predicted[rows][:, None])[:, 0]

    return forward, model.embedding_model.embeddings, ids


def accepted_baselines(batch, tokenizer, reference, own) -> dict[str, torch.Tensor]:
    """Return the ids that a path may begin at, by the remark that goes with them; the contract's comes first."""
    ids = batch["input_ids"]
    found = {
        "": reference.build_baseline(ids, tokenizer),
        PADDED: torch.full_like(ids, tokenizer.pad_token_id),
    }
    if own is not None and not any(torch.equal(own, known) for known in found.values()):
        found[OWN] = own
    return found


def own_baseline(submission, reference, batch, loaded) -> torch.Tensor | None:
    """Return what the student's build_baseline gives, if it counts and a path can begin there.

    Where the model's output stays as it was, no attributions at all are complete; where few words change, they can
    be told without a path.
    """
    inputs = batch["input_ids"]
    ids = as_tensor(submission.own("build_baseline", inputs, loaded.tokenizer))
    if (
        ids is None
        or ids.shape != inputs.shape
        or ids.is_complex()
        or not bool(torch.isfinite(ids.double()).all())
    ):
        return None
    whole = ids.long()
    known = (whole >= 0) & (whole < len(loaded.tokenizer)) & (whole == ids)
    if not bool(known.all()):
        return None
    baselines = reference.build_baseline(inputs, loaded.tokenizer), whole
    words = baselines[0] != inputs
    if not bool((2 * (words & (whole != inputs)).sum(-1) >= words.sum(-1)).all()):
        return None
    right, own = (
        reference.memoise("differences", differences, batch, loaded.model, one) for one in baselines
    )
    return whole if bool((own.abs() > STILL * right.abs()).all()) else None


@cache
def finer_rules() -> list[quadrature.Rule]:
    """Return the rules of fifty steps or more by which an answer may be right, and the integral itself."""
    families = (
        quadrature.riemann_middle,
        quadrature.riemann_left,
        quadrature.riemann_right,
        quadrature.trapezoid,
        quadrature.captum_trapezoid,
    )
    even = [family(count) for family in families for count in COUNTS]
    return [LIMIT, *map(quadrature.gauss_legendre, GAUSS_COUNTS), *even]


def by_every_rule(batch, model, baseline) -> list[torch.Tensor]:
    """Return for each sentence the attributions (rule, token) of its predicted class by `finer_rules`."""
    forward, layer, ids = explained(batch, model)
    sampled = sample_integrands(forward, layer, ids, baseline.to(ids.device))
    return [integrate_samples(places, values, finer_rules()) for places, values in sampled]


def accepted_remark(actual, batch, loaded, reference, baselines) -> str | None:
    """Return the remark of the accepted way that gives these attributions; None if none does.

    Rules differ from each other by a few per cent, so that other rules are tried only for a baseline whose
    Gauss-Legendre result is near: most wrong answers then cost no more than that one.
    """
    got = as_tensor(actual).double()
    offs, by_rule = {}, {}

    def to_contract() -> float:
        for remark, baseline in baselines.items():
            expected = reference.memoise("by Gauss-Legendre", integrate, batch, loaded.model, baseline)[0]
            offs[remark] = distance(got, expected, "relative_l2", 0)
        return min(offs.values())

    def to_rules() -> float:
        for remark, baseline in baselines.items():
            if offs[remark] <= NEAR:
                results = reference.memoise("by every rule", by_every_rule, batch, loaded.model, baseline)
                by_rule[remark] = nearest_rule(got, results)
        return min(by_rule.values(), default=inf)

    key = first_within({"attributions": to_contract, "attributions_rules": to_rules})
    if key == "attributions":
        return min(offs, key=offs.get)
    return f"{min(by_rule, key=by_rule.get)} {RULE}".strip() if key else None


def nearest_rule(got: torch.Tensor, results: list[torch.Tensor]) -> float:
    """Return the distance of scores (sentence, token) from the nearest rule's, the worst sentence's counting.

    Args:
        got: The answer.
        results: For each sentence (rule, token).
    """
    if not bool(torch.isfinite(got.double()).all()):
        return inf
    offs = [
        (rules - mine).norm(dim=-1) / rules.norm(dim=-1).clamp_min(1e-12)
        for rules, mine in zip(results, got, strict=True)
    ]
    return float(torch.stack(offs).max(dim=0).values.min())


def pair(result) -> tuple[object, object]:
    """Split the function's result into attributions and predictions."""
    found = type(result).__name__
    length = len(result) if isinstance(result, (list, tuple)) else 0
    assert length == 2, (
        f"Expected two results, (attributions, predictions), found {found} of length {length}."
    )
    return result[0], result[1]


def attributions_of(result):
    """Pick the attributions out of the function's result."""
    return result[0]


def predictions_of(result):
    """Pick the predictions out of the function's result."""
    return result[1]


def assert_attributions(result, batch, loaded, reference, record, own) -> None:
    """Assert that attributions are the contract's or accepted."""
    actual, _ = pair(result)
    expected, _ = reference.compute_feature_attribution_scores(batch, loaded.model, loaded.tokenizer)
    comparison = compare(actual, expected, tolerance_for("attributions"), axes=SCORES, items="sentence")
    if comparison.close and noted_by() is None:
        return
    if comparison.problem in ("", "values"):
        baselines = accepted_baselines(batch, loaded.tokenizer, reference, own)
        remark = accepted_remark(actual, batch, loaded, reference, baselines)
        if remark is not None:
            record.remark(remark)
            return
    assert_close(
        actual,
        expected,
        name="attributions",
        axes=SCORES,
        items="sentence",
        tolerance="attributions",
        select=attributions_of,
        part=last_sentence(batch, loaded),
    )


def assert_attributions_near(result, batch, loaded, reference, own) -> None:
    """Assert that attributions are near those from an accepted baseline."""
    actual, _ = pair(result)
    expected, _ = reference.compute_feature_attribution_scores(batch, loaded.model, loaded.tokenizer)
    baselines = accepted_baselines(batch, loaded.tokenizer, reference, own)

    def by(baseline) -> torch.Tensor:
        return reference.memoise("by Gauss-Legendre", integrate, batch, loaded.model, baseline)[0]

    assert_close(
        actual,
        expected,
        name="attributions",
        axes=SCORES,
        items="sentence",
        tolerance=OWN_BOUND,
        select=attributions_of,
        alternatives={remark: partial(by, baseline) for remark, baseline in baselines.items() if remark},
    )


def last_sentence(batch, loaded) -> Part:
    """Return the question for the last sentence alone: half of the computation, and it shows most mistakes."""
    one = {name: values[-1:] for name, values in batch.items()}
    return Part(args=(one, loaded.model, loaded.tokenizer), of=itemgetter(slice(-1, None)))


def assert_predictions(result, batch, loaded, reference, tolerance) -> None:
    """Assert that predictions are the model's logits."""
    _, actual = pair(result)
    _, expected = reference.compute_feature_attribution_scores(batch, loaded.model, loaded.tokenizer)
    assert_close(
        actual,
        expected,
        name="predictions",
        axes=("sentence", "label"),
        items="sentence",
        tolerance=tolerance,
        select=predictions_of,
    )


def assert_scores_differ(submission, models, assignment, select) -> None:
    """Assert that one of the two results for the same ids is not the same on both models."""
    batch = batch_for_all(telling(assignment), models)

    def ask(loaded):
        result = submission.recall(
            "compute_feature_attribution_scores", batch, loaded.model, loaded.tokenizer
        )
        pair(result)
        return select(result)

    assert_models_differ(ask, models)


def differences(batch, model, baseline) -> torch.Tensor:
    """Return what the attributions of each sentence must sum to: F(input) - F(baseline), shape (sentence,)."""
    ids, mask = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
    with torch.no_grad():
        full = model({"input_ids": ids, "attention_mask": mask})
        empty = model({"input_ids": baseline.to(ids.device), "attention_mask": mask})
    predicted = full.argmax(dim=-1, keepdim=True)
    return (full - empty).gather(1, predicted)[:, 0].double().cpu()


def incompleteness(attributions, expected_sums) -> float:
    """Return the worst sentence's |sum - dF| / sum |a|."""
    return float(gaps(attributions, expected_sums).max())


def gaps(attributions, expected_sums) -> torch.Tensor:
    """Return each sentence's |sum - dF| / sum |a|, shape (sentence,)."""
    scores = attributions.double()
    return (scores.sum(dim=-1) - expected_sums).abs() / scores.abs().sum(dim=-1).clamp_min(1e-12)


@grades("compute_feature_attribution_scores")
@points(3)
@visibility("visible")
@hint("Print the sum of each row beside F(input) - F(baseline) of the predicted class.")
def test_attributions_are_complete(submission, reference, models, record, assignment):
    """Attributions of the example sentences have the right form and add up to the difference of the logits."""
    loaded = models[0]
    batch = shown_twice(assignment, loaded.tokenizer)
    # One label as well: whoever explains the label gives both copies the same attributions.
    batch["labels"][2] = batch["labels"][0]
    own = own_baseline(submission, reference, batch, loaded)
    result = submission.call("compute_feature_attribution_scores", batch, loaded.model, loaded.tokenizer)
    actual, _ = pair(result)
    expected, _ = reference.compute_feature_attribution_scores(batch, loaded.model, loaded.tokenizer)
    show_strips(record, batch, loaded.tokenizer, actual, expected)
    # The values are the hidden check's business: here any finite scores of the right form may go on.
    form = compare(actual, expected, tolerance_for("attributions"), name="attributions", axes=SCORES)
    assert form.problem in ("", "values"), form.message
    scores = as_tensor(actual)
    assert distance(scores[2], scores[0], "relative_l2") <= tolerance_for("attributions").tau, (
        "The batch holds one sentence twice, and its two rows differ: something besides the sentence plays a part. "
        "Is everything taken from the batch that was given, and is the model in eval mode?"
    )
    sums = [
        reference.memoise("differences", differences, batch, loaded.model, baseline)
        for baseline in accepted_baselines(batch, loaded.tokenizer, reference, own).values()
    ]
    if incompleteness(expected, sums[0]) > tolerance_for("completeness").tau:
        # Fifty steps are coarse for some large models: what the reference itself misses is nobody's fault.
        sums.append(expected.double().sum(dim=-1))
    nearest = min(sums, key=partial(incompleteness, scores))
    row = int(gaps(scores, nearest).argmax())
    text = shown(assignment)[row % 2].text
    assert within("completeness", incompleteness(scores, nearest)), (
        f"The attributions do not add up: for {text!r} they sum to {float(scores[row].sum()):.4g}, "
        f"but the logit of the predicted class differs by {float(nearest[row]):.4g} between sentence and baseline."
    )


def show_strips(record, batch, tokenizer, actual, expected) -> None:
    """Show the first two sentences' scores beside the reference's."""
    scores = as_tensor(actual)
    if scores is None or scores.shape != expected.shape:
        return
    for row in range(2):
        length = int(batch["attention_mask"][row].sum())
        tokens = tokenizer.convert_ids_to_tokens(batch["input_ids"][row])[:length]
        record.strip(f"Example sentence {row + 1}", tokens, scores[row, :length], expected[row, :length])


@grades("compute_feature_attribution_scores")
@points(2)
@visibility("hidden")
@hint("The second result is what the model returns for the batch, one column a label.")
def test_predictions_of_unseen_sentences(submission, reference, models, assignment, shared_rng):
    """Predictions of unseen sentences are the model's logits."""
    for loaded, batch, for_all in unseen_batches(models, assignment, shared_rng):
        result = submission.recall(
            "compute_feature_attribution_scores", batch, loaded.model, loaded.tokenizer
        )
        assert_predictions(result, batch, loaded, reference, "predictions" if for_all else OWN_BOUND)
    assert_scores_differ(submission, models, assignment, predictions_of)


@grades("compute_feature_attribution_scores")
@points(9)
@visibility("hidden")
@hint(
    "Go through the six points of the task one by one: layer, baseline, target, steps, attention mask, sum."
)
def test_attributions_of_unseen_sentences(submission, reference, models, assignment, record, shared_rng):
    """Attributions of unseen sentences are those of integrated gradients, on a second model, too."""
    for loaded, batch, for_all in unseen_batches(models, assignment, shared_rng):
        own = own_baseline(submission, reference, batch, loaded)
        result = submission.recall(
            "compute_feature_attribution_scores", batch, loaded.model, loaded.tokenizer
        )
        if for_all:
            assert_attributions(result, batch, loaded, reference, record, own)
        else:
            assert_attributions_near(result, batch, loaded, reference, own)
    assert_scores_differ(submission, models, assignment, attributions_of)


@grades("compute_feature_attribution_scores")
@points(0)
@visibility("visible")
@hint("Does your plot cell end with plt.show(), and does it run when the notebook is started anew?")
def test_plot_is_a_figure(submission):
    """Your plot cell shows a figure of the attributions (no points of its own; it stands in your feedback)."""
    assert_figure_shown(submission.plots("plot-attributions"))


# token_importance


@grades("token_importance")
@points(2)
@visibility("visible")
@hint("Print a row's sum, and what stands at its padding.")
def test_importance_sums_to_one(submission, reference):
    """Importances of made-up scores are positive, sum to 1 in each row, and are 0 at padding."""
    scores = torch.tensor([[2.0, -1.0, 0.5, 3.0, 1.0], [0.0, 1.5, -2.0, 1.0, 2.0]])
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    actual = submission.call("token_importance", scores, mask)
    expected = reference.token_importance(scores, mask)
    form = compare(actual, expected, tolerance_for("importance"), name="importance", axes=SCORES)
    assert form.problem in ("", "values"), form.message
    got = as_tensor(actual).double()
    sums = [round(value, 4) for value in got.sum(dim=-1).tolist()]
    assert all(abs(value - 1) <= 1e-5 for value in got.sum(dim=-1).tolist()), (
        f"Rows must sum to 1, found {sums}."
    )
    assert bool((got[mask == 0] == 0).all()), f"Padding must be 0, found {got[0, 3]:.4g} and {got[0, 4]:.4g}."
    assert bool((got >= 0).all()), f"No importance is negative, found {float(got.min()):.4g}."


PREFIX = (
    "You take the valid tokens to be the first of the row. That is accepted; a mask may have holes, though."
)


def assert_importance(submission, reference, scores, mask, tolerance="importance") -> str:
    """Assert that importances are right, or those of a mask without holes; returns the remark that this deserves."""
    before = mask.sum(dim=-1, keepdim=True) > torch.arange(mask.shape[1])
    return assert_close(
        submission.call("token_importance", scores, mask),
        reference.token_importance(scores, mask),
        name="importance",
        axes=SCORES,
        items="sentence",
        tolerance=tolerance,
        alternatives={PREFIX: partial(reference.token_importance, scores, before.long())},
    )


@grades("token_importance")
@points(0)
@visibility("visible")
@hint("The mask alone says which tokens are valid, wherever its ones stand.")
def test_importance_of_a_shown_mask_with_a_hole(submission, reference, record):
    """An example with a hole in the mask: what is masked there gets 0, too (no points of its own)."""
    scores, mask = torch.tensor([[2.0, 5.0, 9.0, -1.0, 4.0, 1.0]]), torch.tensor([[1, 1, 0, 1, 0, 1]])
    if remark := assert_importance(submission, reference, scores, mask):
        record.remark(remark)


def scores_of(reference, sentences, loaded, rng: random.Random) -> tuple[torch.Tensor, torch.Tensor]:
    """Return sentences' attributions and masks; made-up scores stand at the padding, where a method may have some."""
    batch = batch_of(sentences, loaded.tokenizer)
    scores, _ = reference.compute_feature_attribution_scores(batch, loaded.model, loaded.tokenizer)
    made_up = torch.tensor([[rng.uniform(-2.5, 2.5) for _ in row] for row in scores])
    mask = batch["attention_mask"]
    return torch.where(mask == 1, scores.cpu(), made_up), mask


def made_up_scores(lengths: list[int], width: int, rng: random.Random) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scores of both signs, and masks that mark the first tokens of each row."""
    scores = torch.tensor([[rng.uniform(-2.5, 2.5) for _ in range(width)] for _ in lengths])
    return scores, (torch.tensor(lengths)[:, None] > torch.arange(width)).long()


@grades("token_importance")
@points(2)
@visibility("hidden")
@hint("Which scores may take part in the softmax of a row, and along which axis does it run?")
def test_importance_of_unseen_scores(submission, reference, models, assignment, rng):
    """Importances of unseen sentences' attributions are right."""
    for loaded in models:
        scores, mask = scores_of(reference, telling(assignment), loaded, random.Random("padding"))
        assert_importance(submission, reference, scores, mask)
    for _ in range(2):
        scores, mask = made_up_scores(rng.sample(range(3, 13), 4), 12, rng)
        assert_importance(submission, reference, scores, mask, OWN_BOUND)


def masked_scores(rng: random.Random) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scores (4, 9) of both signs and masks with holes; every column is valid in some row."""
    scores, _ = made_up_scores([9] * 4, 9, rng)
    mask = torch.tensor(
        [
            [1, 1, 1, 1, 1, 0, 0, 0, 0],
            [1, 1, 1, 1, 1, 1, 1, 1, 1],
            [1, 0, 1, 1, 0, 0, 1, 1, 0],
            [0, 1, 1, 1, 0, 1, 1, 0, 0],
        ]
    )
    return scores, mask[rng.sample(range(4), 4)]


@grades("token_importance")
@points(1)
@visibility("hidden")
@hint("Which scores may take part in the softmax of a row? The mask alone says so, wherever its ones stand.")
def test_importance_with_holes_in_the_mask(submission, reference, rng, record):
    """Importances are right where the mask has holes."""
    remarks = {
        assert_importance(submission, reference, *masked_scores(random.Random("holes"))),
        assert_importance(submission, reference, *masked_scores(rng), OWN_BOUND),
    }
    for remark in remarks - {""}:
        record.remark(remark)


# merge_subtokens

WORDS = (
    ("Wetter", "##vor", "##her", "##sage"),
    ("Regen", "##schirm"),
    ("morgen",),
    ("früh",),
    ("Wecker",),
    ("Schlum", "##mer", "##funktion"),
    ("?",),
)


def framed(words: list[tuple[str, ...]]) -> list[str]:
    """Return the pieces of words between [CLS] and [SEP]."""
    return ["[CLS]", *(piece for word in words for piece in word), "[SEP]"]


def pieces_of(rng: random.Random, *, twice: bool = False) -> list[str]:
    """Return the pieces of a made-up sentence; `twice`: with a word that stands in it twice."""
    words = rng.sample(WORDS, len(WORDS))
    return framed([*words, *([rng.choice([word for word in words if len(word) > 1])] if twice else [])])


def pieces_of_sentences(assignment, models, loaded) -> list[list[str]]:
    """Return the tokens of the two ordinary sentences with most pieces in which nothing stands twice."""
    asked = [loaded.tokenizer.tokenize(one.text) for one in ordinary(assignment, models)]
    once = [tokens for tokens in asked if len(set(tokens)) == len(tokens)]
    once.sort(key=lambda tokens: -sum(token.startswith("##") for token in tokens))
    return [["[CLS]", *tokens, "[SEP]"] for tokens in once[:2]]


def scores_for(tokens: list[str], rng: random.Random) -> list[float]:
    """Return one score a token, magnitudes 0.1 to 2, of both signs."""
    return [rng.uniform(0.1, 2) * rng.choice((-1, 1)) for _ in tokens]


def windows_of(rng: random.Random) -> tuple[list[str], list[str]]:
    """Return the pieces of windows that begin in the middle of a word: without special tokens, and with them.

    In the second, special tokens stand side by side.
    """
    piece, other, last = ("##" + ending for ending in rng.sample(("en", "ung", "lich", "keit"), 3))
    word = rng.choice(WORDS[:2])
    end = rng.choice(("heute", "bitte"))
    return [piece, *word, end], ["[CLS]", piece, other, *word, "[UNK]", "[SEP]", last, end, "[PAD]"]


def with_hashes(tokens: list[str], words: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Return the words, those that begin with a ## piece keeping its ##."""
    before = ["[CLS]", *tokens]
    firsts = [
        token
        for token, previous in zip(tokens, before, strict=False)
        if not token.startswith("##") or previous.startswith("[")
    ]
    return [
        ("##" + word if first.startswith("##") else word, score)
        for first, (word, score) in zip(firsts, words, strict=True)
    ]


@grades("merge_subtokens")
@points(2)
@visibility("visible")
@hint("Go through the list by hand: which tokens begin a word, and which belong to the one before?")
def test_merging_keeps_the_sum(submission, reference, record):
    """Pieces of an example sentence are joined, and the sum of the scores stays."""
    tokens = ["[CLS]", "Wie", "ist", "die", "Wetter", "##vor", "##her", "##sage", "?", "[SEP]"]
    # Sum, mean, first, last, largest and strongest of the pieces' scores all differ, so that a mistake has one name.
    scores = [0.1, 0.4, -0.2, 0.3, 0.7, 1.5, -1.6, 0.5, 0.2, -0.1]
    actual = submission.call("merge_subtokens", tokens, scores)
    expected = reference.merge_subtokens(tokens, scores)
    assert_matches(actual, expected, name="words and scores", tolerance="merged")
    record.strip(
        "Words", [word for word, _ in expected], [score for _, score in actual], [s for _, s in expected]
    )


def assert_merged(submission, reference, tokens, scores, tolerance="merged") -> None:
    """Assert that tokens are merged rightly; a leading piece may keep its ##."""
    expected = reference.merge_subtokens(tokens, scores)
    assert_matches(
        submission.call("merge_subtokens", tokens, scores),
        expected,
        name="words and scores",
        tolerance=tolerance,
        alternatives={"A leading piece may keep its ##.": with_hashes(tokens, expected)},
    )


@grades("merge_subtokens")
@points(0)
@visibility("visible")
@hint(
    "How often does each word of the sentence stand in your list, and what does a piece without a word begin?"
)
def test_merging_of_a_shown_window(submission, reference):
    """Examples with a word that stands twice, and with ## pieces behind [CLS] and at the front (no points)."""
    tokens = ["[CLS]", "##her", "##sage", "Regen", "##schirm", "Regen", "##schirm", "[SEP]", "[PAD]"]
    assert_merged(submission, reference, tokens, [0.5, 1.0, 2.0, 0.25, -1.5, 3.0, 0.75, -0.5, 0.1])
    assert_merged(submission, reference, ["##her", "##sage", "heute"], [1.0, 2.0, 0.5])


@grades("merge_subtokens")
@points(2)
@visibility("hidden")
@hint("Think of words of three pieces, and of what becomes of each piece's score.")
def test_merging_of_unseen_tokens(submission, reference, models, assignment, rng):
    """The pieces of unseen sentences are joined rightly, and their scores added up."""
    for loaded in models:
        for tokens in pieces_of_sentences(assignment, models, loaded):
            assert_merged(submission, reference, tokens, scores_for(tokens, random.Random("scores")))
    for _ in range(2):
        tokens = pieces_of(rng)
        assert_merged(submission, reference, tokens, scores_for(tokens, rng), OWN_BOUND)


@grades("merge_subtokens")
@points(0.5)
@visibility("hidden")
@hint("How often does each word of the sentence stand in your list?")
def test_merging_of_repeated_words(submission, reference, rng):
    """A word that stands twice in the sentence stands twice in the list."""
    for seed, tolerance in ((random.Random("repeated"), "merged"), (rng, OWN_BOUND)):
        tokens = pieces_of(seed, twice=True)
        assert_merged(submission, reference, tokens, scores_for(tokens, seed), tolerance)


@grades("merge_subtokens")
@points(0.5)
@visibility("hidden")
@hint("Think of a ## piece at the front or behind a special token, and of two special tokens side by side.")
def test_merging_of_windows(submission, reference, rng):
    """Windows of a text are merged rightly: leading ## pieces, special tokens in the middle and side by side."""
    for seed, tolerance in ((random.Random("windows"), "merged"), (rng, OWN_BOUND)):
        for tokens in windows_of(seed):
            assert_merged(submission, reference, tokens, scores_for(tokens, seed), tolerance)


# my_attribution


@grades("my_attribution")
@points(0)
@visibility("visible")
@hint(
    "The result has a number for each token, [CLS], [SEP] and padding included, though these are not looked at."
)
def test_my_attribution_has_the_right_form(submission, model, tokenizer, assignment, record):
    """Your own method gives a finite score for each token of the example sentences."""
    batch = batch_of(shown(assignment), tokenizer)
    actual = submission.call("my_attribution", batch, model, tokenizer)
    zeros = torch.zeros(batch["input_ids"].shape)
    form = compare(actual, zeros, tolerance_for("attributions"), name="scores", axes=SCORES)
    assert form.problem in ("", "values"), form.message
    length = int(batch["attention_mask"][0].sum())
    tokens = tokenizer.convert_ids_to_tokens(batch["input_ids"][0])[:length]
    record.strip("Your own method", tokens, as_tensor(actual)[0, :length])


def inner_places(ids: torch.Tensor, tokenizer) -> list[int]:
    """Return the places of a sentence's tokens but [CLS], [SEP] and padding."""
    outside = {tokenizer.pad_token_id, tokenizer.cls_token_id, tokenizer.sep_token_id}
    return [place for place, number in enumerate(ids.tolist()) if number not in outside]


def left_over(model, tokenizer, ids) -> faithfulness.Score:
    """Return a function from (sentence, kept inner tokens) to the probability of what the sentence is predicted as.

    What is not kept becomes [PAD] with attention 0; [CLS] and [SEP] always stay.
    """
    places = [inner_places(row, tokenizer) for row in ids]
    framing = (ids == tokenizer.cls_token_id) | (ids == tokenizer.sep_token_id)

    def logits(kept_ids, kept):
        left = torch.where(kept, kept_ids, torch.full_like(kept_ids, tokenizer.pad_token_id))
        with torch.no_grad():
            return model(
                {"input_ids": left.to(model.device), "attention_mask": kept.long().to(model.device)}
            ).cpu()

    predicted = logits(ids, ids != tokenizer.pad_token_id).argmax(dim=-1)

    def score(asked):
        rows = torch.tensor([row for row, _ in asked])
        kept = framing[rows]
        for variant, (row, subset) in enumerate(asked):
            kept[variant, [places[row][number] for number in subset]] = True
        return logits(ids[rows], kept).softmax(dim=-1).gather(1, predicted[rows][:, None])[:, 0].tolist()

    return score


def chances_of(ids, model, tokenizer) -> list[faithfulness.Chance]:
    """Return what 100 random rankings reach on each sentence; slow, so that the shipped model's are stored."""
    draws = [
        faithfulness.random_rankings(len(inner_places(row, tokenizer)), f"chance {row.tolist()}")
        for row in ids
    ]
    needed = [faithfulness.subsets_needed(rankings) for rankings in draws]
    values = faithfulness.values_of(left_over(model, tokenizer, ids), needed)
    return [faithfulness.chance(rankings, known) for rankings, known in zip(draws, values, strict=True)]


def fingerprint(model) -> str:
    """Return a hash of a model's weights: stored chances hold for one model only."""
    digest = hashlib.sha256()
    for name, weights in sorted(model.state_dict().items()):
        digest.update(name.encode() + weights.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def stored_chances(assignment, loaded) -> dict[str, faithfulness.Chance]:
    """Return what chance reaches on a model's suitable sentences, by the sentence's id; empty if nobody measured it."""
    known = fingerprint(loaded.model)
    for folder in (assignment.generated_dir, loaded.spec.path):
        if stored := faithfulness.load_chances(folder / CHANCES, known):
            return stored
    return {}


def chosen_sentences(assignment, loaded, rng) -> tuple[list[Sentence], list[Sentence]]:
    """Return the sentences that everybody's own method is measured on, and others that are drawn for a student."""
    # Of the model itself, which calibration's exact reference would not see.
    stored = stored_chances(assignment, loaded)
    suitable = [
        one for one in pool(assignment) if (one.id in stored if stored else 3 <= len(one.slots) <= 14)
    ]
    everybodys = random.Random("all").sample(suitable, FAITHFUL_SENTENCES)
    others = [one for one in suitable if one not in everybodys]
    return everybodys, rng.sample(others, OWN_SENTENCES)


def gold_tokens(sentence: Sentence, ids, tokenizer) -> faithfulness.Subset:
    """Return the inner tokens that belong to a slot of the sentence; none if words and pieces do not line up."""
    encoded = tokenizer(sentence.text.split(), is_split_into_words=True)
    places = inner_places(ids, tokenizer)
    if encoded["input_ids"][1:-1] != [int(ids[place]) for place in places]:
        return frozenset()
    words = encoded.word_ids()[1:-1]
    return frozenset(number for number, word in enumerate(words) if sentence.slots[word] != "O")


def rankings_of(scores: list[float], sentence: Sentence) -> list[tuple[int, ...]]:
    """Return the ranking that scores give; where some are equal, several, for a fair share of luck.

    How ties fall depends on the sentence alone: the same scores give the same rankings for every student.
    """
    rng = random.Random(f"ties {sentence.id}")
    ties = len(set(scores)) < len(scores)
    return [faithfulness.rank_tokens(scores, rng) for _ in range(3 if ties else 1)]


def asked_rankings(submission, sentences, loaded) -> list[list[tuple[int, ...]]]:
    """Ask the student's own method about sentences; returns each one's rankings."""
    rankings = []
    for start in range(0, len(sentences), AT_A_TIME):
        some = sentences[start : start + AT_A_TIME]
        batch = batch_of(some, loaded.tokenizer)
        scores = as_tensor(submission.call("my_attribution", batch, loaded.model, loaded.tokenizer))
        wrong = (
            scores is None
            or scores.shape != batch["input_ids"].shape
            or scores.is_complex()
            or not bool(torch.isfinite(scores.double()).all())
        )
        assert not wrong, "The result must be one finite score for each token, shape (batch, token)."
        for sentence, row, ids in zip(some, scores.double(), batch["input_ids"], strict=True):
            places = inner_places(ids, loaded.tokenizer)
            rankings.append(rankings_of([float(row[place]) for place in places], sentence))
    return rankings


def mean_percentile(rankings, sentences, assignment, reference, loaded) -> float:
    """Return the mean percentile of sentences' rankings among random ones."""
    model, tokenizer = loaded.model, loaded.tokenizer
    ids = encode([one.text for one in sentences], None, tokenizer)["input_ids"]
    stored = stored_chances(assignment, loaded)
    chances = [
        stored[one.id] if stored else reference.memoise("chances", chances_of, row[None], model, tokenizer)[0]
        for one, row in zip(sentences, ids, strict=True)
    ]
    needed = [faithfulness.subsets_needed(of_sentence) for of_sentence in rankings]
    values = faithfulness.values_of(left_over(model, tokenizer, ids), needed)
    return faithfulness.mean_percentile(rankings, values, chances)


def agreement_with_people(rankings, sentences, tokenizer) -> float:
    """Return the mean token F1 of rankings against the slots that people marked."""
    ids = encode([one.text for one in sentences], None, tokenizer)["input_ids"]
    gold = [gold_tokens(one, row, tokenizer) for one, row in zip(sentences, ids, strict=True)]
    found = [
        faithfulness.token_f1(some[0], slots) for some, slots in zip(rankings, gold, strict=True) if slots
    ]
    return sum(found) / max(len(found), 1)


@grades("my_attribution")
@points(10)
@visibility("hidden")
@requires("test_my_attribution_has_the_right_form")
@hint(
    "Only the order of your scores counts. Which words would change the model's mind if they were missing? "
    "Full points begin at the 80th percentile among random rankings. A function that does not ask the model that is "
    "passed loses a quarter of its points."
)
def test_my_attribution_is_faithful(submission, reference, models, assignment, record, rng):
    """Your own method's ranking is faithful to the model on unseen sentences (percentile among random rankings)."""
    loaded = models[0]
    everybodys, drawn = chosen_sentences(assignment, loaded, rng)
    two = batch_for_all(everybodys[:2], models)
    one_answer_for_all = models_share_an_answer(
        lambda one: submission.call("my_attribution", two, one.model, one.tokenizer), models
    )
    rankings = asked_rankings(submission, everybodys, loaded)
    mean = mean_percentile(rankings, everybodys, assignment, reference, loaded)
    on_drawn = mean_percentile(
        asked_rankings(submission, drawn, loaded), drawn, assignment, reference, loaded
    )
    if on_drawn < mean - ALLOWANCE:
        # It knows the sentences that everybody is asked.
        mean = on_drawn
    record.metric("faithfulness_percentile", round(mean, 2))
    agreement = agreement_with_people(rankings, everybodys, loaded.tokenizer)
    record.metric("plausibility_f1", round(agreement, 3))
    share = faithfulness.share_of_points(mean)
    if share < 1:
        record.measured(f"Your ranking lies at the {mean:.1f}th percentile.")
    if one_answer_for_all:
        share *= WITHOUT_THE_MODEL
        record.measured("Your function gave the same scores for two models: ask the model that is passed.")
    record.fraction(share)
