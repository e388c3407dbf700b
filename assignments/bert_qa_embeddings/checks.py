"""Checks of the embeddings of question answering: what each of the seven functions must do, and what it is worth."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from numbers import Integral
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor

from autograder.checks import (
    assert_close,
    assert_figure_shown,
    assert_matches,
    grades,
    hint,
    points,
    read_answer,
    visibility,
)
from autograder.checks.model_answers import assert_models_differ, fewest_ids
from autograder.checks.tolerance_context import tolerance_for
from autograder.comparison.tensors import as_tensor, compare, distance
from autograder.records import Tolerance

TOKENS = ("token",)
CELLS = ("layer", "token")
PARTS = ("word", "token_type", "position")
KEYS = (
    "input_ids",
    "baseline_ids",
    "token_type_ids",
    "baseline_token_type_ids",
    "position_ids",
    "baseline_position_ids",
    "attention_mask",
)
LENGTH_ONE = 1e-3
"""How far from 1 the visible checks let a norm be; the hidden ones compare values."""
NOTHING = 1e-4
"""What counts as 0 among scores of norm 1 where input and baseline agree."""


# Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One row of a data file."""

    question: str
    """Ends with a question mark."""

    text: str
    """The passage that answers it."""

    position: str
    """What is asked for on it, "start" or "end"."""

    function: str
    """The function that it was chosen for, by measurement: mistakes show in it there; "" for none."""

    model: str
    """The role of the model that it was measured on; "" for none."""

    asked: str
    """`everyone` is asked it, or it is some student's `own`; "" for neither (see `unseen_questions`)."""


def read_questions(path) -> list[Question]:
    """Read a tab-separated file with the columns question, text and, in a pool, model, function, position, asked."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        Question(
            question=row["question"],
            text=row["text"],
            position=row.get("position", "start"),
            function=row.get("function", ""),
            model=row.get("model", ""),
            asked=row.get("asked", ""),
        )
        for row in rows
    ]


def pool(assignment) -> list[Question]:
    """Return the hidden checks' questions."""
    return read_questions(assignment.data_dir / "pool.tsv")


def all_shown(assignment) -> list[Question]:
    """Return the questions that the student has."""
    return read_questions(assignment.student_dir / "data" / "qa_en_examples.tsv")


def shown(assignment) -> Question:
    """Return a question that the student has."""
    return all_shown(assignment)[0]


def unseen_questions(models, assignment, rng: random.Random, function: str) -> Iterator[tuple[Any, Question]]:
    """Yield each model with two questions that everyone is asked, and with one of the student's own.

    Points must not depend on the draw: everyone's questions are those on which programs near the bound lie farthest
    off, and no program fails on another one alone (training/qa_en/choose_common.py). Of one model they are two starts
    of equal length, so that an answer that was stored under a shape is asked for another input of that shape; of the
    other a start and an end.
    """
    for loaded in models:
        purpose = (loaded.spec.role, function)
        rows = [row for row in pool(assignment) if (row.model, row.function) == purpose]
        common, own = ([row for row in rows if row.asked == asked] for asked in ("everyone", "own"))
        for one in (*common, rng.choice(own)):
            yield loaded, one


def shared_question(reference, models, assignment, function: str) -> tuple[dict[str, Tensor], str]:
    """Return a question that all models are asked in the same ids, and its position."""
    loaded = fewest_ids(models)
    one = next(row for row in pool(assignment) if (row.model, row.function) == (loaded.spec.role, function))
    return inputs_of(reference, loaded, one), one.position


def inputs_of(reference, loaded, one: Question) -> dict[str, Tensor]:
    """Return the reference's inputs for a question."""
    return reference.build_inputs(loaded.tokenizer, one.question, one.text)


def tokens_of(tokenizer, inputs) -> list[str]:
    """Return the input's tokens."""
    return tokenizer.convert_ids_to_tokens(inputs["input_ids"][0].tolist())


def whole(value) -> int | str:
    """Return a whole number as an int, anything else as the name of its type."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, Tensor) and value.dim() == 0:
        if value.is_floating_point() or value.dtype is torch.bool:
            return str(value.dtype)
        return int(value)
    return int(value) if isinstance(value, Integral) else type(value).__name__


# predict_answer


def plain_answer(result):
    """Return the function's result as [start, end, answer without white space], or the name of what it is."""
    if not isinstance(result, (list, tuple)):
        return type(result).__name__
    if len(result) != 3:
        return f"{len(result)} results"
    start, end, answer = result
    text = "".join(answer.split()) if isinstance(answer, str) else f"<{type(answer).__name__}>"
    return [whole(start), whole(end), text]


def assert_answer(submission, reference, loaded, one: Question) -> None:
    """Ask for an answer and compare it."""
    arguments = (loaded.model, loaded.tokenizer, one.question, one.text)
    assert_matches(
        read_answer(plain_answer, submission.call("predict_answer", *arguments)),
        plain_answer(reference.predict_answer(*arguments)),
        name="(start, end, answer)",
        select=plain_answer,
    )


def answers_of(assignment, reference, loaded) -> dict[Question, tuple[int, int, str]]:
    """Return a model's answers to the pool's questions, those that make sense."""
    found = {
        one: reference.predict_answer(loaded.model, loaded.tokenizer, one.question, one.text)
        for one in pool(assignment)
    }
    return {one: answer for one, answer in found.items() if 0 < answer[0] <= answer[1]}


def answered(assignment, reference, models, rng: random.Random, kind: str) -> Iterator[tuple[Any, Question]]:
    """Yield each model with a question whose answer is of a kind (see `kind_of`).

    A single token is the answer to the same question for all models, though at other positions: what was stored under
    the question shows. A model that answers none of the pool's questions so gets others.
    """
    known = [answers_of(assignment, reference, loaded) for loaded in models]
    fitting = [
        [one for one, answer in answers.items() if kind_of(reference, loaded, one, answer) == kind]
        for loaded, answers in zip(models, known, strict=True)
    ]
    shared = [
        one
        for one in fitting[0]
        if all(one in each for each in fitting) and len({answers[one] for answers in known}) == len(models)
    ]
    both = [rng.choice(shared)] if shared and kind == "token" else []
    for loaded, answers, found in zip(models, known, fitting, strict=True):
        yield loaded, rng.choice(both or found or list(answers))


def kind_of(reference, loaded, one: Question, answer: tuple[int, int, str]) -> str:
    """Say whether an answer is one token, several words, or in word pieces."""
    start, end, _ = answer
    found = tokens_of(loaded.tokenizer, inputs_of(reference, loaded, one))[start : end + 1]
    return (
        "pieces" if any(token.startswith("##") for token in found) else "token" if start == end else "words"
    )


def shown_with(assignment, reference, loaded, *kinds: str) -> Question:
    """Return a question that the student has, with an answer of a kind; any if a model gives none of the kind."""
    for one in all_shown(assignment):
        answer = reference.predict_answer(loaded.model, loaded.tokenizer, one.question, one.text)
        if kind_of(reference, loaded, one, answer) in kinds:
            return one
    return shown(assignment)


@grades("predict_answer")
@points(1)
@visibility("visible")
@hint("Print the tokens with their numbers, and the two logits beside each.")
def test_answer_to_a_shown_question(submission, reference, models, assignment):
    """An example question is answered: start, end and text."""
    assert_answer(
        submission, reference, models[0], shown_with(assignment, reference, models[0], "words", "token")
    )


@grades("predict_answer")
@points(0)
@visibility("visible")
@hint("tokenizer.decode makes words of the ids, ## pieces joined.")
def test_answer_in_pieces_to_a_shown_question(submission, reference, models, assignment):
    """An answer in word pieces is decoded into words (no points of its own; unseen ones count)."""
    assert_answer(submission, reference, models[0], shown_with(assignment, reference, models[0], "pieces"))


@grades("predict_answer")
@points(2.5)
@visibility("hidden")
@hint(
    "Which positions are counted, from where, and does the last one belong to the answer? Try answers of one token "
    "and of several."
)
def test_answers_to_unseen_questions(submission, reference, models, assignment, rng):
    """Unseen questions are answered, by one word and by several, on a second model, too."""
    for kind in ("words", "token"):
        for loaded, one in answered(assignment, reference, models, rng, kind):
            assert_answer(submission, reference, loaded, one)


@grades("predict_answer")
@points(0.5)
@visibility("hidden")
@hint("A rare name is in pieces: is your answer still the name, as tokenizer.decode gives it?")
def test_answers_in_word_pieces(submission, reference, models, assignment, rng):
    """Answers to unseen questions that are in word pieces are decoded into words."""
    for loaded, one in answered(assignment, reference, models, rng, "pieces"):
        assert_answer(submission, reference, loaded, one)


# build_inputs

ODD_TEXTS = (
    ("What does the ☃ say to [MASK]?", "On Monday the ☃ said nothing. Anna said [MASK] twice to the old ☃."),
    ("Who wrote [MASK]?", "Boris Klontum wrote [MASK] and a note for ☂ in 1901."),
    (
        "Where is ☂ now?",
        "They say that ☂ lives in Porto. Nobody but [MASK] has been there, and [MASK] is silent.",
    ),
    ("When did ☃ and [MASK] meet?", "In June ☃ met [MASK] near the lake, and they ate plums."),
)
"""Questions and texts with unknown words and [MASK], which a baseline does not keep."""

FOREIGN_IDS = (2, 3, 101, 102)
"""Ids of [CLS] and [SEP] in some vocabularies, which are those of ordinary pieces in others."""


def with_foreign_ids(tokenizer, text: str) -> str:
    """Add words whose pieces have other vocabularies' ids of [CLS] and [SEP], where there are any."""
    words = []
    for number in FOREIGN_IDS:
        piece = tokenizer.convert_ids_to_tokens(number)
        tried = [f"{letter}{piece[2:]}" for letter in "abcdefghijklmnopqrstuvwxyz"]
        tried = tried if piece.startswith("##") else [piece]
        ordinary = number not in tokenizer.all_special_ids
        words += [word for word in tried if ordinary and number in tokenizer(word)["input_ids"]][:1]
    return f"{text} The old sign says {' '.join(words)}." if words else text


def begun_with(words: str, number: int, rest: str) -> str:
    """Put the first words of a text before another one: a baseline tells lengths, and they are to be one's own."""
    return " ".join([*words.split()[:number], rest])


def plain_inputs(result):
    """Return the function's result as lists of whole numbers by name, or what is wrong with its form."""
    if not isinstance(result, Mapping):
        return type(result).__name__
    missing = [key for key in KEYS if key not in result]
    return {key: plain_ids(result[key]) for key in KEYS} if not missing else f"no {', '.join(missing)}"


def plain_ids(value):
    """Return a tensor's whole numbers as nested lists; the name of its type if they are none."""
    ids = as_tensor(value)
    if ids is None or ids.is_floating_point() or ids.is_complex() or ids.dtype is torch.bool:
        return str(type(value).__name__ if ids is None else ids.dtype)
    return ids.tolist()


def assert_inputs(submission, reference, loaded, question: str, text: str) -> None:
    """Ask for inputs and compare them."""
    arguments = (loaded.tokenizer, question, text)
    assert_matches(
        read_answer(plain_inputs, submission.call("build_inputs", *arguments)),
        plain_inputs(reference.build_inputs(*arguments)),
        name="inputs",
        select=plain_inputs,
    )


@grades("build_inputs")
@points(2)
@visibility("visible")
@hint("Print tokenizer.convert_ids_to_tokens(...) of input and baseline, and the numbers below each other.")
def test_inputs_of_a_shown_question(submission, reference, models, assignment):
    """The inputs and baselines of an example question are right."""
    one = shown(assignment)
    assert_inputs(submission, reference, models[0], one.question, one.text)


@grades("build_inputs")
@points(0)
@visibility("visible")
@hint("Print the tokens of the baseline: is one of them left that stands for a word?")
def test_inputs_of_a_text_with_special_tokens(submission, reference, models):
    """[MASK], [UNK] and pieces with ids 101 and 102 become [PAD] in the baseline (no points; unseen texts count)."""
    text = with_foreign_ids(models[0].tokenizer, "Anna likes [MASK]. She calls it ☂.")
    assert_inputs(submission, reference, models[0], "What does ☂ say?", text)


@grades("build_inputs")
@points(2.5)
@visibility("hidden")
@hint("Which tokens stay in the baseline, what begins at 0, and does it hold for every vocabulary?")
def test_inputs_of_unseen_questions(submission, reference, models, rng, assignment):
    """Inputs and baselines of unseen questions are right, with another vocabulary, too."""
    for loaded in models:
        for one in rng.sample(pool(assignment), 2):
            assert_inputs(submission, reference, loaded, one.question, one.text)


@grades("build_inputs")
@points(0.5)
@visibility("hidden")
@hint(
    "Does your baseline keep [UNK] or [MASK], or a word whose id is [CLS] or [SEP] elsewhere? All are content."
)
def test_inputs_of_unseen_texts_with_special_tokens(submission, reference, models, rng, assignment):
    """[MASK], [UNK] and pieces with other vocabularies' ids in unseen texts become [PAD] in the baseline."""
    for loaded in models:
        question, text = rng.choice(ODD_TEXTS)
        one = rng.choice(pool(assignment))
        asked = begun_with(one.question, rng.randint(1, 4), question)
        longer = begun_with(one.text, rng.randint(1, 12), with_foreign_ids(loaded.tokenizer, text))
        assert_inputs(submission, reference, loaded, asked, longer)


# embedding_attributions


def formed(actual, expected, tolerance: str, *, name: str, axes) -> Tensor:
    """Return scores as float64 if their form is right; the values are the hidden checks' business."""
    form = compare(actual, expected, tolerance_for(tolerance), name=name, axes=axes)
    assert form.problem in ("", "values"), form.message
    return as_tensor(actual).double()


def assert_length_one(scores: Tensor, name: str) -> None:
    """Assert that the last axis has L2 norm 1."""
    norms = scores.norm(dim=-1).reshape(-1)
    worst = int((norms - 1).abs().argmax())
    where = f" in row {worst + 1}" if scores.dim() > 1 else ""
    assert abs(float(norms[worst]) - 1) <= LENGTH_ONE, (
        f"{name}: the L2 norm of the scores must be 1, found {float(norms[worst]):.4g}{where}."
    )


def assert_nothing(scores: Tensor, agree: Tensor, tokens: list[str], name: str) -> None:
    """Assert that scores are 0 where input and baseline agree."""
    worst = int((scores.abs() * agree).argmax())
    assert float((scores.abs() * agree).max()) <= NOTHING, (
        f"{name}: input and baseline agree at position {worst} ({tokens[worst]!r}), so that its score must be 0; "
        f"found {float(scores[worst]):.4g}."
    )


@grades("embedding_attributions")
@points(2)
@visibility("visible")
@hint("Print the scores beside the tokens, and their norm. Which tokens are the same in input and baseline?")
def test_scores_have_length_one(submission, reference, models, assignment, record):
    """For an example question there is a score a token, of norm 1, and 0 where input and baseline agree."""
    loaded, one = models[0], shown(assignment)
    inputs = inputs_of(reference, loaded, one)
    arguments = (loaded.model, inputs, one.position)
    actual = submission.call("embedding_attributions", *arguments)
    expected = reference.embedding_attributions(*arguments)
    scores = formed(actual, expected, "attributions", name="scores", axes=TOKENS)
    again = as_tensor(submission.call("embedding_attributions", *arguments))
    bound = tolerance_for("attributions").tau
    assert again is not None and distance(again, as_tensor(actual), "relative_l2") <= bound, (
        "Two calls with the same inputs differ: something random is at work. Is the model in eval mode?"
    )
    assert_length_one(scores, "scores")
    tokens = tokens_of(loaded.tokenizer, inputs)
    assert_nothing(scores, (inputs["input_ids"] == inputs["baseline_ids"])[0], tokens, "scores")
    record.strip(f"Scores for the {one.position} of the answer", tokens, scores, expected)


@grades("embedding_attributions")
@points(6)
@visibility("hidden")
@hint(
    "Go through the formula step by step: where does the path begin, what changes on it and what does not, which "
    "number is explained at each point, and what becomes of the vectors?"
)
def test_scores_of_unseen_questions(submission, reference, models, assignment, rng):
    """The scores of unseen questions are right, for start and end, on a second model, too."""
    for loaded, one in unseen_questions(models, assignment, rng, "embedding_attributions"):
        arguments = (loaded.model, inputs_of(reference, loaded, one), one.position)
        assert_close(
            submission.call("embedding_attributions", *arguments),
            reference.embedding_attributions(*arguments),
            name="scores",
            axes=TOKENS,
            tolerance="attributions",
        )
    shared = shared_question(reference, models, assignment, "embedding_attributions")
    assert_models_differ(
        lambda loaded: submission.call("embedding_attributions", loaded.model, *shared), models
    )


# subembedding_attributions


def part_of(result, name: str):
    """Pick one of the three results, with a sentence where there is none."""
    assert isinstance(result, Mapping), (
        f"Expected a dictionary with the keys {', '.join(PARTS)}, found {type(result).__name__}."
    )
    assert name in result, f"The dictionary has no key {name!r}; found {sorted(map(str, result))}."
    return result[name]


@grades("subembedding_attributions")
@points(2)
@visibility("visible")
@hint("Print the three results beside the tokens, and their norms. Where are types and positions 0?")
def test_parts_have_length_one(submission, reference, models, assignment, record):
    """For an example question there are three results of norm 1, each 0 where input and baseline agree."""
    loaded, one = models[0], shown(assignment)
    inputs = inputs_of(reference, loaded, one)
    tokens = tokens_of(loaded.tokenizer, inputs)
    result = submission.call("subembedding_attributions", loaded.model, inputs, one.position)
    expected = reference.subembedding_attributions(loaded.model, inputs, one.position)
    keys = (("input_ids", "baseline_ids"), *((f"{name}_ids", f"baseline_{name}_ids") for name in PARTS[1:]))
    for name, (there, before) in zip(PARTS, keys, strict=True):
        scores = formed(part_of(result, name), expected[name], "parts", name=name, axes=TOKENS)
        assert_length_one(scores, name)
        assert_nothing(scores, (inputs[there] == inputs[before])[0], tokens, name)
        record.strip(f"{name} for the {one.position} of the answer", tokens, scores, expected[name])


@grades("subembedding_attributions")
@points(6)
@visibility("hidden")
@hint(
    "How many paths are there, where does each of the three tables begin, and what is each result divided by?"
)
def test_parts_of_unseen_questions(submission, reference, models, assignment, rng):
    """Words, types and positions of unseen questions have the right scores, on a second model, too."""
    for loaded, one in unseen_questions(models, assignment, rng, "subembedding_attributions"):
        arguments = (loaded.model, inputs_of(reference, loaded, one), one.position)
        result = submission.call("subembedding_attributions", *arguments)
        expected = reference.subembedding_attributions(*arguments)
        for name in PARTS:
            assert_close(
                part_of(result, name),
                expected[name],
                name=name,
                axes=TOKENS,
                tolerance="parts",
                select=itemgetter(name),
            )
    shared = shared_question(reference, models, assignment, "subembedding_attributions")
    for name in PARTS:
        assert_models_differ(
            lambda loaded, name=name: part_of(
                submission.recall("subembedding_attributions", loaded.model, *shared), name
            ),
            models,
        )


# top_tokens

WORDS = ("the", "lives", "in", "where", "anna", "##el", "town", "a", "of", "who", "fox", "reads")
SCORE = Tolerance(metric="max_abs", tau=1e-4, origin="scores may be rounded to four digits")


def plain_top(result):
    """Return the function's result as a list of [token, index, score], or the name of what it is."""
    if not isinstance(result, (list, tuple)):
        return type(result).__name__
    return [plain_entry(entry) for entry in result]


def plain_entry(entry):
    """Return one entry of the list as [token, index, score]."""
    if not isinstance(entry, (list, tuple)):
        return type(entry).__name__
    if len(entry) != 3:
        return f"{len(entry)} things"
    token, index, score = entry
    value = as_tensor(score)
    number = value is not None and value.dim() == 0 and value.is_floating_point()
    return [
        token if isinstance(token, str) else f"<{type(token).__name__}>",
        whole(index),
        float(value) if number else f"score {type(score).__name__}",
    ]


def listed(rng: random.Random, count: int, *, tied: bool) -> tuple[Tensor, list[str]]:
    """Return made-up scores and tokens in which every mistake shows among the first five.

    [SEP] is the best, a word that stands at least twice the next, then three whose words stand neither in the
    alphabet's order nor against it, that word among them; the largest magnitude is negative. If tied these three have
    equal scores; no others are equal, nor nearly so.
    """
    places = rng.sample(range(2, count - 1), 5)
    scores = [step / 64 for step in rng.sample(range(-26, 4), count)]
    tokens = [rng.choice(WORDS) for _ in range(count)]
    tokens[0], tokens[1], tokens[-1] = "[CLS]", "who", "[SEP]"
    for number, (place, word) in enumerate(zip(sorted(places[:3]), ("lives", "who", "anna"), strict=True)):
        scores[place], tokens[place] = 0.25 if tied else 0.25 - number / 32, word
    scores[-1], scores[places[3]], tokens[places[3]] = 0.5, 0.375, "who"
    scores[places[4]] = -rng.randint(40, 60) / 64
    return torch.tensor(scores), tokens


def all_tied(count: int) -> tuple[Tensor, list[str]]:
    """Return a list of equal scores, longer than what an unstable sort leaves in order, with one that is larger."""
    return torch.tensor([0.25] * (count - 1) + [0.5]), [WORDS[place % len(WORDS)] for place in range(count)]


def assert_listed(submission, reference, scores: Tensor, tokens: list[str], k: int) -> None:
    """Ask for the best tokens and compare them."""
    assert_matches(
        read_answer(plain_top, submission.call("top_tokens", scores, tokens, k)),
        plain_top(reference.top_tokens(scores, tokens, k)),
        name="the list",
        tolerance=SCORE,
        select=plain_top,
    )


@grades("top_tokens")
@points(1)
@visibility("visible")
@hint("Sort the scores by hand: which is the largest, and where does it stand?")
def test_best_of_a_small_list(submission, reference):
    """The best tokens of a small list are found, with index and score."""
    scores = torch.tensor([0.125, -0.75, 0.5, 0.25, 0.375, -0.25])
    assert_listed(submission, reference, scores, ["[CLS]", "where", "does", "ida", "live", "[SEP]"], 3)


@grades("top_tokens")
@points(0)
@visibility("visible")
@hint("Which of two equal scores comes first in your list, and is it so for every list?")
def test_equal_scores_of_a_small_list(submission, reference):
    """Of equal scores the token that stands first comes first (no points of its own; unseen lists count)."""
    assert_listed(submission, reference, *all_tied(20), 5)


@grades("top_tokens")
@points(2.5)
@visibility("hidden")
@hint("What is sorted by, what becomes of words that stand twice, and is anything left out?")
def test_best_of_unseen_lists(submission, reference, models, assignment, rng):
    """The best tokens of unseen questions and lists are found, with repeated words among them."""
    for loaded in models:
        rows = [row for row in pool(assignment) if row.model == loaded.spec.role and row.asked == "everyone"]
        for one in [row for row in rows if row.function == "embedding_attributions"]:
            inputs = inputs_of(reference, loaded, one)
            scores = reference.embedding_attributions(loaded.model, inputs, one.position)
            assert_listed(submission, reference, scores, tokens_of(loaded.tokenizer, inputs), 5)
    # Two of one size with one k: what was stored under a shape is asked for another list.
    for count, k in ((9, 5), (14, 5), (14, 5), (14, 4), (23, 7)):
        assert_listed(submission, reference, *listed(rng, count, tied=False), k)


@grades("top_tokens")
@points(0.5)
@visibility("hidden")
@hint("What decides between two equal scores in your code? torch.topk, for one, promises no order.")
def test_equal_scores_of_unseen_lists(submission, reference, rng):
    """Of equal scores in unseen lists the token that stands first comes first."""
    for count in (18, 40):
        assert_listed(submission, reference, *all_tied(count), 6)
    for count, k in ((14, 5), (14, 5), (23, 7)):
        assert_listed(submission, reference, *listed(rng, count, tied=True), k)


# layer_conductance


@grades("layer_conductance")
@points(2)
@visibility("visible")
@hint("Print the shape and the norm of each row. How many encoder layers has the model?")
def test_conductance_has_a_row_for_each_layer(submission, reference, models, assignment, record):
    """For an example question there is a row for each encoder layer, of norm 1."""
    loaded, one = models[0], shown(assignment)
    inputs = inputs_of(reference, loaded, one)
    actual = submission.call("layer_conductance", loaded.model, inputs, one.position)
    expected = reference.layer_conductance(loaded.model, inputs, one.position)
    rows = formed(actual, expected, "conductance", name="conductance", axes=CELLS)
    assert_length_one(rows, "conductance")
    tokens = tokens_of(loaded.tokenizer, inputs)
    record.strip(f"Conductance of layer {len(rows)}", tokens, rows[-1], expected[-1])


@grades("layer_conductance")
@points(5)
@visibility("hidden")
@hint(
    "Between which vectors does the path run, which layer does each row belong to, and what is multiplied by what "
    "at each node?"
)
def test_conductance_of_unseen_questions(submission, reference, models, assignment, rng):
    """The conductance of unseen questions is right in every layer, on a second model, too."""
    for loaded, one in unseen_questions(models, assignment, rng, "layer_conductance"):
        arguments = (loaded.model, inputs_of(reference, loaded, one), one.position)
        assert_close(
            submission.call("layer_conductance", *arguments),
            reference.layer_conductance(*arguments),
            name="conductance",
            axes=CELLS,
            items="layer",
            tolerance="conductance",
        )
    shared = shared_question(reference, models, assignment, "layer_conductance")
    assert_models_differ(lambda loaded: submission.call("layer_conductance", loaded.model, *shared), models)


# attribution_entropy

BINS = (5, 8, 12, 17)
"""Numbers of bins that are asked for."""
CLEAR = 0.01
"""How far from the edges of bins a real score has to lie, as a share of a bin's width."""


def spread(rng: random.Random, layers: int, hidden: int, bins: int, *, gaps: bool) -> Tensor:
    """Return made-up scores (layer, hidden) far from the edges of their bins, in ranges of unequal widths and places.

    Bins are filled unevenly, and with gaps some stay empty.
    """
    rows = []
    for layer in range(layers):
        low = rng.uniform(-0.8, -0.2) * (1 + layer)
        width = rng.uniform(0.8, 1.3) * (1 + 0.7 * layer) / bins
        inner = range(1, bins - 1)
        filled = [0, *(rng.sample(inner, max(1, (bins - 2) * 2 // 3)) if gaps else inner), bins - 1]
        shares = [rng.uniform(0.3, 2.0) for _ in filled]
        chosen = [*filled, *rng.choices(filled, weights=shares, k=hidden - 2 - len(filled))]
        scores = [low + width * (place + rng.uniform(0.25, 0.75)) for place in chosen]
        scores += [low, low + width * bins]
        rng.shuffle(scores)
        rows.append(scores)
    return torch.tensor(rows)


def states(model, inputs) -> Tensor:
    """Return what each layer makes of each token, shape (token, layer, hidden)."""
    names = ("input_ids", "token_type_ids", "position_ids", "attention_mask")
    with torch.no_grad():
        output = model(**{name: inputs[name].to(model.device) for name in names}, output_hidden_states=True)
    return torch.cat(output.hidden_states[1:]).transpose(0, 1).float().cpu()


def is_clear(rows: Tensor, bins: int) -> bool:
    """Say whether no bin of a layer is empty and no score lies near an edge between two."""
    low, high = rows.amin(dim=1, keepdim=True), rows.amax(dim=1, keepdim=True)
    places = (rows - low) / (high - low) * bins
    inner = (places > CLEAR) & (places < bins - CLEAR)
    counts = [torch.histc(row, bins=bins) for row in rows]
    return bool(((places - places.round()).abs()[inner] > CLEAR).all()) and all(
        bool(one.all()) for one in counts
    )


def real_scores(reference, loaded, assignment) -> Iterator[tuple[Tensor, int]]:
    """Yield vectors of a model's layers, of two tokens with numbers of bins that leave none empty."""
    everyone = [row for row in pool(assignment) if row.model == loaded.spec.role and row.asked == "everyone"]
    found = (
        (rows, bins)
        for one in everyone
        for rows in reference.memoise("states", states, loaded.model, inputs_of(reference, loaded, one))
        for bins in (6, 5, 4, 3)
        if is_clear(rows, bins)
    )
    yield from islice(found, 2)


def assert_entropy(submission, reference, scores: Tensor, bins: int) -> None:
    """Ask for entropies and compare them."""
    assert_close(
        submission.call("attribution_entropy", scores, bins),
        reference.attribution_entropy(scores, bins),
        name="entropy",
        axes=("layer",),
        items="layer",
        tolerance="entropy",
    )


@grades("attribution_entropy")
@points(1)
@visibility("visible")
@hint("Count by hand: how many scores of the first layer fall into each bin?")
def test_entropy_of_a_small_table(submission, reference):
    """The entropies of a small table of two layers and eight scores are right."""
    table = torch.tensor(
        [
            [0.0, 0.1, 0.2, 0.3, 1.2, 2.3, 2.4, 4.0],
            [-2.0, -1.8, -1.7, -1.6, 0.1, 0.2, 3.0, 6.0],
        ]
    )
    assert_entropy(submission, reference, table, 4)


@grades("attribution_entropy")
@points(0)
@visibility("visible")
@hint("What is 0 times the logarithm of 0 in your code? Leave empty bins out, or see to it that they add 0.")
def test_entropy_with_an_empty_bin(submission, reference):
    """An empty bin adds 0 (no points of its own; unseen scores count)."""
    assert_entropy(submission, reference, torch.tensor([[0.0, 0.1, 0.2, 1.0], [-2.0, 1.7, 1.8, 2.0]]), 4)


@grades("attribution_entropy")
@points(2.5)
@visibility("hidden")
@hint(
    "Between which values do the bins of a layer lie, what is a bin's probability, and which logarithm is it?"
)
def test_entropy_of_unseen_scores(submission, reference, models, assignment, rng):
    """The entropies of unseen scores are right, for other numbers of layers, dimensions and bins."""
    for loaded in models:
        for scores, bins in real_scores(reference, loaded, assignment):
            assert_entropy(submission, reference, scores, bins)
        config = loaded.model.config
        first, second = rng.sample(BINS[:3], 2)
        for bins in (first, second, first):
            scores = spread(rng, config.num_hidden_layers, config.hidden_size, bins, gaps=False)
            assert_entropy(submission, reference, scores, bins)


@grades("attribution_entropy")
@points(0.5)
@visibility("hidden")
@hint("What does an empty bin add to your entropy? It should be 0.")
def test_entropy_of_unseen_scores_with_empty_bins(submission, reference, models, rng):
    """The entropies of unseen scores that leave bins empty are right."""
    for loaded in models:
        config = loaded.model.config
        for maker in (random.Random(1), rng, rng):
            bins = BINS[-1]
            scores = spread(maker, config.num_hidden_layers, config.hidden_size, bins, gaps=True)
            assert_entropy(submission, reference, scores, bins)


# The plot


@grades("layer_conductance")
@points(0)
@visibility("visible")
@hint("Does your plot cell end with plt.show(), and does it run when the notebook is started anew?")
def test_plot_is_a_figure(submission):
    """Your plot cell shows a figure of where the answer comes from (no points of its own; it is in your feedback)."""
    assert_figure_shown(submission.plots("plot-where-the-answer-comes-from"))
