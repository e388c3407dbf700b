"""Every known mistake is told from the reference and from every other mistake, on what the checks ask."""

import random
from itertools import combinations

import pytest
import torch

from autograder.comparison.tensors import as_tensor, distance

TASKS = (
    "predict_answer",
    "build_inputs",
    "embedding_attributions",
    "subembedding_attributions",
    "top_tokens",
    "layer_conductance",
    "attribution_entropy",
)
ANSWER, INPUTS, EMBEDDINGS, PARTS, TOP, CONDUCTANCE, ENTROPY = TASKS
SLOW = {EMBEDDINGS: "attributions", PARTS: "parts", CONDUCTANCE: "conductance"}


def of_task(setting, task):
    return [known for known in setting.misconceptions if known.task == task]


CORNERS = {
    ANSWER: ("pieces_joined",),
    INPUTS: ("unknown_kept", "mask_kept", "all_special_kept"),
    TOP: ("ties_from_behind", "ties_by_alphabet"),
}


@pytest.mark.long
@pytest.mark.parametrize("task", TASKS)
def test_every_mistake_loses_points_and_is_named(setting, task):
    for known in of_task(setting, task):
        results = setting.mistaken(known)
        named = {result.diagnosis.misconception for result in results.values() if result.diagnosis}
        # What is wrong in a corner alone loses that corner's half point.
        lost = setting.possible(task) - setting.points(task, results)
        assert lost >= (0.5 if known.id in CORNERS.get(task, ()) else 2.5), known.id
        assert named == {known.id}, known.id
        assert not any(result.fault for result in results.values()), known.id


def as_items(answer):
    return torch.cat(list(answer.values())) if isinstance(answer, dict) else as_tensor(answer)


@pytest.mark.long
@pytest.mark.parametrize("task", SLOW)
def test_mistakes_with_a_path_are_told_apart_on_what_everyone_is_asked(setting, task):
    farthest: dict[tuple[str, str], float] = {}
    for loaded in setting.models:
        for row in setting.checks.pool(setting.assignment):
            if (row.model, row.function, row.asked) == (loaded.spec.role, task, "everyone"):
                inputs = setting.checks.inputs_of(setting.reference, loaded, row)
                asked = (setting.reference, loaded.model, inputs, row.position)
                results = {known.id: as_items(known.run(*asked)) for known in of_task(setting, task)}
                results["the reference"] = as_items(getattr(setting.reference, task)(*asked[1:]))
                for pair in combinations(results, 2):
                    off = distance(*(results[name] for name in pair), "relative_l2")
                    farthest[pair] = max(farthest.get(pair, 0.0), off)
    near = {pair: off for pair, off in farthest.items() if off <= 3 * setting.tolerances[SLOW[task]].tau}
    assert not near


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("gaps", [False, True])
def test_made_up_scores_show_every_mistake_with_the_entropy(setting, seed, gaps):
    checks, reference, rng = setting.checks, setting.reference, random.Random(seed)
    farthest: dict[tuple[str, str], float] = {}
    for bins in rng.sample(checks.BINS[:3], 3):
        scores = checks.spread(rng, 3, 60, bins, gaps=gaps)
        counts = [torch.histc(row, bins=bins) for row in scores]
        assert all(bool((one == 0).any()) == gaps for one in counts)
        answers = {known.id: known.run(reference, scores, bins) for known in of_task(setting, ENTROPY)}
        answers["the reference"] = reference.attribution_entropy(scores, bins)
        for pair in combinations(answers, 2):
            off = distance(*(answers[name] for name in pair), "relative_l2", 0)
            farthest[pair] = max(farthest.get(pair, 0.0), off)
    near = {pair: off for pair, off in farthest.items() if off <= 3 * setting.tolerances["entropy"].tau}
    assert not near


def test_real_scores_fill_every_bin_and_lie_off_the_edges(setting):
    for loaded in setting.models:
        found = list(setting.checks.real_scores(setting.reference, loaded, setting.assignment))
        assert len(found) == 2
        for scores, bins in found:
            assert scores.shape == (loaded.model.config.num_hidden_layers, loaded.model.config.hidden_size)
            assert all(torch.histc(row, bins=bins).all() for row in scores)
            exact, rough = (
                setting.reference.attribution_entropy(one, bins) for one in (scores, scores.half().float())
            )
            assert torch.equal(exact, rough)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("tied", [False, True])
def test_made_up_lists_show_every_mistake(setting, seed, tied):
    checks, reference = setting.checks, setting.reference
    scores, tokens = checks.listed(random.Random(seed), 14, tied=tied)
    asked = [known for known in of_task(setting, TOP) if tied or not known.id.startswith("ties_")]
    answers = [checks.plain_top(reference.top_tokens(scores, tokens, 5))]
    answers += [checks.plain_top(known.run(reference, scores, tokens, 5)) for known in asked]
    assert all(one != other for one, other in combinations(answers, 2))
    assert (len(scores.unique()) == 14) != tied


def test_odd_texts_show_every_mistake_with_the_inputs(setting):
    checks, reference = setting.checks, setting.reference
    for loaded in setting.models:
        for question, plain in checks.ODD_TEXTS:
            tokenizer, text = loaded.tokenizer, checks.with_foreign_ids(loaded.tokenizer, plain)
            answers = {
                known.id: checks.plain_inputs(known.run(reference, tokenizer, question, text))
                for known in of_task(setting, INPUTS)
            }
            answers["the reference"] = checks.plain_inputs(reference.build_inputs(tokenizer, question, text))
            if loaded is setting.models[0]:
                del answers["shipped_ids"]  # right for this vocabulary
            for one, other in combinations(answers, 2):
                assert answers[one] != answers[other], (one, other, question)


def test_hints_do_not_give_the_title_away(setting):
    for known in setting.misconceptions:
        assert known.hint != known.title and len(known.hint) > 30, known.id


def test_ids_of_mistakes_are_unique(setting):
    ids = [known.id for known in setting.misconceptions]
    assert len(ids) == len(set(ids))
