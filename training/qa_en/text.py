"""The text that the question answering models learn from: short passages, questions, and where their answers stand.

A passage is some sentences drawn from the frames of words.toml. Often two of them are of the same frame, so that the
question must be read: what lives where is not enough to know. Some pairs of a frame's values are held out: they never
stand in one sentence of the learnt passages, and every held-out question asks about such a sentence.
"""

from __future__ import annotations

import hashlib
import random
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any

from training.qa_en import FOLDER

HELD_OUT_SHARE = 10
"""One pair of values in so many is held out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A question about a passage, and its answer."""

    question: str
    """Ends with a question mark."""

    text: str
    """The passage."""

    answer: str
    """A piece of the passage."""

    start: int
    """Where the answer begins in the passage, in characters."""

    frame: str
    """Name of the frame that is asked about."""

    asked: str
    """Name of the slot that is asked for."""

    sentence: tuple[int, int]
    """Where the sentence that answers begins and ends in the passage, in characters."""

    @property
    def end(self) -> int:
        """Where the answer ends, exclusive."""
        return self.start + len(self.answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One frame with its values."""

    frame: dict[str, Any]
    """A table of words.toml."""

    values: dict[str, str]
    """Slot to value."""

    text: str
    """One of the frame's wordings, filled."""

    spans: dict[str, int]
    """Slot to where its value begins in the text."""


@cache
def words() -> dict[str, Any]:
    """Return words.toml."""
    return tomllib.loads((FOLDER / "words.toml").read_text(encoding="utf-8"))


def slots_of(wording: str) -> list[str]:
    """Return the names of a wording's slots, in order."""
    return re.findall(r"{(\w+)}", wording)


def filled(wording: str, values: dict[str, str]) -> tuple[str, dict[str, int]]:
    """Fill a wording; return the text and where each value begins."""
    text, spans = "", {}
    for piece in re.split(r"({\w+})", wording):
        if piece.startswith("{"):
            spans[piece[1:-1]] = len(text)
            piece = values[piece[1:-1]]
        text += piece
    return text, spans


def drawn_value(rng: random.Random, kind: str) -> str:
    """Draw a value of a kind."""
    lists = words()["values"]
    if kind == "year":
        return str(rng.randrange(1500, 2030))
    if kind == "person":
        first = rng.choice(lists["first"])
        return first if rng.random() < 0.65 else f"{first} {surname(rng)}"
    return rng.choice(lists[kind])


def surname(rng: random.Random) -> str:
    """Make a name up of two syllables."""
    lists = words()["values"]
    syllables = [rng.choice(lists["onset"]) + rng.choice(lists["rhyme"]) for _ in range(2)]
    return "".join(syllables).capitalize()


def is_held_out(frame: str, first: str, second: str) -> bool:
    """Say whether two values of a frame never meet in a learnt sentence."""
    digest = hashlib.sha256(f"{frame}|{first.split()[0]}|{second}".encode()).digest()
    return digest[0] % HELD_OUT_SHARE == 0


def has_held_out_pair(frame: str, values: dict[str, str]) -> bool:
    """Say whether a sentence with these values is a held-out one."""
    return any(is_held_out(frame, *pair) for pair in combinations([values[key] for key in sorted(values)], 2))


def drawn_sentence(
    rng: random.Random, frame: dict[str, Any], used: set[str], held_out: bool, person: str | None = None
) -> Sentence:
    """Draw a sentence whose values are none of the used ones; they are added to them.

    Args:
        rng: Decides.
        frame: A table of words.toml.
        used: Values of the passage so far.
        held_out: Whether the sentence must hold a held-out pair; otherwise it must not.
        person: Who it is about, if it is about somebody.
    """
    wording = rng.choice(frame["wordings"])
    slots = slots_of(wording)
    while True:
        values = {slot: drawn_value(rng, slot) for slot in slots}
        if person and "person" in values:
            values["person"] = person
        fresh = {value.split()[0] for slot, value in values.items() if slot != "person" or not person}
        if not fresh & used and has_held_out_pair(frame["name"], values) == held_out:
            used |= fresh
            text, spans = filled(wording, values)
            return Sentence(frame=frame, values=values, text=text, spans=spans)


def drawn_example(rng: random.Random, sentences: int, held_out: bool = False) -> Example:
    """Draw a passage and a question about one of its sentences.

    Args:
        rng: Decides everything.
        sentences: How many the passage has.
        held_out: Whether the sentence that is asked about holds a held-out pair.
    """
    frames = words()["frames"]
    frame = rng.choice(frames)
    used: set[str] = set()
    asked = drawn_sentence(rng, frame, used, held_out)
    passage = [asked]
    for _ in range(sentences - 1):
        # The same frame again: then the kind of the answer does not tell.
        other = frame if rng.random() < 0.5 else rng.choice([one for one in frames if one is not frame])
        same = asked.values.get("person") if other is not frame and rng.random() < 0.4 else None
        if same and any(one.frame is other for one in passage):
            same = None
        passage.append(drawn_sentence(rng, other, used, False, same))
    rng.shuffle(passage)
    slot = rng.choice(sorted(frame["asked"]))
    question = filled(rng.choice(frame["asked"][slot]), asked.values)[0]
    before = passage[: passage.index(asked)]
    sentence_start = sum(len(one.text) + 1 for one in before)
    return Example(
        question=question,
        text=" ".join(one.text for one in passage),
        answer=asked.values[slot],
        start=sentence_start + asked.spans[slot],
        frame=frame["name"],
        asked=slot,
        sentence=(sentence_start, sentence_start + len(asked.text)),
    )


def examples(
    count: int, seed: int, lengths: Sequence[int] = (1, 2, 2, 3), held_out: bool = False
) -> list[Example]:
    """Draw examples; the same seed gives the same ones.

    Args:
        count: How many.
        seed: Of everything.
        lengths: Numbers of sentences, drawn from with equal chances.
        held_out: Whether the questions are about held-out pairs.
    """
    rng = random.Random(f"questions {seed} {held_out}")
    return [drawn_example(rng, rng.choice(lengths), held_out) for _ in range(count)]
