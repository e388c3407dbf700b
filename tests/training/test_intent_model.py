"""The shipped classifier and its fellow: what the card says, what the course module promises."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from course.intent_classifier import INTENTS, MAX_LENGTH, TokenBaselineModel, encode, load_sentences
from transformers import AutoTokenizer, BertTokenizerFast

from training.intent_de.evaluate import evaluate
from training.intent_de.fit import fit, initialised, with_words_removed
from training.intent_de.path_roughness import attributions
from training.intent_de.recipes import HIDDEN, SHIPPED, Recipe, splits
from training.intent_de.text import generate
from training.intent_de.train import HIDDEN_FOLDER, SHIPPED_FOLDER
from training.intent_de.vocabulary import read, tokenizer_of
from training.intent_de.write_data import POOL_FILE

TINY = Recipe(name="tiny", hidden_size=16, layers=1, heads=2, seed=3, epochs=2, batch_size=16)


@pytest.fixture(scope="module", params=[SHIPPED_FOLDER, HIDDEN_FOLDER], ids=["shipped", "hidden"])
def folder(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture(scope="module")
def model(folder: Path) -> TokenBaselineModel:
    return TokenBaselineModel.from_pretrained(folder, local_files_only=True).eval()


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def card_figure(pattern: str) -> float:
    found = re.search(pattern, (SHIPPED_FOLDER / "README.md").read_text(encoding="utf-8"))
    assert found, pattern
    return float(found[1])


def test_held_out_accuracy_is_at_least_95_percent(model: TokenBaselineModel, tokenizer: Any) -> None:
    held_out = splits()[1]
    found = evaluate(model, tokenizer, [each.text for each in held_out], [each.intent for each in held_out])
    assert found.accuracy >= 0.95 and found.confidence < 0.99
    if tokenizer.cls_token_id == 2:  # the shipped one, whose card states the figure
        assert found.accuracy == pytest.approx(card_figure(r"held-out own text \| ([\d.]+)"), abs=1e-3)


def test_the_card_states_the_accuracy_on_real_sentences(xsid_dir: Path) -> None:
    test = load_sentences(xsid_dir / "test.csv")
    model = TokenBaselineModel.from_pretrained(SHIPPED_FOLDER).eval()
    tokenizer = AutoTokenizer.from_pretrained(SHIPPED_FOLDER)
    found = evaluate(model, tokenizer, [each.text for each in test], [each.intent for each in test])
    stated = card_figure(r"never trained on \| ([\d.]+)")
    assert found.accuracy == pytest.approx(stated, abs=3e-3)


def test_forward_gives_one_logit_an_intent_and_ignores_labels(
    model: TokenBaselineModel, tokenizer: Any
) -> None:
    batch = encode(["Regnet es ?", "Stell den Wecker auf sieben Uhr ."], [INTENTS[0], INTENTS[1]], tokenizer)
    logits = model(batch)
    assert logits.shape == (2, len(INTENTS)) and logits.dtype == torch.float32
    del batch["labels"]
    assert torch.equal(logits, model(batch))


def test_the_mean_runs_over_all_padded_positions(model: TokenBaselineModel, tokenizer: Any) -> None:
    batch = encode(["Regnet es ?"], None, tokenizer)
    hidden = model.embedding_model(**batch).last_hidden_state
    assert hidden.shape[1] == MAX_LENGTH
    expected = model.classifier_out(torch.relu(model.classifier_in(hidden.mean(dim=1))))
    torch.testing.assert_close(model(batch), expected)


def test_module_names_are_the_tutorials(model: TokenBaselineModel) -> None:
    names = {name for name, _ in model.named_children()} - {"dropout"}
    assert names == {"embedding_model", "classifier_in", "classifier_out"}
    assert type(model.embedding_model).__name__ == "BertModel" and model.embedding_model.pooler is None
    assert model.classifier_in.out_features == 256


def test_encode_pads_to_64_and_labels_one_hot(tokenizer: Any) -> None:
    batch = encode(["Regnet es ?"], ["weather/find"], tokenizer)
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (1, MAX_LENGTH)
    assert set(batch["input_ids"][batch["attention_mask"] == 0].tolist()) == {0}
    assert batch["labels"].dtype == torch.float32 and batch["labels"].sum() == 1
    assert batch["labels"][0, INTENTS.index("weather/find")] == 1


def test_encode_names_an_unknown_intent(tokenizer: Any) -> None:
    with pytest.raises(ValueError, match="Unknown intent 'weather'"):
        encode(["Regnet es ?"], ["weather"], tokenizer)


def test_encode_counts_texts_and_intents(tokenizer: Any) -> None:
    with pytest.raises(ValueError, match="There are 2 texts, but 1 intents"):
        encode(["Ja .", "Nein ."], ["weather/find"], tokenizer)


def test_the_stored_tokenizer_is_that_of_the_stored_vocabulary(folder: Path, tokenizer: Any) -> None:
    recipe = SHIPPED if folder == SHIPPED_FOLDER else HIDDEN
    assert tokenizer.get_vocab() == {piece: place for place, piece in enumerate(recipe.pieces())}
    assert BertTokenizerFast.from_pretrained(folder).get_vocab() == tokenizer.get_vocab()


def test_umlauts_are_kept_and_odd_letters_are_unknown(tokenizer: Any) -> None:
    assert "".join(tokenizer.tokenize("Übergröße")).replace("##", "") == "übergröße"
    assert tokenizer.tokenize("Łódź") == ["[UNK]"]


def test_pool_has_unknown_repeated_and_split_words(tokenizer: Any) -> None:
    pieces = [tokenizer.tokenize(sentence.text) for sentence in load_sentences(POOL_FILE)]
    assert sum("[UNK]" in each for each in pieces) >= 15
    assert sum(any(piece.startswith("##") for piece in each) for each in pieces) >= 60
    assert sum(len(set(each)) < len(each) for each in pieces) >= 30
    assert max(len(each) for each in pieces) > 3 * min(len(each) for each in pieces)


def test_predictions_on_the_pool_vary_and_err_at_times(model: TokenBaselineModel, tokenizer: Any) -> None:
    pool = load_sentences(POOL_FILE)
    found = evaluate(model, tokenizer, [each.text for each in pool], [each.intent for each in pool])
    assert len(set(found.predictions)) == len(INTENTS)
    assert 0.75 < found.accuracy < 1


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Stell bitte einen Wecker auf sieben Uhr .", "wecker"),
        ("Lösche die Erinnerung an den Zahnarzttermin .", "erinnerung"),
        ("Wird es morgen in Berlin regnen ?", "regnen"),
        ("Reserviere einen Tisch für vier Personen .", "tisch"),
    ],
)
def test_the_telling_word_is_among_the_top_three(text: str, word: str) -> None:
    model = TokenBaselineModel.from_pretrained(SHIPPED_FOLDER).eval()
    tokenizer = AutoTokenizer.from_pretrained(SHIPPED_FOLDER)
    batch = encode([text], None, tokenizer)
    scores = attributions(model, tokenizer, batch)
    words: list[tuple[str, float]] = []
    for piece, score in zip(tokenizer.convert_ids_to_tokens(batch["input_ids"][0]), scores, strict=True):
        if piece.startswith("##"):
            words[-1] = (words[-1][0] + piece[2:], words[-1][1] + score.item())
        else:
            words.append((piece, score.item()))
    top = sorted(words, key=lambda each: -each[1])[:3]
    assert word in [each[0] for each in top], words


def test_the_same_seed_gives_the_same_weights() -> None:
    texts = [sentence.text for sentence in generate("PlayMusic", 40, 1)]
    tokenizer = tokenizer_of(read(), MAX_LENGTH)
    first, second = (fit(TINY, texts, ["PlayMusic"] * 40, tokenizer, lambda _: None) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_training_learns_two_intents_apart() -> None:
    data = [each for intent in ("weather/find", "RateBook") for each in generate(intent, 120, 1)]
    tokenizer = tokenizer_of(read(), MAX_LENGTH)
    texts, intents = [each.text for each in data], [each.intent for each in data]
    recipe = replace(TINY, hidden_size=32, epochs=16, learning_rate=5e-3)
    model = fit(recipe, texts, intents, tokenizer, lambda _: None)
    assert evaluate(model, tokenizer, texts, intents).accuracy > 0.9


def test_fresh_weights_have_biases_and_a_pad_row() -> None:
    torch.manual_seed(0)
    model = initialised(TINY)
    assert model.classifier_in.bias.abs().min() > 0
    assert model.embedding_model.embeddings.word_embeddings.weight[0].abs().min() > 0


def test_removing_words_keeps_shape_and_the_padding() -> None:
    torch.manual_seed(0)
    tokenizer = tokenizer_of(read(), MAX_LENGTH)
    batch = encode(["Wird es morgen in Berlin wieder regnen ?"] * 200, ["weather/find"] * 200, tokenizer)
    altered = with_words_removed(batch, tokenizer)
    padding = batch["attention_mask"] == 0
    assert (altered["input_ids"][padding] == 0).all() and (altered["attention_mask"][padding] == 0).all()
    whole = (altered["input_ids"] == batch["input_ids"]).all(dim=1)
    assert 0.2 < whole.float().mean() < 0.6
    torch.testing.assert_close(altered["labels"].sum(dim=1), torch.ones(200))
    assert torch.isin(
        torch.tensor([tokenizer.unk_token_id, tokenizer.mask_token_id]), altered["input_ids"]
    ).all()
