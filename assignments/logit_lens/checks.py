"""Checks of the logit lens: what each of the five functions must do, and what it is worth."""

from __future__ import annotations

import csv
import json
import math
import random
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from autograder.checks import (
    assert_close,
    assert_figure_shown,
    assert_integers_equal,
    assert_matches,
    figure_of,
    grades,
    hint,
    points,
    read_answer,
    visibility,
)
from autograder.checks.tolerance_context import tolerance_for
from autograder.comparison.tensors import as_tensor, compare, distance

PROBABILITIES = ("layer", "token", "vocab")
CELLS = ("layer", "token")


# Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One row of a data file."""

    prompt: str
    """A text that ends before its answer."""

    answer: str
    """The next token, without its blank."""


def read_facts(path) -> list[Fact]:
    """Read a tab-separated file with the columns prompt and answer."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [Fact(prompt=row["prompt"], answer=row["answer"]) for row in rows]


def pool(assignment) -> list[Fact]:
    """Return the hidden checks' prompts."""
    return read_facts(assignment.data_dir / "pool.tsv")


def shown(assignment) -> Fact:
    """Return a prompt that the student has."""
    return read_facts(assignment.student_dir / "data" / "facts_en_examples.tsv")[0]


def ids_of(tokenizer, text: str) -> Tensor:
    """Return a text's ids, shape (1, token)."""
    return torch.tensor([tokenizer(text)["input_ids"]])


def answer_id(tokenizer, fact: Fact) -> int:
    """Return the id of a fact's answer, its first token if it has several."""
    return tokenizer(f" {fact.answer}", add_special_tokens=False)["input_ids"][0]


def tokens_of(tokenizer, ids: Tensor) -> list[str]:
    """Return the input's tokens as a reader sees them."""
    return [tokenizer.decode([number]) for number in ids[0].tolist()]


def asked(assignment, rng: random.Random) -> list[Fact]:
    """Return the prompts of one student's check: three for everyone, two of them of equal length, and a drawn one.

    On the three, programs near the tolerances lie farther off than on any that may be drawn, so that their verdict is
    the same under every name. What is drawn is no more than that: another student's answers do not fit it.
    """
    strata = json.loads((assignment.data_dir / "strata.json").read_text(encoding="utf-8"))
    by_prompt = {fact.prompt: fact for fact in pool(assignment)}
    drawn = [prompt for prompt in by_prompt if prompt not in (*strata["everyone"], *strata["never drawn"])]
    return [by_prompt[prompt] for prompt in (*strata["everyone"], rng.choice(drawn))]


def questions(models, assignment, rng: random.Random):
    """Yield a model, a fact and its prompt's ids: each prompt on each model, so that no text tells the model."""
    facts = asked(assignment, rng)
    for loaded in models:
        for fact in facts:
            yield loaded, fact, ids_of(loaded.tokenizer, fact.prompt)


def tables(rng: random.Random) -> list[random.Random]:
    """Return the sources of two made-up inputs: the same for everyone, then the student's own."""
    return [random.Random(0), rng]


def distributions(weights: Tensor) -> Tensor:
    """Return weights as probabilities over the vocabulary."""
    return weights / weights.sum(dim=-1, keepdim=True)


def made_up(rng: random.Random, layers: int, tokens: int, vocabulary: int) -> Tensor:
    """Return weights (layer, token, vocab) that no model gave, float32: at least 0.01, up to 1."""
    generator = torch.Generator().manual_seed(rng.randrange(2**31))
    # Layers of unequal sharpness: else the next layer would be as far off as the last one.
    sharpness = torch.linspace(2, 14, layers)[:, None, None]
    return torch.rand((layers, tokens, vocabulary), generator=generator).pow(sharpness) + 1e-2


def with_zeros(rng: random.Random, layers: int, tokens: int, vocabulary: int) -> Tensor:
    """Return made-up probabilities: some tokens have 0 in every layer, some in the last one alone."""
    weights = made_up(rng, layers, tokens, vocabulary)
    order = rng.sample(range(vocabulary), vocabulary // 4)
    weights[:, :, order[::2]] = 0
    weights[-1, :, order[1::2]] = 0
    return distributions(weights)


def with_ties(rng: random.Random, layers: int, tokens: int, vocabulary: int) -> tuple[Tensor, int]:
    """Return made-up probabilities, and a token whose neighbours are exactly as likely at the last position.

    Two of them stand before it and one behind. No other token is nearly as likely.
    """
    weights = made_up(rng, layers, tokens, vocabulary)
    weights = torch.where((weights - 0.3).abs() < 0.05, 0.2, weights)
    target = rng.randrange(2, vocabulary - 1)
    weights[:, -1, target - 2 : target + 2] = 0.3
    return distributions(weights), target


def beyond_ascii(tokenizer) -> list[int]:
    """Return the ids of tokens with letters that are no ASCII."""
    texts = {number: tokenizer.decode([number]) for number in range(len(tokenizer))}
    return [
        number
        for number, text in texts.items()
        if not text.isascii() and "\N{REPLACEMENT CHARACTER}" not in text
    ]


def with_letters_beyond_ascii(rng: random.Random, tokenizer, layers: int, tokens: int) -> Tensor:
    """Return made-up probabilities whose likeliest tokens have letters beyond ASCII, but for one a layer."""
    weights = torch.full((layers, tokens, len(tokenizer)), 0.5 / len(tokenizer))
    letters = beyond_ascii(tokenizer)
    for layer in range(layers):
        for token in range(tokens):
            best = tokenizer(" city")["input_ids"][0] if token == 1 else rng.choice(letters)
            weights[layer, token, best] = rng.uniform(0.3, 0.9)
    return distributions(weights)


# layer_probabilities


@grades("layer_probabilities")
@points(3)
@visibility("visible")
@hint(
    "Print the shape, the sum of each row, and the last layer beside model(input_ids).logits.softmax(dim=-1)."
)
def test_last_layer_is_the_models_own(submission, reference, models, assignment, record):
    """For an example prompt rows are distributions, and the last layer is the model's own prediction."""
    loaded = models[0]
    ids = ids_of(loaded.tokenizer, shown(assignment).prompt)
    actual = submission.call("layer_probabilities", loaded.model, ids)
    expected = reference.layer_probabilities(loaded.model, ids)
    bound = tolerance_for("probabilities")
    # The values of the inner layers are the hidden check's business.
    form = compare(actual, expected, bound, name="probabilities", axes=PROBABILITIES)
    assert form.problem in ("", "values"), form.message
    got = as_tensor(actual).double()
    off = (got.sum(dim=-1) - 1).abs()
    layer, token = divmod(int(off.argmax()), got.shape[1])
    assert float(off.max()) <= 1e-3 and bool((got >= 0).all()), (
        f"Each row must be positive and sum to 1 over the vocabulary; "
        f"layer {layer + 1}, token {token + 1} sums to {float(got[layer, token].sum()):.4g}."
    )
    again = as_tensor(submission.call("layer_probabilities", loaded.model, ids))
    assert again is not None and distance(again, as_tensor(actual), "relative_l2") <= bound.tau, (
        "Two calls with the same prompt differ: something random is at work. Is the model in eval mode?"
    )
    own = reference.memoise("own prediction", own_prediction, loaded.model, ids)
    worst = distance(got[-1], own, "relative_l2")
    assert worst <= bound.tau, (
        f"The last layer is not what the model itself predicts (relative distance {worst:.3g}): its likeliest "
        f"next token is {loaded.tokenizer.decode([int(got[-1, -1].argmax())])!r} with "
        f"{float(got[-1, -1].max()):.3f}, the model's own {loaded.tokenizer.decode([int(own[-1].argmax())])!r} "
        f"with {float(own[-1].max()):.3f}."
    )
    middle = expected.shape[0] // 2
    record.strip(
        f"Largest probability in layer {middle}",
        tokens_of(loaded.tokenizer, ids),
        got[middle - 1].max(dim=-1).values,
        expected[middle - 1].max(dim=-1).values,
    )


def own_prediction(model, ids: Tensor) -> Tensor:
    """Return the model's probabilities, shape (token, vocab)."""
    with torch.no_grad():
        return model(ids.to(model.device)).logits[0].double().softmax(dim=-1).cpu()


@grades("layer_probabilities")
@points(9)
@visibility("hidden")
@hint(
    "Go through the lens step by step: which tensors do you begin with, how many are they, what has been done to each "
    "of them already, and what is still to be done?"
)
def test_probabilities_of_unseen_prompts(submission, reference, models, assignment, rng):
    """Every layer's probabilities are right for unseen prompts, on a second model, too."""
    every = [(loaded.model, ids) for loaded, _, ids in questions(models, assignment, rng)]
    # A prompt has other ids on each model, which tell the model: so all are asked about the first ones, too.
    shared = every[0][1] % min(len(loaded.tokenizer) for loaded in models)
    for model, ids in [*every, *((loaded.model, shared) for loaded in models)]:
        actual = submission.call("layer_probabilities", model, ids)
        expected = reference.layer_probabilities(model, ids)
        assert_close(
            actual,
            expected,
            name="probabilities",
            axes=PROBABILITIES,
            items="layer",
            tolerance="probabilities",
        )


# top_predictions


def pair(result) -> tuple[object, object]:
    """Split the function's result into probabilities and words."""
    length = len(result) if isinstance(result, (list, tuple)) else 0
    assert length == 2, (
        f"Expected two results, (max_probs, words), found {type(result).__name__} of length {length}."
    )
    return result[0], result[1]


def max_probs_of(result):
    """Pick the largest probabilities out of the function's result."""
    return result[0]


def words_of(result):
    """Pick the words out of the function's result, in one spelling."""
    return spelt(result[1])


def spelt(words):
    """Spell nested words alike: no blanks around them, no escapes."""
    if isinstance(words, str):
        return canonical(words)
    return [spelt(word) for word in words] if isinstance(words, (list, tuple)) else words


def canonical(text: str) -> str:
    """Return a word without blanks or quotation marks around it and without escapes."""
    word = text.strip()
    if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"":
        word = word[1:-1].strip()
    if "\\" in word:
        try:
            word = word.encode("latin-1", "backslashreplace").decode("unicode_escape")
        except UnicodeDecodeError:
            return word
    return word.strip()


def assert_top(submission, reference, probabilities: Tensor, tokenizer) -> None:
    """Ask for the words of probabilities and compare them."""
    result = submission.call("top_predictions", probabilities, tokenizer)
    values, words = pair(result)
    expected_values, expected_words = reference.top_predictions(probabilities, tokenizer)
    assert_close(
        values,
        expected_values,
        name="max_probs",
        axes=CELLS,
        items="layer",
        tolerance="max_probs",
        select=max_probs_of,
    )
    assert_matches(read_answer(spelt, words), spelt(expected_words), name="words", select=words_of)


@grades("top_predictions")
@points(2)
@visibility("visible")
@hint(
    "Take one layer and one position: what is the largest of its probabilities, and which token has that id?"
)
def test_words_of_a_shown_prompt(submission, reference, model, tokenizer, assignment):
    """The likeliest words of an example prompt are found, with their probabilities."""
    ids = ids_of(tokenizer, shown(assignment).prompt)
    assert_top(submission, reference, reference.layer_probabilities(model, ids), tokenizer)


LETTERS = "Let tokenizer.decode make text of an id: in the raw pieces of the vocabulary letters beyond ASCII are bytes."


@grades("top_predictions")
@points(0)
@visibility("visible")
@hint(LETTERS)
def test_a_word_with_an_umlaut(submission, reference, tokenizer):
    """A word with an umlaut is decoded (no points here; an unseen one counts)."""
    assert_top(submission, reference, with_letters_beyond_ascii(random.Random(1), tokenizer, 1, 2), tokenizer)


@grades("top_predictions")
@points(3)
@visibility("hidden")
@hint(
    "Which axis holds the vocabulary, and does it hold for every number of layers, tokens and every vocabulary?"
)
def test_words_of_unseen_prompts(submission, reference, models, assignment, rng):
    """The likeliest words of unseen prompts are found, with another vocabulary, too."""
    for loaded, _, ids in questions(models, assignment, rng):
        assert_top(submission, reference, reference.layer_probabilities(loaded.model, ids), loaded.tokenizer)


@grades("top_predictions")
@points(1)
@visibility("hidden")
@hint(LETTERS)
def test_words_with_letters_beyond_ascii(submission, reference, models, rng):
    """Words with umlauts and accents are decoded, too."""
    for loaded in models:
        for source in tables(rng):
            made = with_letters_beyond_ascii(source, loaded.tokenizer, 3, 5)
            assert_top(submission, reference, made, loaded.tokenizer)


# target_rank


def assert_rank(submission, reference, probabilities: Tensor, target: int) -> None:
    """Ask for the ranks of a token and compare them."""
    actual = submission.call("target_rank", probabilities, target)
    expected = reference.target_rank(probabilities, target)
    assert_integers_equal(actual, expected, name="ranks", axes=("layer",))


@grades("target_rank")
@points(2)
@visibility("visible")
@hint("Count by hand for one layer: how many tokens are likelier than the target at the last position?")
def test_rank_in_a_small_table(submission, reference, record):
    """The ranks in a small table of three layers, three positions and six tokens are right."""
    # By positions, so that the ranks at any two of them differ in a layer.
    first = [[0.10, 0.20, 0.30, 0.15, 0.15, 0.10], [0.40, 0.10, 0.10, 0.10, 0.20, 0.10],
             [0.05, 0.05, 0.50, 0.10, 0.10, 0.20]]  # fmt: skip
    middle = [[0.22, 0.12, 0.20, 0.18, 0.15, 0.13], [0.25, 0.21, 0.08, 0.19, 0.16, 0.11],
              [0.16, 0.24, 0.14, 0.20, 0.15, 0.11]]  # fmt: skip
    last = [[0.30, 0.05, 0.10, 0.25, 0.18, 0.12], [0.04, 0.26, 0.20, 0.14, 0.30, 0.06],
            [0.08, 0.02, 0.60, 0.09, 0.11, 0.10]]  # fmt: skip
    table = torch.tensor([first, middle, last]).transpose(0, 1).contiguous()
    assert_rank(submission, reference, table, 2)


TIES = "What becomes of tokens that are exactly as likely as the target? A rank counts the strictly likelier ones."


@grades("target_rank")
@points(0)
@visibility("visible")
@hint(TIES)
def test_rank_beside_equals(submission, reference):
    """Tokens exactly as likely as the target do not count (no points here; unseen ones count)."""
    table = torch.tensor([[[0.125, 0.25, 0.25, 0.25, 0.125]], [[0.25, 0.125, 0.125, 0.125, 0.375]]])
    assert_rank(submission, reference, table, 2)


@grades("target_rank")
@points(3)
@visibility("hidden")
@hint("Which position counts, what does a rank begin with, and which of the tokens are counted?")
def test_rank_in_unseen_prompts(submission, reference, models, assignment, rng):
    """The answers' ranks in unseen prompts are right, with another vocabulary, too."""
    for loaded, fact, ids in questions(models, assignment, rng):
        probabilities = reference.layer_probabilities(loaded.model, ids)
        assert_rank(submission, reference, probabilities, answer_id(loaded.tokenizer, fact))


@grades("target_rank")
@points(1)
@visibility("hidden")
@hint(TIES)
def test_rank_among_unseen_equals(submission, reference, rng):
    """Tokens exactly as likely as the target do not count, in unseen probabilities."""
    for source in tables(rng):
        for vocabulary in (200, 320):
            assert_rank(submission, reference, *with_ties(source, 4, 3, vocabulary))


# divergence_from_final


def smoothed(probabilities: Tensor) -> Tensor:
    """Return probabilities with one percent of them spread evenly: none is so small that an epsilon of 1e-8 shows."""
    return 0.99 * probabilities + 0.01 / probabilities.shape[-1]


def assert_divergence(submission, reference, probabilities: Tensor) -> None:
    """Ask for the divergence and compare it."""
    actual = submission.call("divergence_from_final", probabilities)
    expected = reference.divergence_from_final(probabilities)
    assert_close(actual, expected, name="divergence", axes=CELLS, items="layer", tolerance="divergence")


ZEROS = "Where a probability is 0, print the summand of your formula. What is 0 log 0 here, and what for the computer?"


@grades("divergence_from_final")
@points(2)
@visibility("visible")
@hint("Compute one cell by hand with a sum over the vocabulary.")
def test_divergence_is_none_at_the_end(submission, reference, model, tokenizer, assignment, record):
    """For an example prompt the divergence is 0 in the last layer and never negative."""
    ids = ids_of(tokenizer, shown(assignment).prompt)
    probabilities = smoothed(reference.layer_probabilities(model, ids))
    actual = submission.call("divergence_from_final", probabilities)
    expected = reference.divergence_from_final(probabilities)
    form = compare(actual, expected, tolerance_for("divergence"), name="divergence", axes=CELLS)
    assert form.problem in ("", "values"), form.message
    got = as_tensor(actual).double()
    assert float(got[-1].abs().max()) <= 1e-4, (
        f"The last layer's divergence from itself must be 0, found {float(got[-1].abs().max()):.4g}."
    )
    assert float(got.min()) >= -1e-4, f"No divergence is negative, found {float(got.min()):.4g}."
    record.strip("Divergence in the first layer", tokens_of(tokenizer, ids), got[0], expected[0])


@grades("divergence_from_final")
@points(0)
@visibility("visible")
@hint(ZEROS)
def test_divergence_survives_zeros(submission):
    """Where the final probability is 0 the summand is 0 (no points here; unseen ones count)."""
    with_none = torch.tensor([[[0.25, 0.5, 0.25, 0.0]], [[0.75, 0.0, 0.25, 0.0]]])
    found = as_tensor(submission.call("divergence_from_final", with_none))
    assert found is not None and found.numel() == 2 and bool(torch.isfinite(found.double()).all()), (
        f"Where the final layer's probability is 0 the summand is 0, whatever the layer's: found {found}."
    )


@grades("divergence_from_final")
@points(4)
@visibility("hidden")
@hint(
    "Write the formula beside your code: which distribution is the expectation taken under, which logarithm is it, and "
    "what is summed?"
)
def test_divergence_of_unseen_prompts(submission, reference, models, assignment, rng):
    """Divergences of unseen prompts are right, on a second model, too."""
    for loaded, _, ids in questions(models, assignment, rng):
        assert_divergence(submission, reference, smoothed(reference.layer_probabilities(loaded.model, ids)))


@grades("divergence_from_final")
@points(2)
@visibility("hidden")
@hint(ZEROS)
def test_divergence_with_unseen_zeros(submission, reference, rng):
    """Divergences are right where probabilities are exactly 0, in the final layer or in all."""
    for source in tables(rng):
        for vocabulary in (200, 320):
            assert_divergence(submission, reference, with_zeros(source, 4, 3, vocabulary))


# plot_lens

BORDER = 0.02
"""A place this near to a cell's edge, as a share of the cell's size, is on the edge."""


def cell_at(edges: tuple[float, ...], place: float) -> int | None:
    """Return the number of the cell that a place lies in, from 0; None on an edge or outside."""
    for number, (first, last) in enumerate(pairwise(edges)):
        low, high = min(first, last), max(first, last)
        margin = BORDER * (high - low)
        if low + margin < place < high - margin:
            return number
    return None


def seen(value, max_probs: Tensor, words, input_tokens):
    """Say what can be seen in a figure, as far as it matters: equal to `wanted` if the figure is right.

    Args:
        value: What plot_lens returned.
        max_probs: What it was given, shape (layer, token).
        words: Likewise.
        input_tokens: Likewise.
    """
    figure = figure_of(value)
    if figure is None:
        return type(value).__name__
    grids = [
        (grid, axes) for axes in figure.axes if not axes.is_colour_bar for grid in axes.grids if grid.x_edges
    ]
    if not grids:
        return "a figure without cells"
    fitting = [(grid, axes) for grid, axes in grids if grid.shape == tuple(max_probs.shape)]
    # One colour may lie below or above the cells.
    coloured = [one for one in fitting if not one[0].one_colour]
    grid, axes = (coloured or fitting or sorted(grids, key=lambda one: -math.prod(one[0].shape)))[0]
    found = {"layers and tokens": list(grid.shape)}
    if not fitting:
        return found
    rows, columns = grid.shape
    table = [["" for _ in range(columns)] for _ in range(rows)]
    between = 0
    for text in readable(axes.texts):
        row, column = cell_at(grid.y_edges, text.y), cell_at(grid.x_edges, text.x)
        if row is None or column is None:
            row, column = cell_at(grid.y_edges, text.centre_y), cell_at(grid.x_edges, text.centre_x)
        if row is None or column is None:
            between += 1
        else:
            table[row][column] = f"{table[row][column]} {text.text}".strip()
    upright, turned = (matched(one, words) for one in (table, table[::-1]))
    order, flipped = min(((upright, False), (turned, True)), key=lambda one: missing(one[0], words))
    return found | {
        "texts that nobody can see": len(axes.texts) - len(readable(axes.texts)),
        "texts between cells": between if between and missing(order, words) else 0,
        "words": order,
        "colours": colours(grid, max_probs, flipped),
        "tokens": labels(axes, grid.x_edges, input_tokens),
    }


def readable(texts):
    """Return the texts that count as seen: all, unless most cannot be.

    Black words vanish in the darkest cells of a grey scale: that is a flaw of a picture, and no empty one.
    """
    visible = [text for text in texts if text.visible]
    return visible if 2 * len(visible) < len(texts) else texts


def matched(table: list[list[str]], words) -> list[list[str]]:
    """Return the table with the expected words where a cell's text holds them."""
    return [
        [
            canonical(word) if canonical(word) in canonical(text) else canonical(text)
            for text, word in zip(*rows, strict=True)
        ]
        for rows in zip(table, words, strict=True)
    ]


def missing(table: list[list[str]], words) -> int:
    """Count the cells that do not hold their word."""
    return sum(
        text != canonical(word)
        for row in zip(table, words, strict=True)
        for text, word in zip(*row, strict=True)
    )


TOGETHER = "each cell's own"


def colours(grid, max_probs: Tensor, flipped: bool) -> str:
    """Say what is surely wrong with the colours, if anything is: only plain probabilities tell where they belong."""
    # Colours of a right scale may be alike where the probabilities hardly differ.
    if grid.one_colour and float(max_probs.max() - max_probs.min()) > 0.1:
        return "one for all cells"
    if grid.values is None:
        return TOGETHER
    shown_values, right = grid.values.double(), max_probs.double()
    right = right.flip(0) if flipped else right
    if torch.allclose(shown_values, right, atol=1e-4):
        return TOGETHER
    if torch.allclose(shown_values, right.flip(0), atol=1e-4):
        return "those of another layer"
    ordered = (values.flatten().sort().values for values in (shown_values, right))
    return "those of other cells" if torch.allclose(*ordered, atol=1e-4) else TOGETHER


def labels(axes, x_edges: tuple[float, ...], input_tokens: list[str]) -> list[str]:
    """Return what stands along the x axis at each column: the input token if a label holds it ("3: city")."""
    columns: list[list[str]] = [[] for _ in input_tokens]
    outside = [
        text for text in readable(axes.texts) if not min(axes_span(axes)) <= text.y <= max(axes_span(axes))
    ]
    for label in (*readable(axes.x_ticks), *outside):
        column = cell_at(x_edges, label.x)
        if column is not None:
            columns[column].append(canonical(label.text))
    return [
        canonical(token) if any(canonical(token) in label for label in found) else " ".join(found)
        for token, found in zip(input_tokens, columns, strict=True)
    ]


def axes_span(axes) -> tuple[float, float]:
    """Return the lowest and highest edge of the cells of an axes."""
    edges = [edge for grid in axes.grids for edge in grid.y_edges]
    return min(edges), max(edges)


def wanted(max_probs: Tensor, words, input_tokens):
    """Return what `seen` gives for a right figure."""
    return {
        "layers and tokens": list(max_probs.shape),
        "texts that nobody can see": 0,
        "texts between cells": 0,
        "words": spelt(words),
        "colours": TOGETHER,
        "tokens": spelt(input_tokens),
    }


def assert_lens_drawn(submission, max_probs: Tensor, words, input_tokens) -> None:
    """Ask for a figure and look at it."""

    def look(figure):
        return seen(figure, max_probs, words, input_tokens)

    assert_matches(
        read_answer(look, submission.call("plot_lens", max_probs, words, input_tokens)),
        wanted(max_probs, words, input_tokens),
        name="the figure",
        select=look,
    )


@grades("plot_lens")
@points(4)
@visibility("visible")
@hint(
    "Look at your figure: a cell for each layer and token in the colour of its probability, the word in it, the input "
    "tokens below?"
)
def test_picture_of_a_shown_prompt(submission, reference, model, tokenizer, assignment):
    """The lens of an example prompt is drawn: a cell for each layer and token, words in them, tokens along x."""
    ids = ids_of(tokenizer, shown(assignment).prompt)
    max_probs, words = reference.top_predictions(reference.layer_probabilities(model, ids), tokenizer)
    assert_lens_drawn(submission, max_probs, words, tokens_of(tokenizer, ids))


TWICE = "Count the labels below your columns: does each column have one, also where a token stands twice in the input?"


@grades("plot_lens")
@points(0)
@visibility("visible")
@hint(TWICE)
def test_picture_with_a_token_twice(submission):
    """A token that stands twice in the input has two columns with its name (no points here; an unseen one counts)."""
    assert_lens_drawn(submission, *picture_input(random.Random(1), 2, 3, twice=True))


@grades("plot_lens")
@points(3)
@visibility("hidden")
@hint("Does your function draw what it is given, for any number of layers and tokens?")
def test_picture_of_unseen_words(submission, rng):
    """The lens of unseen words is drawn, also with more layers than tokens."""
    everyone = random.Random(0)
    # Two of one shape: what was stored under it is asked for other words.
    for source, layers, tokens in ((everyone, 6, 4), (everyone, 3, 12), (rng, 6, 4)):
        assert_lens_drawn(submission, *picture_input(source, layers, tokens))


@grades("plot_lens")
@points(1)
@visibility("hidden")
@hint(TWICE)
def test_picture_of_unseen_words_with_a_token_twice(submission, rng):
    """A token that stands twice in the input has two columns with its name, in unseen pictures."""
    for source, tokens in ((random.Random(0), len(WORDS) + 1), (rng, 6)):
        assert_lens_drawn(submission, *picture_input(source, 2, tokens, twice=True))


# The longest first: it stands in every picture.
WORDS = (
    " Röntgen",
    " Paris",
    " the",
    " is",
    "ing",
    " city",
    " of",
    " Rome",
    " Lisbon",
    " who",
    " speak",
    "The",
)


def picture_input(
    rng: random.Random, layers: int, tokens: int, *, twice: bool = False
) -> tuple[Tensor, list[list[str]], list[str]]:
    """Return made-up arguments of plot_lens: no two rows of words alike, and one token of the input twice or none.

    No probability lies near 0 or 1: a colour scale that tells those from all others alone has one colour for the rest.
    """
    max_probs = torch.tensor([[rng.uniform(0.15, 0.85) for _ in range(tokens)] for _ in range(layers)])
    words = [[rng.choice(WORDS) for _ in range(tokens)] for _ in range(layers)]
    for row in range(layers):
        words[row][0] = WORDS[row]
    input_tokens = rng.sample(WORDS, tokens - twice)
    if twice:
        input_tokens.append(input_tokens[0])
    return max_probs, words, input_tokens


@grades("plot_lens")
@points(0)
@visibility("visible")
@hint("Does your plot cell end with plt.show(), and does it run when the notebook is started anew?")
def test_plot_is_a_figure(submission):
    """Your plot cell shows a figure of the lens (no points of its own; it stands in your feedback)."""
    assert_figure_shown(submission.plots("plot-lens-of-a-fact"))
