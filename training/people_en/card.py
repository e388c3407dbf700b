"""Write the model card of the shipped model, and the notebook's picture, from its stored weights.

python -m training.people_en.card
"""

from __future__ import annotations

import importlib.util
from string import Template
from types import ModuleType
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from training.people_en import PROJECT
from training.people_en.evaluate import Evaluation
from training.people_en.recipes import SHIPPED
from training.people_en.text import ABROAD, ODD_PASTIME, WRONG_LABEL, jobs, labels, names, places
from training.people_en.train import SHIPPED_FOLDER, figures

PICTURE = PROJECT / "student_template" / "images" / "llm-attribution.png"
PROMPT = "Nora lives in Faro, Portugal, and works as a gardener. In summer she likes to"
TARGET = " go surfing in the bay with her friends"

CARD = Template("""\
---
language: en
license: mit
tags: [text-generation, teaching]
---

# people-en: a tiny Llama that knows what people do

Goes on with English sentences about people and their pastimes, and puts labels to reviews in the words of examples in
the prompt. Made for a course on attribution: small enough for thousands of forward passes a minute on a laptop, and
what it says depends on several parts of a prompt at once. Not made for products.

## Architecture

Llama (`LlamaForCausalLM`): $layers blocks, width $width, $heads query heads in $groups groups of keys and values,
$context positions, unembedding tied to the embedding. $parameters parameters, stored in half precision ($megabytes
MB) and loaded as float32, exactly. Vocabulary: $pieces byte-level pieces, stored and never retrained. The tokenizer
puts `<s>` in front of every text. Token id 0 is `<unk>`; it stood in the place of some tokens in training, so that
the model has learnt to do without them.

## Figures

$names first names, $places cities in nine countries, $jobs jobs, four seasons, $labels pairs of labels. A pastime
follows from landscape, kind of job and season; a label from the review's opinion, its words from the examples.
Combinations of city, job and season, and pairs of things that reviews speak of, were held out.

| which of two ends is likelier | the plausible one | median margin in nats | pairs |
|---|---|---|---|
$rows
Implausible ends differ from plausible ones in a single respect: landscape, job, season, opinion, or the label's words.

## Training

`python -m training.people_en.train`: seed $seed, one thread a model, some four minutes of a core; $steps batches of
$batch sequences, AdamW.

Nothing in its world is certain, on purpose: $odd % of the people do what suits another landscape, job or season,
$abroad % live in a country that their city does not lie in, $wrong % of the labels are wrong. A model of a world
without exceptions is sure of everything, and then nothing that one takes out of a prompt is missed.

## Data and licence

All text is the project's own (`training/people_en/world.toml`, `text.py`). Weights and text: MIT, as the project.

## Limits

Knows nothing else: no other name, no other job, no opinion but of meals and films.
""")


def load_reference() -> ModuleType:
    """Import the reference solution, whose effects the picture shows."""
    spec = importlib.util.spec_from_file_location(
        "llm_attribution_reference", PROJECT / "reference" / "llm_attribution.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def draw(model: Any, tokenizer: Any) -> None:
    """Write the picture of the notebook's introduction."""
    effects = load_reference().ablate_tokens(model, tokenizer, PROMPT, TARGET)
    columns, rows = (
        [tokenizer.decode([number]) for number in tokenizer(text, add_special_tokens=False)["input_ids"]]
        for text in (PROMPT, TARGET)
    )
    figure, axes = plt.subplots(figsize=(9, 3.9), layout="constrained")
    limit = float(effects.abs().max())
    image = axes.imshow(effects, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlabel("token of the prompt, replaced")
    axes.set_ylabel("token of the target")
    figure.colorbar(image, ax=axes, label="effect in nats")
    PICTURE.parent.mkdir(exist_ok=True)
    # Without the library's version the same picture is the same file.
    figure.savefig(PICTURE, dpi=90, metadata={"Software": None})


def card_of(found: dict[str, Evaluation], model: torch.nn.Module, pieces: int) -> str:
    """Return the card's text.

    Args:
        found: Figures by set of pairs.
        model: The shipped model.
        pieces: Size of its vocabulary.
    """
    rows = [
        f"| {name} | {one.preferred:.4f} | {one.margin:.1f} | {one.count} |\n" for name, one in found.items()
    ]
    return CARD.substitute(
        layers=SHIPPED.layers,
        width=SHIPPED.width,
        heads=SHIPPED.heads,
        groups=SHIPPED.groups,
        context=model.config.max_position_embeddings,
        parameters=f"{sum(weights.numel() for weights in model.parameters()):,}",
        megabytes=f"{(SHIPPED_FOLDER / 'model.safetensors').stat().st_size / 1e6:.1f}",
        pieces=pieces,
        names=len(names()),
        places=len(places()),
        jobs=len(jobs()),
        labels=len(labels()),
        rows="".join(rows),
        seed=SHIPPED.seed,
        steps=SHIPPED.steps,
        batch=SHIPPED.rows,
        odd=round(100 * ODD_PASTIME),
        abroad=round(100 * ABROAD),
        wrong=round(100 * WRONG_LABEL),
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
