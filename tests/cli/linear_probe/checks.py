"""Checks of linear_probe: what each function must do, and what it is worth."""

from __future__ import annotations

import torch

from autograder.checks import assert_close, assert_matches, grades, hint, points, requires, visibility

ACTIVATIONS = ("layer", "example", "unit")
WEIGHTS = ("unit",)
PERCENT = "You count in percent; a share was asked for."


def drawn(model, rng, examples):
    """Return points of the model's size, and their labels."""
    generator = torch.Generator().manual_seed(rng.randrange(2**31))
    inputs = torch.randn(examples, model.hidden[0].in_features, generator=generator)
    return inputs, (inputs[:, 0] * inputs[:, 1] > 0).float()


@grades("hidden_activations")
@points(1)
@visibility("visible")
@hint("What are the three axes, in this order?")
def test_activations_of_the_shipped_model(submission, reference, model, rng):
    """Activations of the shipped model are right."""
    inputs, _ = drawn(model, rng, 5)
    actual = submission.call("hidden_activations", model, inputs)
    assert_close(
        actual,
        reference.hidden_activations(model, inputs),
        name="activations",
        axes=ACTIVATIONS,
        tolerance="activations",
    )


@grades("hidden_activations")
@points(3)
@visibility("hidden")
@requires(test_activations_of_the_shipped_model)
@hint("Is the number of layers built in?")
def test_activations_of_unseen_models(submission, reference, models, rng):
    """Activations on unseen points are right, for an unseen model too."""
    for loaded in models:
        for examples in (7, 7, 12):
            inputs, _ = drawn(loaded.model, rng, examples)
            actual = submission.call("hidden_activations", loaded.model, inputs)
            expected = reference.hidden_activations(loaded.model, inputs)
            assert_close(actual, expected, name="activations", axes=ACTIVATIONS, tolerance="activations")


@grades("fit_probe")
@points(1)
@visibility("visible")
@hint("Work it out by hand for one unit and two examples.")
def test_probe_of_a_small_example(submission, reference):
    """The probe of four examples with one unit is right."""
    features, labels = torch.tensor([[0.0], [1.0], [2.0], [3.0]]), torch.tensor([0.0, 0.0, 1.0, 1.0])
    actual = submission.call("fit_probe", features, labels)
    assert_close(
        actual, reference.fit_probe(features, labels), name="weights", axes=WEIGHTS, tolerance="weights"
    )


@grades("fit_probe")
@points(3)
@visibility("hidden")
@hint("Compare your columns with the formula.")
def test_probe_of_unseen_activations(submission, reference, models, rng):
    """Probes of unseen activations are right."""
    for loaded in models:
        inputs, labels = drawn(loaded.model, rng, 60)
        for features in reference.hidden_activations(loaded.model, inputs):
            actual = submission.call("fit_probe", features, labels)
            assert_close(
                actual,
                reference.fit_probe(features, labels),
                name="weights",
                axes=WEIGHTS,
                tolerance="weights",
            )


@grades("probe_accuracy")
@points(1)
@visibility("visible")
@hint("Which side of one half is which?")
def test_accuracy_of_a_small_example(submission):
    """The accuracy on four examples is right."""
    weights, features = torch.tensor([1.0, -1.0]), torch.tensor([[0.0], [1.2], [1.4], [3.0]])
    labels = torch.tensor([0.0, 0.0, 0.0, 1.0])
    actual = submission.call("probe_accuracy", weights, features, labels)
    assert_matches(actual, 1.0, name="accuracy", tolerance="accuracy", alternatives={PERCENT: 100.0})


@grades("probe_accuracy")
@points(3)
@visibility("hidden")
@hint("Count by hand for three examples.")
def test_accuracy_on_unseen_points(submission, reference, models, rng):
    """Accuracies on unseen points are right."""
    for loaded in models:
        inputs, labels = drawn(loaded.model, rng, 60)
        for features in reference.hidden_activations(loaded.model, inputs):
            weights = reference.fit_probe(features, labels)
            actual = submission.call("probe_accuracy", weights, features, labels)
            expected = reference.probe_accuracy(weights, features, labels)
            assert_matches(
                actual,
                expected,
                name="accuracy",
                tolerance="accuracy",
                alternatives={PERCENT: 100 * expected},
            )
