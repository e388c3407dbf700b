"""The models' two tokenizers: byte-level pieces, trained once on the project's text and stored.

    python -m training.people_en.vocabulary

One puts a token in front of every text, as Llama's does; the other one does not, though it has such a token, and cuts
words into more pieces. Trained again on other library versions the ids may differ, and with them every stored weight:
the files are made anew only by this command.
"""

from __future__ import annotations

import random
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from training.people_en import FOLDER
from training.people_en.text import TEXT_SEED, person_document, reviews_document

SPECIAL = {
    "with_bos": ["<unk>", "<s>", "</s>"],
    "without_bos": ["<empty>", "<end>", "<begin>"],
}
"""By vocabulary: its special tokens. The first one has id 0."""

SIZE = {"with_bos": 760, "without_bos": 560}
TEXTS = 3000


def train(name: str) -> Tokenizer:
    """Return a new tokenizer of SIZE pieces."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE[name],
        special_tokens=SPECIAL[name],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    rng = random.Random(TEXT_SEED + 2)
    texts = [draw(rng).text for _ in range(TEXTS) for draw in (person_document, reviews_document)]
    tokenizer.train_from_iterator(texts, trainer)
    if name == "with_bos":
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
        )
    return tokenizer


def stored(name: str) -> Any:
    """Return a stored tokenizer by its name: with_bos or without_bos."""
    made = Tokenizer.from_file(str(FOLDER / f"{name}.json"))
    if name == "with_bos":
        return PreTrainedTokenizerFast(
            tokenizer_object=made, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
        )
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<begin>", eos_token="<end>")


def main() -> None:
    """Train and store."""
    for name in SPECIAL:
        path = FOLDER / f"{name}.json"
        train(name).save(str(path))
        print(f"{path}: {len(stored(name))} pieces")


if __name__ == "__main__":
    main()
