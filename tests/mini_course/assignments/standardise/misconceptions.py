"""Known mistakes of the small course."""

from autograder.checks import accepted_variant, misconception


@misconception(
    task="centre", title="The mean of all values is taken away.", hint="Each column has a mean of its own."
)
def overall_mean(reference, values):
    return values - values.mean()


@misconception(
    task="centre", title="The mean of each row is taken away.", hint="Along which axis do you average?"
)
def row_mean(reference, values):
    return values - values.mean(dim=1, keepdim=True)


@misconception(task="standardise", title="Divided by the variance.", hint="The unit should cancel.")
def by_variance(reference, values):
    return reference.centre(values) / values.var(dim=0)


@accepted_variant(task="standardise", remark="You divided by n.")
def population(reference, values):
    return reference.standardise(values, correction=0)
