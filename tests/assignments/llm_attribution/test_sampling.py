"""Whole gradings of sampled Shapley values, simulated: luck decides nothing, mistakes show."""

import pytest
import torch

from autograder.authoring.verify.false_verdicts import FalseVerdicts, measure_false_verdicts, simulations_of
from autograder.checks.course_context import load_course
from autograder.course.assignment import load_assignment, load_module

from ..setting import ROOT

SLUG = "llm_attribution"
GRADINGS = 2500
NOTEBOOK = 50


@pytest.fixture(scope="module")
def assignment():
    return load_assignment(ROOT, SLUG)


@pytest.fixture(scope="module")
def luck(assignment):
    """The module with the simulations."""
    simulations_of(assignment)
    return load_module(assignment.verification_dir / "luck.py", f"luck_{SLUG}")


@pytest.mark.long
def test_luck_decides_no_grading_of_the_smallest_samples(assignment):
    found = list(measure_false_verdicts(assignment, GRADINGS, seed=40))
    assert {one.simulation.right for one in found} == {True, False} and len(found) >= 7
    assert [one.reason for one in found if not one.good] == []


@pytest.mark.long
@pytest.mark.parametrize("sampler", ["permutations", "antithetic", "stratified", "all_orders"])
def test_no_right_sampler_fails_at_the_notebooks_count(assignment, luck, setting, sampler):
    course = load_course(assignment)
    failed = luck.lost(getattr(luck, sampler), course, setting.checks, GRADINGS, 50, NOTEBOOK)
    simulation = simulations_of(assignment)[0]
    assert FalseVerdicts(simulation=simulation, gradings=GRADINGS, count=failed).good


def test_contributions_of_an_order_add_up_to_the_whole(luck):
    worth = torch.arange(8, dtype=torch.float64).square()
    orders = luck.shuffled((50, 3), 3, torch.Generator().manual_seed(1))
    assert torch.equal(luck.marginals(worth, orders).sum(dim=-1), worth[-1].expand(50, 3) - worth[0])


def test_all_orders_give_the_exact_values(setting, luck):
    worth = torch.rand(16, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    exact = [
        float((v * p).sum()) for v, p in (setting.checks.contributions(worth.tolist(), g) for g in range(4))
    ]
    assert luck.all_orders(worth, 0, 2, torch.Generator())[1].tolist() == pytest.approx(exact)
