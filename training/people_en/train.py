"""Train the course's two models of people and reviews.

    python -m training.people_en.train                              # both, into the project's folders
    python -m training.people_en.train --only shipped --out FOLDER

The two are trained side by side, one process and one thread each. The same seed gives the same weights, bit for bit,
on the same library versions.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging

from training.people_en import PROJECT
from training.people_en.evaluate import Evaluation, evaluate
from training.people_en.fit import fit
from training.people_en.recipes import HIDDEN, SHIPPED, Recipe
from training.people_en.text import label_pairs, people_pairs, review_pairs
from training.people_en.vocabulary import stored

SHIPPED_FOLDER = PROJECT / "student_template" / "models" / "people-en"
HIDDEN_FOLDER = PROJECT / "assignments" / "llm_attribution" / "data" / "hidden_model"
PAIRS = 200
PAIRS_SEED = 41


def train(recipe: Recipe, folder: Path) -> tuple[dict[str, Evaluation], float]:
    """Train a model, write it with its tokenizer, and return its figures and the processor's seconds."""
    logging.disable_progress_bar()
    # The weights' bits depend on the number of threads.
    torch.set_num_threads(1)
    tokenizer = stored(recipe.vocabulary)
    began = time.process_time()
    model = fit(recipe, tokenizer)
    seconds = time.process_time() - began
    write(model, tokenizer, folder)
    return figures(model, tokenizer), seconds


def figures(model: Any, tokenizer: Any) -> dict[str, Evaluation]:
    """Measure a model on held-out people and reviews."""
    sets = {
        "pastimes of held-out people": people_pairs(PAIRS, PAIRS_SEED),
        "right or opposite label of held-out reviews": review_pairs(PAIRS, PAIRS_SEED),
        "label in the examples' words or in others": label_pairs(PAIRS, PAIRS_SEED),
    }
    return {name: evaluate(model, tokenizer, pairs) for name, pairs in sets.items()}


def write(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write half-precision weights that load as float32, exactly, unless the reader asks for another dtype."""
    folder.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(folder)
    model.float()
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(
        json.dumps({**config, "dtype": "float32"}, indent=2, sort_keys=True) + "\n", encoding="utf-8"
    )
    tokenizer.save_pretrained(folder)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Train the models of people and reviews.")
    parser.add_argument("--only", choices=["shipped", "hidden"], help="train one of the two")
    parser.add_argument("--out", type=Path, help="write here instead of the project's folder (with --only)")
    options = parser.parse_args(arguments)
    if options.out and not options.only:
        parser.error("--out goes with --only.")
    recipes = {"shipped": (SHIPPED, SHIPPED_FOLDER), "hidden": (HIDDEN, HIDDEN_FOLDER)}
    chosen = [pair for name, pair in recipes.items() if options.only in (None, name)]
    with ProcessPoolExecutor(len(chosen), mp_context=multiprocessing.get_context("spawn")) as pool:
        folders = [options.out or folder for _, folder in chosen]
        trained = pool.map(train, [one for one, _ in chosen], folders)
        for (recipe, _), (found, seconds) in zip(chosen, trained, strict=True):
            for name, one in found.items():
                print(
                    f"{recipe.name}: {name}: {one.preferred:.4f} of {one.count}, median margin {one.margin:.2f}"
                )
            print(f"{recipe.name}: {seconds:.0f} s of processor time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
