"""Train the course's two intent classifiers, or one on the real xSID sentences.

    python -m training.intent_de.train                              # both, into the project's folders
    python -m training.intent_de.train --only shipped --out FOLDER
    python -m training.intent_de.train --xsid data/xsid_de --out FOLDER [--without-own-text]

The two are trained side by side, one process and one thread each. The same seed gives the same weights, bit
for bit, on the same library versions.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from course.intent_classifier import MAX_LENGTH, TokenBaselineModel, load_sentences
from transformers.utils import logging

from training.intent_de import PROJECT
from training.intent_de.evaluate import Evaluation, evaluate
from training.intent_de.fit import fit
from training.intent_de.recipes import HIDDEN, SHIPPED, Recipe, splits
from training.intent_de.vocabulary import tokenizer_of

SHIPPED_FOLDER = PROJECT / "student_template" / "models" / "intent-de"
HIDDEN_FOLDER = PROJECT / "assignments" / "token_attribution" / "data" / "hidden_model"


def train_on_own_text(recipe: Recipe, folder: Path) -> Evaluation:
    """Train on generated sentences, write model and tokenizer, return the held-out figures."""
    _settle()
    train, held_out = splits()
    tokenizer = tokenizer_of(recipe.pieces(), MAX_LENGTH)
    model = fit(recipe, [each.text for each in train], [each.intent for each in train], tokenizer)
    _write(model, tokenizer, folder)
    return evaluate(model, tokenizer, [each.text for each in held_out], [each.intent for each in held_out])


def train_on_xsid(recipe: Recipe, xsid: Path, folder: Path, own_text: bool = True) -> Evaluation:
    """Train on the real sentences and return the figures on the real test sentences.

    Args:
        recipe: Sizes and seed.
        xsid: Folder with train.csv and test.csv.
        folder: Where model and tokenizer go.
        own_text: Train on the generated sentences too; the real ones then count threefold, being few.
    """
    _settle()
    real = [(each.text, each.intent) for each in load_sentences(xsid / "train.csv")]
    own = [(each.text, each.intent) for each in splits()[0]] if own_text else []
    # Without our text 1800 sentences are all there is: as many steps need more passes.
    sentences = real * 3 + own if own_text else real * 6
    tokenizer = tokenizer_of(recipe.pieces(), MAX_LENGTH)
    model = fit(recipe, [text for text, _ in sentences], [intent for _, intent in sentences], tokenizer)
    _write(model, tokenizer, folder)
    test = load_sentences(xsid / "test.csv")
    return evaluate(model, tokenizer, [each.text for each in test], [each.intent for each in test])


def _settle() -> None:
    """Fix the number of threads, since the weights' bits depend on it."""
    logging.disable_progress_bar()
    torch.set_num_threads(1)


def _write(model: TokenBaselineModel, tokenizer: object, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)  # type: ignore[attr-defined]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Train the German intent classifiers.")
    parser.add_argument("--only", choices=["shipped", "hidden"], help="train one of the two")
    parser.add_argument(
        "--out", type=Path, help="write here instead of the project's folder (with --only, --xsid)"
    )
    parser.add_argument("--xsid", type=Path, help="folder of the real sentences: train on them, test on them")
    parser.add_argument("--without-own-text", action="store_true", help="with --xsid: on the real ones alone")
    options = parser.parse_args(arguments)
    if bool(options.xsid) > bool(options.out) or bool(options.out) > bool(options.only or options.xsid):
        parser.error("--out goes with --only or --xsid; --xsid needs --out.")
    recipes = {"shipped": (SHIPPED, SHIPPED_FOLDER), "hidden": (HIDDEN, HIDDEN_FOLDER)}
    start = time.monotonic()
    if options.xsid:
        recipe = recipes[options.only or "shipped"][0]
        found = train_on_xsid(recipe, options.xsid, options.out, not options.without_own_text)
        seconds = time.monotonic() - start
        print(f"xSID test accuracy {found.accuracy:.3f} ({found.count} sentences), {seconds:.0f} s")
        return 0
    chosen = [pair for name, pair in recipes.items() if options.only in (None, name)]
    with ProcessPoolExecutor(len(chosen), mp_context=multiprocessing.get_context("spawn")) as pool:
        folders = [options.out or folder for _, folder in chosen]
        found_of = pool.map(train_on_own_text, [recipe for recipe, _ in chosen], folders)
        for (recipe, _), found in zip(chosen, found_of, strict=True):
            print(
                f"{recipe.name}: held-out accuracy {found.accuracy:.4f} ({found.count} sentences), "
                f"confidence {found.confidence:.3f}, {time.monotonic() - start:.0f} s"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
