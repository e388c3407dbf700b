"""Checks of the small course that the tests grade."""

from functools import partial

import torch

from autograder.checks import assert_close, grades, hint, points, requires, visibility


def table(rng):
    generator = torch.Generator().manual_seed(rng.randrange(2**31))
    return torch.randn(5, 3, generator=generator) * 4 + 7


@grades("centre")
@points(1)
@visibility("visible")
@hint("Take the mean along the rows.")
def test_centre_shape(submission, record):
    """The centred table has the table's shape."""
    values = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    actual = submission.call("centre", values)
    assert actual is not None, "The function returned nothing."
    assert_close(
        actual,
        torch.tensor([[-1.0, -2.0], [1.0, 2.0]]),
        name="centred",
        axes=("row", "column"),
        tolerance="centre",
    )
    record.strip("First row", ["a", "b"], actual[0], torch.tensor([-1.0, -2.0]))


@grades("centre")
@points(2)
@visibility("hidden")
@requires(test_centre_shape)
def test_centre_values(submission, reference, rng):
    """Columns of unseen tables have mean zero."""
    for _ in range(2):
        values = table(rng)
        actual = submission.call("centre", values)
        assert_close(
            actual, reference.centre(values), name="centred", axes=("row", "column"), tolerance="centre"
        )


@grades("standardise")
@points(3)
@visibility("hidden")
@hint("How is a standard deviation defined?")
def test_standardise_values(submission, reference, rng):
    """Unseen tables are standardised."""
    for values in (table(rng), table(rng)):
        actual = submission.call("standardise", values)
        assert_close(
            actual,
            reference.standardise(values),
            name="standardised",
            axes=("row", "column"),
            tolerance="standardise",
            alternatives={"You divided by n.": partial(reference.standardise, values, correction=0)},
        )
