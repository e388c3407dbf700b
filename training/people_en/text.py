"""The text that the models learn from: people and their pastimes, and reviews with labels.

Nothing in this little world is certain, so that whatever a prompt says shifts probabilities instead of deciding alone:
some people do what suits another landscape, job or season; some have moved abroad with their city's name;
labels come in the words of some example, more likely of one that resembles the review; and now and then a label
is wrong.

Of the people, some combinations of city, job and season are held out; of the reviews, some pairs of things that one
speaks of. A plausible continuation is what the world asks for; an implausible one is as fluent, but belongs to another
landscape, job, season, or to the other opinion.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from training.people_en import FOLDER

TEXT_SEED = 11
HELD_OUT_SHARE = 0.1
ODD_PASTIME = 0.3
"""Share of people who do what suits another landscape, kind of job or season."""
ABROAD = 0.15
"""Share of people whose country is not their city's; half of them do as one does there."""
WRONG_LABEL = 0.08
"""Share of labels that tell the opposite."""
HEADER = "Reviews and their labels:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with a place, a job and a season."""

    name: str
    """First name."""

    his: str
    """her or his."""

    city: str
    """Where the person lives."""

    country: str
    """The city's."""

    landscape: str
    """coast, mountains or plain: the country's."""

    job: str
    """With no article."""

    kind: str
    """sporty, bookish or handy: the job's."""

    season: str
    """summer, spring, winter or autumn."""

    companion: str
    """Who comes along."""

    @property
    def weather(self) -> str:
        """Warm or cold: the season's."""
        return "warm" if self.season in world()["seasons"]["warm"] else "cold"

    @property
    def pastime(self) -> str:
        """What the person does: follows from landscape, kind of job and season."""
        return pastime(self.landscape, self.kind, self.weather)

    def tell(self, wording: str, *, pastime: str | None = None) -> str:
        """Return the wording with the person in it; another pastime than the person's own if given."""
        he = "she" if self.his == "her" else "he"
        return wording.format(
            name=self.name,
            his=self.his,
            he=he,
            He=he.capitalize(),
            city=self.city,
            country=self.country,
            job=self.job,
            season=self.season,
            pastime=pastime or self.pastime,
            companion=self.companion,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A review of two things, both good or both bad."""

    text: str
    """Without a label."""

    good: bool
    """Whether the reviewer was content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A beginning with two ends that are equally fluent."""

    prompt: str
    """Ends without a blank."""

    plausible: str
    """Begins with a blank."""

    implausible: str
    """Begins with a blank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A text to learn from."""

    parts: tuple[str, ...]
    """Its pieces in order; every other one, from the second on, is what a reader could have foretold."""

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.parts)


@cache
def world() -> dict[str, Any]:
    """Return world.toml."""
    return tomllib.loads((FOLDER / "world.toml").read_text(encoding="utf-8"))


def pastime(landscape: str, kind: str, weather: str) -> str:
    """Return what people of a kind do in a landscape and weather."""
    found: str = world()["pastimes"][landscape][kind][weather]
    return found


def places() -> list[tuple[str, str, str]]:
    """Return landscape, country and city of each place."""
    return [
        (landscape, country, city)
        for landscape, countries in world()["places"].items()
        for country, cities in countries.items()
        for city in cities
    ]


def jobs() -> list[tuple[str, str]]:
    """Return kind and job of each job."""
    return [(kind, job) for kind, names in world()["jobs"].items() for job in names]


def seasons() -> list[str]:
    """Return the seasons."""
    return [season for names in world()["seasons"].values() for season in names]


def names() -> list[tuple[str, str]]:
    """Return the possessive and the name of each person."""
    return [(his, name) for his, names in world()["names"].items() for name in names]


@cache
def held_out_combinations() -> frozenset[tuple[str, str, str]]:
    """Return combinations of city, job and season that nobody in the training text has."""
    every = [(city, job, season) for _, _, city in places() for _, job in jobs() for season in seasons()]
    return frozenset(random.Random(TEXT_SEED).sample(every, int(HELD_OUT_SHARE * len(every))))


def draw_person(rng: random.Random, *, held_out: bool) -> Person:
    """Draw somebody, of the held-out combinations or of the others."""
    while True:
        landscape, country, city = rng.choice(places())
        kind, job = rng.choice(jobs())
        season = rng.choice(seasons())
        if ((city, job, season) in held_out_combinations()) == held_out:
            break
    his, name = rng.choice(names())
    companion = rng.choice(world()["wordings"]["companions"])
    return Person(
        name=name,
        his=his,
        city=city,
        country=country,
        landscape=landscape,
        job=job,
        kind=kind,
        season=season,
        companion=companion,
    )


def wordings() -> list[str]:
    """Return how people are told of."""
    found: list[str] = world()["wordings"]["learnt"]
    return found


@cache
def held_out_subjects() -> frozenset[frozenset[str]]:
    """Return pairs of subjects that no review in the training text speaks of together."""
    subjects = [subject for subject, _, _ in world()["reviews"]["subjects"]]
    pairs = [frozenset((a, b)) for number, a in enumerate(subjects) for b in subjects[:number]]
    return frozenset(random.Random(TEXT_SEED + 1).sample(pairs, len(pairs) // 6))


def draw_review(rng: random.Random, *, good: bool, held_out: bool) -> Review:
    """Draw a review, its subjects of the held-out pairs or of the others."""
    while True:
        (a, *of_a), (b, *of_b) = rng.sample(world()["reviews"]["subjects"], 2)
        if (frozenset((a, b)) in held_out_subjects()) == held_out:
            break
    wording = rng.choice(world()["reviews"]["wordings"])
    x, y = (rng.choice(words[0 if good else 1]) for words in (of_a, of_b))
    return Review(text=wording.format(a=a, b=b, x=x, y=y), good=good)


def labels() -> list[tuple[str, str]]:
    """Return the pairs of labels: for a good review and for a bad one."""
    return [(good, bad) for good, bad in world()["reviews"]["labels"]]


def labelled(review: Review, pair: Sequence[str]) -> str:
    """Return an example: a review with its label."""
    return f"Review: {review.text} Label: {pair[0] if review.good else pair[1]}."


def few_shot_prompt(examples: Sequence[str], review: str) -> str:
    """Return the prompt that asks for a review's label, as the notebook gives it."""
    header = [HEADER] if examples else []
    return "\n".join([*header, *examples, f"Review: {review} Label:"])


def draw_examples(rng: random.Random, count: int, pair: Sequence[str], *, held_out: bool) -> list[str]:
    """Draw examples with labels of one pair."""
    return [
        labelled(draw_review(rng, good=rng.random() < 0.5, held_out=held_out), pair) for _ in range(count)
    ]


def person_document(rng: random.Random) -> Document:
    """Draw somebody to learn from; the pastime is asked for."""
    person = draw_person(rng, held_out=False)
    if rng.random() < ABROAD:
        landscape, country, _ = rng.choice(places())
        person = replace(person, country=country, landscape=rng.choice((person.landscape, landscape)))
    facts = [person.landscape, person.kind, person.weather]
    if rng.random() < ODD_PASTIME:
        place = rng.randrange(3)
        facts[place] = rng.choice(_kinds_of_facts()[place])
    before, after = rng.choice(wordings()).split(" {pastime}")
    return Document(parts=(person.tell(before), f" {pastime(*facts)}", person.tell(after)))


def _kinds_of_facts() -> tuple[list[str], list[str], list[str]]:
    """Return the landscapes, the kinds of jobs and the kinds of weather."""
    return list(world()["places"]), list(world()["jobs"]), list(world()["seasons"])


def reviews_document(rng: random.Random) -> Document:
    """Draw reviews of none to four examples and one more to learn from; all labels are asked for."""
    known = rng.sample(labels(), rng.choice((1, 2, 2, 3)))
    reviews = [
        draw_review(rng, good=rng.random() < 0.5, held_out=False)
        for _ in range(1 + rng.choice((0, 1, 2, 3, 3, 4, 4)))
    ]
    chosen = [rng.choice(known) for _ in reviews]
    *shown, last = reviews
    if shown:
        (chosen[-1],) = rng.choices(chosen[:-1], [likeness(one, last) for one in shown])
    sides = [one.good != (rng.random() < WRONG_LABEL) for one in reviews]
    told = [replace(one, good=side) for one, side in zip(reviews, sides, strict=True)]
    examples = [labelled(one, pair) for one, pair in zip(told[:-1], chosen[:-1], strict=True)]
    label = chosen[-1][0] if told[-1].good else chosen[-1][1]
    text = f"{few_shot_prompt(examples, last.text)} {label}."
    return Document(parts=tuple(re.split(r"(?<=Label:)([^.]*)", text)))


def likeness(example: Review, review: Review) -> float:
    """Return the weight with which a review is labelled in an example's words."""
    subjects = {subject for subject, _, _ in world()["reviews"]["subjects"]}
    shared = subjects & set(re.findall(r"\w+", example.text)) & set(re.findall(r"\w+", review.text))
    return 1 + (example.good == review.good) + 3 * len(shared)


def people_pairs(count: int, seed: int) -> list[Pair]:
    """Return held-out people, each with the own pastime and one that differs in landscape, kind or weather alone."""
    rng = random.Random(seed)
    pairs = []
    while len(pairs) < count:
        person = draw_person(rng, held_out=True)
        wording = rng.choice(wordings())
        facts = [person.landscape, person.kind, person.weather]
        place = rng.randrange(3)
        facts[place] = rng.choice([one for one in _kinds_of_facts()[place] if one != facts[place]])
        beginning, end = wording.split(" {pastime}")
        pairs.append(
            Pair(
                prompt=person.tell(beginning),
                plausible=f" {person.pastime}{person.tell(end)}",
                implausible=f" {pastime(*facts)}{person.tell(end)}",
            )
        )
    return pairs


def review_pairs(count: int, seed: int) -> list[Pair]:
    """Return held-out reviews after three held-out examples, with the right label and the opposite one."""
    rng = random.Random(seed)
    pairs = []
    for _ in range(count):
        pair = rng.choice(labels())
        review = draw_review(rng, good=rng.random() < 0.5, held_out=True)
        right, wrong = pair if review.good else pair[::-1]
        prompt = few_shot_prompt(draw_examples(rng, 3, pair, held_out=True), review.text)
        pairs.append(Pair(prompt=prompt, plausible=f" {right}.", implausible=f" {wrong}."))
    return pairs


def label_pairs(count: int, seed: int) -> list[Pair]:
    """Return held-out reviews after three held-out examples, with a label of the examples' pair and of another pair."""
    rng = random.Random(seed)
    pairs = []
    for _ in range(count):
        pair, other = rng.sample(labels(), 2)
        review = draw_review(rng, good=rng.random() < 0.5, held_out=True)
        side = 0 if review.good else 1
        prompt = few_shot_prompt(draw_examples(rng, 3, pair, held_out=True), review.text)
        pairs.append(Pair(prompt=prompt, plausible=f" {pair[side]}.", implausible=f" {other[side]}."))
    return pairs
