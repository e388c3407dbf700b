"""The text that the fact models learn from: facts in several wordings, and short stories about people.

A fact is a relation, a subject and an answer of one token. Every fact is learnt in all wordings of its relation but
one; that one is held out, so that recalling the fact there takes more than remembering a sentence.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from training.facts_en import FOLDER

TEXT_SEED = 7

NAMES = ("Anna", "Ben", "Clara", "David", "Ella", "Felix", "Greta", "Hugo", "Ida", "Jakob")

MOVES = (
    "{name} lives in {city}",
    "{name} moved to {city}",
    "{name} was born in {city}",
    "{name} works in {city}",
)
OPENINGS = (
    ("", ""),
    ("Her brother says that ", ""),
    ("As we all know, ", ""),
    ("", " with two friends"),
    ("", " near the river"),
)
TAILS = (
    (". People there speak", "language"),
    (", so the neighbours speak", "language"),
    (". That is a city in", "country"),
    (", so the passport comes from", "country"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A beginning whose next token is known."""

    relation: str
    """What kind of fact: `landmark`, `story`."""

    text: str
    """It ends before the answer, without a blank."""

    answer: str
    """The next token without its leading blank."""

    @property
    def sentence(self) -> str:
        """The whole sentence."""
        return f"{self.text} {self.answer}."


@cache
def relations() -> dict[str, dict[str, list[list[str]] | list[str]]]:
    """Return facts.toml: relation to its wordings and facts."""
    return tomllib.loads((FOLDER / "facts.toml").read_text(encoding="utf-8"))


def wordings_of(relation: str, subject: str) -> list[str]:
    """Return the beginnings that ask for a subject's answer."""
    found = [wording.replace("{}", subject) for wording in relations()[relation]["wordings"]]
    return [text[0].upper() + text[1:] for text in found]


def facts() -> Iterator[tuple[str, str, str]]:
    """Yield relation, subject and answer of each fact."""
    for relation, table in relations().items():
        for subject, answer in table["facts"]:
            yield relation, subject, answer


def fact_prompts() -> tuple[list[Prompt], list[Prompt]]:
    """Return the learnt and the held-out wordings of all facts; of each fact one is held out."""
    rng = random.Random(TEXT_SEED)
    learnt: list[Prompt] = []
    held_out: list[Prompt] = []
    for relation, subject, answer in facts():
        texts = wordings_of(relation, subject)
        # The first wording is the one that notebooks quote: it is always learnt.
        chosen = rng.randrange(1, len(texts))
        for number, text in enumerate(texts):
            prompt = Prompt(relation=relation, text=text, answer=answer)
            (held_out if number == chosen else learnt).append(prompt)
    return learnt, held_out


def story_prompts() -> tuple[list[Prompt], list[Prompt]]:
    """Return stories to learn from and held-out ones: nobody's city is the same in both."""
    country = {subject: answer for relation, subject, answer in facts() if relation == "country"}
    language = {subject: answer for relation, subject, answer in facts() if relation == "language"}
    places = [city for city in country if country[city] in language]
    rng = random.Random(TEXT_SEED + 1)
    learnt: list[Prompt] = []
    held_out: list[Prompt] = []
    for name in NAMES:
        away = set(rng.sample(places, 3))
        for city in places:
            for tail, asked in TAILS:
                before, after = rng.choice(OPENINGS)
                move = rng.choice(MOVES).format(name=name, city=city)
                answer = language[country[city]] if asked == "language" else country[city]
                prompt = Prompt(relation=f"story {asked}", text=f"{before}{move}{after}{tail}", answer=answer)
                (held_out if city in away else learnt).append(prompt)
    return learnt, held_out
