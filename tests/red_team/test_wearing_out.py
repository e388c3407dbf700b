"""Wearing the grader out: texts, figures and answers that are short to write and long to read."""

from __future__ import annotations

import time
from collections.abc import Callable

import nbformat
import nh3
import pytest
from nbclient import NotebookClient
from nbconvert.filters import Highlight2HTML

from autograder.errors import SubmissionError
from autograder.execution import display_limit, replies
from autograder.execution.session import KernelSession
from autograder.execution.wire import figures
from autograder.execution.zygote_client import Zygote
from autograder.grading.own_work import OverBudget, OwnWork
from autograder.records import Limits
from autograder.report import executed, markdown
from autograder.report.sanitise import output_html

from .attacks import notebook
from .grading import Grader

pytestmark = pytest.mark.sandbox


def cpu_s(action: Callable[[], object]) -> float:
    """Measure what an action takes of this process's time, however busy the machine is."""
    began = time.process_time()
    action()
    return time.process_time() - began


FIGURE = """
import matplotlib.pyplot as plt
import torch
from autograder.execution.wire import describe_figure
kept = describe_figure.describe
def describe(figure, *, picture=True):
    told = kept(figure, picture=picture)
    no_values = {"values": None, "colour_bar": False, "one_colour": False}
    edges = {"x_edges": torch.zeros(2), "y_edges": torch.zeros(65537)}
    told["axes"][0]["grids"] += [{"shape": [65536, 1], **edges, **no_values}] * 7
    text = {"text": "x", "x": -1e9, "y": 1e9, "centre_x": -1e9, "centre_y": 1e9, "visible": True}
    told["axes"][0]["texts"] += [text] * 400
    return told
describe_figure.describe = describe
def draw():
    figure, axes = plt.subplots()
    axes.imshow([[0.0, 1.0]])
    return figure
"""


@pytest.mark.attack(
    "66", "claim a figure of many texts and many edges", layer="texts times edges", control="no limit"
)
def test_a_figure_is_not_too_large_to_look_at(zygote: Zygote, monkeypatch: pytest.MonkeyPatch) -> None:
    with KernelSession(zygote, notebook(FIGURE), limits=Limits(), seed=1) as session:
        session.run()
        with pytest.raises(SubmissionError, match="a malformed figure"):
            session.call("draw", seed=1)
        monkeypatch.setattr(figures, "MAX_PLACES", 10**9)
        assert len(session.call("draw", seed=1).axes[0].texts) == 400


NAMES = """
import random
from tornado.ioloop import IOLoop
owners = [getattr(handler, "__self__", None) for _, handler in IOLoop.current().handlers.values()]
(probe,) = [owner for owner in owners if type(owner).__name__ == "Probe"]
letters, names = list("standardise_it"), []
for _ in range(20_000):
    random.shuffle(letters); names.append("".join(letters))
probe._serve = lambda request, tensors, fds: ({"status": "missing", "found": "NoneType", "known": names}, {})
"""


@pytest.mark.attack("67", "claim very many functions", layer="200 names", control="20,000 names")
def test_a_name_is_looked_for_among_few(zygote: Zygote, monkeypatch: pytest.MonkeyPatch) -> None:
    with KernelSession(zygote, notebook(NAMES), limits=Limits(), seed=1) as session:
        session.run()

        def ask() -> None:
            with pytest.raises(SubmissionError, match="defines no function"):
                session.call("standardise", seed=1)

        held = cpu_s(ask)
        monkeypatch.setattr(replies, "_MAX_NAMES", 20_000)
        assert cpu_s(ask) > 5 * held


FORMATTING = ("b", "i", "u", "s", "em", "strong", "code", "font")
AMPLIFIER = (
    "<p>"
    + "".join(f"<{name} class={k}>" for name in FORMATTING for k in range(100))
    + "</p>"
    + "<p>x</p>" * 250
)


@pytest.mark.attack(
    "68", "HTML that is opened again in every paragraph", layer="cost of open elements", control="nh3 alone"
)
def test_html_does_not_grow() -> None:
    held = output_html(AMPLIFIER)
    assert held is not None and len(held) < 4 * len(AMPLIFIER)
    assert len(nh3.clean(AMPLIFIER, tags=set(FORMATTING) | {"p"})) > 10 * len(AMPLIFIER)


@pytest.mark.attack("68", "Markdown of open brackets", layer="so much a page", control="a larger share")
def test_a_page_renders_little_markdown(monkeypatch: pytest.MonkeyPatch) -> None:
    def render() -> None:
        page = markdown.PageMarkdown()
        for number in range(60):
            page.html("[" * 5_000 + str(number))

    held = cpu_s(render)
    monkeypatch.setattr(markdown, "PAGE_LIMIT", 10**9)
    assert cpu_s(render) > 2 * held


@pytest.mark.attack(
    "69", "rewrite thousands of outputs again and again", layer="display limit", control="no limit"
)
@pytest.mark.long
def test_outputs_of_one_display_id_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    def show() -> None:
        cell = nbformat.v4.new_code_cell("")
        client = NotebookClient(nbformat.v4.new_notebook(cells=[cell]))
        client.reset_execution_trackers()
        client.clear_before_next_output = False
        cell, displays = client.nb.cells[0], display_limit.DisplayLimit()
        for _ in range(3_000):
            content = {"data": {"text/plain": ""}, "metadata": {}, "transient": {"display_id": "x"}}
            kind = {"msg_type": "display_data"}
            message = {**kind, "header": kind, "parent_header": {"msg_id": "1"}, "content": content}
            client.process_message(displays.limit(message, client._display_id_map), cell, 0)
        assert len(cell.outputs) == 3_000

    held = cpu_s(show)
    monkeypatch.setattr(display_limit, "MAX_DISPLAYS", 10**9)
    assert cpu_s(show) > 2 * held


SOURCES = {"a line of names": "a." * 5_000, "a cell of Perl": "%%perl\n" + "s{\n" * 3_000}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.attack("70", "code that is long to highlight", layer="shown without colours", control="Pygments")
def test_code_is_highlighted_only_where_that_is_cheap(grader: Grader, source: str) -> None:
    cells = [{"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}]
    assignment = grader.course.assignment
    executed.executed_page({"cells": []}, assignment, "ana")  # compiles the templates

    held = cpu_s(lambda: executed.executed_page({"cells": cells}, assignment, "ana"))
    assert cpu_s(lambda: Highlight2HTML()(source)) > 3 * held


@pytest.mark.attack(
    "71", "whatever else takes the grader long", layer="limit of its CPU time", control="a higher limit"
)
def test_whatever_takes_long_is_ended() -> None:
    def work() -> None:
        end = time.process_time() + 1
        while time.process_time() < end:
            pass

    with OwnWork(cpu_s=60) as enough:
        work()
    assert enough.reason == ""
    little = OwnWork(cpu_s=0.2)
    with pytest.raises(OverBudget), little:
        work()
    assert "grader_cpu_s" in little.reason
