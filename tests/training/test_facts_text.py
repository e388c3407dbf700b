"""The facts, their wordings, and the data files made from them."""

from pathlib import Path

import pytest

from training.facts_en.text import fact_prompts, facts, relations, story_prompts, wordings_of
from training.facts_en.write_data import EXAMPLES_FILE, POOL_FILE, files


def test_no_prompt_has_two_answers() -> None:
    answers: dict[str, set[str]] = {}
    for group in (*fact_prompts(), *story_prompts()):
        for prompt in group:
            answers.setdefault(prompt.text, set()).add(prompt.answer)
    assert not {text: found for text, found in answers.items() if len(found) > 1}


def test_every_relation_has_wordings_that_end_before_the_answer() -> None:
    for relation, table in relations().items():
        assert len(table["wordings"]) >= 3 and len(table["facts"]) >= 7, relation
        assert all(text.count("{}") == 1 and text == text.strip() for text in table["wordings"])
        assert all(" " not in answer for _, answer in table["facts"])


def test_no_fact_stands_twice() -> None:
    pairs = [(relation, subject) for relation, subject, _ in facts()]
    assert len(pairs) == len(set(pairs)) >= 250


def test_of_each_fact_one_wording_but_not_the_first_is_held_out() -> None:
    learnt, held_out = fact_prompts()
    assert len(held_out) == len(list(facts()))
    assert not {prompt.text for prompt in learnt} & {prompt.text for prompt in held_out}
    first = {wordings_of(relation, subject)[0] for relation, subject, _ in facts()}
    assert first <= {prompt.text for prompt in learnt}


def test_a_wording_begins_with_a_capital() -> None:
    assert wordings_of("landmark", "the Louvre")[0] == "The Louvre is in the city of"


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_the_stored_data_files_are_the_generated_ones(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == files()[path]


def test_the_pool_is_unseen_and_its_lengths_differ() -> None:
    pool = [line.split("\t")[1] for line in POOL_FILE.read_text(encoding="utf-8").splitlines()[1:]]
    shown = [line.split("\t")[1] for line in EXAMPLES_FILE.read_text(encoding="utf-8").splitlines()[1:]]
    learnt = {prompt.text for prompt in (*fact_prompts()[0], *story_prompts()[0])}
    assert len(pool) == len(set(pool)) >= 100 and not set(pool) & learnt and set(shown) <= learnt
    lengths = [len(text.split()) for text in pool]
    assert max(lengths) >= 2 * min(lengths)
