"""Whole gradings of a method of one's own, simulated: which sentences are drawn decides nothing.

Each method ranks every sentence once. All gradings share the sentences that everybody is asked; a simulated grading
draws the others, which decide only whether the method does far worse on them.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from autograder.attribution import faithfulness
from autograder.authoring.verify.false_verdicts import Simulation
from autograder.checks.course_context import Course

TASK = "my_attribution"

Batch = dict[str, Tensor]
Method = Callable[[Course, Batch], Tensor]
"""Ranks the tokens of a batch on the shipped model; returns (batch, token)."""


def percentiles(course: Course, checks: ModuleType, method: Method) -> dict[str, float]:
    """Return the percentile of a method's ranking among random ones, by the id of the pool's sentences."""
    model, tokenizer = course.models[0].model, course.models[0].tokenizer
    stored = checks.stored_chances(course.assignment, course.models[0])
    pool = [one for one in checks.pool(course.assignment) if not stored or one.id in stored]
    found = {}
    for start in range(0, len(pool), checks.AT_A_TIME):
        sentences = pool[start : start + checks.AT_A_TIME]
        batch = checks.batch_of(sentences, tokenizer)
        ids = batch["input_ids"]
        scores = method(course, batch)
        rankings = [
            checks.rankings_of([float(row[place]) for place in checks.inner_places(row_ids, tokenizer)], one)
            for one, row, row_ids in zip(sentences, scores.double(), ids, strict=True)
        ]
        chances = (
            [stored[one.id] for one in sentences] if stored else checks.chances_of(ids, model, tokenizer)
        )
        values = faithfulness.values_of(
            checks.left_over(model, tokenizer, ids), [faithfulness.subsets_needed(some) for some in rankings]
        )
        for one, some, known, by_chance in zip(sentences, rankings, values, chances, strict=True):
            found[one.id] = faithfulness.mean_percentile([some], [known], [by_chance])
    return found


def missed(
    method: Method,
    course: Course,
    checks: ModuleType,
    gradings: int,
    seed: int,
    *,
    knows: Method | None = None,
) -> int:
    """Return in how many simulated gradings a method counts as one that knows the sentences that everybody is asked.

    Args:
        method: Ranks the sentences.
        course: The assignment, loaded.
        checks: Its checks.
        gradings: How many.
        seed: Of the draws.
        knows: Ranks the sentences that everybody is asked, instead: stored answers.
    """
    everybodys, _ = checks.chosen_sentences(course.assignment, course.models[0], random.Random(seed))
    shared = {one.id for one in everybodys}
    each = percentiles(course, checks, method)
    known = each if knows is None else percentiles(course, checks, knows)
    mean = statistics.fmean(known[key] for key in shared)
    others = torch.tensor([value for key, value in each.items() if key not in shared], dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    found = 0
    for start in range(0, gradings, 1000):  # a few megabytes at a time
        rows = min(1000, gradings - start)
        drawn = torch.rand((rows, len(others)), generator=generator).argsort(dim=1)
        means = others[drawn[:, : checks.OWN_SENTENCES]].mean(dim=1)
        found += int((means < mean - checks.ALLOWANCE).sum())
    return found


def logits_of(model: Any, batch: Batch) -> Tensor:
    """Return the model's logits, shape (batch, label)."""
    logits: Tensor = model({name: batch[name] for name in ("input_ids", "attention_mask")})
    return logits


def gradient_times_input(course: Course, batch: Batch) -> Tensor:
    """The gradient of the predicted class's logit by the embeddings, times these, summed over the hidden dimension."""
    model = course.models[0].model
    kept = {}

    def keep(module: Any, arguments: Any, output: Tensor) -> Tensor:
        kept["vectors"] = output.detach().requires_grad_()
        return kept["vectors"]

    handle = model.embedding_model.embeddings.register_forward_hook(keep)
    try:
        logits = logits_of(model, batch)
    finally:
        handle.remove()
    (gradient,) = torch.autograd.grad(logits.max(dim=1).values.sum(), kept["vectors"])
    return (gradient * kept["vectors"]).sum(dim=-1).detach()


def occlusion(course: Course, batch: Batch) -> Tensor:
    """How far the predicted class's probability falls without each token."""
    model, tokenizer = course.models[0].model, course.models[0].tokenizer
    ids, mask = batch["input_ids"], batch["attention_mask"]
    scores = torch.zeros(ids.shape)
    with torch.no_grad():
        full = logits_of(model, batch).softmax(dim=-1)
        best = full.argmax(dim=-1, keepdim=True)
        for place in range(ids.shape[1]):
            here = torch.arange(ids.shape[1]) == place
            less = {
                "input_ids": ids.masked_fill(here, tokenizer.pad_token_id),
                "attention_mask": mask.masked_fill(here, 0),
            }
            scores[:, place] = (full - logits_of(model, less).softmax(dim=-1)).gather(1, best)[:, 0]
    return scores


def integrated_gradients(course: Course, batch: Batch) -> Tensor:
    """The reference's."""
    model, tokenizer = course.models[0].model, course.models[0].tokenizer
    attributions: Tensor = course.reference.module.compute_feature_attribution_scores(
        batch, model, tokenizer
    )[0]
    return attributions


def at_random(course: Course, batch: Batch) -> Tensor:
    """Numbers that have nothing to do with the model."""
    generator = torch.Generator().manual_seed(int(batch["input_ids"].sum()))
    return torch.rand(batch["input_ids"].shape, generator=generator)


SIMULATIONS = (
    Simulation(task=TASK, title="gradient x input", run=partial(missed, gradient_times_input)),
    Simulation(task=TASK, title="occlusion", run=partial(missed, occlusion)),
    Simulation(task=TASK, title="integrated gradients", run=partial(missed, integrated_gradients)),
    Simulation(task=TASK, title="numbers at random", run=partial(missed, at_random)),
    Simulation(
        task=TASK,
        title="stored rankings of everybody's sentences, numbers at random on others",
        run=partial(missed, at_random, knows=integrated_gradients),
        right=False,
    ),
)
