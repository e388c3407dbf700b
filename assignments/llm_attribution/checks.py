"""Checks of attribution for a language model: what each of the seven functions must do, and what it is worth."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from autograder.attribution import quadrature
from autograder.checks import (
    Mismatch,
    assert_close,
    assert_figure_shown,
    grades,
    hint,
    is_degenerate,
    points,
    visibility,
    within,
)
from autograder.checks.float64_reference import exact_answer
from autograder.checks.input_selection import is_small, smallest_first
from autograder.checks.tolerance_context import tolerance_for
from autograder.comparison.tensors import as_tensor, compare, distance
from autograder.diagnosis import Subject

CELLS = ("target token", "prompt token")


# Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A prompt and how it goes on."""

    prompt: str
    """Ends without a blank."""

    target: str
    """At least three tokens by every tokenizer."""

    @property
    def arguments(self) -> tuple:
        """What the functions are asked, behind model and tokenizer."""
        return self.prompt, self.target


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """A template with values, baselines and groups."""

    template: str
    """With positional gaps."""

    values: list[str]
    """One a gap."""

    baselines: list[str]
    """One a gap."""

    mask: list[int]
    """The group of each value; at least three groups, one of which has several members."""

    target: str
    """At least three tokens by every tokenizer."""

    @property
    def features(self) -> tuple:
        """What ablate_template is asked, behind model and tokenizer."""
        return self.template, self.values, self.baselines, self.target

    @property
    def arguments(self) -> tuple:
        """What the functions with groups are asked, behind model and tokenizer."""
        return self.template, self.values, self.baselines, self.mask, self.target

    @property
    def members(self) -> list[int]:
        """One member of each group, by the group's number."""
        return [self.mask.index(group) for group in range(max(self.mask) + 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shots:
    """A review that is to be labelled, and labelled examples."""

    examples: list[str]
    """At least three, one a line of the prompt."""

    review: str
    """Without a label."""

    target: str
    """The label: at least three tokens by every tokenizer."""

    @property
    def arguments(self) -> tuple:
        """What attribute_examples is asked, behind model and tokenizer."""
        return self.examples, self.review, self.target


def pool(assignment) -> tuple[list[Text], list[Filling], list[Shots]]:
    """Return the hidden checks' inputs."""
    kept = json.loads((assignment.data_dir / "pool.json").read_text(encoding="utf-8"))
    return (
        [Text(**one) for one in kept["texts"]],
        [Filling(**one) for one in kept["fillings"]],
        [Shots(**one) for one in kept["shots"]],
    )


SHOWN = Filling(
    template="{} lives in {}, {}, and works as a {}. In {} {} likes to",
    values=["Nora", "Faro", "Portugal", "gardener", "summer", "she"],
    baselines=["Karl", "Lukla", "Nepal", "judge", "winter", "he"],
    mask=[0, 1, 1, 2, 3, 0],
    target=" go surfing in the bay with her friends",
)
SHOWN_TEXT = Text(prompt=SHOWN.template.format(*SHOWN.values), target=SHOWN.target)
SHOWN_SHOTS = Shots(
    examples=[
        "Review: The soup was cold and the cook was rude. Label: a bad place.",
        "Review: A cosy garden, a clever film. Label: worth the trip.",
        "Review: We found the room dirty and the song loud. Label: not worth the trip.",
        "Review: I remember a kind waiter and a fresh pizza. Label: a good place.",
    ],
    review="The room was bright and the waiter was friendly.",
    target=" a good place.",
)
"""What the notebook shows."""


def asked(assignment, task: str, inputs: list, rng: random.Random) -> list:
    """Return the inputs of one student's check of a function: the same ones for everyone, and a drawn one.

    On those for everyone, programs near the tolerances lie farther off than on any that may be drawn, so that their
    verdict is the same under every name. What is drawn is no more than that: another student's answers do not fit it.
    """
    strata = json.loads((assignment.data_dir / "strata.json").read_text(encoding="utf-8"))[task]
    return [*(inputs[number] for number in strata["everyone"]), inputs[rng.choice(strata["drawn"])]]


def questions(models, inputs: list) -> list[tuple[Any, Any]]:
    """Return (model, input): each input on each model, so that no text tells whose answer is asked for."""
    return [(loaded, one) for loaded in smallest_first(models) for one in inputs]


def in_order_of_appearance(filling: Filling) -> Filling:
    """Return the filling with its groups numbered as they first appear."""
    appearing = list(dict.fromkeys(filling.mask))
    return replace(filling, mask=[appearing.index(group) for group in filling.mask])


def fillings_of(assignment, task: str, rng: random.Random) -> list[Filling]:
    """Return the fillings of one student's check."""
    return asked(assignment, task, pool(assignment)[1], rng)


# What all functions have in common


def target_score(model, tokenizer, prompt: str, target: str) -> float:
    """Return ln p(target | prompt), without the reference."""
    ids = tokenizer(prompt)["input_ids"]
    ends = tokenizer(target, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = model(torch.tensor([ids + ends], device=model.device)).logits[0, len(ids) - 1 : -1]
    chosen = torch.tensor(ends, device=logits.device)[:, None]
    return float(logits.double().log_softmax(dim=-1).gather(1, chosen).sum())


def tokens_of(tokenizer, prompt: str) -> list[str]:
    """Return a prompt's tokens as a reader sees them, without a BOS in front."""
    ids = tokenizer(prompt)["input_ids"]
    front = int(tokenizer.bos_token_id is not None and ids[:1] == [tokenizer.bos_token_id])
    return [tokenizer.decode([number]) for number in ids[front:]]


def scores_of(actual, expected: Tensor, *, name: str, axes: tuple[str, ...]) -> Tensor:
    """Return an answer's values, float64, whatever they are; assert its form alone."""
    form = compare(actual, expected, tolerance_for("shapley"), name=name, axes=axes)
    assert form.problem in ("", "values"), form.message
    return as_tensor(actual).double()


def assert_adds_up(scores: Tensor, total: float, what: str, key: str = "efficiency") -> None:
    """Assert that scores sum to what all parts do together.

    Args:
        scores: Float64, shape (part,).
        total: What they must sum to.
        what: The total, in words.
        key: The tolerance of |sum - total| / sum of magnitudes.
    """
    off = abs(float(scores.sum()) - total) / max(float(scores.abs().sum()), 1e-9)
    assert within(key, off), f"The scores sum to {float(scores.sum()):.4g}, but {what} is {total:.4g}."


def assert_members_agree(scores: Tensor, filling: Filling) -> None:
    """Assert that all members of a group carry the same score."""
    shared = scores[filling.members][filling.mask]
    assert distance(scores, shared, "relative_l2") <= tolerance_for("shapley").tau, (
        "Each member of a group carries the whole score of its group: members of one group differ."
    )


def whole_effect(loaded, filling: Filling) -> float:
    """Return what all values do together: F with all values, less F with all baselines."""
    full, empty = (filling.template.format(*some) for some in (filling.values, filling.baselines))
    return target_score(loaded.model, loaded.tokenizer, full, filling.target) - target_score(
        loaded.model, loaded.tokenizer, empty, filling.target
    )


def unchanged_in(filling: Filling, group: int) -> Filling:
    """Return the filling with the values of a group as their own baselines."""
    triples = zip(filling.values, filling.baselines, filling.mask, strict=True)
    baselines = [value if member == group else baseline for value, baseline, member in triples]
    return Filling(
        template=filling.template,
        values=filling.values,
        baselines=baselines,
        mask=filling.mask,
        target=filling.target,
    )


def assert_nothing(score: float, scores: Tensor, what: str) -> None:
    """Assert that a score is 0 up to round-off of the largest one."""
    allowed = tolerance_for("effects").tau * max(float(scores.abs().max()), 1.0)
    assert abs(score) <= allowed, f"{what} must get 0, found {score:.4g}."


# ablate_tokens


@grades("ablate_tokens")
@points(2)
@visibility("visible")
@hint(
    "Replace one token of the prompt by id 0 yourself and compare log-probabilities, token by token of the target."
)
def test_one_column_by_hand(submission, reference, models, record):
    """For an example prompt each token of target and prompt has its place, and one column is right."""
    loaded = models[0]
    actual = submission.call("ablate_tokens", loaded.model, loaded.tokenizer, *SHOWN_TEXT.arguments)
    expected = reference.ablate_tokens(loaded.model, loaded.tokenizer, *SHOWN_TEXT.arguments)
    got = scores_of(actual, expected, name="effects", axes=CELLS)
    tokens = tokens_of(loaded.tokenizer, SHOWN_TEXT.prompt)
    record.strip("Effect on the whole target", tokens, got.sum(dim=0), expected.sum(dim=0))
    place = max(range(len(tokens)), key=lambda number: float(expected[:, number].abs().sum()))
    off = (got - expected)[:, place].abs()
    row = int(off.argmax())
    allowed = tolerance_for("tokens").tau * float(expected.double().norm())
    assert float(off.max()) <= allowed, (
        f"Without {tokens[place]!r} the target's token {row + 1} of {len(got)} loses "
        f"{float(expected[row, place]):.4f} nats; your function says {float(got[row, place]):.4f}."
    )


class TakenForBos:
    """A tokenizer whose first token counts as a BOS, whatever it is."""

    def __init__(self, tokenizer, prompt: str) -> None:
        self._tokenizer = tokenizer
        self.bos_token_id = tokenizer(prompt)["input_ids"][0]

    def __call__(self, *args, **kwargs):
        """Return what the tokenizer does."""
        return self._tokenizer(*args, **kwargs)


def has_bos(tokenizer) -> bool:
    """Return whether a tokenizer puts a BOS in front."""
    return tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]


NO_BOS = (
    "The first token of a tokenizer without BOS is no BOS: it is replaced like the others, and has its place."
)


def first_left_out(reference, task: str, model, tokenizer, prompt: str, target: str) -> dict:
    """Return what else is accepted where no BOS stands in front, since that has a check of its own, by its remark."""
    if has_bos(tokenizer):
        return {}

    def taken(model, tokenizer, prompt: str, target: str) -> Tensor:
        function = getattr(reference.module, task)
        return function(model, TakenForBos(tokenizer, prompt), prompt, target)

    return {
        NO_BOS: lambda: reference.memoise(
            f"{task}, the first left out", taken, model, tokenizer, prompt, target
        ),
        f"{NO_BOS} ": lambda: getattr(reference, task)(model, tokenizer, prompt, target)[..., 1:],
    }


def texts_of(assignment, task: str, rng: random.Random) -> list[Text]:
    """Return the texts of one student's check."""
    return asked(assignment, task, pool(assignment)[0], rng)


def without_bos(models, texts: list[Text]) -> list[tuple]:
    """Return the questions of `questions` on models whose tokenizers put no BOS in front."""
    return [
        (loaded.model, loaded.tokenizer, *text.arguments)
        for loaded, text in questions(models, texts)
        if not has_bos(loaded.tokenizer)
    ]


@grades("ablate_tokens")
@points(3)
@visibility("hidden")
@hint(
    "Go through the points of the task one by one: what is put in a token's place, what comes in front, which tokens "
    "has the model read before each token of the target?"
)
def test_effects_of_unseen_prompts(submission, reference, models, assignment, record, shared_rng):
    """Effects of tokens are right for unseen prompts and targets, on a second model, too."""
    for loaded, text in questions(models, texts_of(assignment, "ablate_tokens", shared_rng)):
        arguments = (loaded.model, loaded.tokenizer, *text.arguments)
        actual = submission.recall("ablate_tokens", *arguments)
        expected = reference.ablate_tokens(*arguments)
        remark = assert_close(
            actual,
            expected,
            name="effects",
            axes=CELLS,
            tolerance="tokens",
            alternatives=first_left_out(reference, "ablate_tokens", *arguments),
        )
        record.remark(remark.strip())


@grades("ablate_tokens")
@points(1)
@visibility("hidden")
@hint("Does every tokenizer put a token in front? How can you ask the one that you are given?")
def test_effects_where_no_bos_stands_in_front(submission, reference, models, assignment, shared_rng):
    """Where the tokenizer puts no BOS in front, every token has a column, the first one, too."""
    for arguments in without_bos(models, texts_of(assignment, "ablate_tokens", shared_rng)):
        actual = submission.recall("ablate_tokens", *arguments)
        expected = reference.ablate_tokens(*arguments)
        assert_close(actual, expected, name="effects", axes=CELLS, tolerance="tokens")


# ablate_template


@grades("ablate_template")
@points(1)
@visibility("visible")
@hint("Print the texts that your function looks at: the full one, and one for each feature.")
def test_a_value_replaced_by_itself_does_nothing(submission, reference, models, record):
    """In the example each feature has a number, and a value replaced by itself does nothing."""
    loaded = models[0]
    same = unchanged_in(SHOWN, 1)
    arguments = (loaded.model, loaded.tokenizer, *same.features)
    actual = submission.call("ablate_template", *arguments)
    expected = reference.ablate_template(*arguments)
    got = scores_of(actual, expected, name="effects", axes=("feature",))
    record.strip("Effect of each value", same.values, got, expected)
    assert_nothing(float(got[1]), expected, "A value replaced by itself")
    assert float(got.abs().max()) > 0.01 * float(expected.abs().max()), (
        "Replacing values does next to nothing."
    )


@grades("ablate_template")
@points(3)
@visibility("hidden")
@hint(
    "How does the target's log-probability come about from its tokens', and which of two numbers is subtracted?"
)
def test_effects_of_unseen_features(submission, reference, models, assignment, rng):
    """Effects of features are right for unseen templates, on a second model, too."""
    for loaded, filling in questions(models, fillings_of(assignment, "ablate_template", rng)):
        arguments = (loaded.model, loaded.tokenizer, *filling.features)
        actual = submission.call("ablate_template", *arguments)
        expected = reference.ablate_template(*arguments)
        assert_close(actual, expected, name="effects", axes=("feature",), tolerance="effects")


# ablate_groups


@grades("ablate_groups")
@points(1)
@visibility("visible")
@hint("Print the texts that your function looks at: the full one, and one for each group.")
def test_members_carry_the_score_of_their_group(submission, reference, models, record):
    """In the example members of a group carry the same score, and one group of all features carries all of it."""
    loaded = models[0]
    arguments = (loaded.model, loaded.tokenizer, *SHOWN.arguments)
    actual = submission.call("ablate_groups", *arguments)
    expected = reference.ablate_groups(*arguments)
    got = scores_of(actual, expected, name="effects", axes=("feature",))
    record.strip("Effect of each value's group", SHOWN.values, got, expected)
    assert_members_agree(got, SHOWN)
    one = Filling(
        template=SHOWN.template,
        values=SHOWN.values,
        baselines=SHOWN.baselines,
        mask=[0] * len(SHOWN.values),
        target=SHOWN.target,
    )
    arguments = (loaded.model, loaded.tokenizer, *one.arguments)
    found = submission.call("ablate_groups", *arguments)
    scores = scores_of(found, reference.ablate_groups(*arguments), name="effects", axes=("feature",))
    total = whole_effect(loaded, one)
    off = float((scores - total).abs().max())
    assert off <= tolerance_for("effects").tau * max(abs(total), 1.0), (
        f"With one group of all features each of them carries {total:.4g}; found {float(scores[0]):.4g}."
    )


NUMBERS = (
    "Group numbers stand in any order: which group does the score belong to that each of your features gets?"
)


def renumbered(filling: Filling) -> Filling:
    """Return the filling with other numbers for the same groups."""
    return replace(filling, mask=[(group + 2) % (max(filling.mask) + 1) for group in filling.mask])


@grades("ablate_groups")
@points(0)
@visibility("visible")
@hint(NUMBERS)
def test_groups_have_any_numbers(submission, models):
    """In the example other numbers of the same groups change nothing (no points here; unseen ones count)."""
    loaded = models[0]
    same = [
        as_tensor(submission.call("ablate_groups", loaded.model, loaded.tokenizer, *one.arguments))
        for one in (SHOWN, renumbered(SHOWN))
    ]
    assert_same_groups(*same)


def assert_same_groups(first: Tensor | None, second: Tensor | None) -> None:
    """Assert that scores do not depend on the numbers of the groups."""
    assert first is not None and second is not None, "Expected a tensor with a number for each feature."
    assert distance(second, first, "relative_l2") <= tolerance_for("shapley").tau, (
        f"With the groups {SHOWN.mask} the features get {rounded(first)}, with the same groups numbered "
        f"{renumbered(SHOWN).mask} they get {rounded(second)}."
    )


def rounded(scores: Tensor) -> list[float]:
    """Return scores for a message."""
    return [round(score, 3) for score in scores.double().tolist()]


@grades("ablate_groups")
@points(3)
@visibility("hidden")
@hint("Which values are replaced together, what is subtracted from what, and what does a member get?")
def test_effects_of_unseen_groups(submission, reference, models, assignment, rng):
    """Effects of groups are right for unseen templates, on a second model, too."""
    fillings = map(in_order_of_appearance, fillings_of(assignment, "ablate_groups", rng))
    assert_effects_of_groups(submission, reference, models, list(fillings))


@grades("ablate_groups")
@points(1)
@visibility("hidden")
@hint(NUMBERS)
def test_effects_of_groups_in_any_order(submission, reference, models, assignment, rng):
    """Effects of groups are right when the groups' numbers stand in any order."""
    fillings = fillings_of(assignment, "ablate_groups", rng)
    assert_effects_of_groups(submission, reference, models, fillings)


def assert_effects_of_groups(submission, reference, models, fillings: list[Filling]) -> None:
    """Ask for the effects of groups and compare them."""
    for loaded, filling in questions(models, fillings):
        arguments = (loaded.model, loaded.tokenizer, *filling.arguments)
        actual = submission.call("ablate_groups", *arguments)
        expected = reference.ablate_groups(*arguments)
        assert_close(actual, expected, name="effects", axes=("feature",), tolerance="effects")


# shapley_groups


@grades("shapley_groups")
@points(2)
@visibility("visible")
@hint("Print the sum over the groups (one member each) beside F(all values) - F(all baselines).")
def test_shapley_values_are_efficient(submission, reference, models, record):
    """In the example the groups' Shapley values add up, and a group whose values are its baselines gets 0."""
    loaded = models[0]
    arguments = (loaded.model, loaded.tokenizer, *SHOWN.arguments)
    actual = submission.recall("shapley_groups", *arguments)
    expected = reference.shapley_groups(*arguments)
    got = scores_of(actual, expected, name="Shapley values", axes=("feature",))
    record.strip("Shapley value of each value's group", SHOWN.values, got, expected)
    assert_members_agree(got, SHOWN)
    assert_adds_up(got[SHOWN.members], whole_effect(loaded, SHOWN), "what all groups do together")
    same = unchanged_in(SHOWN, 2)
    arguments = (loaded.model, loaded.tokenizer, *same.arguments)
    found = submission.call("shapley_groups", *arguments)
    scores = scores_of(found, reference.shapley_groups(*arguments), name="Shapley values", axes=("feature",))
    assert_nothing(float(scores[3]), expected, "A group whose values are its baselines")


@grades("shapley_groups")
@points(0)
@visibility("visible")
@hint(NUMBERS)
def test_players_have_any_numbers(submission, models):
    """In the example other numbers of the same groups change no Shapley value (no points here; unseen ones count)."""
    loaded = models[0]
    same = [
        as_tensor(submission.recall("shapley_groups", loaded.model, loaded.tokenizer, *one.arguments))
        for one in (SHOWN, renumbered(SHOWN))
    ]
    assert_same_groups(*same)


def games(models, assignment, rng: random.Random) -> list[tuple[Any, Filling]]:
    """Return the games of one student, which shapley_groups and shapley_sampled share."""
    fillings = map(in_order_of_appearance, fillings_of(assignment, "shapley_groups", rng))
    return questions(models, list(fillings))


@grades("shapley_groups")
@points(4)
@visibility("hidden")
@hint(
    "Write the formula beside your code: over which sets of groups does the sum run, and what is the weight of each?"
)
def test_shapley_values_of_unseen_groups(submission, reference, models, assignment, shared_rng):
    """Shapley values are right for unseen templates, on a second model, too."""
    # All are asked before any is judged: shapley_sampled may be judged by what was answered here.
    every = [
        (loaded.model, loaded.tokenizer, *filling.arguments)
        for loaded, filling in games(models, assignment, shared_rng)
    ]
    for arguments in every:
        submission.recall("shapley_groups", *arguments)
    for arguments in every:
        actual = submission.recall("shapley_groups", *arguments)
        expected = reference.shapley_groups(*arguments)
        assert_close(actual, expected, name="Shapley values", axes=("feature",), tolerance="shapley")


@grades("shapley_groups")
@points(1)
@visibility("hidden")
@hint(NUMBERS)
def test_shapley_values_of_groups_in_any_order(submission, reference, models, assignment, rng):
    """Shapley values are right when the groups' numbers stand in any order."""
    for loaded, filling in questions(models, fillings_of(assignment, "shapley_groups", rng)):
        arguments = (loaded.model, loaded.tokenizer, *filling.arguments)
        actual = submission.call("shapley_groups", *arguments)
        expected = reference.shapley_groups(*arguments)
        assert_close(actual, expected, name="Shapley values", axes=("feature",), tolerance="shapley")


# shapley_sampled

CHANCE = 1e-4
"""A right answer, whatever it draws, fails the check with at most this probability."""
CASES = 4
"""Inputs of the check, two a model, among which the chance is divided."""
EVERYONES_SEED = 7
"""With it a fifth of the samples fails on the inputs for everyone, and a quarter passes."""
OWN_CHANCE = 1e-12
"""The same for inputs that are drawn: whether a few samples too few fail there must not depend on the draw."""
SAMPLE_COUNTS = (40, 48)
OWN = (
    "Your result equals that of your shapley_groups. That is right here; what is wrong with it counts there."
)


def worths(model, tokenizer, template, values, baselines, mask, target) -> list[float]:
    """Return what each coalition is worth, without the reference: F with the values of groups whose bits are set."""
    found = []
    for coalition in range(2 ** (max(mask) + 1)):
        triples = zip(values, baselines, mask, strict=True)
        chosen = [value if coalition >> group & 1 else baseline for value, baseline, group in triples]
        found.append(target_score(model, tokenizer, template.format(*chosen), target))
    return found


def contributions(worth: list[float], group: int) -> tuple[Tensor, Tensor]:
    """Return the distribution of a group's marginal contribution in one random order.

    Args:
        worth: Of each coalition, by its bits.
        group: Its number.

    Returns:
        (values, probabilities), float64, shape (coalition without the group,); the mean is the Shapley value.
    """
    groups = len(worth).bit_length() - 1
    without = [coalition for coalition in range(len(worth)) if not coalition >> group & 1]
    values = [worth[coalition | 1 << group] - worth[coalition] for coalition in without]
    # In one order of k those before the group are a given set of s with probability s! (k - s - 1)! / k!.
    befores = [coalition.bit_count() for coalition in without]
    chances = [
        math.factorial(count) * math.factorial(groups - count - 1) / math.factorial(groups)
        for count in befores
    ]
    return torch.tensor(values, dtype=torch.float64), torch.tensor(chances, dtype=torch.float64)


def sampling_bound(values: Tensor, chances: Tensor, count: int, chance: float) -> float:
    """Return how far a mean of independent draws may lie from the expectation, save with a small probability.

    By Chernoff: P(mean - mu >= t) <= exp(-count (s t - K(s))) for every s > 0, with K(s) = ln E exp(s (x -
    mu)), which is known here, since the distribution is. So t = min over s of (ln(2 / chance) / count + K(s)) /
    s, on either side.

    Args:
        values: What may be drawn, shape (outcome,).
        chances: Their probabilities.
        count: Number of draws.
        chance: Largest probability to lie beyond the bound on either side.
    """
    moved = values - (values * chances).sum()
    spread = float((moved.square() * chances).sum().sqrt())
    if spread == 0:
        return 0.0
    slopes = torch.logspace(-3, 2, 200, dtype=torch.float64)[:, None] / spread
    bounds = []
    for side in (1, -1):
        growth = (slopes * side * moved + chances.log()).logsumexp(dim=1)
        bounds.append(float(((math.log(2 / chance) / count + growth) / slopes[:, 0]).min()))
    return max(bounds)


def allowances(
    model, tokenizer, template, values, baselines, mask, target, count: int, of_all: float = CHANCE
) -> Tensor:
    """Return how far each feature's sampled Shapley value may lie from the exact one, float64, shape (feature,)."""
    worth = worths(model, tokenizer, template, values, baselines, mask, target)
    groups = max(mask) + 1
    chance = of_all / CASES / groups
    bounds = [sampling_bound(*contributions(worth, group), count, chance) for group in range(groups)]
    return torch.tensor(bounds, dtype=torch.float64)[mask]


VANISHING = 1e-6
"""Own results smaller than this share of the right ones cannot be told from zeros."""


def own_exact(submission, reference, arguments: tuple) -> Tensor | None:
    """Return what the student's shapley_groups gives, if it counts, tells the groups apart and is not next to zero."""
    own = as_tensor(submission.own("shapley_groups", *arguments))
    if own is None or is_degenerate(own):
        return None
    right = reference.shapley_groups(*arguments)
    return own if float(own.abs().max()) >= VANISHING * float(right.abs().max()) else None


def assert_sampled(
    submission, reference, loaded, filling: Filling, count: int, seed: int, of_all: float, record
) -> None:
    """Assert that sampled Shapley values lie where honest sampling brings them."""
    arguments = (loaded.model, loaded.tokenizer, *filling.arguments)
    own = own_exact(submission, reference, arguments)
    actual = submission.call("shapley_sampled", *arguments, count, seed)
    expected = reference.shapley_groups(*arguments)
    spread = reference.memoise("allowances", allowances, *arguments, count, of_all)
    form = compare(actual, expected, tolerance_for("shapley"), name="Shapley values", axes=("feature",))
    got = as_tensor(actual)
    tau = float(spread.norm() / expected.double().norm())
    if form.problem in ("", "values"):
        slack = tolerance_for("shapley").tau * float(expected.double().norm())
        near = bool(((got.double() - expected).abs() <= spread + slack).all())
        if near and off_sum(got.double(), filling, float(expected[filling.members].double().sum())):
            return
        if own is not None and distance(got, own, "relative_l2") <= tolerance_for("shapley").tau:
            record.remark(OWN)
            return

    def loosely(result) -> float:
        other = as_tensor(result)
        return math.inf if got is None or other is None else distance(got, other, "relative_l2")

    drawn = (*arguments, count, seed)
    alike = None
    if got is not None and form.problem in ("", "values"):
        alike = Subject(
            actual=got,
            expected=reference.shapley_sampled(*drawn),
            axes=("feature",),
            items=None,
            metric="relative_l2",
            select=lambda result: result,
        )
    # First the mistakes that give the same to the last digits; then those whose draws are not the student's.
    raise Mismatch(
        with_bound(form, got, expected, spread),
        loosely,
        tau,
        (drawn, loosely),
        part_subject=alike,
        part_tau=tolerance_for("shapley").tau,
    )


def with_bound(form, got: Tensor | None, expected: Tensor, spread: Tensor):
    """Return a comparison of sampled values whose message names the bound that they are judged by."""
    if form.problem not in ("", "values"):
        return form
    off = (got.double() - expected).abs()
    worst = int((off / spread.clamp_min(1e-12)).argmax())
    members = "They lie near enough, but do not add up, or members of a group differ. " * bool(
        (off <= spread).all()
    )
    message = (
        f"Shapley values: {members}Feature {worst} is {float(off[worst]):.3g} off the exact "
        f"{float(expected[worst]):.4g}; honest sampling stays within {float(spread[worst]):.3g}."
    )
    return replace(form, close=False, problem="values", message=message)


def off_sum(scores: Tensor, filling: Filling, total: float) -> bool:
    """Return whether the groups' scores add up, members agreeing."""
    try:
        assert_members_agree(scores, filling)
        assert_adds_up(scores[filling.members], total, "")
    except AssertionError:
        return False
    return True


@grades("shapley_sampled")
@points(2)
@visibility("visible")
@hint("Print the result of two calls with one seed, and the sum over the groups beside F(all) - F(none).")
def test_sampling_repeats_and_is_efficient(submission, reference, models, record):
    """In the example the same seed gives the same result, and the groups' estimates add up."""
    loaded = models[0]
    arguments = (loaded.model, loaded.tokenizer, *SHOWN.arguments)
    own = own_exact(submission, reference, arguments)
    first, second = (submission.call("shapley_sampled", *arguments, 16, 3) for _ in range(2))
    expected = reference.shapley_groups(*arguments)
    got = scores_of(first, expected, name="Shapley values", axes=("feature",))
    again = scores_of(second, expected, name="Shapley values", axes=("feature",))
    record.strip("Sampled Shapley value of each value's group", SHOWN.values, got, expected)
    assert distance(again, got, "relative_l2") <= tolerance_for("shapley").tau, (
        "Two calls with the same seed differ: is everything drawn from a generator that is seeded with it?"
    )
    if own is not None and distance(got, own, "relative_l2") <= tolerance_for("shapley").tau:
        return
    assert_members_agree(got, SHOWN)
    assert_adds_up(got[SHOWN.members], whole_effect(loaded, SHOWN), "what all groups do together")


@grades("shapley_sampled")
@points(4)
@visibility("hidden")
@hint("What is drawn anew for each sample, what does a group's contribution depend on, and what is averaged?")
def test_sampled_values_of_unseen_groups(submission, reference, models, assignment, record, rng, shared_rng):
    """Sampled Shapley values are as near to the exact ones as sampling brings them, on a second model, too."""
    every = games(models, assignment, shared_rng)
    own = every[-1][1]
    for loaded, filling in every:
        if filling == own:
            drawn = (rng.choice(SAMPLE_COUNTS), rng.randrange(1000), OWN_CHANCE)
        else:
            drawn = (SAMPLE_COUNTS[0], EVERYONES_SEED, CHANCE)
        assert_sampled(submission, reference, loaded, filling, *drawn, record)


# attribute_examples


def examples_effect(reference, loaded, shots: Shots) -> float:
    """Return what all examples do together: F with all of them, less F with none."""
    full, empty = (reference.few_shot_prompt(some, shots.review) for some in (shots.examples, []))
    return target_score(loaded.model, loaded.tokenizer, full, shots.target) - target_score(
        loaded.model, loaded.tokenizer, empty, shots.target
    )


@grades("attribute_examples")
@points(1)
@visibility("visible")
@hint("Print the sum beside F(all examples) - F(no example), and the prompts of both.")
def test_examples_add_up(submission, reference, models, record):
    """In the example the examples' Shapley values add up to what all of them do together."""
    loaded = models[0]
    arguments = (loaded.model, loaded.tokenizer, *SHOWN_SHOTS.arguments)
    actual = submission.call("attribute_examples", *arguments)
    expected = reference.attribute_examples(*arguments)
    got = scores_of(actual, expected, name="Shapley values", axes=("example",))
    record.strip("Shapley value of each example", SHOWN_SHOTS.examples, got, expected)
    assert_adds_up(got, examples_effect(reference, loaded, SHOWN_SHOTS), "what all examples do together")


@grades("attribute_examples")
@points(4)
@visibility("hidden")
@hint(
    "Print the prompts that your function looks at: is each what few_shot_prompt gives for the examples that are left?"
)
def test_values_of_unseen_examples(submission, reference, models, assignment, rng):
    """The examples' Shapley values are right for unseen reviews, on a second model, too."""
    every = asked(assignment, "attribute_examples", pool(assignment)[2], rng)
    for loaded, shots in questions(models, every):
        arguments = (loaded.model, loaded.tokenizer, *shots.arguments)
        actual = submission.call("attribute_examples", *arguments)
        expected = reference.attribute_examples(*arguments)
        assert_close(actual, expected, name="Shapley values", axes=("example",), tolerance="examples")


# integrated_gradients


def path_difference(model, tokenizer, prompt: str, target: str) -> float:
    """Return F at the end of the path, less F at its beginning."""
    ids = tokenizer(prompt)["input_ids"]
    front = int(tokenizer.bos_token_id is not None and ids[:1] == [tokenizer.bos_token_id])
    ends = tokenizer(target, add_special_tokens=False)["input_ids"]
    scores = []
    for prompt_ids in (ids, [*ids[:front], *[0] * (len(ids) - front)]):
        with torch.no_grad():
            logits = model(torch.tensor([prompt_ids + ends], device=model.device)).logits[
                0, len(ids) - 1 : -1
            ]
        chosen = torch.tensor(ends, device=logits.device)[:, None]
        scores.append(float(logits.double().log_softmax(dim=-1).gather(1, chosen).sum()))
    return scores[0] - scores[1]


OTHER_RULES = (quadrature.riemann_middle(50), quadrature.trapezoid(50), quadrature.trapezoid(51))
"""As near to the integral as 50 Gauss-Legendre nodes; one-sided sums are not."""


def by_rule(model, tokenizer, prompt: str, target: str, rule: quadrature.Rule) -> Tensor:
    """Return integrated gradients (prompt token,) by a rule, without the reference."""
    ids = tokenizer(prompt)["input_ids"]
    front = int(tokenizer.bos_token_id is not None and ids[:1] == [tokenizer.bos_token_id])
    ends = torch.tensor(tokenizer(target, add_special_tokens=False)["input_ids"], device=model.device)
    inputs = torch.cat([torch.tensor(ids, device=model.device), ends])[None]
    baselines = inputs.clone()
    baselines[0, front : len(ids)] = 0

    def forward(rows: Tensor, numbers: Tensor) -> Tensor:
        logits = model(input_ids=rows, use_cache=False).logits[:, len(ids) - 1 : -1]
        return logits.log_softmax(dim=-1).gather(2, ends.expand(len(rows), -1)[..., None]).sum(dim=(1, 2))

    layer = model.get_input_embeddings()
    (found,) = quadrature.integrate_gradients(forward, layer, inputs, baselines, [rule])
    return found[0].sum(dim=-1)[front : len(ids)].cpu()


def by_other_rules(reference, arguments: tuple) -> dict:
    """Return what is accepted beside the contract's rule, by the remark that goes with it."""
    return {
        f"You integrate by another rule than 50 Gauss-Legendre nodes ({rule.name}). That is accepted.": partial(
            reference.memoise, f"by {rule.name}", partial(by_rule, rule=rule), *arguments
        )
        for rule in OTHER_RULES
    }


@grades("integrated_gradients")
@points(2)
@visibility("visible")
@hint("Print the sum of the attributions beside F at the end of the path, less F at its beginning.")
def test_gradients_are_complete(submission, reference, models, record):
    """For an example prompt each token has a number, and they add up to the difference along the path."""
    loaded = models[0]
    arguments = (loaded.model, loaded.tokenizer, *SHOWN_TEXT.arguments)
    actual = submission.call("integrated_gradients", *arguments)
    expected = reference.integrated_gradients(*arguments)
    got = scores_of(actual, expected, name="attributions", axes=("prompt token",))
    record.strip("Integrated gradients", tokens_of(loaded.tokenizer, SHOWN_TEXT.prompt), got, expected)
    total = path_difference(*arguments)
    # Fifty steps are coarse for some large models: what the reference itself misses is nobody's fault.
    missed = float(expected.double().sum()) - total
    exact = abs(missed) <= tolerance_for("completeness").tau * float(expected.double().abs().sum())
    what = "the log-probability at the end of the path, less that at its beginning,"
    assert_adds_up(got, total if exact else total + missed, what, "completeness")


def assert_gradients(submission, reference, arguments: tuple, large: bool, also: dict) -> str:
    """Ask for integrated gradients, or take the answer, and compare it; return the remark.

    Args:
        submission: The fixture.
        reference: The fixture.
        arguments: The question.
        large: Whether round-off of the reference itself counts.
        also: What else is accepted, by its remark.
    """
    actual = submission.recall("integrated_gradients", *arguments)
    expected = reference.integrated_gradients(*arguments)
    return assert_close(
        actual,
        expected,
        name="attributions",
        axes=("prompt token",),
        tolerance="gradients",
        alternatives=by_other_rules(reference, arguments) | also,
        exact=partial(exact_answer, reference, "integrated_gradients", *arguments) if large else None,
    )


@grades("integrated_gradients")
@points(4)
@visibility("hidden")
@hint(
    "Go through the points of the task one by one: layer, both ends of the path, BOS, target tokens, sums, steps."
)
def test_gradients_of_unseen_prompts(submission, reference, models, assignment, record, shared_rng):
    """Attributions by integrated gradients are right for unseen prompts, on a second model, too."""
    for loaded, text in questions(models, texts_of(assignment, "integrated_gradients", shared_rng)):
        arguments = (loaded.model, loaded.tokenizer, *text.arguments)
        also = first_left_out(reference, "integrated_gradients", *arguments)
        remark = assert_gradients(submission, reference, arguments, not is_small(loaded), also)
        record.remark(remark.strip())


@grades("integrated_gradients")
@points(1)
@visibility("hidden")
@hint("Does every tokenizer put a token in front? How can you ask the one that you are given?")
def test_gradients_where_no_bos_stands_in_front(submission, reference, models, assignment, shared_rng):
    """Where the tokenizer puts no BOS in front, every token has a number, the first one, too."""
    for arguments in without_bos(models, texts_of(assignment, "integrated_gradients", shared_rng)):
        assert_gradients(submission, reference, arguments, False, {})


@grades("integrated_gradients")
@points(0)
@visibility("visible")
@hint("Does your plot cell end with plt.show(), and does it run when the notebook is started anew?")
def test_plot_is_a_figure(submission):
    """Your plot cell shows a figure of attributions (no points of its own; it stands in your feedback)."""
    assert_figure_shown(submission.plots("plot-attributions"))
