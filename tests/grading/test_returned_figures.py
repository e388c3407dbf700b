"""Figures that a student's functions return stand in the feedback, as far as they were drawn of shown inputs."""

import base64
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest

from autograder.checks.decorators import CheckInfo
from autograder.checks.submission_proxy import SubmissionProxy
from autograder.execution.wire import codec
from autograder.grading.pipeline import returned_figures


def info(name, visibility, requires=()):
    return CheckInfo(
        id=name, task="draw", title=name, points=1, visibility=visibility, requires=requires, hint=""
    )


class Draws:
    """Answers of a kernel: what comes back is what was carried out of one."""

    def call(self, function, args, kwargs, *, seed):
        figure, axes = plt.subplots(figsize=(args[0], 1))
        axes.imshow([[1.0, 2.0]])
        tree, tensors = codec.encode(figure)
        return codec.decode(tree, tensors, arrays=False)


@pytest.fixture
def shown():
    """Ask for figures in several checks; returns the widths of those that the student sees, in inches."""

    def widths(*checks, calls=1):
        proxy = SubmissionProxy(Draws(), ("key", "ana"))
        for width, check in enumerate(checks, start=1):
            proxy.begin(check.id)
            for number in range(calls):
                proxy.call("draw", width + 10 * number)
        images = returned_figures(SimpleNamespace(proxy=proxy), SimpleNamespace(checks=checks))
        return [round(int.from_bytes(base64.b64decode(image)[16:20], "big") / 100) for image in images]

    return widths


def test_a_figure_of_a_shown_input_is_shown(shown):
    assert shown(info("test_a", "visible")) == [1]


def test_of_several_in_a_check_the_last_is_shown(shown):
    assert shown(info("test_a", "visible"), calls=2) == [11]


def test_a_figure_that_may_show_a_hidden_input_is_not(shown):
    late = info("test_c", "visible", requires=("test_b",))
    assert shown(info("test_a", "visible"), info("test_b", "hidden"), late) == [1]
