"""Checks of the logit lens: what each of the five functions must do, and what it is worth."""

from __future__ import annotations

import csv
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


def two_facts(assignment, rng: random.Random) -> list[Fact]:
    """Return two prompts of unequal lengths, so that nothing can be stored under a shape."""
    first = rng.choice(pool(assignment))
    words = len(first.prompt.split())
    others = [fact for fact in pool(assignment) if len(fact.prompt.split()) not in (words, words + 1)]
    return [first, rng.choice(others)]


def made_up(rng: random.Random, layers: int, tokens: int, vocabulary: int) -> Tensor:
    """Return probabilities (layer, token, vocab) that no model gave, float32.

    Some tokens have probability 0 in every layer, some in the last one alone. At the last position three neighbours
    of token `tied_token` are exactly as likely as it is, two before and one behind.
    """
    generator = torch.Generator().manual_seed(rng.randrange(2**31))
    # Layers of unequal sharpness: else the next layer would be as far off as the last one.
    sharpness = torch.linspace(2, 14, layers)[:, None, None]
    weights = torch.rand((layers, tokens, vocabulary), generator=generator).pow(sharpness) + 1e-2
    order = torch.randperm(vocabulary, generator=generator)
    weights[:, :, order[: vocabulary // 8]] = 0
    weights[-1, :, order[vocabulary // 8 : vocabulary // 4]] = 0
    target = tied_token(vocabulary)
    weights[:, -1, target - 2 : target + 2] = 0.3
    return weights / weights.sum(dim=-1, keepdim=True)


def tied_token(vocabulary: int) -> int:
    """Return the token whose neighbours are as likely as it is in `made_up`."""
    return vocabulary // 3


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
    assert float(off.max()) <= 1e-4 and bool((got >= 0).all()), (
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
    for loaded in models:
        for fact in two_facts(assignment, rng):
            ids = ids_of(loaded.tokenizer, fact.prompt)
            actual = submission.call("layer_probabilities", loaded.model, ids)
            expected = reference.layer_probabilities(loaded.model, ids)
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


@grades("top_predictions")
@points(4)
@visibility("hidden")
@hint(
    "Which axis holds the vocabulary, and does it hold for every number of layers, tokens and every vocabulary?"
)
def test_words_of_unseen_probabilities(submission, reference, models, assignment, rng):
    """The likeliest words of unseen probabilities are found, with another vocabulary, too."""
    for loaded in models:
        fact = rng.choice(pool(assignment))
        ids = ids_of(loaded.tokenizer, fact.prompt)
        assert_top(submission, reference, reference.layer_probabilities(loaded.model, ids), loaded.tokenizer)
        assert_top(submission, reference, made_up(rng, 3, 5, len(loaded.tokenizer)), loaded.tokenizer)


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
    """The ranks in a small table of three layers, two positions and six tokens are right."""
    table = torch.tensor(
        [
            [[0.10, 0.20, 0.30, 0.15, 0.15, 0.10], [0.30, 0.05, 0.10, 0.25, 0.18, 0.12]],
            [[0.40, 0.10, 0.10, 0.10, 0.20, 0.10], [0.04, 0.26, 0.20, 0.14, 0.30, 0.06]],
            [[0.05, 0.05, 0.50, 0.10, 0.10, 0.20], [0.08, 0.02, 0.60, 0.09, 0.11, 0.10]],
        ]
    )
    assert_rank(submission, reference, table, 2)


@grades("target_rank")
@points(4)
@visibility("hidden")
@hint(
    "Which position counts, what does a rank begin with, and what becomes of tokens that are exactly as likely?"
)
def test_rank_in_unseen_probabilities(submission, reference, models, assignment, rng):
    """Ranks in unseen probabilities are right, with ties and another vocabulary, too."""
    for loaded in models:
        vocabulary = len(loaded.tokenizer)
        assert_rank(submission, reference, made_up(rng, 4, 3, vocabulary), tied_token(vocabulary))
        fact = rng.choice(pool(assignment))
        ids = ids_of(loaded.tokenizer, fact.prompt)
        probabilities = reference.layer_probabilities(loaded.model, ids)
        assert_rank(submission, reference, probabilities, answer_id(loaded.tokenizer, fact))


# divergence_from_final


def floored(probabilities: Tensor) -> Tensor:
    """Return probabilities of 1e-30 or more: those of a large model reach 0, and no usual formula survives that."""
    return probabilities.clamp_min(1e-30)


@grades("divergence_from_final")
@points(2)
@visibility("visible")
@hint(
    "Compute one cell by hand with a sum over the vocabulary, and look at what a probability of 0 does to it."
)
def test_divergence_is_none_at_the_end(submission, reference, model, tokenizer, assignment, record):
    """For an example prompt the divergence is 0 in the last layer, never negative, and survives zeros."""
    ids = ids_of(tokenizer, shown(assignment).prompt)
    probabilities = floored(reference.layer_probabilities(model, ids))
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
    with_zeros = torch.tensor([[[0.25, 0.5, 0.25, 0.0]], [[0.75, 0.0, 0.25, 0.0]]])
    found = as_tensor(submission.call("divergence_from_final", with_zeros))
    assert found is not None and found.numel() == 2 and bool(torch.isfinite(found.double()).all()), (
        f"Where the final layer's probability is 0 the summand is 0, whatever the layer's: found {found}."
    )


@grades("divergence_from_final")
@points(6)
@visibility("hidden")
@hint(
    "Write the formula beside your code: which distribution is the expectation taken under, which logarithm is it, and "
    "what is summed?"
)
def test_divergence_of_unseen_probabilities(submission, reference, models, assignment, rng):
    """Divergences of unseen probabilities are right, with zeros and on a second model, too."""
    for loaded in models:
        fact = rng.choice(pool(assignment))
        ids = ids_of(loaded.tokenizer, fact.prompt)
        for probabilities in (
            floored(reference.layer_probabilities(loaded.model, ids)),
            made_up(rng, 4, 3, len(loaded.tokenizer)),
        ):
            actual = submission.call("divergence_from_final", probabilities)
            expected = reference.divergence_from_final(probabilities)
            assert_close(
                actual, expected, name="divergence", axes=CELLS, items="layer", tolerance="divergence"
            )


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
    """Return what stands along the x axis at each column: the input token if it is among it."""
    columns: list[list[str]] = [[] for _ in input_tokens]
    outside = [
        text for text in readable(axes.texts) if not min(axes_span(axes)) <= text.y <= max(axes_span(axes))
    ]
    for label in (*readable(axes.x_ticks), *outside):
        column = cell_at(x_edges, label.x)
        if column is not None:
            columns[column].append(canonical(label.text))
    return [
        canonical(token) if canonical(token) in found else " ".join(found)
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


@grades("plot_lens")
@points(4)
@visibility("hidden")
@hint(
    "Does your function draw what it is given: any number of layers and tokens, and words that stand twice?"
)
def test_picture_of_unseen_words(submission, rng):
    """The lens of unseen words is drawn, more layers than tokens and words that stand twice among them."""
    # Two of one shape: what was stored under it is asked for other words.
    for layers, tokens in ((6, 4), (3, 7), (6, 4)):
        assert_lens_drawn(submission, *picture_input(rng, layers, tokens))


WORDS = (
    " Paris",
    " the",
    " Röntgen",
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


def picture_input(rng: random.Random, layers: int, tokens: int) -> tuple[Tensor, list[list[str]], list[str]]:
    """Return made-up arguments of plot_lens: no two rows of words alike, one token of the input twice.

    No probability lies near 0 or 1: a colour scale that tells those from all others alone has one colour for the rest.
    """
    max_probs = torch.tensor([[rng.uniform(0.15, 0.85) for _ in range(tokens)] for _ in range(layers)])
    words = [[rng.choice(WORDS) for _ in range(tokens)] for _ in range(layers)]
    for row in range(layers):
        words[row][0] = WORDS[row]
    input_tokens = rng.sample(WORDS, tokens)
    input_tokens[-1] = input_tokens[0]
    return max_probs, words, input_tokens


@grades("plot_lens")
@points(0)
@visibility("visible")
@hint("Does your plot cell end with plt.show(), and does it run when the notebook is started anew?")
def test_plot_is_a_figure(submission):
    """Your plot cell shows a figure of the lens (no points of its own; it stands in your feedback)."""
    assert_figure_shown(submission.plots("plot-lens-of-a-fact"))
