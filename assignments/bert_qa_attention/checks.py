"""Checks of attention in question answering: what each of the six functions must do, and what it is worth."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from autograder.checks import (
    assert_close,
    assert_figure_shown,
    grades,
    hint,
    is_degenerate,
    points,
    visibility,
    within,
)
from autograder.checks.model_answers import assert_models_differ, fewest_ids
from autograder.checks.tolerance_context import tolerance_for
from autograder.comparison.tensors import as_tensor, compare, distance

PER_HEAD = ("layer", "head", "query", "key")
PER_LAYER = ("layer", "query", "key")
VECTORS = ("layer", "head", "token", "hidden")

POSITIONS = ("start", "end")

OWN = (
    "Your function builds on what your {} gives. That is right here; what is wrong with it counts there and not "
    "a second time."
)


# Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question about a text."""

    question: str
    """Ends with a question mark."""

    text: str
    """Holds the answer."""

    paths: tuple[tuple[str, str], ...] = ()
    """What the largest logit does on the way from the baseline, by `role position`: `moves` from token to token, so
    that to keep one position shows, or `stays`. Missing: not asked, since 50 and 51 steps differ too much there.
    training/qa_en/select_attention_pool.py finds out."""

    everyone: tuple[str, ...] = ()
    """For which `role position` everyone is asked it."""

    own: tuple[str, ...] = ()
    """For which it may be a student's own question (see `unseen_questions`)."""

    def path(self, role: str, position: str) -> str:
        """Return what the largest logit of a model does; empty if the input should not be asked."""
        return dict(self.paths).get(f"{role} {position}", "")


SHOWN = Question(question="Where does Ben live?", text="Anna lives in Paris. Ben has a house in Rome.")
"""The notebook's example."""


def pool(assignment) -> list[Question]:
    """Return the hidden checks' questions."""
    with (assignment.data_dir / "pool.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        Question(
            question=row.pop("question"),
            text=row.pop("text"),
            everyone=named(row.pop("everyone")),
            own=named(row.pop("own")),
            paths=tuple((name.replace("_", " "), value) for name, value in row.items() if value),
        )
        for row in rows
    ]


def named(cell: str) -> tuple[str, ...]:
    """Return the columns that a cell of the pool names, as `role position`."""
    return tuple(name.replace("_", " ") for name in cell.split())


def inputs_of(reference, tokenizer, asked: Question) -> dict[str, Tensor]:
    """Return a question's `inputs`."""
    return reference.build_inputs(tokenizer, asked.question, asked.text)


def unseen_questions(
    reference, models, assignment, rng: random.Random
) -> Iterator[tuple[Any, dict[str, Tensor], str]]:
    """Yield each model with two inputs that everyone is asked, and with one of the student's own; and the position.

    Points must not depend on the draw: everyone's inputs are those on which programs near the bound lie farthest off,
    and no program fails on another one alone (training/qa_en/choose_common.py). Of one model they have equal lengths
    and the same position, so that an answer that was stored under a shape is asked for another input of that shape; of
    the other they have unequal lengths and both positions.
    """
    for loaded in models:
        asked = [
            (one, position, f"{loaded.spec.role} {position}")
            for one in pool(assignment)
            for position in POSITIONS
        ]
        common = [(one, position) for one, position, name in asked if name in one.everyone]
        own = [(one, position) for one, position, name in asked if name in one.own]
        for one, position in (*common, rng.choice(own)):
            yield loaded, inputs_of(reference, loaded.tokenizer, one), position


def unseen_inputs(
    reference, models, assignment, rng: random.Random
) -> Iterator[tuple[Any, dict[str, Tensor]]]:
    """Yield the same without the position."""
    for loaded, inputs, _ in unseen_questions(reference, models, assignment, rng):
        yield loaded, inputs


def assert_models_answer_apart(
    submission, reference, models, assignment, function: str, *position: str
) -> None:
    """Assert that both models have answers of their own to a question in the same ids."""
    loaded = fewest_ids(models)
    inputs = inputs_of(reference, loaded.tokenizer, pool(assignment)[0])
    assert_models_differ(lambda one: submission.call(function, one.model, inputs, *position), models)


def tokens_of(tokenizer, inputs) -> list[str]:
    """Return the input's tokens."""
    return tokenizer.convert_ids_to_tokens(inputs["input_ids"][0].tolist())


def assert_form(actual, expected: Tensor, *, name: str, axes, tolerance: str) -> Tensor:
    """Assert that a result is a finite tensor of the right form, whatever its values, and return it in float64."""
    form = compare(actual, expected, tolerance_for(tolerance), name=name, axes=axes)
    assert form.problem in ("", "values"), form.message
    return as_tensor(actual).double()


def assert_repeats(submission, function: str, actual, *args, tolerance: str) -> None:
    """Assert that a function answers the same question alike."""
    again, first = as_tensor(submission.call(function, *args)), as_tensor(actual)
    same = again is not None and distance(again.double(), first.double(), "relative_l2")
    assert again is not None and same <= tolerance_for(tolerance).tau, (
        "Two calls with the same input differ: something random is at work. Is the model in eval mode?"
    )


def ask_all(submission, function: str, inputs) -> Iterator[tuple[Any, dict[str, Tensor], Any]]:
    """Yield all inputs with their answers; all are asked before any is judged, since later functions build on them."""
    every = list(inputs)
    for loaded, one in every:
        submission.recall(function, loaded.model, one)
    for loaded, one in every:
        yield loaded, one, submission.recall(function, loaded.model, one)


# attention_matrices


@grades("attention_matrices")
@points(2)
@visibility("visible")
@hint("Print the shape, and the sum of each row over the keys.")
def test_rows_are_distributions(submission, reference, model, tokenizer, record):
    """For the example question attention has the right form, and each row sums to 1."""
    inputs = inputs_of(reference, tokenizer, SHOWN)
    actual = submission.recall("attention_matrices", model, inputs)
    expected = reference.attention_matrices(model, inputs)
    got = assert_form(actual, expected, name="attention", axes=PER_HEAD, tolerance="attention")
    off = float((got.sum(dim=-1) - 1).abs().max())
    assert off <= 1e-3 and bool((got >= 0).all()), (
        f"Attention weights are positive, and those of one query sum to 1 over the keys: "
        f"the worst row of yours is {off:.3g} off, the smallest value is {float(got.min()):.3g}."
    )
    assert_repeats(submission, "attention_matrices", actual, model, inputs, tolerance="attention")
    tokens = tokens_of(tokenizer, inputs)
    record.strip(
        "What [CLS] looks at in layer 1, all heads", tokens, got[0, :, 0].mean(0), expected[0, :, 0].mean(0)
    )


@grades("attention_matrices")
@points(3)
@visibility("hidden")
@hint(
    "What of the inputs does the model get, which tensors do you take, and what do their axes mean? Does it hold for "
    "every number of layers and heads?"
)
def test_attention_of_unseen_questions(submission, reference, models, assignment, shared_rng):
    """Attention is right for unseen questions, on a second model, too."""
    asked = ask_all(
        submission, "attention_matrices", unseen_inputs(reference, models, assignment, shared_rng)
    )
    for loaded, inputs, actual in asked:
        expected = reference.attention_matrices(loaded.model, inputs)
        assert_close(actual, expected, name="attention", axes=PER_HEAD, items="layer", tolerance="attention")
    assert_models_answer_apart(submission, reference, models, assignment, "attention_matrices")


# head_norm


def made_up(rng: random.Random, layers: int, heads: int, tokens: int) -> Tensor:
    """Return attention matrices that no model gave: rows sum to 1."""
    generator = torch.Generator().manual_seed(rng.randrange(2**31))
    return (2 * torch.randn((layers, heads, tokens, tokens), generator=generator)).softmax(dim=-1)


def assert_head_norm(submission, reference, matrices: Tensor) -> None:
    """Ask for the norm over the heads and compare it."""
    actual = submission.call("head_norm", matrices)
    expected = reference.head_norm(matrices)
    assert_close(actual, expected, name="norms", axes=PER_LAYER, items="layer", tolerance="head_norm")


@grades("head_norm")
@points(1)
@visibility("visible")
@hint("Take one layer, query and key: which numbers are to be squared and added?")
def test_norm_over_heads_of_a_small_table(submission, reference):
    """The norms of a small table of one layer, two heads and two tokens are right."""
    table = torch.tensor([[[[0.6, 0.4], [0.1, 0.9]], [[0.8, 0.2], [0.7, 0.3]]]])
    assert_head_norm(submission, reference, table)


@grades("head_norm")
@points(3)
@visibility("hidden")
@hint("Over which axis do you take the norm, and does it hold for every number of layers, heads and tokens?")
def test_norm_over_heads_of_unseen_matrices(submission, reference, models, assignment, rng):
    """The norms of unseen attention matrices are right, of other sizes and of a second model, too."""
    assert_head_norm(submission, reference, made_up(rng, 2, 3, 5))
    assert_head_norm(submission, reference, made_up(rng, 5, 4, 3))
    for loaded, inputs in unseen_inputs(reference, models, assignment, rng):
        assert_head_norm(submission, reference, reference.attention_matrices(loaded.model, inputs))


# attention_attributions


@grades("attention_attributions")
@points(2)
@visibility("visible")
@hint("What comes out for a path that begins where it ends, input_ids equal to baseline_ids, and why?")
def test_no_path_no_conductance(submission, reference, model, tokenizer, record):
    """For the example question conductances have the right form; where input and baseline agree all are 0."""
    inputs = inputs_of(reference, tokenizer, SHOWN)
    tokens = tokens_of(tokenizer, inputs)
    for position in POSITIONS:
        actual = submission.call("attention_attributions", model, inputs, position)
        expected = reference.attention_attributions(model, inputs, position)
        got = assert_form(actual, expected, name="conductances", axes=PER_HEAD, tolerance="conductance")
        assert_repeats(
            submission, "attention_attributions", actual, model, inputs, position, tolerance="conductance"
        )
        record.strip(
            f"Conductance by key for the {position}, last layer",
            tokens,
            got[-1].sum((0, 1)),
            expected[-1].sum((0, 1)),
        )
        still = {**inputs, "input_ids": inputs["baseline_ids"]}
        nothing = submission.call("attention_attributions", model, still, position)
        none = assert_form(nothing, expected, name="conductances", axes=PER_HEAD, tolerance="conductance")
        largest = float(none.abs().max())
        assert largest <= 1e-4 * float(expected.abs().max()), (
            f"Where the path begins where it ends no weight changes, so that every conductance is 0: "
            f"found {largest:.3g}."
        )


@grades("attention_attributions")
@points(8)
@visibility("hidden")
@hint(
    "Go through the formula: between which points does the path run, which quantity changes on it, whose gradient is "
    "taken, and where? What is F at a point in the middle of the path?"
)
def test_conductances_of_unseen_questions(submission, reference, models, assignment, rng):
    """Conductances are right for unseen questions, for start and end, on a second model, too."""
    for loaded, inputs, position in unseen_questions(reference, models, assignment, rng):
        actual = submission.call("attention_attributions", loaded.model, inputs, position)
        expected = reference.attention_attributions(loaded.model, inputs, position)
        assert_close(
            actual, expected, name="conductances", axes=PER_HEAD, items="layer", tolerance="conductance"
        )
    assert_models_answer_apart(submission, reference, models, assignment, "attention_attributions", "start")


# transformed_vectors


def attention_outputs(model, inputs) -> Tensor:
    """Return what each layer's output projection puts out, shape (layer, token, hidden)."""
    kept: list[Tensor] = []
    hooks = [
        layer.attention.output.dense.register_forward_hook(
            lambda module, args, output: kept.append(output[0])
        )
        for layer in model.bert.encoder.layer
    ]
    try:
        with torch.no_grad():
            names = ("input_ids", "token_type_ids", "position_ids", "attention_mask")
            model(**{name: inputs[name].to(model.device) for name in names})
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack(kept).double().cpu()


@grades("transformed_vectors")
@points(2)
@visibility("visible")
@hint(
    "Add up attention times your vectors over heads and keys, and the output bias once: what does "
    "attention.output.dense put out?"
)
def test_vectors_add_up_to_the_layers_output(submission, reference, model, tokenizer, record):
    """For the example question the weighted vectors of all heads and tokens add up to what each layer computes."""
    inputs = inputs_of(reference, tokenizer, SHOWN)
    actual = submission.recall("transformed_vectors", model, inputs)
    expected = reference.transformed_vectors(model, inputs)
    got = assert_form(actual, expected, name="vectors", axes=VECTORS, tolerance="vectors")
    assert_repeats(submission, "transformed_vectors", actual, model, inputs, tolerance="vectors")
    lengths = [vectors[0].double().norm(dim=-1).mean(0) for vectors in (got, expected)]
    record.strip("Mean length of f(x) in layer 1", tokens_of(tokenizer, inputs), *lengths)
    outputs = reference.memoise("attention outputs", attention_outputs, model, inputs)
    matrices = reference.attention_matrices(model, inputs).double()
    for number, layer in enumerate(model.bert.encoder.layer):
        summed = torch.einsum("hqk,hkd->qd", matrices[number].cpu(), got[number])
        summed = summed + layer.attention.output.dense.bias.detach().double().cpu()
        off = distance(summed, outputs[number], "relative_l2")
        assert within("vectors", off), (
            f"Layer {number + 1}: the sum over heads and keys of attention times f(x), and the output bias, should be "
            f"what attention.output.dense puts out; yours is {off:.3g} off (relative distance)."
        )


@grades("transformed_vectors")
@points(7)
@visibility("hidden")
@hint(
    "Follow one token through one head: which tensor comes into the layer, which entries belong to the head, which "
    "part of the output projection meets them, and which of the two biases is part of f?"
)
def test_vectors_of_unseen_questions(submission, reference, models, assignment, shared_rng):
    """Transformed vectors are right for unseen questions, on a second model, too."""
    asked = ask_all(
        submission, "transformed_vectors", unseen_inputs(reference, models, assignment, shared_rng)
    )
    for loaded, inputs, actual in asked:
        expected = reference.transformed_vectors(loaded.model, inputs)
        assert_close(actual, expected, name="vectors", axes=VECTORS, items="layer", tolerance="vectors")
    assert_models_answer_apart(submission, reference, models, assignment, "transformed_vectors")


# weighted_norms and summed_norms, which build on the student's own earlier functions


def weigh(matrices: Tensor, vectors: Tensor) -> Tensor:
    """Return the norms of alpha f, shape (layer, head, query, key)."""
    return matrices.double() * vectors.double().norm(dim=-1)[:, :, None, :]


def add_up(matrices: Tensor, vectors: Tensor) -> Tensor:
    """Return the norms of the sums over heads of alpha f, shape (layer, query, key)."""
    pairs = zip(matrices.double(), vectors.double(), strict=True)
    return torch.stack([torch.einsum("hqk,hkd->qkd", alpha, f).norm(dim=-1) for alpha, f in pairs])


VANISHING = 1e-6
"""Own results smaller than this share of the right ones are zeros in what is built on them."""
FEW = 50
"""Own results that tell apart fewer values than the right ones by this factor are made up; a mean over heads is not."""


def earlier(submission, reference, function: str, model, inputs) -> dict[str, Tensor]:
    """Return what an earlier function gives by the student's name for it: the reference's, and their own if it counts.

    Own results of another form fit nothing that comes later, and of degenerate ones everybody knows the norms.
    """
    right = getattr(reference, function)(model, inputs).cpu()
    own = as_tensor(submission.own(function, model, inputs))
    fits = own is not None and own.shape == right.shape and own.is_floating_point()
    if not fits or is_degenerate(own) or float(own.abs().max()) < VANISHING * float(right.abs().max()):
        return {"": right}
    return {"": right, function: own} if FEW * tells_apart(own) >= tells_apart(right) else {"": right}


def tells_apart(value: Tensor) -> int:
    """Return how many values a tensor tells apart."""
    scaled = value.double() / value.double().abs().max()
    return len(torch.unique(torch.round(scaled, decimals=6)))


def built_on_own(submission, reference, model, inputs, build) -> dict[str, Tensor]:
    """Return what a function of both earlier results may give, by the remark that goes with it; "" is the contract."""
    matrices = earlier(submission, reference, "attention_matrices", model, inputs)
    vectors = earlier(submission, reference, "transformed_vectors", model, inputs)
    found = {}
    for (own_matrices, alpha), (own_vectors, f) in product(matrices.items(), vectors.items()):
        names = " and ".join(name for name in (own_matrices, own_vectors) if name)
        for sign, weights in (("", alpha), (" ", alpha.abs())):
            # Negative weights are nobody's but a student's own: their norms may be taken either way.
            if not sign or bool((alpha < 0).any()):
                found[OWN.format(names) + sign if names else ""] = build(weights, f).float()
    return found


def assert_built(
    submission, reference, record, model, inputs, *, function, build, name, axes, tolerance
) -> None:
    """Ask for a function that builds on earlier ones and compare it with all that is accepted."""
    accepted = built_on_own(submission, reference, model, inputs, build)
    del accepted[""]
    actual = submission.call(function, model, inputs)
    expected = getattr(reference, function)(model, inputs)
    remark = assert_close(
        actual, expected, name=name, axes=axes, items="layer", tolerance=tolerance, alternatives=accepted
    )
    if remark:
        record.remark(remark)


@grades("weighted_norms")
@points(2)
@visibility("visible")
@hint("Take one layer, head, query and key by hand: multiply the vector by its weight, and take the norm.")
def test_norms_are_attention_times_length(submission, reference, model, tokenizer, record):
    """For the example question each norm is the attention weight times the length of the key's vector."""
    inputs = inputs_of(reference, tokenizer, SHOWN)
    accepted = built_on_own(submission, reference, model, inputs, weigh)
    actual = submission.call("weighted_norms", model, inputs)
    expected = reference.weighted_norms(model, inputs)
    got = assert_form(actual, expected, name="norms", axes=PER_HEAD, tolerance="weighted")
    record.strip(
        "What [CLS] gets in layer 1, all heads", tokens_of(tokenizer, inputs), got[0, :, 0].sum(0),
        expected[0, :, 0].sum(0),
    )  # fmt: skip
    # Weights of the student's own may be negative: then the norm is that of their magnitudes.
    off = min(distance(got.abs(), one.double().abs(), "relative_l2", 0) for one in accepted.values())
    assert within("weighted", off), (
        f"The norm of alpha f(x) is alpha times the norm of f(x) of the key, everywhere; yours is {off:.3g} off "
        "(relative distance in the worst layer)."
    )


@grades("weighted_norms")
@points(4)
@visibility("hidden")
@hint(
    "Whose vector is it that flows from key to query, which norm is taken, and on which axes do the tokens lie?"
)
def test_norms_of_unseen_questions(submission, reference, models, assignment, shared_rng, record):
    """The norms of what flows are right for unseen questions, on a second model, too."""
    for loaded, inputs in unseen_inputs(reference, models, assignment, shared_rng):
        assert_built(
            submission, reference, record, loaded.model, inputs, function="weighted_norms", build=weigh,
            name="norms", axes=PER_HEAD, tolerance="weighted",
        )  # fmt: skip
    assert_models_answer_apart(submission, reference, models, assignment, "weighted_norms")


@grades("summed_norms")
@points(2)
@visibility("visible")
@hint("Compare with the sum over heads of your weighted_norms: a sum of vectors is never longer.")
def test_heads_together_are_no_longer_than_apart(submission, reference, model, tokenizer, record):
    """For the example question a layer's norms are never larger than those of its heads together."""
    inputs = inputs_of(reference, tokenizer, SHOWN)
    accepted = built_on_own(submission, reference, model, inputs, weigh)
    actual = submission.call("summed_norms", model, inputs)
    expected = reference.summed_norms(model, inputs)
    got = assert_form(actual, expected, name="norms", axes=PER_LAYER, tolerance="summed")
    assert bool((got >= 0).all()), f"A norm is never negative, found {float(got.min()):.3g}."
    assert not is_degenerate(got), "Your norms are 0 or all the same, whatever flows between the tokens."
    assert_repeats(submission, "summed_norms", actual, model, inputs, tolerance="summed")
    record.strip("What [CLS] gets in layer 1", tokens_of(tokenizer, inputs), got[0, 0], expected[0, 0])
    slack = 1e-4 * float(expected.abs().max())
    excess = min(float((got - one.double().abs().sum(dim=1)).max()) for one in accepted.values())
    assert excess <= slack, (
        f"The norm of a sum is never larger than the sum of the norms: yours exceeds it by up to {excess:.3g}."
    )


@grades("summed_norms")
@points(4)
@visibility("hidden")
@hint("In which order do you add, weigh and take the norm, and over which axis do you add?")
def test_layer_norms_of_unseen_questions(submission, reference, models, assignment, shared_rng, record):
    """The norms of what flows in a layer are right for unseen questions, on a second model, too."""
    for loaded, inputs in unseen_inputs(reference, models, assignment, shared_rng):
        assert_built(
            submission, reference, record, loaded.model, inputs, function="summed_norms", build=add_up,
            name="norms", axes=PER_LAYER, tolerance="summed",
        )  # fmt: skip
    assert_models_answer_apart(submission, reference, models, assignment, "summed_norms")


@grades("summed_norms")
@points(0)
@visibility("visible")
@hint("Does your plot cell end with plt.show(), and does it run when the notebook is started anew?")
def test_plot_is_a_figure(submission):
    """Your plot cell shows attention beside what flows (no points of its own; it stands in your feedback)."""
    assert_figure_shown(submission.plots("plot-attention-and-norms"))
