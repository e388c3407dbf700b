"""Train the course's two question answering models.

    python -m training.qa_en.train                              # both, into the project's folders
    python -m training.qa_en.train --only shipped --out FOLDER

The two are trained side by side, one process and one thread each. The same seed gives the same weights, bit for bit,
on the same library versions.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging

from training.qa_en import PROJECT
from training.qa_en.evaluate import Evaluation, evaluate
from training.qa_en.fit import fit
from training.qa_en.recipes import HIDDEN, SHIPPED, Recipe
from training.qa_en.text import Example, examples
from training.qa_en.vocabulary import stored

SHIPPED_FOLDER = PROJECT / "student_template" / "models" / "qa-en"
HIDDEN_FOLDER = PROJECT / "assignments" / "bert_qa_embeddings" / "data" / "hidden_model"
TEXT_SEED = 5
QUESTIONS = 40_000
HELD_OUT = 1_000


def lessons() -> list[Example]:
    """Return the questions that are learnt from."""
    return examples(QUESTIONS, TEXT_SEED, lengths=(1, 2, 2, 3, 3))


def train(recipe: Recipe, folder: Path) -> tuple[dict[str, Evaluation], float]:
    """Train a model, write it with its tokenizer; return its figures and the CPU seconds of training."""
    logging.disable_progress_bar()
    # The weights' bits depend on the number of threads.
    torch.set_num_threads(1)
    start = time.process_time()
    tokenizer = stored(recipe)
    model = fit(recipe, lessons(), tokenizer, progress=lambda line: print(line, flush=True))
    seconds = time.process_time() - start
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return figures(model, tokenizer), seconds


def figures(model: Any, tokenizer: Any) -> dict[str, Evaluation]:
    """Measure a model on fresh passages of learnt pairs and on held-out pairs, by length."""
    return {
        "learnt pairs, fresh passages": evaluate(model, tokenizer, examples(HELD_OUT, TEXT_SEED + 2)),
        "held-out pairs, one sentence": evaluate(
            model, tokenizer, examples(HELD_OUT, TEXT_SEED + 3, (1,), True)
        ),
        "held-out pairs, two sentences": evaluate(
            model, tokenizer, examples(HELD_OUT, TEXT_SEED + 4, (2,), True)
        ),
        "held-out pairs, three sentences": evaluate(
            model, tokenizer, examples(HELD_OUT, TEXT_SEED + 5, (3,), True)
        ),
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Train the English question answering models.")
    parser.add_argument("--only", choices=["shipped", "hidden"], help="train one of the two")
    parser.add_argument("--out", type=Path, help="write here instead of the project's folder (with --only)")
    options = parser.parse_args(arguments)
    if options.out and not options.only:
        parser.error("--out goes with --only.")
    recipes = {"shipped": (SHIPPED, SHIPPED_FOLDER), "hidden": (HIDDEN, HIDDEN_FOLDER)}
    chosen = [pair for name, pair in recipes.items() if options.only in (None, name)]
    with ProcessPoolExecutor(len(chosen), mp_context=multiprocessing.get_context("spawn")) as pool:
        folders = [options.out or folder for _, folder in chosen]
        made = pool.map(train, [one for one, _ in chosen], folders)
        for (recipe, _), (found, seconds) in zip(chosen, made, strict=True):
            for name, one in found.items():
                print(
                    f"{recipe.name}: {name}: exact {one.exact:.4f} of {one.count}, sure {one.confidence:.3f}"
                )
            print(f"{recipe.name}: {seconds:.0f} s of CPU time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
