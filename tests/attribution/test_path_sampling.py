"""Every rule from one sampled integrand, on a path with jumps."""

import pytest
import torch
from torch import nn

from autograder.attribution.path_sampling import integrate_samples, sample_integrands
from autograder.attribution.quadrature import (
    captum_trapezoid,
    gauss_legendre,
    integrate_gradients,
    riemann_left,
    riemann_middle,
    riemann_right,
    trapezoid,
)

RULES = [
    *(gauss_legendre(50), riemann_left(50), riemann_right(71), riemann_middle(83)),
    *(trapezoid(51), captum_trapezoid(64), gauss_legendre(170)),
]


@pytest.fixture(scope="module")
def path():
    generator = torch.Generator().manual_seed(3)
    embed = nn.Embedding(20, 6)
    head = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 1))
    with torch.no_grad():
        for weights in [*embed.parameters(), *head.parameters()]:
            weights.copy_(torch.randn(weights.shape, generator=generator))
    inputs, baselines = torch.randint(1, 20, (2, 7), generator=generator), torch.zeros(2, 7, dtype=torch.long)
    return (lambda ids, rows: head(embed(ids).mean(dim=1))[:, 0]), embed, inputs, baselines


@pytest.mark.parametrize("number", range(len(RULES)))
def test_a_rule_on_the_samples_gives_what_it_gives_on_the_path(path, number):
    (exact,) = integrate_gradients(*path, [RULES[number]])
    for row, (places, values) in enumerate(sample_integrands(*path)):
        (found,) = integrate_samples(places, values, [RULES[number]])
        expected = exact[row].sum(dim=-1).double()
        assert float((found - expected).norm() / expected.norm()) < 1e-3


def test_jumps_are_found(path):
    for places, _ in sample_integrands(*path):
        assert bool((places.diff() > 0).all())
        assert float(places.diff().min()) < 1e-5


def test_the_integral_itself_adds_up_to_the_difference(path):
    forward, _, inputs, baselines = path
    with torch.no_grad():
        difference = forward(inputs, None) - forward(baselines, None)
    for row, (places, values) in enumerate(sample_integrands(*path)):
        (found,) = integrate_samples(places, values, [trapezoid(20001)])
        assert float(found.sum()) == pytest.approx(float(difference[row]), rel=1e-4)
