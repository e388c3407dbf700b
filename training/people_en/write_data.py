"""Write the inputs of the hidden checks: held-out people and reviews, as texts, templates and few-shot prompts.

python -m training.people_en.write_data
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from training.people_en import PROJECT
from training.people_en.text import (
    TEXT_SEED,
    Person,
    draw_person,
    draw_review,
    labelled,
    labels,
)

POOL_FILE = PROJECT / "assignments" / "llm_attribution" / "data" / "pool.json"
TEXTS, FILLINGS, SHOTS = 36, 36, 24

TEMPLATES = (
    (
        "{} lives in {}, {}, and works as a {}. In {} {} likes to",
        ("name", "city", "country", "job", "season", "he"),
    ),
    ("{} is a {} from {} in {}. Every {} {} loves to", ("name", "job", "city", "country", "season", "he")),
    ("In {} {}, a {} in {}, {}, likes to", ("season", "name", "job", "city", "country")),
    (
        "This is {}. {} moved to {}, {}, and is a {}. In {} {} wants to",
        ("name", "He", "city", "country", "job", "season", "he"),
    ),
)
"""Templates and what stands in their gaps: the wordings of the training text."""

GROUPS = {"name": 0, "he": 0, "He": 0, "city": 1, "country": 1, "job": 2, "season": 3}


def parts_of(person: Person) -> dict[str, str]:
    """Return what may stand in a gap."""
    he = "she" if person.his == "her" else "he"
    return {
        "name": person.name,
        "he": he,
        "He": he.capitalize(),
        "city": person.city,
        "country": person.country,
        "job": person.job,
        "season": person.season,
    }


def opposite(person: Person, rng: random.Random) -> Person:
    """Draw somebody who shares nothing with a person."""
    while True:
        other = draw_person(rng, held_out=False)
        pairs = [
            (person.his, other.his),
            (person.landscape, other.landscape),
            (person.kind, other.kind),
            (person.weather, other.weather),
        ]
        if all(one != another for one, another in pairs):
            return other


def target_of(person: Person, *, long: bool) -> str:
    """Return how a text about a person goes on."""
    return f" {person.pastime}" + (f" with {person.his} {person.companion}" if long else "")


def filling(number: int, rng: random.Random) -> dict[str, Any]:
    """Draw a template with somebody's values and another one's as baselines."""
    template, gaps = TEMPLATES[number % len(TEMPLATES)]
    person = draw_person(rng, held_out=True)
    own, others = parts_of(person), parts_of(opposite(person, rng))
    mask = [GROUPS[gap] for gap in gaps]
    # Numbers in the order of their first appearance would hide who counts groups that way.
    while list(dict.fromkeys(mask)) == sorted(set(mask)):
        renamed = rng.sample(range(4), 4)
        mask = [renamed[GROUPS[gap]] for gap in gaps]
    return {
        "template": template,
        "values": [own[gap] for gap in gaps],
        "baselines": [others[gap] for gap in gaps],
        "mask": mask,
        "target": target_of(person, long=True),
    }


def text(number: int, rng: random.Random) -> dict[str, str]:
    """Draw a prompt with its target: three people to a review."""
    if number % 4 == 3:
        review = draw_review(rng, good=rng.random() < 0.5, held_out=True)
        label = rng.choice(labels())[0 if review.good else 1]
        return {"prompt": f"Review: {review.text} Label:", "target": f" {label}."}
    template, gaps = TEMPLATES[number % len(TEMPLATES)]
    person = draw_person(rng, held_out=True)
    parts = parts_of(person)
    return {
        "prompt": template.format(*[parts[gap] for gap in gaps]),
        "target": target_of(person, long=number % 2 == 0),
    }


def shots(number: int, rng: random.Random) -> dict[str, Any]:
    """Draw a review and three or four examples of both opinions, with labels of two pairs."""
    known = rng.sample(labels(), 2)
    count = 3 + number % 2
    while True:
        reviews = [draw_review(rng, good=rng.random() < 0.5, held_out=True) for _ in range(count)]
        pairs = [rng.choice(known) for _ in reviews]
        if len({one.good for one in reviews}) == 2 == len(set(pairs)):
            break
    review = draw_review(rng, good=rng.random() < 0.5, held_out=True)
    label = known[0][0 if review.good else 1]
    return {
        "examples": [labelled(one, pair) for one, pair in zip(reviews, pairs, strict=True)],
        "review": review.text,
        "target": f" {label}.",
    }


def pool() -> dict[str, list[dict[str, Any]]]:
    """Return the pool."""
    rng = random.Random(TEXT_SEED + 3)
    return {
        "texts": [text(number, rng) for number in range(TEXTS)],
        "fillings": [filling(number, rng) for number in range(FILLINGS)],
        "shots": [shots(number, rng) for number in range(SHOTS)],
    }


def files() -> dict[Path, str]:
    """Return what each file must hold."""
    return {POOL_FILE: json.dumps(pool(), indent=1, ensure_ascii=False) + "\n"}


def main() -> None:
    """Write the files."""
    for path, content in files().items():
        path.write_text(content, encoding="utf-8")
        print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
