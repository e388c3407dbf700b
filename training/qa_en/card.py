"""Write the model card of the shipped model, and the notebook's picture, from its stored weights.

python -m training.qa_en.card
"""

from __future__ import annotations

from string import Template

import matplotlib
import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from transformers import AutoModelForQuestionAnswering, AutoTokenizer
from transformers.utils import logging

from autograder.course.assignment import load_assignment, load_reference
from training.qa_en import PROJECT
from training.qa_en.evaluate import Evaluation
from training.qa_en.recipes import MAX_LENGTH, SHIPPED
from training.qa_en.text import HELD_OUT_SHARE, words
from training.qa_en.train import QUESTIONS, SHIPPED_FOLDER, figures

SLUG = "bert_qa_embeddings"
PICTURE = PROJECT / "student_template" / "images" / "bert-qa-embeddings.png"
QUESTION = "Where does Marta live?"
TEXT = "Karl plays the violin. Marta has a house in Lisbon. Nora Trumvel lives in Vienna."

CARD = Template("""\
---
language: en
license: mit
tags: [question-answering, teaching]
---

# qa-en: a tiny BERT that answers questions about short passages

Points at the answer to an English question in a passage of one to three sentences. Made for a course on attribution:
small enough to be taken apart in seconds on a laptop, good enough that what is found means something. Not made for
products.

## Architecture

BERT (`BertForQuestionAnswering`): $layers layers, $heads heads, width $hidden, inner width $inner, $positions
positions. $parameters parameters, float32, $megabytes MB. Vocabulary: $pieces lowercase word pieces, stored and never
retrained; any word of Latin letters can be spelt with them.

## Figures

A passage is made of $frames kinds of sentences (who lives where, who keeps how many animals, what opens when ...),
each in two or three wordings. One pair of values in $share (a person and a city, say) was held out: the two never
stood in one learnt sentence, and every held-out question asks about such a sentence. Surnames are made up of
syllables, years are drawn at random.

| questions about | exact match | count |
|---|---|---|
$exact
Exact match means: start and end, the largest logit each, are the answer's first and last word piece. Weakest, on
held-out pairs in two sentences: $weakest.

## Training

`python -m training.qa_en.train`: seed $seed, one thread a model, some three minutes on a free core; $questions
questions, $steps batches of $rows, AdamW.

So small a model guesses among the answers of the right kind for a long time before it learns to read. So it was
**helped**: queries equalled keys at the beginning, and positions were waves; and while it learnt, its first layer was
asked which words stand in both texts, and the last layer but one which sentence answers. Large models find such steps
by themselves, and not as tidily: where in the network the answer comes up was in part put there on purpose. Biases,
norms and the embedding of [PAD] were drawn at random before the training, so that none of them is 0.

## Data and licence

All text is the project's own (`training/qa_en/words.toml`, `text.py`). Weights and text: MIT, as the project.

## Limits

Always answers, also where the passage does not. Knows the kinds of questions that it learnt; other words mislead it.
Inputs of more than $positions word pieces are too long.
""")


def draw(model: torch.nn.Module, tokenizer: object) -> None:
    """Write the picture of the notebook's introduction: the embeddings' scores for the start of an answer."""
    reference = load_reference(load_assignment(PROJECT, SLUG))
    inputs = reference.build_inputs(tokenizer, QUESTION, TEXT)
    tokens = tokenizer.convert_ids_to_tokens(inputs["input_ids"][0])  # type: ignore[attr-defined]
    scores = reference.embedding_attributions(model, inputs, "start").tolist()
    figure, axes = plt.subplots(figsize=(9, 1.1), layout="constrained")
    split = tokens.index("[SEP]") + 1
    right = max(
        write_tokens(axes, tokens[:split], scores[:split], 1.0, "question"),
        write_tokens(axes, tokens[split:], scores[split:], 0.0, "passage"),
    )
    axes.set(xlim=(-9, right), ylim=(-0.6, 1.6))
    axes.axis("off")
    # Without the library's version the same picture is the same file.
    figure.savefig(PICTURE, dpi=110, metadata={"Software": None})


def write_tokens(axes: Axes, tokens: list[str], scores: list[float], y: float, title: str) -> float:
    """Write a row of tokens on coloured ground; return where it ends."""
    colours = matplotlib.colormaps["RdBu_r"]
    axes.text(-9, y, title, va="center", fontsize=10, color="grey")
    x = 0.0
    for token, score in zip(tokens, scores, strict=True):
        axes.text(
            x, y, token, va="center", fontsize=11, family="monospace",
            color="white" if abs(score) > 0.6 else "black",
            bbox={"facecolor": colours(0.5 + score / 2), "edgecolor": "none", "boxstyle": "square,pad=0.25"},
        )  # fmt: skip
        x += len(token) + 1.2
    return x


def card_of(found: dict[str, Evaluation], model: torch.nn.Module, pieces: int) -> str:
    """Return the card's text.

    Args:
        found: Figures by set of questions.
        model: The shipped model.
        pieces: Size of its vocabulary.
    """
    by_frame = found["held-out pairs, two sentences"].by_frame
    weakest = sorted(by_frame, key=lambda name: by_frame[name])[:3]
    return CARD.substitute(
        layers=SHIPPED.layers,
        heads=SHIPPED.heads,
        hidden=SHIPPED.hidden_size,
        inner=SHIPPED.intermediate_size,
        positions=MAX_LENGTH,
        parameters=f"{sum(weights.numel() for weights in model.parameters()):,}",
        megabytes=f"{(SHIPPED_FOLDER / 'model.safetensors').stat().st_size / 1e6:.1f}",
        pieces=pieces,
        frames=len(words()["frames"]),
        share=HELD_OUT_SHARE,
        exact="".join(f"| {name} | {one.exact:.4f} | {one.count} |\n" for name, one in found.items()),
        weakest=", ".join(f"{name} {by_frame[name]:.2f}" for name in weakest),
        seed=SHIPPED.seed,
        questions=QUESTIONS,
        steps=SHIPPED.steps,
        rows=SHIPPED.rows,
    )


def main() -> None:
    """Measure and write README.md beside the shipped weights, and the picture."""
    logging.disable_progress_bar()
    matplotlib.use("Agg")
    torch.set_num_threads(1)
    model = AutoModelForQuestionAnswering.from_pretrained(SHIPPED_FOLDER).eval()
    tokenizer = AutoTokenizer.from_pretrained(SHIPPED_FOLDER)
    text = card_of(figures(model, tokenizer), model, len(tokenizer))
    (SHIPPED_FOLDER / "README.md").write_text(text, encoding="utf-8")
    draw(model, tokenizer)


if __name__ == "__main__":
    main()
