"""German sentences to a voice assistant, with their intents and slots, drawn from a grammar of our own.

The grammar lies in `grammar/*.txt`: a line "@name" begins a rule, the lines below hold its alternatives,
separated by ";" or by line ends ("; ;" is an empty one). Within an alternative, [a|b|] chooses, {name}
expands another rule and <slot: ...> labels the words it encloses. The rules named as intents are the roots.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

GRAMMAR_DIR = Path(__file__).parent / "grammar"
_OPEN, _CLOSE = "\x01", "\x02"


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedSentence:
    """One sentence as the grammar made it."""

    text: str
    """Words and punctuation between single blanks."""

    intent: str
    """The root rule's name."""

    slots: tuple[str, ...]
    """One BIO label a word."""


def read_grammar(folder: Path = GRAMMAR_DIR) -> dict[str, tuple[str, ...]]:
    """Read every rule of a grammar folder.

    Returns:
        Rule name to its alternatives, in the files' order.

    Raises:
        ValueError: If a rule is defined twice or text stands outside of rules.
    """
    rules: dict[str, tuple[str, ...]] = {}
    for path in sorted(folder.glob("*.txt")):
        name = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("#") or not line.strip():
                continue
            if line.startswith("@"):
                name = line[1:].strip()
                if name in rules:
                    raise ValueError(f"{path.name}: rule {name} is defined twice.")
                rules[name] = ()
            elif not name:
                raise ValueError(f"{path.name}: {line!r} stands before the first rule.")
            else:
                rules[name] += tuple(part.strip() for part in line.split(";"))
    return rules


def generate(
    intent: str, count: int, seed: int, rules: Mapping[str, tuple[str, ...]] | None = None
) -> list[GeneratedSentence]:
    """Draw different sentences of one intent.

    Args:
        intent: A root rule's name.
        count: How many; no two have the same text.
        seed: The same seed gives the same sentences.
        rules: The grammar; by default the one beside this module.

    Raises:
        ValueError: If the grammar yields fewer different sentences.
    """
    rules = read_grammar() if rules is None else rules
    # random.Random(str) hashes the text with SHA-512: the same on every machine.
    draw = random.Random(f"{intent} {seed}")
    found: dict[str, GeneratedSentence] = {}
    for _ in range(50 * count):
        if len(found) == count:
            break
        marked = _expand("{" + intent + "}", rules, draw)
        sentence = _capitalised(_labelled(marked, intent), draw)
        found.setdefault(sentence.text.lower(), sentence)
    if len(found) < count:
        raise ValueError(f"{intent}: only {len(found)} different sentences, {count} wanted.")
    return list(found.values())


def read_handwritten(path: Path) -> list[GeneratedSentence]:
    """Read sentences written one by one in the grammar's notation: a line each, below "@intent".

    Args:
        path: The file.

    Returns:
        The sentences in the file's order, their case as written.

    Raises:
        ValueError: If a sentence stands before the first intent.
    """
    sentences: list[GeneratedSentence] = []
    intent = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("@"):
            intent = line[1:].strip()
        elif line.strip() and not line.startswith("#"):
            if not intent:
                raise ValueError(f"{path.name}: {line!r} stands before the first intent.")
            sentences.append(_labelled(_expand(line, {}, random.Random(0)), intent))
    return sentences


def _expand(body: str, rules: Mapping[str, tuple[str, ...]], draw: random.Random) -> str:
    """Expand one alternative; slots become marked regions."""
    out: list[str] = []
    place = 0
    while place < len(body):
        character = body[place]
        if character not in "[{<":
            out.append(character)
            place += 1
            continue
        end = _closing(body, place)
        inner = body[place + 1 : end]
        if character == "[":
            out.append(_expand(draw.choice(_options(inner)), rules, draw))
        elif character == "{":
            if inner not in rules:
                raise ValueError(f"The grammar has no rule {inner!r}, asked for in {body!r}.")
            out.append(_expand(draw.choice(rules[inner]), rules, draw))
        else:
            slot, _, words = inner.partition(":")
            out.append(f" {_OPEN}{slot} {_expand(words, rules, draw)} {_CLOSE} ")
        place = end + 1
    return "".join(out)


def _closing(body: str, start: int) -> int:
    """Return the place of the bracket that closes the one at `start`."""
    pairs = {"[": "]", "{": "}", "<": ">"}
    left, right = body[start], pairs[body[start]]
    depth = 0
    for place in range(start, len(body)):
        depth += (body[place] == left) - (body[place] == right)
        if depth == 0:
            return place
    raise ValueError(f"{left!r} is never closed in {body!r}.")


def _options(inner: str) -> list[str]:
    """Split at the bars that stand outside of further brackets."""
    options, depth = [""], 0
    for character in inner:
        depth += (character in "[{<") - (character in "]}>")
        if character == "|" and depth == 0:
            options.append("")
        else:
            options[-1] += character
    return options


def _labelled(marked: str, intent: str) -> GeneratedSentence:
    """Turn marked text into words with labels."""
    words: list[str] = []
    slots: list[str] = []
    open_slots: list[str] = []
    begun = False
    for piece in marked.split():
        if piece.startswith(_OPEN):
            open_slots.append(piece[1:])
            begun = begun and len(open_slots) > 1
        elif piece == _CLOSE:
            open_slots.pop()
        else:
            words.append(piece)
            # The outermost region names the slot, as xSID knows no slots within slots.
            slots.append(f"{'I' if begun else 'B'}-{open_slots[0]}" if open_slots else "O")
            begun = bool(open_slots)
    return GeneratedSentence(text=" ".join(words), intent=intent, slots=tuple(slots))


def _capitalised(sentence: GeneratedSentence, draw: random.Random) -> GeneratedSentence:
    """Begin most sentences with a capital; people who type are not always careful."""
    if draw.random() < 0.8:
        return replace(sentence, text=sentence.text[0].upper() + sentence.text[1:])
    return sentence


def dataset(intents: Iterable[str], per_intent: int, seed: int) -> list[GeneratedSentence]:
    """Draw sentences of several intents and shuffle them.

    Args:
        intents: Root rules.
        per_intent: Sentences of each; all texts differ within an intent.
        seed: The same seed gives the same list.
    """
    rules = read_grammar()
    sentences = [sentence for intent in intents for sentence in generate(intent, per_intent, seed, rules)]
    random.Random(seed).shuffle(sentences)
    return sentences
