import pytest
import torch
from captum.attr import LayerIntegratedGradients
from captum.attr._utils.approximation_methods import approximation_parameters
from torch import nn

from autograder.attribution.quadrature import (
    captum_trapezoid,
    gauss_legendre,
    gauss_legendre_unmapped,
    integrate_gradients,
    riemann_left,
    riemann_middle,
    riemann_right,
    trapezoid,
)

CAPTUM = {
    "gausslegendre": gauss_legendre,
    "riemann_left": riemann_left,
    "riemann_right": riemann_right,
    "riemann_middle": riemann_middle,
    "riemann_trapezoid": captum_trapezoid,
}


def integral(rule, function):
    return sum(weight * function(node) for node, weight in zip(rule.nodes, rule.weights, strict=True))


@pytest.mark.parametrize("method", CAPTUM)
def test_rules_are_those_of_captum(method):
    weights, nodes = approximation_parameters(method)
    rule = CAPTUM[method](50)
    assert rule.nodes == pytest.approx(nodes(50), abs=1e-6)
    assert rule.weights == pytest.approx(weights(50), abs=1e-6)


def test_gauss_legendre_is_exact_for_polynomials():
    assert integral(gauss_legendre(4), lambda x: 8 * x**7) == pytest.approx(1, abs=1e-12)


def test_unmapped_nodes_integrate_from_minus_one():
    whole, halved = (gauss_legendre_unmapped(4, halved=halved) for halved in (False, True))
    assert integral(whole, lambda x: 3 * x**2 + x) == pytest.approx(2, abs=1e-12)
    assert integral(halved, lambda x: 3 * x**2 + x) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("make", [riemann_left, riemann_right, riemann_middle, trapezoid, gauss_legendre])
def test_rules_converge_on_a_smooth_function(make):
    assert integral(make(2000), lambda x: 3 * x**2) == pytest.approx(1, abs=1e-3)


def test_captums_trapezoid_is_low_by_one_step():
    assert sum(captum_trapezoid(50).weights) == pytest.approx(49 / 50)


class Small(nn.Module):
    """Token ids, an embedding, an encoder with a kink, two scores."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 6)
        self.mix = nn.Linear(6, 12)
        self.out = nn.Linear(12, 2)

    def forward(self, ids):
        return self.out(torch.relu(self.mix(self.embedding(ids)).mean(dim=1)) ** 2)


@pytest.fixture
def small():
    torch.manual_seed(5)
    return Small().eval()


INPUTS = torch.tensor([[1, 2, 3, 4], [9, 8, 7, 6], [11, 12, 13, 5]])
BASELINES = torch.tensor([[1, 0, 0, 4], [9, 0, 0, 6], [11, 0, 0, 5]])


def forward_of(model, targets):
    return lambda ids, rows: model(ids).gather(1, targets[rows][:, None])[:, 0]


@pytest.mark.parametrize("method", CAPTUM)
def test_integrals_are_those_of_captum(small, method):
    targets = torch.tensor([0, 1, 0])
    rule = CAPTUM[method](20)
    (actual,) = integrate_gradients(forward_of(small, targets), small.embedding, INPUTS, BASELINES, [rule])
    explainer = LayerIntegratedGradients(small, small.embedding)
    expected = explainer.attribute(INPUTS, baselines=BASELINES, target=targets, n_steps=20, method=method)
    assert torch.allclose(actual, expected.detach(), rtol=1e-4, atol=1e-6)


def test_rules_together_give_what_each_gives_alone(small):
    targets = torch.tensor([1, 1, 0])
    rules = [gauss_legendre(7), riemann_left(10), riemann_right(10), trapezoid(11)]
    forward = forward_of(small, targets)
    together = integrate_gradients(forward, small.embedding, INPUTS, BASELINES, rules)
    for rule, actual in zip(rules, together, strict=True):
        (alone,) = integrate_gradients(forward, small.embedding, INPUTS, BASELINES, [rule])
        assert torch.allclose(actual, alone, rtol=1e-5, atol=1e-7)


def test_nodes_that_rules_share_are_evaluated_once(small):
    rows = []

    def forward(ids, numbers):
        rows.append(len(ids))
        return small(ids)[:, 0]

    rules = [riemann_left(10), riemann_right(10), trapezoid(11)]
    integrate_gradients(forward, small.embedding, INPUTS, BASELINES, rules)
    # The two ends of the path, then the eleven nodes.
    assert sum(rows) == 2 * 3 + 11 * 3


def test_no_hook_stays_and_no_weight_gets_a_gradient(small):
    integrate_gradients(
        lambda ids, rows: small(ids)[:, 0], small.embedding, INPUTS, BASELINES, [riemann_left(3)]
    )
    assert not small.embedding._forward_hooks
    assert all(weight.grad is None for weight in small.parameters())


def test_the_hook_goes_when_the_forward_raises(small):
    def fail(ids, rows):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        integrate_gradients(fail, small.embedding, INPUTS, BASELINES, [riemann_left(3)])
    assert not small.embedding._forward_hooks
