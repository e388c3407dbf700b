"""Whole gradings of sampled Shapley values, simulated on the games' values: luck decides nothing, mistakes show.

A grading asks four inputs, two a model; every group's estimate must lie within its allowance, and the estimates must
add up. The games are those of the pool; only the draws are made anew in each simulated grading, and the sample is as
small as the check's smallest.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType

import torch
from torch import Tensor

from autograder.authoring.verify.false_verdicts import Simulation
from autograder.checks.course_context import Course

TASK = "shapley_sampled"

Sampler = Callable[[Tensor, int, int, torch.Generator], Tensor]
"""Takes each coalition's worth, the number of draws, of gradings, and what draws; returns (grading, group)."""


def games(course: Course, checks: ModuleType) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield four (worth of each coalition, exact values), two a model, float64."""
    for loaded in course.models:
        for filling in checks.pool(course.assignment)[1][1:9:5]:
            worth = checks.worths(loaded.model, loaded.tokenizer, *filling.arguments)
            groups = max(filling.mask) + 1
            exact = [float((v * p).sum()) for v, p in (checks.contributions(worth, g) for g in range(groups))]
            yield torch.tensor(worth, dtype=torch.float64), torch.tensor(exact, dtype=torch.float64)


def allowances(checks: ModuleType, worth: Tensor, count: int) -> Tensor:
    """Return how far each group's estimate may lie from its exact value, shape (group,)."""
    groups = len(worth).bit_length() - 1
    chance = checks.CHANCE / checks.CASES / groups
    each = [checks.contributions(worth.tolist(), group) for group in range(groups)]
    return torch.tensor([checks.sampling_bound(*one, count, chance) for one in each], dtype=torch.float64)


def lost(
    sampler: Sampler, course: Course, checks: ModuleType, gradings: int, seed: int, count: int = 0
) -> int:
    """Return in how many gradings some estimate lies outside its allowance, or the sum is off.

    Args:
        sampler: The program.
        course: With the models.
        checks: The module of the checks.
        gradings: How many.
        seed: Of the draws.
        count: Draws an estimate; 0: the smallest that the check asks for.
    """
    count = count or min(checks.SAMPLE_COUNTS)
    generator = torch.Generator().manual_seed(seed)
    failed = torch.zeros(gradings, dtype=torch.bool)
    slack, efficient = course.tolerances["shapley"].tau, course.tolerances["efficiency"].tau
    for worth, exact in games(course, checks):
        got = sampler(worth, count, gradings, generator)
        allowed = allowances(checks, worth, count) + slack * exact.norm()
        off = (got.sum(dim=-1) - (worth[-1] - worth[0])).abs() / got.abs().sum(dim=-1)
        failed |= ((got - exact).abs() > allowed).any(dim=-1) | (off > efficient)
    return int(failed.sum())


def groups_of(worth: Tensor) -> int:
    """Return the number of groups of a game."""
    return len(worth).bit_length() - 1


def marginals(worth: Tensor, orders: Tensor) -> Tensor:
    """Return each group's contribution in each order, shape (..., group), from orders (..., place)."""
    after = worth[(1 << orders).cumsum(dim=-1)]
    empty = worth[0].expand(*after.shape[:-1], 1)
    before = torch.cat([empty, after[..., :-1]], dim=-1)
    return torch.zeros_like(after).scatter(-1, orders, after - before)


def shuffled(shape: tuple[int, ...], groups: int, generator: torch.Generator) -> Tensor:
    """Return random orders of the groups, shape (*shape, place)."""
    return torch.rand((*shape, groups), generator=generator).argsort(dim=-1)


def permutations(worth: Tensor, count: int, gradings: int, generator: torch.Generator) -> Tensor:
    """Each order drawn by itself."""
    return marginals(worth, shuffled((gradings, count), groups_of(worth), generator)).mean(dim=1)


def antithetic(worth: Tensor, count: int, gradings: int, generator: torch.Generator) -> Tensor:
    """Each order once forwards and once backwards."""
    orders = shuffled((gradings, count // 2), groups_of(worth), generator)
    return marginals(worth, torch.cat([orders, orders.flip(-1)], dim=1)).mean(dim=1)


def stratified(worth: Tensor, count: int, gradings: int, generator: torch.Generator) -> Tensor:
    """Every group stands at each place equally often: orders are turned round in a circle."""
    groups = groups_of(worth)
    turns = [shuffled((gradings, math.ceil(count / groups)), groups, generator)]
    turns += [turns[0].roll(step, dims=-1) for step in range(1, groups)]
    return marginals(worth, torch.cat(turns, dim=1)[:, :count]).mean(dim=1)


def all_orders(worth: Tensor, count: int, gradings: int, generator: torch.Generator) -> Tensor:
    """Every order once: the exact values."""
    every = torch.tensor(list(itertools.permutations(range(groups_of(worth)))))
    return marginals(worth, every).mean(dim=0).expand(gradings, -1)


def one_order(worth: Tensor, count: int, gradings: int, generator: torch.Generator) -> Tensor:
    """One order, drawn once."""
    return marginals(worth, shuffled((gradings, 1), groups_of(worth), generator)).mean(dim=1)


def reading_order(worth: Tensor, count: int, gradings: int, generator: torch.Generator) -> Tensor:
    """The groups as they stand in the text."""
    return marginals(worth, torch.arange(groups_of(worth))).expand(gradings, -1)


def leave_one_out(worth: Tensor, count: int, gradings: int, generator: torch.Generator) -> Tensor:
    """Each group's absence alone."""
    full = len(worth) - 1
    scores = [worth[full] - worth[full ^ 1 << group] for group in range(groups_of(worth))]
    return torch.stack(scores).expand(gradings, -1)


def any_coalition(worth: Tensor, count: int, gradings: int, generator: torch.Generator) -> Tensor:
    """Each coalition as likely as any other: Banzhaf's values."""
    found = []
    for group in range(groups_of(worth)):
        chosen = torch.randint(len(worth), (gradings, count), generator=generator) & ~(1 << group)
        found.append((worth[chosen | 1 << group] - worth[chosen]).mean(dim=1))
    return torch.stack(found, dim=-1)


SIMULATIONS = (
    Simulation(task=TASK, title="orders drawn one by one", run=partial(lost, permutations)),
    Simulation(task=TASK, title="each order drawn forwards and backwards", run=partial(lost, antithetic)),
    Simulation(task=TASK, title="every group at each place equally often", run=partial(lost, stratified)),
    Simulation(task=TASK, title="one order for all", run=partial(lost, one_order), right=False),
    Simulation(task=TASK, title="the groups in reading order", run=partial(lost, reading_order), right=False),
    Simulation(task=TASK, title="each group left out alone", run=partial(lost, leave_one_out), right=False),
    Simulation(
        task=TASK, title="all coalitions equally likely", run=partial(lost, any_coalition), right=False
    ),
)
