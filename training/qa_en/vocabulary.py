"""The word pieces: trained once for each model, stored beside this module, and written out as tokenizers.

Training a WordPiece vocabulary gives other ids whenever library versions differ, so the text files are the source of
truth and nothing retrains them. To make new ones on purpose (both models must then be trained again):

    python -m training.qa_en.vocabulary
"""

from __future__ import annotations

import string
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import BertTokenizerFast

from training.qa_en import FOLDER
from training.qa_en.recipes import HIDDEN, MAX_LENGTH, SHIPPED, Recipe
from training.qa_en.text import examples

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_SIGNS = ".,:;!?-'\"&/()%"


def train(texts: Iterable[str], size: int) -> list[str]:
    """Train word pieces on texts; special tokens come first, single characters are always there.

    Args:
        texts: They are lowercased, accents are stripped.
        size: Number of pieces.
    """
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    # Any text may hold any letter, first or later in a word, whether or not ours do.
    alphabet = string.ascii_lowercase + string.digits
    characters = [*alphabet, *_SIGNS, *(f"##{character}" for character in alphabet)]
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=list(SPECIAL), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    trained = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    pieces = [piece for piece, _ in trained if piece not in SPECIAL and piece not in characters]
    return [*SPECIAL, *characters, *pieces][:size]


def file_of(recipe: Recipe) -> Path:
    """Return where a model's pieces are stored; a piece's line, from 0, is its id."""
    return FOLDER / recipe.vocabulary


def stored(recipe: Recipe) -> BertTokenizerFast:
    """Return the tokenizer of a model's stored pieces."""
    pieces = file_of(recipe).read_text(encoding="utf-8").splitlines()
    ids = {piece: place for place, piece in enumerate(pieces)}
    return BertTokenizerFast(vocab=ids, do_lower_case=True, model_max_length=MAX_LENGTH)


def main() -> None:
    """Train both vocabularies anew and store them."""
    for recipe in (SHIPPED, HIDDEN):
        drawn = examples(20_000, seed=recipe.seed)
        pieces = train((f"{one.question} {one.text}" for one in drawn), recipe.pieces)
        if recipe is HIDDEN:
            # Other ids for the same piece; [PAD] stays 0, as everywhere.
            pieces = ["[PAD]", *reversed(pieces[1:])]
        file_of(recipe).write_text("\n".join(pieces) + "\n", encoding="utf-8")
        print(f"{file_of(recipe).name}: {len(pieces)} pieces")


if __name__ == "__main__":
    main()
