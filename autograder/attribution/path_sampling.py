"""An integrand sampled so closely that every rule on it is arithmetic.

Where the head of a model has kinks (ReLU) the gradient along a path jumps, and rules differ by per cents. An answer by
an unknown number of steps is then compared with all of them at once: the path is sampled evenly, every jump is found by
bisection, and a rule's nodes lie on the lines between the samples.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from autograder.attribution.quadrature import Forward, Rule, gradients_along, layer_output

CELLS = 300
"""Even steps to begin with: the nodes of 50, 60, 75, 100, 150 and 300 steps lie among the samples."""

HALVINGS = 10
"""A jump is placed within 1 / (CELLS 2^HALVINGS) of the path."""

JUMP = 0.02
"""A step across a cell counts as a jump if it differs from its neighbours' by this share of the integral's size: one
node out of fifty that falls beside it is then off by less than 4e-4 of the whole."""


def sample_integrands(
    forward: Forward, layer: nn.Module, inputs: Tensor, baselines: Tensor
) -> list[tuple[Tensor, Tensor]]:
    """Sample (x - x') times the gradient at a layer's output, summed over its last axis, along each row's path.

    Args:
        forward: As for `quadrature.integrate_gradients`.
        layer: Its output, shape (row, token, hidden), is what the path runs through.
        inputs: What the layer sees at the path's end, shape (batch, token).
        baselines: What it sees at the start, the same shape.

    Returns:
        For each row the places (node,), ascending from 0 to 1, and the values (node, token), float64.
    """
    found = []
    for number in range(len(inputs)):
        mine = slice(number, number + 1)

        def of_row(points: Tensor, rows: Tensor, number: int = number) -> Tensor:
            return forward(points, rows + number)

        row = torch.zeros(1, dtype=torch.long, device=inputs.device)
        end = layer_output(of_row, layer, inputs[mine], row)
        start = layer_output(of_row, layer, baselines[mine], row)
        sampler = _Sampler(of_row, layer, inputs[mine], start, end)
        found.append(_sampled(sampler))
    return found


def integrate_samples(places: Tensor, values: Tensor, rules: Sequence[Rule]) -> Tensor:
    """Apply rules to a sampled integrand.

    Args:
        places: Shape (node,), from `sample_integrands`.
        values: Shape (node, token).
        rules: What to integrate by.

    Returns:
        Shape (rule, token), float64.
    """
    counts = torch.tensor([len(rule.nodes) for rule in rules])
    owners = torch.arange(len(rules)).repeat_interleave(counts)
    nodes = torch.tensor([node for rule in rules for node in rule.nodes], dtype=torch.float64)
    weights = torch.tensor([weight for rule in rules for weight in rule.weights], dtype=torch.float64)
    left = (torch.searchsorted(places, nodes) - 1).clamp(0, len(places) - 2)
    share = (nodes - places[left]) / (places[left + 1] - places[left])
    onto = torch.zeros(len(rules), len(places), dtype=torch.float64)
    onto.index_put_((owners, left), weights * (1 - share), accumulate=True)
    onto.index_put_((owners, left + 1), weights * share, accumulate=True)
    return onto @ values


class _Sampler:
    """Evaluates the integrand of one row."""

    def __init__(
        self, forward: Forward, layer: nn.Module, inputs: Tensor, start: Tensor, end: Tensor
    ) -> None:
        self._parts = forward, layer, inputs, start, end
        self._difference = (end - start).double()

    def __call__(self, places: Tensor) -> Tensor:
        """Return the values (node, token) at places (node,)."""
        chunks = [
            (gradient.double() * self._difference).sum(dim=-1).cpu()
            for _, _, gradient in gradients_along(*self._parts, places.tolist())
        ]
        return torch.cat(chunks)


def _sampled(sampler: _Sampler) -> tuple[Tensor, Tensor]:
    places = torch.linspace(0, 1, CELLS + 1, dtype=torch.float64)
    values = sampler(places)
    steps = values.diff(dim=0)
    # What a cell's neighbours lead one to expect of it.
    usual = torch.cat([steps[1:2], (steps[:-2] + steps[2:]) / 2, steps[-2:-1]])
    bound = JUMP * float(values.mean(dim=0).norm())
    all_places, all_values = [places], [values]
    jumps = ((steps - usual).norm(dim=1) > bound).nonzero()[:, 0]
    low, high = places[jumps], places[jumps + 1]
    at_low, at_high, slopes = values[jumps], values[jumps + 1], usual[jumps] * CELLS
    for _ in range(HALVINGS):
        if not len(low):
            break
        middle = (low + high) / 2
        at_middle = sampler(middle)
        all_places.append(middle)
        all_values.append(at_middle)
        low, high = torch.cat([low, middle]), torch.cat([middle, high])
        at_low, at_high = torch.cat([at_low, at_middle]), torch.cat([at_middle, at_high])
        slopes = slopes.repeat(2, 1)
        kept = (at_high - at_low - slopes * (high - low)[:, None]).norm(dim=1) > bound
        low, high, at_low, at_high, slopes = (one[kept] for one in (low, high, at_low, at_high, slopes))
    together, order = torch.cat(all_places).sort()
    return together, torch.cat(all_values)[order]
