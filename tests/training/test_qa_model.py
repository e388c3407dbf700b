"""The shipped question answering model and its fellow: what the card says, what the notebooks rely on."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from training.qa_en.evaluate import evaluate
from training.qa_en.fit import encoded, fit, waves
from training.qa_en.recipes import HIDDEN, MAX_LENGTH, SHIPPED, Recipe
from training.qa_en.text import examples
from training.qa_en.train import HIDDEN_FOLDER, SHIPPED_FOLDER, TEXT_SEED
from training.qa_en.vocabulary import stored

TINY = Recipe(
    name="tiny", vocabulary="vocab.txt", pieces=0, hidden_size=16, intermediate_size=16, layers=2, heads=2, seed=3,
    steps=3, rows=4,
)  # fmt: skip


@pytest.fixture(scope="module", params=["shipped", "hidden"])
def kept(request: pytest.FixtureRequest) -> tuple[Recipe, Path]:
    return {"shipped": (SHIPPED, SHIPPED_FOLDER), "hidden": (HIDDEN, HIDDEN_FOLDER)}[request.param]


@pytest.fixture(scope="module")
def model(kept: tuple[Recipe, Path]) -> Any:
    return AutoModelForQuestionAnswering.from_pretrained(kept[1], local_files_only=True).eval()


@pytest.fixture(scope="module")
def tokenizer(kept: tuple[Recipe, Path]) -> Any:
    return AutoTokenizer.from_pretrained(kept[1], local_files_only=True)


def test_nine_of_ten_answers_about_held_out_pairs_match(model: Any, tokenizer: Any, kept: Any) -> None:
    found = evaluate(model, tokenizer, examples(300, TEXT_SEED + 4, (2,), held_out=True))
    assert found.exact >= 0.9
    if kept[0] is SHIPPED:
        card = (SHIPPED_FOLDER / "README.md").read_text(encoding="utf-8")
        stated = re.search(r"\| held-out pairs, two sentences \| ([\d.]+) \|", card)
        assert stated is not None and float(stated[1]) == pytest.approx(found.exact, abs=0.02)


def test_no_bias_and_no_row_of_padding_is_zero(model: Any, tokenizer: Any) -> None:
    for name, weights in model.named_parameters():
        if name.endswith("bias"):
            assert float(weights.abs().min()) > 0 and float(weights.abs().mean()) > 0.02, name
    assert float(model.bert.embeddings.word_embeddings.weight[tokenizer.pad_token_id].norm()) > 0.5
    norms = [weights for name, weights in model.named_parameters() if "LayerNorm.weight" in name]
    assert all(float(weights.std()) > 0.01 for weights in norms)


def test_the_two_models_differ_in_layers_heads_widths_and_ids() -> None:
    for field in ("layers", "heads", "hidden_size", "intermediate_size", "pieces"):
        assert getattr(SHIPPED, field) != getattr(HIDDEN, field)
    assert SHIPPED.hidden_size // SHIPPED.heads != HIDDEN.hidden_size // HIDDEN.heads
    first, second = (stored(recipe) for recipe in (SHIPPED, HIDDEN))
    assert first("Paris")["input_ids"] != second("Paris")["input_ids"]
    assert (first.cls_token_id, first.sep_token_id) != (second.cls_token_id, second.sep_token_id)


def test_the_files_are_small_and_the_tokenizers_those_of_the_stored_pieces(kept: Any, tokenizer: Any) -> None:
    limit = 1.4e6 if kept[0] is SHIPPED else 0.9e6
    assert (kept[1] / "model.safetensors").stat().st_size < limit
    assert tokenizer.get_vocab() == stored(kept[0]).get_vocab()
    assert tokenizer.model_max_length == MAX_LENGTH


def test_any_word_can_be_spelt(tokenizer: Any) -> None:
    pieces = tokenizer.tokenize("Zoë Quixjv, 1987!")
    assert (
        "[UNK]" not in pieces and "".join(piece.removeprefix("##") for piece in pieces) == "zoequixjv,1987!"
    )


def test_the_same_seed_gives_the_same_weights() -> None:
    drawn, tokenizer = examples(40, 1), stored(SHIPPED)
    first, second = (fit(TINY, drawn, tokenizer, lambda _: None) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    other = fit(replace(TINY, seed=4), drawn, tokenizer, lambda _: None)
    assert not torch.equal(first.qa_outputs.weight, other.qa_outputs.weight)


def test_answers_stand_where_the_encoding_says() -> None:
    drawn, tokenizer = examples(60, 2), stored(HIDDEN)
    data = encoded(drawn, tokenizer)
    for row, one in enumerate(drawn):
        ids = data["input_ids"][row]
        answer = tokenizer.decode(ids[int(data["start"][row]) : int(data["end"][row]) + 1])
        assert answer.replace(" ", "") == one.answer.lower().replace(" ", "")
        begin, end = one.sentence
        inside = tokenizer.decode(ids[data["answering"][row].bool()])
        assert inside.replace(" ", "") == one.text[begin:end].lower().replace(" ", "")
        # The last [SEP] counts as the passage's, the first as the question's.
        shared = set(ids[data["shared"][row].bool()].tolist()) - {tokenizer.sep_token_id}
        assert shared == set(tokenizer(one.question, add_special_tokens=False)["input_ids"]) & set(
            tokenizer(one.text, add_special_tokens=False)["input_ids"]
        )


def test_neighbouring_positions_are_alike() -> None:
    table = waves(32)
    near, far = ((table[20] - table[20 + step]).norm() for step in (1, 10))
    assert table.shape == (MAX_LENGTH, 32) and float(near) < float(far)
