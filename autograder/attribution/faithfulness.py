"""How truly a ranking of tokens tells what a model uses: comprehensiveness and sufficiency, against chance.

Works on subsets of a sentence's tokens: `v(S)` is the model's probability of its own prediction when only the
tokens in S are left. How tokens are taken away is the business of the caller, who answers which subsets are
asked for.

Source: DeYoung et al. (2020), "ERASER: A Benchmark to Evaluate Rationalized NLP Models", section 4. A
departure: an AOPC by itself depends on the sentence far more than on the ranking, so that each is given as a
percentile among random rankings of the same sentence.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import AssignmentError

THRESHOLDS = tuple(percent / 100 for percent in range(10, 101, 10))
"""Shares of the tokens that are taken away, or left."""

DRAWS = 100
"""Random rankings that a ranking is compared with."""

DIGITS = 5
"""Decimals at which two values count as equal: float32 results differ below that between batch sizes."""

Subset = frozenset[int]
Values = Mapping[Subset, float]
Score = Callable[[Sequence[tuple[int, Subset]]], Sequence[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """The two areas over the perturbation curve (AOPC) of one ranking."""

    comprehensiveness: float
    """Mean fall of the probability without the top tokens; higher is better."""

    sufficiency: float
    """Mean fall of the probability with the top tokens alone; lower is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """What random rankings of one sentence reach, each sorted."""

    comprehensiveness: tuple[float, ...]
    """One value a draw, ascending."""

    sufficiency: tuple[float, ...]
    """One value a draw, ascending."""


def rank_tokens(scores: Sequence[float], rng: random.Random) -> tuple[int, ...]:
    """Return the positions from the highest score to the lowest; ties fall at random.

    Args:
        scores: One finite number a position.
        rng: Breaks the ties: without it equal scores would be ranked by reading order, which is better than
            chance in a language that puts its verbs early.
    """
    shuffled = list(range(len(scores)))
    rng.shuffle(shuffled)
    return tuple(sorted(shuffled, key=lambda position: -scores[position]))


def top_sets(ranking: Sequence[int]) -> tuple[Subset, ...]:
    """Return the top 10 %, 20 %, ..., 100 % of a ranking; a part of a token counts as a whole one."""
    number = len(ranking)
    # The rounding keeps 0.3 * 10 = 3.0000000000000004 from counting as four tokens.
    return tuple(frozenset(ranking[: math.ceil(round(share * number, 9))]) for share in THRESHOLDS)


def subsets_needed(rankings: Iterable[Sequence[int]]) -> set[Subset]:
    """Return every subset whose value the curves of these rankings need."""
    needed: set[Subset] = set()
    for ranking in rankings:
        everything = frozenset(ranking)
        tops = top_sets(ranking)
        needed |= {everything, *tops, *(everything - top for top in tops)}
    return needed


def values_of(
    score: Score, needed: Sequence[Iterable[Subset]], *, at_a_time: int = 256
) -> list[dict[Subset, float]]:
    """Ask for v(S) of every needed subset, many at a time.

    Args:
        score: Answers (sentence's number, subset) pairs, one value each.
        needed: For each sentence the subsets.
        at_a_time: Pairs asked for at once.

    Returns:
        For each sentence its values by subset.
    """
    values: list[dict[Subset, float]] = [{} for _ in needed]
    asked = [
        (number, subset) for number, subsets in enumerate(needed) for subset in sorted(subsets, key=sorted)
    ]
    for start in range(0, len(asked), at_a_time):
        chunk = asked[start : start + at_a_time]
        for (number, subset), value in zip(chunk, score(chunk), strict=True):
            values[number][subset] = value
    return values


def curves(ranking: Sequence[int], values: Values) -> Curves:
    """Return the two AOPC values of one ranking.

    Args:
        ranking: Positions of a sentence, best first.
        values: v(S) of at least `subsets_needed([ranking])`.
    """
    everything = frozenset(ranking)
    tops = top_sets(ranking)
    full = values[everything]
    return Curves(
        comprehensiveness=sum(full - values[everything - top] for top in tops) / len(tops),
        sufficiency=sum(full - values[top] for top in tops) / len(tops),
    )


def random_rankings(number: int, seed: str, draws: int = DRAWS) -> list[tuple[int, ...]]:
    """Return random rankings of `number` positions, the same for the same seed."""
    rng = random.Random(seed)
    return [tuple(rng.sample(range(number), number)) for _ in range(draws)]


def chance(rankings: Iterable[Sequence[int]], values: Values) -> Chance:
    """Return what these (random) rankings reach."""
    found = [curves(ranking, values) for ranking in rankings]
    return Chance(
        comprehensiveness=tuple(sorted(round(one.comprehensiveness, DIGITS) for one in found)),
        sufficiency=tuple(sorted(round(one.sufficiency, DIGITS) for one in found)),
    )


def percentile(value: float, drawn: Sequence[float]) -> float:
    """Return the percentage of draws below the value; equal ones count half."""
    rounded = round(value, DIGITS)
    below = sum(draw < rounded for draw in drawn)
    equal = sum(draw == rounded for draw in drawn)
    return 100 * (below + equal / 2) / len(drawn)


def sentence_percentile(actual: Curves, by_chance: Chance) -> float:
    """Return the mean of a ranking's two percentiles: 50 is chance, 100 better than every draw."""
    comprehensiveness = percentile(actual.comprehensiveness, by_chance.comprehensiveness)
    sufficiency = 100 - percentile(actual.sufficiency, by_chance.sufficiency)
    return (comprehensiveness + sufficiency) / 2


def mean_percentile(
    rankings: Sequence[Sequence[Sequence[int]]], values: Sequence[Values], chances: Sequence[Chance]
) -> float:
    """Return the mean over sentences of their percentile.

    Args:
        rankings: For each sentence one ranking, or several (where ties were broken several times), whose
            percentiles are averaged.
        values: For each sentence v(S).
        chances: For each sentence what random rankings reach.
    """
    of_sentences = []
    for some, known, by_chance in zip(rankings, values, chances, strict=True):
        found = [sentence_percentile(curves(ranking, known), by_chance) for ranking in some]
        of_sentences.append(sum(found) / len(found))
    return sum(of_sentences) / len(of_sentences)


def share_of_points(mean_percentile: float, *, none: float = 60.0, full: float = 80.0) -> float:
    """Return the share of the points: 0 up to the percentile `none`, 1 from `full` on, linear between."""
    return min(max((mean_percentile - none) / (full - none), 0.0), 1.0)


def token_f1(ranking: Sequence[int], gold: Subset) -> float:
    """Return the F1 of a ranking's best tokens, as many as there are gold ones, against the gold tokens.

    With as many predicted as gold tokens precision, recall and F1 are one number. It measures plausibility:
    how far a ranking agrees with people, not whether it is true to the model.
    """
    return len(gold & set(ranking[: len(gold)])) / len(gold)


def write_chances(path: Path, model: str, chances: Mapping[str, Chance]) -> None:
    """Store what random rankings reach: finding it out asks a model a few hundred times a sentence.

    Args:
        path: The file, JSON.
        model: Fingerprint of the model that was asked.
        chances: By the sentence's id.
    """
    sentences = {
        key: {"comprehensiveness": one.comprehensiveness, "sufficiency": one.sufficiency}
        for key, one in sorted(chances.items())
    }
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in sentences.items())
    text = f'{{"model": {json.dumps(model)}, "sentences": {{\n{lines}\n}}}}\n'
    path.write_text(text, encoding="utf-8")


def load_chances(path: Path, model: str) -> dict[str, Chance]:
    """Read what `write_chances` stored.

    Args:
        path: The file; it need not be there.
        model: Fingerprint of the model in use.

    Returns:
        By the sentence's id; empty if there is no such file, or it is another model's.

    Raises:
        AssignmentError: If the file is damaged.
    """
    if not path.is_file():
        return {}
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["model"] != model:
            return {}
        return {
            key: Chance(
                comprehensiveness=tuple(map(float, one["comprehensiveness"])),
                sufficiency=tuple(map(float, one["sufficiency"])),
            )
            for key, one in stored["sentences"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AssignmentError(
            f"{path}: damaged ({type(error).__name__}: {error}). Measure it again."
        ) from None
