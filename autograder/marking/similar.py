"""Answers that say the same: identical but for case, punctuation and markup, or but for spelling."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

_Words: TypeAlias = tuple[str, ...]

_PICTURE = re.compile(r"data:image/[a-z]+;base64,[A-Za-z0-9+/=]+", re.IGNORECASE)
# Markup at the start of a line: quotes, bullets, headings. Inside a line the same signs may be arithmetic.
_LINE_START = re.compile(r"^[ \t]*(?:>[ \t]*|[-*+][ \t]+|#{1,6}[ \t]+)+", re.MULTILINE)
# Numbers keep their sign, and operators stay: x - y is not x + y.
_TOKEN = re.compile(r"(?<!\w)[+-]?\d+(?:[.,]\d+)*|[^\W_]+|[-+<>=≤≥≠≈±×÷/^%¬∉∈]")
# Words without which an answer says the same.
_FILLERS = frozenset("also an auch das dem den der des die just really sehr the very".split())  # noqa: SIM905
_SHORTEST_VARIANT = 5
_SHARED_START = 3
_SPELLINGS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Answers for which one decision may do."""

    keys: tuple[str, ...]
    """Of the answers, sorted."""

    kind: Literal["single", "identical", "near"]
    """`identical`: but for case, white space, punctuation and markup. `near`: some differ in spelling."""


def words_of(text: str) -> _Words:
    """Return what an answer says without case, white space, punctuation and markup; a picture counts as a word."""

    def name(match: re.Match[str]) -> str:
        return f" picture{hashlib.sha256(match[0].encode()).hexdigest()[:16]} "

    plain = _LINE_START.sub("", _PICTURE.sub(name, text).replace("\u2212", "-"))
    plain = unicodedata.normalize("NFKC", plain).casefold()
    # An answer of signs alone has no words; then it is its signs.
    return tuple(_TOKEN.findall(plain)) or tuple(plain.split())


def group_similar(answers: Mapping[str, str]) -> tuple[Group, ...]:
    """Group answers that say the same; the groups do not depend on the order of the answers.

    Answers are near each other if they differ only in the spelling of some longer words and in articles: no number,
    negation, operator or other word may differ. Every answer of a group is near the group's most frequent wording.

    Args:
        answers: From a key to what was written.

    Returns:
        Every key in exactly one group; the largest groups first.
    """
    wordings: dict[_Words, list[str]] = {}
    for key in sorted(answers):
        wordings.setdefault(words_of(answers[key]), []).append(key)
    ordered = sorted(wordings, key=lambda words: (-len(wordings[words]), words))
    groups = []
    for cluster in _clusters(ordered):
        keys = sorted(key for words in cluster for key in wordings[words])
        kind: Literal["single", "identical", "near"] = "near" if len(cluster) > 1 else "identical"
        groups.append(Group(keys=tuple(keys), kind=kind if len(keys) > 1 else "single"))
    return tuple(sorted(groups, key=lambda group: (-len(group.keys), group.keys)))


def _clusters(ordered: Sequence[_Words]) -> list[list[_Words]]:
    """Return the wordings, each with the first one that it is near to."""
    core = {words: tuple(word for word in words if word not in _FILLERS) for words in ordered}
    leaders: dict[int, list[list[_Words]]] = {}  # by length: wordings that are near have as many words
    for words in ordered:
        rivals = leaders.setdefault(len(core[words]), [])
        near = (cluster for cluster in rivals if _say_the_same(core[cluster[0]], core[words]))
        cluster = next(near, None)
        if cluster is None:
            rivals.append([words])
        else:
            cluster.append(words)
    return [cluster for rivals in leaders.values() for cluster in rivals]


def _say_the_same(one: _Words, other: _Words) -> bool:
    """Return whether two wordings of the same length differ only in the spelling of a few words."""
    left = max(1, int(_SPELLINGS * len(one)))
    for a, b in zip(one, other, strict=True):
        if a != b:
            left -= 1
            if left < 0 or not _is_variant(a, b):
                return False
    return True


def _is_variant(one: str, other: str) -> bool:
    """Return whether two words are one word with a slip: a letter more, less, another, or two exchanged.

    A word that starts otherwise is another word (increase and decrease, layer and later), unless a letter is doubled.
    """
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) < _SHORTEST_VARIANT or len(longer) - len(shorter) > 1:
        return False
    if one[0] != other[0] or not all(map(_has_case, one + other)):
        return False
    if len(one) == len(other):
        places = [index for index, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
        exchanged = len(places) == 2 and places[1] == places[0] + 1 and sorted(one) == sorted(other)
        return places[0] >= _SHARED_START and (len(places) == 1 or exchanged)
    place = next((index for index, letter in enumerate(shorter) if letter != longer[index]), len(shorter))
    doubled = longer[place] == longer[place - 1]
    return (doubled or place >= _SHARED_START) and longer[:place] + longer[place + 1 :] == shorter


def _has_case(character: str) -> bool:
    """Return whether a character is a letter of a script with words of many letters; digits are not."""
    return character.upper() != character.lower()
