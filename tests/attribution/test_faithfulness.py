import random
from itertools import combinations

import pytest

from autograder.attribution.faithfulness import (
    Chance,
    chance,
    curves,
    load_chances,
    mean_percentile,
    percentile,
    random_rankings,
    rank_tokens,
    sentence_percentile,
    share_of_points,
    subsets_needed,
    token_f1,
    top_sets,
    values_of,
    write_chances,
)
from autograder.errors import AssignmentError

WEIGHTS = (0.05, 0.4, 0.02, 0.2, 0.01, 0.15, 0.1, 0.03)


def additive(subset):
    """A game in which each token gives its weight: the best ranking is known."""
    return sum(WEIGHTS[token] for token in subset)


def score(asked):
    return [additive(subset) for _, subset in asked]


def percentile_of(ranking, seed="a"):
    draws = random_rankings(len(WEIGHTS), seed)
    (values,) = values_of(score, [subsets_needed([*draws, ranking])])
    return sentence_percentile(curves(ranking, values), chance(draws, values))


def test_the_best_ranking_beats_chance_and_its_reverse_is_beaten():
    best = tuple(sorted(range(8), key=lambda token: -WEIGHTS[token]))
    assert percentile_of(best) == 100
    assert percentile_of(best[::-1]) == 0


def test_a_rough_ranking_lies_between_the_best_and_chance():
    rough = (3, 2, 1, 0, 6, 5, 7, 4)
    assert 55 < percentile_of(rough) < 98


def test_random_rankings_lie_around_the_fiftieth_percentile():
    found = [percentile_of(ranking, "b") for ranking in random_rankings(8, "other", 200)]
    assert sum(found) / len(found) == pytest.approx(50, abs=5)


def test_curves_of_two_tokens_by_hand():
    values = {frozenset(): 0.1, frozenset({0}): 0.7, frozenset({1}): 0.3, frozenset({0, 1}): 0.9}
    found = curves((0, 1), values)
    # Five thresholds take one token, five take both.
    assert found.comprehensiveness == pytest.approx((5 * (0.9 - 0.3) + 5 * (0.9 - 0.1)) / 10)
    assert found.sufficiency == pytest.approx((5 * (0.9 - 0.7) + 5 * 0) / 10)


def test_a_part_of_a_token_counts_as_a_whole_one():
    assert [len(top) for top in top_sets(range(10))] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert [len(top) for top in top_sets(range(4))] == [1, 1, 2, 2, 2, 3, 3, 4, 4, 4]


def test_every_needed_subset_is_asked_once():
    asked = []

    def remember(pairs):
        asked.extend(pairs)
        return [0.0] * len(pairs)

    needed = subsets_needed(random_rankings(4, "c"))
    (values,) = values_of(remember, [needed], at_a_time=3)
    assert len(asked) == len(set(asked)) == len(values) == len(needed)
    sizes = range(5)
    assert needed <= {frozenset(some) for size in sizes for some in combinations(range(4), size)}


def test_ties_fall_at_random():
    rng = random.Random(3)
    firsts = [rank_tokens([1.0, 1.0, 0.0, 1.0], rng)[0] for _ in range(600)]
    assert {first: firsts.count(first) > 150 for first in set(firsts)} == {0: True, 1: True, 3: True}
    assert all(rank_tokens([1.0, 1.0, 0.0, 1.0], rng)[-1] == 2 for _ in range(20))


def test_percentile_counts_equal_draws_half():
    assert percentile(2.0, (1.0, 2.0, 2.0, 3.0)) == 50
    assert percentile(2.0000001, (1.0, 2.0, 2.0, 3.0)) == 50
    assert percentile(4.0, (1.0, 2.0)) == 100


def test_sufficiency_is_better_when_lower():
    by_chance = Chance(comprehensiveness=(0.0, 1.0), sufficiency=(0.2, 0.4))
    (values,) = values_of(score, [subsets_needed([(1, 3), (3, 1)])])
    assert sentence_percentile(curves((1, 3), values), by_chance) > sentence_percentile(
        curves((3, 1), values), by_chance
    )


def test_the_mean_runs_over_sentences_and_over_ways_to_break_ties():
    draws = random_rankings(8, "d")
    best = tuple(sorted(range(8), key=lambda token: -WEIGHTS[token]))
    (values,) = values_of(score, [subsets_needed([*draws, best, best[::-1]])])
    by_chance = chance(draws, values)
    assert mean_percentile([[best, best[::-1]]], [values], [by_chance]) == 50
    assert mean_percentile([[best], [best], [best[::-1]]], [values] * 3, [by_chance] * 3) == pytest.approx(
        200 / 3
    )


@pytest.mark.parametrize(("reached", "share"), [(0, 0), (60, 0), (65, 0.25), (70, 0.5), (80, 1), (97, 1)])
def test_points_rise_from_the_sixtieth_to_the_eightieth_percentile(reached, share):
    assert share_of_points(reached) == share


def test_token_f1_takes_as_many_tokens_as_there_are_gold_ones():
    assert token_f1((2, 0, 1, 3), frozenset({0, 1})) == 0.5
    assert token_f1((0, 1, 2, 3), frozenset({0, 1})) == 1


def test_chances_are_read_as_they_were_written(tmp_path):
    stored = {"p1": Chance(comprehensiveness=(0.1, 0.25), sufficiency=(0.0, 0.5))}
    write_chances(tmp_path / "chance.json", "abc", stored)
    assert load_chances(tmp_path / "chance.json", "abc") == stored


def test_chances_of_another_model_or_of_none_are_not_used(tmp_path):
    assert load_chances(tmp_path / "chance.json", "abc") == {}
    write_chances(tmp_path / "chance.json", "abc", {})
    assert load_chances(tmp_path / "chance.json", "other") == {}


def test_a_damaged_file_is_the_instructors(tmp_path):
    path = tmp_path / "chance.json"
    path.write_text('{"model": "abc", "sentences": {"p1": {"sufficiency": []}}}', encoding="utf-8")
    with pytest.raises(AssignmentError, match=r"chance\.json: damaged \(KeyError"):
        load_chances(path, "abc")
