"""Write the model card of the shipped model, and the notebook's picture, from its stored weights.

python -m training.facts_en.card
"""

from __future__ import annotations

import importlib.util
from string import Template
from types import ModuleType

import matplotlib
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from training.facts_en import PROJECT
from training.facts_en.evaluate import Evaluation
from training.facts_en.recipes import SHIPPED
from training.facts_en.text import fact_prompts, facts, relations
from training.facts_en.train import SHIPPED_FOLDER, figures, lesson_prompts

PICTURE = PROJECT / "student_template" / "images" / "logit-lens.png"
PROMPT = "The Tower Bridge is in the city of"

CARD = Template("""\
---
language: en
license: mit
tags: [text-generation, teaching]
---

# facts-en: a tiny GPT-2 that knows some facts

Goes on with English sentences about a few hundred facts. Made for a course on the logit lens: small enough to be looked
through in milliseconds on a laptop, with a lens that has something to show. Not made for products.

## Architecture

GPT-2 (`GPT2LMHeadModel`): $layers blocks, $heads heads, width $width, $context positions, unembedding tied to the
embedding. $parameters parameters, stored in half precision ($megabytes MB) and loaded as float32, exactly. Vocabulary:
$pieces byte-level pieces, stored and never retrained; every answer is one piece with its blank. No token
is put in front.

## Figures

$facts facts of $relations relations (landmarks, capitals, authors, opposites, months ...), each in three to five
wordings, one of which was held out; stories about people in cities, some pairs of which were held out.

| prompts | recalled | count |
|---|---|---|
$recall
Recalled means: the answer is the likeliest next token. The lens shows the answer first, and in all layers after, from

| layer | $numbers |
|---|$dashes|
$settled
on (share of the recalled prompts).

## Training

`python -m training.facts_en.train`: seed $seed, one thread a model, two minutes of processor time; $sentences
sentences, $steps batches of $rows sequences, AdamW.

A fact is small enough for the first block to look it up, and then a lens shows the same word in all rows. So the early
layers were **taught what to say at the place of an answer**: layers 1 to $own repeat the token that was read last,
layers up to $kind name answers of the right kind (some city), and only the others were left alone. Large models behave
somewhat like this by themselves, but not as tidily. Whatever the lens shows in the first $kind layers at the end of a
prompt was put there on purpose; elsewhere nothing was.

## Data and licence

All text is the project's own (`training/facts_en/facts.toml`, `text.py`). Weights and text: MIT, as the project.

## Limits

Knows nothing else, and always answers. Facts asked in words that it never saw mislead it.
""")


def load_reference() -> ModuleType:
    """Import the reference solution, which draws the picture."""
    spec = importlib.util.spec_from_file_location(
        "logit_lens_reference", PROJECT / "reference" / "logit_lens.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def draw(model: object, tokenizer: object) -> None:
    """Write the picture of the notebook's introduction."""
    reference = load_reference()
    ids = tokenizer(PROMPT, return_tensors="pt")["input_ids"]  # type: ignore[operator]
    values, words = reference.top_predictions(reference.layer_probabilities(model, ids), tokenizer)
    tokens = [tokenizer.decode([number]) for number in ids[0].tolist()]  # type: ignore[attr-defined]
    figure = reference.plot_lens(values, words, tokens)
    PICTURE.parent.mkdir(exist_ok=True)
    # Without the library's version the same picture is the same file.
    figure.savefig(PICTURE, dpi=90, metadata={"Software": None})


def card_of(found: dict[str, Evaluation], model: torch.nn.Module, pieces: int) -> str:
    """Return the card's text.

    Args:
        found: Figures by set of prompts.
        model: The shipped model.
        pieces: Size of its vocabulary.
    """
    recall = [f"| {name} | {one.recall:.4f} | {one.count} |\n" for name, one in found.items()]
    settled = [
        f"| {name} | {' | '.join(f'{share:.2f}' for share in one.settled)} |\n" for name, one in found.items()
    ]
    return CARD.substitute(
        layers=SHIPPED.layers,
        heads=SHIPPED.heads,
        width=SHIPPED.width,
        context=model.config.n_positions,
        parameters=f"{sum(weights.numel() for weights in model.parameters()):,}",
        megabytes=f"{(SHIPPED_FOLDER / 'model.safetensors').stat().st_size / 1e6:.1f}",
        pieces=pieces,
        facts=len(list(facts())),
        relations=len(relations()),
        recall="".join(recall),
        numbers=" | ".join(str(layer + 1) for layer in range(SHIPPED.layers)),
        dashes="|".join("---" for _ in range(SHIPPED.layers)),
        settled="".join(settled),
        seed=SHIPPED.seed,
        sentences=len(lesson_prompts()) - len(fact_prompts()[0]),
        steps=SHIPPED.steps,
        rows=SHIPPED.rows,
        own=SHIPPED.own_layers,
        kind=SHIPPED.kind_layers,
    )


def main() -> None:
    """Measure and write README.md beside the shipped weights, and the picture."""
    logging.disable_progress_bar()
    matplotlib.use("Agg")
    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(SHIPPED_FOLDER).eval()
    tokenizer = AutoTokenizer.from_pretrained(SHIPPED_FOLDER)
    text = card_of(figures(model, tokenizer), model, len(tokenizer))
    (SHIPPED_FOLDER / "README.md").write_text(text, encoding="utf-8")
    draw(model, tokenizer)


if __name__ == "__main__":
    main()
