"""Known mistakes of linear_probe, and variants that are accepted."""

from __future__ import annotations

import torch

from autograder.checks import accepted_variant, misconception


@misconception(
    task="hidden_activations",
    title="Activations before the nonlinearity.",
    hint="Can an activation be below 0?",
)
def before_the_relu(reference, model, inputs):
    found = []
    for layer in model.hidden:
        inputs = layer(inputs)
        found.append(inputs)
        inputs = torch.relu(inputs)
    return torch.stack(found).detach()


@misconception(
    task="hidden_activations",
    title="The axes are (example, layer, unit).",
    hint="In which order does the task name the axes?",
)
def examples_first(reference, model, inputs):
    return reference.hidden_activations(model, inputs).transpose(0, 1)


@misconception(
    task="fit_probe", title="No bias column.", hint="What does your probe say where all features are 0?"
)
def no_bias(reference, features, labels):
    gram = features.T @ features + 0.1 * torch.eye(features.shape[1])
    weights = torch.linalg.solve(gram, features.T @ labels)
    return torch.cat([weights, torch.zeros(1)])


@misconception(task="fit_probe", title="The bias comes first.", hint="Where does the task put the bias?")
def bias_first(reference, features, labels):
    return reference.fit_probe(features, labels).roll(1)


@misconception(task="fit_probe", title="No ridge term.", hint="Which lambda does the formula name?")
def no_ridge(reference, features, labels):
    columns = torch.cat([features, torch.ones(len(features), 1)], dim=1)
    return torch.linalg.pinv(columns) @ labels


@misconception(
    task="probe_accuracy",
    title="The threshold is 0, not one half.",
    hint="Between which two numbers does the probe choose?",
)
def threshold_zero(reference, weights, features, labels):
    said = features @ weights[:-1] + weights[-1] > 0
    return float((said == (labels > 0.5)).double().mean())


@misconception(task="probe_accuracy", title="The bias is left out.", hint="What is the last weight for?")
def without_bias(reference, weights, features, labels):
    said = features @ weights[:-1] > 0.5
    return float((said == (labels > 0.5)).double().mean())


@accepted_variant(task="probe_accuracy", remark="You count in percent; a share was asked for.")
def in_percent(reference, weights, features, labels):
    return 100 * reference.probe_accuracy(weights, features, labels)
