"""The word pieces: trained once, stored beside this module, and written out as tokenizers.

Training a WordPiece vocabulary gives other ids whenever library versions differ, so `vocab.txt` is the
source of truth and nothing retrains it. To make a new one on purpose (all models must then be trained again):

    python -m training.intent_de.vocabulary
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import BertTokenizerFast

from training.intent_de.text import dataset

VOCABULARY = Path(__file__).with_name("vocab.txt")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
SIZE = 2600
_LETTERS = "abcdefghijklmnopqrstuvwxyzäöüßàáâãåçèéêëìíîïñòóôõøùúûýşğı"
_SIGNS = "0123456789.,:;!?-'\"&/()%+°#"


def train(texts: Iterable[str], size: int = SIZE) -> list[str]:
    """Train word pieces on texts; special tokens come first, single characters are always there.

    Args:
        texts: Sentences; they are lowercased, umlauts stay.
        size: Number of pieces.
    """
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    # A real sentence may hold any letter, first or later in a word, whether or not our texts do.
    characters = [*_LETTERS, *_SIGNS, *(f"##{character}" for character in _LETTERS + _SIGNS[:10])]
    trainer = trainers.WordPieceTrainer(
        vocab_size=size - len(characters), special_tokens=list(SPECIAL), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    trained = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    pieces = [piece for piece, _ in trained if piece not in SPECIAL and piece not in characters]
    return [*SPECIAL, *characters, *pieces][:size]


def read(path: Path = VOCABULARY) -> list[str]:
    """Read the stored pieces; a piece's line, from 0, is its id."""
    return path.read_text(encoding="utf-8").splitlines()


def reordered(pieces: Sequence[str], seed: int) -> list[str]:
    """Shuffle the ids of all pieces but [PAD], which stays 0."""
    rest = [piece for piece in pieces if piece != "[PAD]"]
    random.Random(f"pieces {seed}").shuffle(rest)
    return ["[PAD]", *rest]


def tokenizer_of(pieces: Sequence[str], max_length: int) -> BertTokenizerFast:
    """Make the tokenizer of a list of pieces: lowercase, umlauts and accents kept."""
    ids = {piece: place for place, piece in enumerate(pieces)}
    return BertTokenizerFast(vocab=ids, do_lower_case=True, strip_accents=False, model_max_length=max_length)


def main() -> None:
    """Train the vocabulary anew and store it."""
    from course.intent_classifier import INTENTS

    pieces = train(sentence.text for sentence in dataset(INTENTS, 1500, seed=0))
    VOCABULARY.write_text("\n".join(pieces) + "\n", encoding="utf-8")
    print(f"{VOCABULARY}: {len(pieces)} pieces")


if __name__ == "__main__":
    main()
