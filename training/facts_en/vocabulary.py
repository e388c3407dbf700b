"""The fact models' tokenizer: GPT-2's byte-level pieces, trained once on the project's text and stored.

    python -m training.facts_en.vocabulary

Trained again on other library versions the ids may differ, and with them every stored weight: the file is made anew
only by this command.
"""

from __future__ import annotations

import random
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import GPT2TokenizerFast

from training.facts_en import FOLDER
from training.facts_en.text import fact_prompts, facts, story_prompts

FILE = FOLDER / "tokenizer.json"
END = "<|endoftext|>"
SIZE = 1800


def train() -> Tokenizer:
    """Return a new tokenizer of SIZE pieces in which every answer with its blank is one piece."""
    tokenizer = _empty(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=[END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    # Answers count often, since they must be whole; the rest as it comes.
    answers = [f" {answer}" for _, _, answer in facts()] * 200
    sentences = [prompt.sentence for prompt in fact_prompts()[0]] * 10 + [
        p.sentence for p in story_prompts()[0]
    ]
    tokenizer.train_from_iterator([*answers, *sentences], trainer)
    return tokenizer


def _empty(model: Any) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def stored(order_seed: int | None = None) -> GPT2TokenizerFast:
    """Return the stored tokenizer.

    Args:
        order_seed: Shuffles the ids: another model of the same pieces with another vocabulary.
    """
    import json

    model = json.loads(FILE.read_text(encoding="utf-8"))["model"]
    pieces = sorted(model["vocab"], key=model["vocab"].get)
    if order_seed is not None:
        random.Random(order_seed).shuffle(pieces)
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    merges = [tuple(pair) for pair in model["merges"]]
    made = _empty(models.BPE(vocab=vocabulary, merges=merges))
    return GPT2TokenizerFast(tokenizer_object=made, bos_token=END, eos_token=END, unk_token=END)


def main() -> None:
    """Train and store."""
    train().save(str(FILE))
    tokenizer = stored()
    split = [answer for _, _, answer in facts() if len(tokenizer(f" {answer}")["input_ids"]) != 1]
    print(f"{FILE}: {len(tokenizer)} pieces; answers of more than one piece: {split or 'none'}")


if __name__ == "__main__":
    main()
