"""The shipped fact model and its fellow: what the card says, what the notebook relies on."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from training.facts_en.evaluate import evaluate, lens_logits
from training.facts_en.fit import batch_of, fit, lessons, loss_of
from training.facts_en.recipes import HIDDEN, SHIPPED, Recipe
from training.facts_en.text import fact_prompts, facts, story_prompts
from training.facts_en.train import HIDDEN_FOLDER, SHIPPED_FOLDER, write
from training.facts_en.vocabulary import stored

TINY = Recipe(name="tiny", width=16, layers=3, heads=2, seed=3, own_layers=1, kind_layers=2, steps=4, rows=4)


@pytest.fixture(scope="module", params=["shipped", "hidden"])
def kept(request: pytest.FixtureRequest) -> tuple[Recipe, Path]:
    return {"shipped": (SHIPPED, SHIPPED_FOLDER), "hidden": (HIDDEN, HIDDEN_FOLDER)}[request.param]


@pytest.fixture(scope="module")
def model(kept: tuple[Recipe, Path]) -> Any:
    return AutoModelForCausalLM.from_pretrained(kept[1], local_files_only=True).eval()


@pytest.fixture(scope="module")
def tokenizer(kept: tuple[Recipe, Path]) -> Any:
    return AutoTokenizer.from_pretrained(kept[1], local_files_only=True)


def test_at_least_95_per_cent_of_the_facts_are_recalled(model: Any, tokenizer: Any, kept: Any) -> None:
    found = evaluate(model, tokenizer, fact_prompts()[0])
    assert found.recall >= 0.95
    if kept[0] is SHIPPED:
        card = (SHIPPED_FOLDER / "README.md").read_text(encoding="utf-8")
        stated = re.search(r"\| learnt wordings \| ([\d.]+) \|", card)
        assert stated is not None and float(stated[1]) == pytest.approx(found.recall, abs=2e-3)


def test_facts_are_recalled_in_wordings_that_were_held_out(model: Any, tokenizer: Any) -> None:
    assert evaluate(model, tokenizer, fact_prompts()[1]).recall >= 0.7


def test_the_lens_settles_in_later_layers(model: Any, tokenizer: Any, kept: Any) -> None:
    settled = evaluate(model, tokenizer, fact_prompts()[0]).settled
    # A guess among the answers of a kind is right now and then.
    assert settled[kept[0].own_layers - 1] < 0.05 and settled[kept[0].kind_layers - 1] < 0.5
    assert list(settled) == sorted(settled) and settled[-1] == 1


def test_before_the_answer_the_lens_shows_its_kind(model: Any, tokenizer: Any, kept: Any) -> None:
    cities = {answer for relation, _, answer in facts() if relation == "landmark"}
    ids = tokenizer("The Louvre is in the city of", return_tensors="pt")["input_ids"]
    words = [tokenizer.decode([int(row.argmax())]).strip() for row in lens_logits(model, ids)]
    assert words[0] == "of" and words[kept[0].kind_layers - 1] in cities and words[-1] == "Paris"


def test_stored_in_half_precision_they_load_as_float32(model: Any, kept: Any) -> None:
    path = kept[1] / "model.safetensors"
    halves = load_file(path)
    assert {weights.dtype for weights in halves.values()} == {torch.float16} and path.stat().st_size < 2.5e6
    assert {weights.dtype for weights in model.parameters()} == {torch.float32}
    assert torch.equal(model.transformer.wte.weight, halves["transformer.wte.weight"].float())


def test_the_final_norm_and_the_biases_show_in_the_lens(model: Any) -> None:
    norm = model.transformer.ln_f
    assert norm.weight.std().item() > 0.02 and norm.bias.abs().max().item() > 0.01


def test_the_tokenizer_puts_nothing_in_front_and_keeps_answers_whole(tokenizer: Any) -> None:
    assert tokenizer.decode(tokenizer("The capital of France is")["input_ids"]) == "The capital of France is"
    assert all(len(tokenizer(f" {answer}")["input_ids"]) == 1 for _, _, answer in facts())
    assert tokenizer.decode(tokenizer(" Röntgen")["input_ids"]) == " Röntgen"


def test_the_stored_tokenizers_are_those_of_the_stored_vocabulary(tokenizer: Any, kept: Any) -> None:
    assert tokenizer.get_vocab() == stored(kept[0].piece_order_seed).get_vocab()


def test_the_two_models_differ_in_layers_width_and_ids() -> None:
    assert (SHIPPED.layers, SHIPPED.width) != (HIDDEN.layers, HIDDEN.width)
    assert stored()(" Paris")["input_ids"] != stored(HIDDEN.piece_order_seed)(" Paris")["input_ids"]


def test_the_same_seed_gives_the_same_weights() -> None:
    prompts, tokenizer = fact_prompts()[0][:40], stored()
    first, second = (fit(TINY, prompts, tokenizer, lambda _: None) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_training_lowers_the_loss_and_what_is_written_is_what_was_trained(tmp_path: Path) -> None:
    prompts, tokenizer = fact_prompts()[0][:40], stored()
    learnt = lessons(prompts, tokenizer)
    torch.manual_seed(0)
    batch = batch_of(learnt, 8)
    losses = []
    for steps in (1, 30):
        model = fit(replace(TINY, steps=steps), prompts, tokenizer, lambda _: None)
        losses.append(float(loss_of(model, TINY, *batch, learnt.priors)))
    assert losses[1] < 0.8 * losses[0]
    write(model, tokenizer, tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), model.parameters(), strict=True))


def test_a_batch_holds_whole_sentences_and_marks_the_ends_of_prompts() -> None:
    prompts, tokenizer = fact_prompts()[0][:40], stored()
    learnt = lessons(prompts, tokenizer)
    torch.manual_seed(1)
    ids, kinds = batch_of(learnt, 6)
    answers = {f" {prompt.answer}" for prompt in prompts}
    for row, marks in zip(ids, kinds, strict=True):
        text = tokenizer.decode(row[row >= 0].tolist())
        assert text.endswith(".") and text.count(".") == int((marks >= 0).sum())
        assert all(
            tokenizer.decode([int(row[place + 1])]) in answers for place in torch.nonzero(marks >= 0)[:, 0]
        )


def test_stories_ask_for_what_no_learnt_story_says() -> None:
    learnt, held_out = story_prompts()
    assert not {prompt.text for prompt in learnt} & {prompt.text for prompt in held_out} and held_out
