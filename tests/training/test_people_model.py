"""The shipped model of people and reviews and its fellow: what the card says, what the notebook relies on."""

import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from training.people_en.evaluate import evaluate
from training.people_en.fit import IGNORED, batch_of, fit, loss_of
from training.people_en.recipes import HIDDEN, SHIPPED, Recipe
from training.people_en.text import label_pairs, people_pairs, review_pairs
from training.people_en.train import HIDDEN_FOLDER, PAIRS, PAIRS_SEED, SHIPPED_FOLDER, write
from training.people_en.vocabulary import stored

TINY = replace(SHIPPED, name="tiny", width=16, inner=24, layers=2, heads=2, groups=1, steps=4, rows=4)


@pytest.fixture(scope="module", params=["shipped", "hidden"])
def kept(request: pytest.FixtureRequest) -> tuple[Recipe, Path]:
    return {"shipped": (SHIPPED, SHIPPED_FOLDER), "hidden": (HIDDEN, HIDDEN_FOLDER)}[request.param]


@pytest.fixture(scope="module")
def model(kept: tuple[Recipe, Path]) -> Any:
    return AutoModelForCausalLM.from_pretrained(kept[1], local_files_only=True).eval()


@pytest.fixture(scope="module")
def tokenizer(kept: tuple[Recipe, Path]) -> Any:
    return AutoTokenizer.from_pretrained(kept[1], local_files_only=True)


@pytest.mark.parametrize(
    ("pairs", "row"),
    [(people_pairs, "pastimes"), (review_pairs, "right or opposite"), (label_pairs, "label in")],
)
def test_the_plausible_end_is_preferred(model: Any, tokenizer: Any, kept: Any, pairs: Any, row: str) -> None:
    found = evaluate(model, tokenizer, pairs(PAIRS, PAIRS_SEED)[:60])
    assert found.preferred >= 0.95
    if kept[0] is SHIPPED:
        card = (SHIPPED_FOLDER / "README.md").read_text(encoding="utf-8")
        stated = re.search(rf"\| {row}[^|]*\| ([\d.]+) \|", card)
        # The card's figure is of all pairs, this one of the first ones.
        assert stated is not None and float(stated[1]) >= 0.95


def test_stored_in_half_precision_they_load_as_float32(model: Any, kept: Any) -> None:
    path = kept[1] / "model.safetensors"
    halves = load_file(path)
    limit = 1.4e6 if kept[0] is SHIPPED else 0.8e6
    assert {weights.dtype for weights in halves.values()} == {torch.float16}
    assert path.stat().st_size < limit
    assert {weights.dtype for weights in model.parameters()} == {torch.float32}


def test_norms_and_the_row_of_id_0_are_trained(model: Any) -> None:
    norms = [weights for name, weights in model.named_parameters() if "norm" in name]
    assert all(weights.std().item() > 0.05 for weights in norms)
    rows = model.get_input_embeddings().weight.norm(dim=-1)
    assert float(rows[0]) > 0.2 * float(rows.mean())


def test_the_models_differ_in_sizes_groups_and_tokenizer() -> None:
    for field in ("width", "inner", "heads", "groups", "vocabulary"):
        assert getattr(SHIPPED, field) != getattr(HIDDEN, field)
    first, second = stored("with_bos"), stored("without_bos")
    assert first("Nora")["input_ids"][0] == first.bos_token_id
    assert second("Nora")["input_ids"][0] != second.bos_token_id is not None
    assert first.tokenize(" go surfing") != second.tokenize(" go surfing")


def test_the_stored_tokenizers_are_those_of_the_stored_vocabulary(tokenizer: Any, kept: Any) -> None:
    assert tokenizer.get_vocab() == stored(kept[0].vocabulary).get_vocab()
    text = "Nora lives in Faro."
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_the_same_seed_gives_the_same_weights() -> None:
    tokenizer = stored(TINY.vocabulary)
    first, second = (fit(TINY, tokenizer, lambda _: None) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_training_lowers_the_loss_and_what_is_written_is_what_was_trained(tmp_path: Path) -> None:
    tokenizer = stored(TINY.vocabulary)
    batch = batch_of(TINY, tokenizer, random.Random(0))
    losses = []
    for steps in (1, 30):
        model = fit(replace(TINY, steps=steps), tokenizer, lambda _: None)
        losses.append(float(loss_of(model, *batch)))
    assert losses[1] < 0.9 * losses[0]
    write(model, tokenizer, tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), model.parameters(), strict=True))


def test_a_batch_holds_whole_texts_with_gaps_in_what_is_read_alone() -> None:
    tokenizer = stored(SHIPPED.vocabulary)
    read, wanted, asked = batch_of(SHIPPED, tokenizer, random.Random(1))
    assert read.shape == wanted.shape == asked.shape == (SHIPPED.rows, SHIPPED.window)
    there = wanted != IGNORED
    assert bool((wanted[:, 0] == tokenizer.bos_token_id).all())
    assert bool((read[there] == wanted[there])[read[there] != 0].all())
    assert 0.02 < float((read[there] == 0).double().mean()) < 0.15
    for row, marks in zip(wanted, asked, strict=True):
        text = tokenizer.decode(row[row != IGNORED][1:].tolist())
        assert text.endswith(".") and bool(marks.any())
