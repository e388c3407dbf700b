"""The little world, its texts, and the inputs of the hidden checks made from them."""

import random
from pathlib import Path

import pytest

from training.people_en.text import (
    draw_person,
    few_shot_prompt,
    held_out_combinations,
    label_pairs,
    labels,
    people_pairs,
    person_document,
    review_pairs,
    reviews_document,
    world,
)
from training.people_en.write_data import files, pool


def test_every_landscape_job_and_weather_has_a_pastime_of_its_own() -> None:
    told = [
        one for kinds in world()["pastimes"].values() for table in kinds.values() for one in table.values()
    ]
    assert len(told) == 18 and all(len(one.split()) >= 3 for one in told)
    assert len(set(told)) == 18


def test_nobody_in_the_training_text_has_a_held_out_combination() -> None:
    rng = random.Random(1)
    for held_out in (True, False):
        for _ in range(200):
            person = draw_person(rng, held_out=held_out)
            assert ((person.city, person.job, person.season) in held_out_combinations()) == held_out


def test_documents_mark_what_could_be_foretold() -> None:
    rng = random.Random(2)
    for _ in range(100):
        before, asked, after = person_document(rng).parts
        assert asked.startswith(" ") and before + asked + after == (before + asked + after).strip()
        document = reviews_document(rng)
        known = {f" {label}" for pair in labels() for label in pair}
        assert set(document.parts[1::2]) <= known and document.text.endswith(".")
        assert document.text.count("Label:") == len(document.parts[1::2])


def test_reviews_have_their_first_line_only_with_examples() -> None:
    assert few_shot_prompt([], "Fine.") == "Review: Fine. Label:"
    assert few_shot_prompt(["x"], "Fine.").splitlines() == [
        "Reviews and their labels:",
        "x",
        "Review: Fine. Label:",
    ]


@pytest.mark.parametrize("pairs", [people_pairs, review_pairs, label_pairs])
def test_the_two_ends_of_a_pair_differ(pairs: object) -> None:
    for pair in pairs(50, 3):  # type: ignore[operator]
        assert pair.plausible != pair.implausible
        assert pair.plausible.startswith(" ") and pair.implausible.startswith(" ")
        assert not pair.prompt.endswith(" ")


def test_masks_do_not_number_groups_in_the_order_of_appearance() -> None:
    for filling in pool()["fillings"]:
        appearing = list(dict.fromkeys(filling["mask"]))
        assert appearing != sorted(appearing) == list(range(4))
        assert filling["template"].count("{}") == len(filling["values"]) == len(filling["baselines"])


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_the_stored_data_files_are_the_generated_ones(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == files()[path]
