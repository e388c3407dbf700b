"""Write the model card of the shipped model from figures measured on its stored weights.

    python -m training.intent_de.card --xsid data/xsid_de --xsid-trained FOLDER

The last folder holds the model that `training.intent_de.train --xsid ... --without-own-text` made.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from string import Template

import torch
from course.intent_classifier import TokenBaselineModel, load_sentences
from transformers import AutoTokenizer
from transformers.utils import logging

from training.intent_de.evaluate import Evaluation, evaluate
from training.intent_de.recipes import SHIPPED, TEXT_SEED, splits
from training.intent_de.train import SHIPPED_FOLDER

CARD = Template("""\
---
language: de
license: mit
tags: [intent-classification, teaching]
---

# intent-de: a tiny German intent classifier

Reads one German sentence to a voice assistant and says which of 18 things it asks for. Made for a course on
token attribution: small enough to be explained in seconds on a laptop, good enough that explanations mean
something. Not made for products.

## Architecture

`TokenBaselineModel` of `course/intent_classifier.py`: a BERT encoder ($layers layers, $heads heads, width
$hidden), the mean over all 64 padded positions, Linear $hidden to 256, ReLU, Linear 256 to 18.
$parameters parameters, float32, $megabytes MB. Vocabulary: $pieces lowercase word pieces, umlauts kept,
stored and never retrained.

## Figures

| measured on | accuracy | sentences |
|---|---|---|
| held-out own text | $held_out | $held_out_count |
| real xSID test sentences (German), never trained on | $xsid | $xsid_count |

Mean probability of the predicted intent on held-out text: $confidence. The held-out sentences come from
the same grammar as the training text, though none is in it: their figure says that training worked, the
second one says how the model does on people's sentences. The same model trained otherwise, on the xSID test
sentences:

| trained on | accuracy |
|---|---|
| own text (the shipped one) | $xsid |
$xsid_trained
Lowest shares of right predictions of the shipped model on xSID: $weakest.

## Training

`python -m training.intent_de.train`: seed $seed, text seed $text_seed, one thread a model, some four minutes;
$train_count sentences, $epochs epochs of AdamW, label smoothing $smoothing. Two sentences in three lose part
of their pieces to [PAD], [UNK] or [MASK], so that occlusion, baselines and removals ask nothing unheard of.
One in seven loses [CLS] or [SEP] and is then labelled "any intent": the model does look at these two.
Of one in three the embeddings are scaled down, and the surety asked of the model with them: it does not
saturate, and gradient x input ranks tokens sensibly.

## Data and licence

Every training sentence is drawn from the project's own grammar (`training/intent_de/grammar`); most names,
titles and places are made up of words and syllables at random. No sentence of xSID, and no text of anybody
else, was copied; short everyday sentences may coincide. The 18 intents and the slot names are those of xSID
(van der Goot et al. 2021); its sentences served to get to know the domain (training and validation part) and
to measure (test part). Weights and text: MIT, as the project. xSID itself is CC BY-SA 4.0 and not part of the
project; `python -m training.intent_de.fetch_xsid` gets the German extract.

## Limits

Knows its 18 intents only and always chooses one. Titles and names that sound like another intent mislead
it. Sentences of more than 62 pieces are cut.
""")


XSID_ROW = "| the 1800 real xSID training sentences alone | {accuracy:.3f} |\n"


def main() -> None:
    """Measure and write README.md beside the shipped weights."""
    parser = argparse.ArgumentParser(description="Write the shipped model's card.")
    parser.add_argument("--xsid", type=Path, required=True, help="folder of the real sentences")
    parser.add_argument("--xsid-trained", type=Path, help="model trained on these alone")
    options = parser.parse_args()
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    test = load_sentences(options.xsid / "test.csv")
    texts, intents = [each.text for each in test], [each.intent for each in test]
    real = evaluate_folder(SHIPPED_FOLDER, texts, intents)
    figures = {
        "xsid": f"{real.accuracy:.3f}",
        "xsid_count": real.count,
        "xsid_trained": "",
        "weakest": weakest(intents, real.predictions),
    }
    if options.xsid_trained:
        found = evaluate_folder(options.xsid_trained, texts, intents)
        figures["xsid_trained"] = XSID_ROW.format(accuracy=found.accuracy)
    (SHIPPED_FOLDER / "README.md").write_text(CARD.substitute(figures, **own_figures()), encoding="utf-8")


def own_figures() -> dict[str, object]:
    """Measure what needs no data but our own."""
    train, held_out = splits()
    found = evaluate_folder(
        SHIPPED_FOLDER, [each.text for each in held_out], [each.intent for each in held_out]
    )
    model = TokenBaselineModel.from_pretrained(SHIPPED_FOLDER)
    return {
        "layers": SHIPPED.layers,
        "heads": SHIPPED.heads,
        "hidden": SHIPPED.hidden_size,
        "parameters": f"{sum(parameter.numel() for parameter in model.parameters()):,}",
        "megabytes": f"{(SHIPPED_FOLDER / 'model.safetensors').stat().st_size / 1e6:.1f}",
        "pieces": model.config.vocab_size,
        "held_out": f"{found.accuracy:.4f}",
        "held_out_count": found.count,
        "confidence": f"{found.confidence:.3f}",
        "seed": SHIPPED.seed,
        "text_seed": TEXT_SEED,
        "train_count": len(train),
        "epochs": SHIPPED.epochs,
        "smoothing": SHIPPED.label_smoothing,
    }


def evaluate_folder(folder: Path, texts: list[str], intents: list[str]) -> Evaluation:
    """Evaluate the model and tokenizer in a folder."""
    model = TokenBaselineModel.from_pretrained(folder).eval()
    return evaluate(model, AutoTokenizer.from_pretrained(folder), texts, intents)


def weakest(intents: list[str], predictions: tuple[str, ...], count: int = 3) -> str:
    """Name the intents with the lowest recall."""
    recall = {}
    for intent in sorted(set(intents)):
        pairs = [
            guess == intent for guess, truth in zip(predictions, intents, strict=True) if truth == intent
        ]
        recall[intent] = (sum(pairs) / len(pairs), len(pairs))
    worst = sorted(recall.items(), key=lambda item: item[1])[:count]
    return ", ".join(f"{intent} {share:.2f} of {number}" for intent, (share, number) in worst)


if __name__ == "__main__":
    main()
