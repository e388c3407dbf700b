"""What the checks give for right answers in every form, for accepted variants, and for wrong forms."""

import random
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from autograder.checks.decorators import collect
from autograder.execution.wire import codec, describe_figure
from autograder.execution.wire.figures import rebuild

TASKS = ("layer_probabilities", "top_predictions", "target_rank", "divergence_from_final", "plot_lens")
LENS, TOP, RANK, DIVERGENCE, PLOT = TASKS


def lost(results):
    return {
        name: result.detail or result.feedback
        for name, result in results.items()
        if result.outcome != "passed"
    }


def test_points_sum_to_those_of_the_assignment(setting):
    assert sum(info.points for info in collect(setting.assignment)) == setting.assignment.points == 40


def test_every_function_has_a_visible_and_a_hidden_check(setting):
    found = {(info.task, info.visibility) for info in collect(setting.assignment)}
    assert found == {(task, kind) for task in TASKS for kind in ("visible", "hidden")}


@pytest.mark.parametrize("student", ["ana", "李雷", "jörg"])
def test_the_reference_has_full_marks_without_a_remark(setting, student):
    results = setting.grade(student=student)
    assert lost(results) == {}
    assert sum(result.points for result in results.values()) == 40
    assert not any(result.remarks or result.measured for result in results.values())


def in_form(form, function):
    """Return the function with its result in another form."""

    def change(value):
        if isinstance(value, (tuple, list)):
            return [change(one) for one in value]
        if not isinstance(value, torch.Tensor):
            return value
        floats = value.is_floating_point()
        return {
            "float64": lambda: value.double() if floats else value.int(),
            "numpy": lambda: value.numpy(),
            "gradient": lambda: (value * 1.0).requires_grad_() if floats else value,
            "strided": lambda: torch.stack([value, value], dim=-1)[..., 0],
        }[form]()

    return lambda *args: change(function(*args))


@pytest.mark.parametrize("form", ["float64", "numpy", "gradient", "strided"])
def test_a_right_answer_never_loses_for_its_form(setting, form):
    functions = {name: in_form(form, run) for name, run in setting.functions().items()}
    assert lost(setting.grade(**functions)) == {}


@pytest.mark.parametrize("form", ["shape", "integers", "nan", "text", "none", "number"])
@pytest.mark.parametrize("task", TASKS)
def test_a_wrong_form_earns_nothing_and_is_no_fault_of_ours(setting, task, form):
    right = getattr(setting.reference, task)

    def spoil(value):
        if not isinstance(value, torch.Tensor):
            return None
        return {
            "shape": lambda: value[:-1],
            "integers": lambda: value.float() if not value.is_floating_point() else value.long(),
            "nan": lambda: value.float() * float("nan"),
        }[form]()

    def wrong(*args):
        if form in ("text", "none", "number"):
            return {"text": "a lens", "none": None, "number": 3}[form]
        value = right(*args)
        return tuple(spoil(one) for one in value) if isinstance(value, tuple) else spoil(value)

    results = setting.grade(only={task}, plots=(), **{task: wrong})
    assert setting.points(task, results) == 0
    assert not [result.detail for result in results.values() if result.fault]


def test_accepted_variants_keep_their_points(setting):
    for variant in setting.variants:
        run = partial(variant.run, setting.reference)
        results = setting.grade(only={variant.task}, **{variant.task: run})
        assert setting.points(variant.task, results) == setting.possible(variant.task), (
            variant.id,
            lost(results),
        )


def test_a_mistake_in_one_function_costs_no_other(setting):
    known = next(known for known in setting.misconceptions if known.id == "norm_missing")
    results = setting.grade(**{LENS: partial(known.run, setting.reference)})
    assert {result.task for result in results.values() if result.outcome != "passed"} == {LENS}


def test_dropout_left_on_is_found_and_said(setting):
    def noisy(model, input_ids):
        model.train()
        try:
            return setting.module.layer_probabilities(model, input_ids)
        finally:
            model.eval()

    results = setting.grade(only={LENS}, **{LENS: noisy})
    assert setting.points(LENS, results) == 0
    assert "Is the model in eval mode?" in results["test_last_layer_is_the_models_own"].feedback


def test_nan_where_a_probability_is_none_is_said_and_costs_its_corner_alone(setting):
    def textbook(probabilities):
        final = probabilities[-1:].expand_as(probabilities)
        return torch.nn.functional.kl_div(probabilities.log(), final, reduction="none").sum(dim=-1)

    results = setting.grade(only={DIVERGENCE}, **{DIVERGENCE: textbook})
    assert setting.points(DIVERGENCE, results) == 6
    said = results["test_divergence_survives_zeros"].feedback
    assert "Where the final layer's probability is 0 the summand is 0" in said


def in_raw_pieces(probabilities, tokenizer):
    best = probabilities.max(dim=-1)
    pieces = [tokenizer.convert_ids_to_tokens(row) for row in best.indices.tolist()]
    return best.values, [[piece.replace("Ġ", " ") for piece in row] for row in pieces]


def by_sorting(probabilities, target_id):
    order = probabilities[:, -1].argsort(dim=-1, descending=True)
    return (order == target_id).nonzero()[:, 1]


@pytest.mark.parametrize(
    ("task", "program", "missed"),
    [
        (TOP, in_raw_pieces, "test_words_with_letters_beyond_ascii"),
        (RANK, by_sorting, "test_rank_among_unseen_equals"),
    ],
)
@pytest.mark.parametrize("student", ["ana", "ben"])
def test_a_corner_that_is_missed_costs_itself_alone(setting, task, program, missed, student):
    results = setting.grade(only={task}, student=student, **{task: program})
    assert setting.points(task, results) == setting.possible(task) - results[missed].max_points
    assert results[missed].outcome == "failed"


def test_corners_give_a_quarter_of_a_functions_points_at_most(setting):
    corners = {
        TOP: "test_words_with_letters_beyond_ascii",
        RANK: "test_rank_among_unseen_equals",
        DIVERGENCE: "test_divergence_with_unseen_zeros",
        PLOT: "test_picture_of_unseen_words_with_a_token_twice",
    }
    points = {info.id: info.points for info in collect(setting.assignment)}
    assert all(4 * points[check] <= setting.possible(task) for task, check in corners.items())


@pytest.mark.parametrize("name", [str(number) for number in range(4)])
def test_what_is_drawn_is_not_what_everyone_is_asked(setting, name):
    *everyone, own = setting.checks.asked(setting.assignment, random.Random(name))
    assert everyone == setting.checks.asked(setting.assignment, random.Random("another"))[:-1]
    assert own not in everyone


def test_a_figure_that_is_shown_and_not_returned_is_said(setting):
    def shown(max_probs, words, input_tokens):
        plt.close(setting.module.plot_lens(max_probs, words, input_tokens))

    results = setting.grade(only={PLOT}, **{PLOT: shown})
    assert setting.points(PLOT, results) == 0
    assert "found 'NoneType'" in results["test_picture_of_a_shown_prompt"].feedback


def test_stored_outputs_of_the_shipped_model_earn_no_hidden_point(setting):
    loaded = setting.models[0]
    fact = setting.checks.shown(setting.assignment)
    ids = setting.checks.ids_of(loaded.tokenizer, fact.prompt)
    stored = setting.module.layer_probabilities(loaded.model, ids)
    results = setting.grade(only={LENS}, **{LENS: lambda model, input_ids: stored})
    assert results["test_last_layer_is_the_models_own"].outcome == "passed"
    assert results["test_probabilities_of_unseen_prompts"].outcome == "failed"


def test_outputs_stored_under_the_ids_alone_earn_no_hidden_point(setting):
    stored = {}

    def by_ids(model, input_ids):
        key = tuple(input_ids[0].tolist())
        if key not in stored:
            stored[key] = setting.module.layer_probabilities(model, input_ids)
        return stored[key]

    results = setting.grade(only={LENS}, **{LENS: by_ids})
    assert results["test_last_layer_is_the_models_own"].outcome == "passed"
    assert results["test_probabilities_of_unseen_prompts"].outcome == "failed"


def test_hidden_checks_show_no_value_and_no_strip(setting):
    known = next(known for known in setting.misconceptions if known.id == "norm_twice_in_the_last_layer")
    results = setting.mistaken(known)
    hidden = results["test_probabilities_of_unseen_prompts"]
    assert (hidden.feedback, hidden.hint, hidden.strips) == ("", known.hint, ())


# plots


def seaborn_like(max_probs, words, input_tokens):
    """Draw as seaborn's heatmap does: a mesh with the first row above, texts in the middle of cells, ticks likewise."""
    figure, axes = plt.subplots()
    mesh = axes.pcolormesh(np.asarray(max_probs), edgecolor="white")
    axes.set(xlim=(0, len(input_tokens)), ylim=(0, len(words)))
    axes.invert_yaxis()
    for row, texts in enumerate(words):
        for column, word in enumerate(texts):
            axes.text(column + 0.5, row + 0.5, word, ha="center", va="center")
    axes.set_xticks(np.arange(len(input_tokens)) + 0.5, labels=input_tokens, rotation=90)
    figure.colorbar(mesh, ax=axes)
    return figure


def in_corners_of_cells(max_probs, words, input_tokens):
    """Draw a mesh whose texts begin at the lower left corner of their cell."""
    figure = Figure(figsize=(12, 6))
    axes = figure.subplots()
    axes.pcolormesh(np.asarray(max_probs))
    for row, texts in enumerate(words):
        for column, word in enumerate(texts):
            axes.text(column, row, f" {word}", ha="left", va="bottom", fontsize=7)
    axes.set_xticks(np.arange(len(input_tokens)) + 0.5, labels=input_tokens)
    return figure


def on_top_in_per_cent(max_probs, words, input_tokens):
    """Draw an image with the last layer above, tokens above it, in per cent and with a colour bar below."""
    figure, axes = plt.subplots()
    image = axes.imshow(
        np.asarray(max_probs) * 100, origin="lower", extent=(0, len(input_tokens), 1, 1 + len(words))
    )
    for row, texts in enumerate(words):
        for column, word in enumerate(texts):
            axes.annotate(repr(word), (column + 0.5, row + 1.5), ha="center", va="center")
    axes.xaxis.tick_top()
    axes.set_xticks(np.arange(len(input_tokens)) + 0.5, labels=[token.strip() for token in input_tokens])
    figure.colorbar(image, orientation="horizontal")
    return figure


def words_in_rows_of_their_own(max_probs, words, input_tokens):
    """Draw beside the lens another axes that comes first."""
    figure, (line, axes) = plt.subplots(1, 2, figsize=(14, 5))
    line.plot(np.asarray(max_probs)[:, -1])
    axes.matshow(np.asarray(max_probs))
    for (row, column), value in np.ndenumerate(np.asarray(max_probs)):
        axes.text(column, row, f"{words[row][column]}\n{value:.1%}", ha="center", va="center")
    axes.set_xticks(range(len(input_tokens)))
    axes.set_xticklabels(input_tokens, rotation=45)
    return figure


@pytest.mark.parametrize(
    "draw",
    [seaborn_like, in_corners_of_cells, on_top_in_per_cent, words_in_rows_of_their_own],
    ids=lambda one: one.__name__,
)
@pytest.mark.parametrize("carried", [False, True], ids=["here", "out of a kernel"])
def test_every_readable_lens_is_right(setting, draw, carried):
    def drawn(*args):
        if not carried:
            return draw(*args)
        tree, tensors = codec.encode(draw(*args))
        return codec.decode(tree, tensors, arrays=False)

    results = setting.grade(only={PLOT}, **{PLOT: drawn})
    assert lost(results).keys() <= {name for name, result in results.items() if result.task != PLOT}
    assert setting.points(PLOT, results) == 8
    plt.close("all")


def in_colours(max_probs, words, input_tokens, values, **options):
    """Draw an image of these values, words and tokens where they belong."""
    figure = Figure(figsize=(12, 6))
    axes = figure.subplots()
    axes.imshow(values, aspect="auto", **options)
    for row, texts in enumerate(words):
        for column, word in enumerate(texts):
            axes.text(column, row, word, ha="center", va="center")
    axes.set_xticks(range(len(input_tokens)), labels=input_tokens)
    return figure


COLOURS = {
    "logarithms": lambda values: -np.log(values),
    "rounded": lambda values: values.round(2),
    "rows by themselves": lambda values: values / values.max(axis=1, keepdims=True),
    "grey levels": lambda values: np.stack([values] * 3, axis=-1),
}


@pytest.mark.parametrize("scale", COLOURS)
def test_any_scale_of_colours_is_right(setting, scale):
    def drawn(max_probs, words, input_tokens):
        values = COLOURS[scale](np.asarray(max_probs))
        return in_colours(max_probs, words, input_tokens, values)

    assert setting.points(PLOT, setting.grade(only={PLOT}, **{PLOT: drawn})) == 8


@pytest.mark.parametrize("label", ["{place}: {token}", "\N{OPEN BOX}{token}", "Ġ{token}", "{token!r}"])
def test_a_label_may_hold_more_than_its_token(setting, label):
    def drawn(max_probs, words, input_tokens):
        labels = [label.format(place=place, token=token.strip()) for place, token in enumerate(input_tokens)]
        return in_colours(max_probs, words, labels, np.asarray(max_probs))

    assert setting.points(PLOT, setting.grade(only={PLOT}, **{PLOT: drawn})) == 8


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda values: {"values": 100 * values + 1, "vmin": 0, "vmax": 1}, "one for all cells"),
        (lambda values: {"values": np.ones((*values.shape, 3))}, "one for all cells"),
        (lambda values: {"values": np.roll(values, 1, axis=1)}, "those of other cells"),
        (lambda values: {"values": values[::-1]}, "those of another layer"),
    ],
    ids=["saturated", "white", "beside", "upside down"],
)
def test_colours_that_show_no_probabilities_are_said(setting, wrong, said):
    def drawn(max_probs, words, input_tokens):
        return in_colours(max_probs, words, input_tokens, **wrong(np.asarray(max_probs)))

    results = setting.grade(only={PLOT}, **{PLOT: drawn})
    assert setting.points(PLOT, results) == 0
    assert said in results["test_picture_of_a_shown_prompt"].feedback
    assert results["test_picture_of_a_shown_prompt"].diagnosis


@pytest.mark.parametrize(
    "plots", [(), (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x05\x00\x00\x00\x05",)]
)
def test_a_missing_or_tiny_plot_is_said_and_costs_nothing(setting, plots):
    results = setting.grade(only=set(), plots=plots)
    assert results["test_plot_is_a_figure"].outcome == "failed"
    assert results["test_plot_is_a_figure"].max_points == 0
    assert "figure" in results["test_plot_is_a_figure"].feedback


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (" Paris", "Paris"),
        ("'Paris'", "Paris"),
        (r" R\xf6ntgen", "Röntgen"),
        (r"'\n'", ""),
        ("Ä\\u0142", "Äł"),
        ("\\", "\\"),
    ],
)
def test_spellings_of_a_word_are_one(setting, text, word):
    assert setting.checks.canonical(text) == word


def drawn(setting, change):
    """Return the reference's function, its figure changed and described with its picture, as a kernel does it."""

    def plot(max_probs, words, input_tokens):
        figure = setting.module.plot_lens(max_probs, words, input_tokens)
        change(figure)
        return rebuild(describe_figure.describe(figure))

    return plot


def test_words_that_nobody_can_see_cost_the_picture(setting):
    def fade(figure):
        for text in figure.axes[0].texts:
            text.set_alpha(0)

    results = setting.grade(only={PLOT}, **{PLOT: drawn(setting, fade)})
    assert setting.points(PLOT, results) == 0
    said = results["test_picture_of_a_shown_prompt"].feedback
    assert "expected 0 at ['texts that nobody can see'], found " in said


def test_words_that_vanish_in_a_few_cells_cost_nothing(setting):
    def fade(figure):
        for text in figure.axes[0].texts[::3]:
            text.set_alpha(0)

    results = setting.grade(only={PLOT}, **{PLOT: drawn(setting, fade)})
    assert setting.points(PLOT, results) == setting.possible(PLOT)


def test_tokens_that_nobody_can_see_cost_the_picture(setting):
    def fade(figure):
        for label in figure.axes[0].get_xticklabels():
            label.set_alpha(0)

    results = setting.grade(only={PLOT}, **{PLOT: drawn(setting, fade)})
    assert setting.points(PLOT, results) == 0
