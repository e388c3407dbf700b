"""A Figure of this process and one that came out of a kernel are looked at in the same way."""

import matplotlib.pyplot as plt
import pytest

from autograder.checks import figure_of
from autograder.execution.wire import codec


def drawn():
    figure, axes = plt.subplots()
    axes.imshow([[1.0, 2.0]])
    axes.set_xticks([0, 1], ["a", "b"])
    return figure


def test_a_figure_of_this_process_is_described_as_one_of_a_kernel():
    tree, tensors = codec.encode(drawn())
    from_kernel = figure_of(codec.decode(tree, tensors, arrays=False))
    here = figure_of(drawn())
    assert here.axes[0].x_ticks == from_kernel.axes[0].x_ticks
    assert here.axes[0].grids[0].x_edges == from_kernel.axes[0].grids[0].x_edges
    assert plt.get_fignums() == []


@pytest.mark.parametrize("value", [None, 3, "figure", [1]])
def test_what_is_no_figure_is_none(value):
    assert figure_of(value) is None
