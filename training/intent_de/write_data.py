"""Write the data files: sentences for students, and the pool for hidden checks.

    python -m training.intent_de.write_data

All are tab-separated with the columns of the xSID extract; the pool has one more, `label`: the intent that a
check puts into `labels`. It differs from the true intent on every fourth sentence, since what a model
predicts, not what somebody labelled, is to be attributed.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from course.intent_classifier import INTENTS

from training.intent_de import PROJECT, STUDENT_TEMPLATE
from training.intent_de.recipes import splits
from training.intent_de.text import GeneratedSentence, dataset, read_handwritten

HANDWRITTEN = Path(__file__).parent / "handwritten"
TRAIN_FILE = STUDENT_TEMPLATE / "data" / "intents_de_train.tsv"
EXAMPLES_FILE = STUDENT_TEMPLATE / "data" / "intents_de_examples.tsv"
POOL_FILE = PROJECT / "assignments" / "token_attribution" / "data" / "pool.tsv"
TRAIN_ROWS_PER_INTENT = 20
POOL_ROWS_PER_INTENT = 6
POOL_SEED = 77


def pool() -> list[GeneratedSentence]:
    """Return the hidden checks' sentences: handwritten and generated, none of them seen in training."""
    seen = {sentence.text.lower() for sentence in splits()[0]}
    special = read_handwritten(HANDWRITTEN / "pool.txt")
    fresh = [
        each
        for each in dataset(INTENTS, 4 * POOL_ROWS_PER_INTENT, POOL_SEED)
        if each.text.lower() not in seen
    ]
    for intent in INTENTS:
        special += [each for each in fresh if each.intent == intent][:POOL_ROWS_PER_INTENT]
    random.Random(POOL_SEED).shuffle(special)
    return special


def shown_to_students() -> list[GeneratedSentence]:
    """Return a few of the training sentences of each intent."""
    train = splits()[0]
    return [
        each
        for intent in INTENTS
        for each in [sentence for sentence in train if sentence.intent == intent][:TRAIN_ROWS_PER_INTENT]
    ]


def labels_of(sentences: Sequence[GeneratedSentence]) -> list[str]:
    """Return the labels that go with the pool: every fourth is another intent than the true one."""
    return [
        each.intent if place % 4 else INTENTS[(INTENTS.index(each.intent) + 1 + place % 16) % len(INTENTS)]
        for place, each in enumerate(sentences)
    ]


def table(sentences: Iterable[GeneratedSentence], prefix: str, labels: Sequence[str] | None = None) -> str:
    """Format sentences as a tab-separated file with a header line."""
    columns = ["id", "text", "intent", "slots"] + (["label"] if labels else [])
    lines = ["\t".join(columns)]
    for place, each in enumerate(sentences):
        row = [f"{prefix}{place:03}", each.text, each.intent, " ".join(each.slots)]
        lines.append("\t".join(row + ([labels[place]] if labels else [])))
    return "\n".join(lines) + "\n"


def files() -> dict[Path, str]:
    """Return every data file's path and content."""
    hidden = pool()
    return {
        TRAIN_FILE: table(shown_to_students(), "t"),
        EXAMPLES_FILE: table(read_handwritten(HANDWRITTEN / "examples.txt"), "e"),
        POOL_FILE: table(hidden, "p", labels_of(hidden)),
    }


def main() -> None:
    """Write the files."""
    for path, content in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        print(f"{path.relative_to(PROJECT)}: {content.count(chr(10)) - 1} sentences")


if __name__ == "__main__":
    main()
