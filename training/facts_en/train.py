"""Train the course's two fact models.

    python -m training.facts_en.train                              # both, into the project's folders
    python -m training.facts_en.train --only shipped --out FOLDER

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

from training.facts_en import PROJECT
from training.facts_en.evaluate import Evaluation, evaluate
from training.facts_en.fit import fit
from training.facts_en.recipes import HIDDEN, SHIPPED, Recipe
from training.facts_en.text import Prompt, fact_prompts, story_prompts
from training.facts_en.vocabulary import stored

SHIPPED_FOLDER = PROJECT / "student_template" / "models" / "facts-en"
HIDDEN_FOLDER = PROJECT / "assignments" / "logit_lens" / "data" / "hidden_model"


def lesson_prompts() -> list[Prompt]:
    """Return what is learnt: every fact's wordings twice, since there are more stories than they need."""
    return [*fact_prompts()[0], *fact_prompts()[0], *story_prompts()[0]]


def train(recipe: Recipe, folder: Path) -> dict[str, Evaluation]:
    """Train a model, write it with its tokenizer, and return its figures."""
    logging.disable_progress_bar()
    # The weights' bits depend on the number of threads.
    torch.set_num_threads(1)
    tokenizer = stored(recipe.piece_order_seed)
    model = fit(recipe, lesson_prompts(), tokenizer)
    write(model, tokenizer, folder)
    return figures(model, tokenizer)


def figures(model: Any, tokenizer: Any) -> dict[str, Evaluation]:
    """Measure a model on learnt and held-out wordings and on held-out stories."""
    learnt, held_out = fact_prompts()
    sets = {"learnt wordings": learnt, "held-out wordings": held_out, "held-out stories": story_prompts()[1]}
    return {name: evaluate(model, tokenizer, prompts) for name, prompts in sets.items()}


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
    parser = argparse.ArgumentParser(description="Train the English fact models.")
    parser.add_argument("--only", choices=["shipped", "hidden"], help="train one of the two")
    parser.add_argument("--out", type=Path, help="write here instead of the project's folder (with --only)")
    options = parser.parse_args(arguments)
    if options.out and not options.only:
        parser.error("--out goes with --only.")
    recipes = {"shipped": (SHIPPED, SHIPPED_FOLDER), "hidden": (HIDDEN, HIDDEN_FOLDER)}
    start = time.monotonic()
    chosen = [pair for name, pair in recipes.items() if options.only in (None, name)]
    with ProcessPoolExecutor(len(chosen), mp_context=multiprocessing.get_context("spawn")) as pool:
        folders = [options.out or folder for _, folder in chosen]
        for (recipe, _), found in zip(
            chosen, pool.map(train, [one for one, _ in chosen], folders), strict=True
        ):
            for name, one in found.items():
                settled = " ".join(f"{share:.2f}" for share in one.settled)
                print(
                    f"{recipe.name}: {name}: recall {one.recall:.4f} of {one.count}, settled by layer {settled}"
                )
    print(f"{time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
