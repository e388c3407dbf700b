"""Integrated gradients under any rule for the integral, for checks that accept more than one.

Written without Captum on purpose: a check can then compare an answer with 50 Gauss-Legendre nodes, with a
Riemann sum and with a thousand steps at once; nodes that rules share are evaluated once; and Captum has a
witness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Forward = Callable[[Tensor, Tensor], Tensor]
"""From inputs (row, ...) and the rows' numbers in the batch (row,) to one score a row."""

CHUNK = 150
"""Rows of one forward and backward pass: bounds the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule for the integral from 0 to 1."""

    name: str
    """For messages."""

    nodes: tuple[float, ...]
    """Places on the path: 0 is the baseline, 1 the input."""

    weights: tuple[float, ...]
    """One a node; they sum to 1 unless the rule says otherwise."""


def gauss_legendre(steps: int) -> Rule:
    """Return the Gauss-Legendre rule with that many nodes: Captum's default."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return _rule(f"Gauss-Legendre, {steps} nodes", (nodes + 1) / 2, weights / 2)


def gauss_legendre_unmapped(steps: int, *, halved: bool = True) -> Rule:
    """Return the Gauss-Legendre rule with its nodes left on [-1, 1]: a mistake.

    Args:
        steps: How many nodes.
        halved: Whether the weights at least were halved, so that they sum to 1.
    """
    rule = gauss_legendre(steps)
    nodes, weights = 2 * np.array(rule.nodes) - 1, np.array(rule.weights) * (1 if halved else 2)
    return _rule(f"Gauss-Legendre on [-1, 1], {steps} nodes", nodes, weights)


def riemann_left(steps: int) -> Rule:
    """Return the Riemann sum with nodes at the left end of each step."""
    return _rule(f"left Riemann sum, {steps} nodes", np.arange(steps) / steps, np.full(steps, 1 / steps))


def riemann_right(steps: int) -> Rule:
    """Return the Riemann sum with nodes at the right end of each step: as in the paper of 2017."""
    return _rule(
        f"right Riemann sum, {steps} nodes", np.arange(1, steps + 1) / steps, np.full(steps, 1 / steps)
    )


def riemann_middle(steps: int) -> Rule:
    """Return the midpoint rule."""
    return _rule(f"midpoint rule, {steps} nodes", (np.arange(steps) + 0.5) / steps, np.full(steps, 1 / steps))


def trapezoid(nodes: int) -> Rule:
    """Return the trapezoid rule on equidistant nodes from 0 to 1, as `numpy.trapezoid` computes it."""
    weights = np.full(nodes, 1 / (nodes - 1))
    weights[[0, -1]] /= 2
    return _rule(f"trapezoid rule, {nodes} nodes", np.linspace(0, 1, nodes), weights)


def captum_trapezoid(steps: int) -> Rule:
    """Return what Captum 0.9 calls riemann_trapezoid: its weights sum to (steps - 1) / steps, not to 1."""
    weights = np.full(steps, 1 / steps)
    weights[[0, -1]] /= 2
    return _rule(f"Captum's trapezoid rule, {steps} nodes", np.linspace(0, 1, steps), weights)


def _rule(name: str, nodes: Any, weights: Any) -> Rule:
    return Rule(name=name, nodes=tuple(map(float, nodes)), weights=tuple(map(float, weights)))


def integrate_gradients(
    forward: Forward, layer: nn.Module, inputs: Tensor, baselines: Tensor, rules: Sequence[Rule]
) -> list[Tensor]:
    """Integrate the gradient at a layer's output along the straight line from baselines to inputs.

    Args:
        forward: The score that is explained; called under gradients, once for each chunk of nodes.
        layer: Its output, one tensor (row, ...), is what the path runs through.
        inputs: What the layer sees at the path's end, shape (batch, ...).
        baselines: What it sees at the start, the same shape.
        rules: What to integrate by; a node that several share is evaluated once.

    Returns:
        For each rule (x - x') times the integral of the gradient, shaped like the layer's output.

    Source: Sundararajan, Taly, Yan (2017), "Axiomatic Attribution for Deep Networks", equation 1.
    """
    batch = torch.arange(len(inputs), device=inputs.device)
    end = layer_output(forward, layer, inputs, batch)
    start = layer_output(forward, layer, baselines, batch)
    # Rules reach one place by different sums (0.02, 1 - 49/50): ten digits, beyond float32, make it one node.
    nodes = sorted({round(node, 10) for rule in rules for node in rule.nodes})
    weights = torch.zeros(len(rules), len(nodes), dtype=torch.float64)
    for number, rule in enumerate(rules):
        for node, weight in zip(rule.nodes, rule.weights, strict=True):
            weights[number, nodes.index(round(node, 10))] += weight
    sums = torch.zeros(len(rules), *end.shape, dtype=torch.float64, device=end.device)
    for places, rows, gradient in gradients_along(forward, layer, inputs, start, end, nodes):
        for number in range(len(rules)):
            share = weights[number, places].to(gradient.device).reshape(-1, *[1] * (gradient.dim() - 1))
            sums[number].index_add_(0, rows, share * gradient.double())
    return list((sums * (end - start).double()).to(end.dtype))


def gradients_along(
    forward: Forward, layer: nn.Module, inputs: Tensor, start: Tensor, end: Tensor, nodes: Sequence[float]
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield (number of the node (row,), row of the batch (row,), gradient (row, ...)) chunk by chunk."""
    pairs = torch.cartesian_prod(torch.arange(len(nodes)), torch.arange(len(inputs))).reshape(-1, 2)
    places_on_path = torch.tensor(nodes, dtype=start.dtype, device=start.device)
    for chunk in torch.split(pairs, CHUNK):
        places, rows = chunk[:, 0], chunk[:, 1].to(inputs.device)
        alpha = places_on_path[places.to(start.device)].reshape(-1, *[1] * (start.dim() - 1))
        points = (start[rows] + alpha * (end - start)[rows]).requires_grad_()
        with _output_replaced(layer, points), torch.enable_grad():
            score = forward(inputs[rows], rows)
        (gradient,) = torch.autograd.grad(score.sum(), points)
        yield places, rows, gradient


def layer_output(forward: Forward, layer: nn.Module, inputs: Tensor, rows: Tensor) -> Tensor:
    """Return a layer's output on inputs, without gradients."""
    seen: list[Tensor] = []
    handle = layer.register_forward_hook(lambda module, args, output: seen.append(output.detach()))
    try:
        with torch.no_grad():
            forward(inputs, rows)
    finally:
        handle.remove()
    return seen[0]


@contextmanager
def _output_replaced(layer: nn.Module, points: Tensor) -> Iterator[None]:
    handle = layer.register_forward_hook(lambda module, args, output: points)
    try:
        yield
    finally:
        handle.remove()
