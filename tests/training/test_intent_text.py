"""The generator of sentences and the data files made from it."""

import csv
from pathlib import Path

import pytest
from course.intent_classifier import INTENTS, load_sentences

from training.intent_de.recipes import splits
from training.intent_de.text import GeneratedSentence, generate, read_grammar, read_handwritten
from training.intent_de.write_data import EXAMPLES_FILE, POOL_FILE, files


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def one(rules: dict[str, tuple[str, ...]], seed: int = 0) -> GeneratedSentence:
    return generate("root", 1, seed, rules)[0]


def test_the_same_seed_gives_the_same_sentences() -> None:
    assert generate("weather/find", 50, 3) == generate("weather/find", 50, 3)


def test_another_seed_gives_other_sentences() -> None:
    assert generate("weather/find", 50, 3) != generate("weather/find", 50, 4)


def test_slots_are_labelled_begin_inside_outside() -> None:
    sentence = one({"root": ("Triff <person: Ada und {x}> <ort: in Rom> ?",), "x": ("Bo",)})
    assert sentence.text == "Triff Ada und Bo in Rom ?"
    assert sentence.slots == ("O", "B-person", "I-person", "I-person", "B-ort", "I-ort", "O")


def test_neighbouring_slots_of_one_name_begin_anew() -> None:
    assert one({"root": ("<zeit: heute> <zeit: um acht>",)}).slots == ("B-zeit", "B-zeit", "I-zeit")


def test_a_slot_within_a_slot_takes_the_outer_name() -> None:
    assert one({"root": ("<a: eins <b: zwei> drei> vier",)}).slots == ("B-a", "I-a", "I-a", "O")


def test_no_two_sentences_of_an_intent_have_the_same_text() -> None:
    texts = [sentence.text.lower() for sentence in generate("PlayMusic", 300, 1)]
    assert len(set(texts)) == len(texts) == 300


def test_a_grammar_that_is_too_small_says_so() -> None:
    with pytest.raises(ValueError, match="root: only 2 different sentences, 5 wanted"):
        generate("root", 5, 0, {"root": ("eins", "zwei")})


def test_a_missing_rule_is_named() -> None:
    with pytest.raises(ValueError, match="no rule 'fehlt'"):
        one({"root": ("{fehlt}",)})


def test_an_open_bracket_is_named() -> None:
    with pytest.raises(ValueError, match="never closed"):
        one({"root": ("[eins|zwei",)})


def test_a_rule_defined_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("@x\neins\n@x\nzwei\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.txt: rule x is defined twice"):
        read_grammar(tmp_path)


def test_a_handwritten_sentence_needs_an_intent(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("Hallo .\n", encoding="utf-8")
    with pytest.raises(ValueError, match="before the first intent"):
        read_handwritten(path)


def test_held_out_sentences_are_not_training_sentences() -> None:
    train, held_out = splits()
    assert not {each.text.lower() for each in train} & {each.text.lower() for each in held_out}
    assert {each.intent for each in held_out} == set(INTENTS)


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_the_stored_data_files_are_the_generated_ones(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == files()[path]


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_every_row_has_an_intent_and_a_slot_for_each_word(path: Path) -> None:
    for sentence in load_sentences(path):
        assert sentence.intent in INTENTS
        assert len(sentence.slots) == len(sentence.text.split()), sentence.text


def test_the_pool_is_unseen_and_large_enough() -> None:
    pool = {row["text"].lower() for row in rows(POOL_FILE)}
    seen = {each.text.lower() for each in splits()[0]} | {row["text"].lower() for row in rows(EXAMPLES_FILE)}
    assert len(pool) >= 120 and not pool & seen


def test_a_quarter_of_the_pool_is_labelled_otherwise() -> None:
    other = [row["intent"] != row["label"] for row in rows(POOL_FILE)]
    assert 0.2 < sum(other) / len(other) < 0.3


def test_no_own_sentence_is_a_real_one(xsid_dir: Path) -> None:
    """Short sentences that anybody would say (up to five words) may coincide."""
    real = {
        sentence.text.lower()
        for name in ("train.csv", "val.csv", "test.csv")
        for sentence in load_sentences(xsid_dir / name)
    }
    own = {sentence.text.lower() for path in files() for sentence in load_sentences(path)}
    assert not [text for text in real & own if len(text.split()) > 5]
