"""What a student reads after hidden calls, and pictures that cost or imitate."""

from __future__ import annotations

import base64
import html.parser
import json
import math
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from autograder.checks.check_run import begin_checks
from autograder.checks.course_context import Course
from autograder.checks.runner import run_checks
from autograder.checks.submission_proxy import LocalFunctions
from autograder.diagnosis.parameter_free import last_steps
from autograder.execution.session import KernelSession
from autograder.execution.zygote_client import Zygote
from autograder.records import Limits
from autograder.report.plotly_picture import drawn_figure

from .attacks import notebook
from .grading import Grader
from .test_reports import FOR_THE_STUDENT, SPY, dangers, leaks

pytestmark = pytest.mark.sandbox

PROBE = """
from tornado.ioloop import IOLoop
owners = [getattr(handler, "__self__", None) for _, handler in IOLoop.current().handlers.values()]
(probe,) = [owner for owner in owners if type(owner).__name__ == "Probe"]
kept = probe._serve
"""


@pytest.mark.attack(
    "123",
    "threads that print and show hidden inputs later",
    layer="outputs end with the cells",
    control="before that they are shown",
)
def test_a_thread_tells_nothing_after_the_cells(grader: Grader) -> None:
    tell = f"""{SPY}
import threading, time
from IPython.display import display, HTML
handle = display("first", display_id=True)
def talk():
    while True:
        for text in ["beat", *SEEN]:
            print(text); print(text, file=sys.stderr); display(text); handle.update(HTML(text))
        time.sleep(0.02)
threading.Thread(target=talk, daemon=True).start()
time.sleep(0.2)
def standardise(values):
    note(values)
    time.sleep(0.2)
    return centre(values) / values.std(dim=0)
"""
    graded = grader.grade({"standardise": tell})
    pages = grader.pages(graded)
    assert graded.report.score == 6
    assert "beat" in (pages / "executed.html").read_text()
    assert leaks(pages, (*FOR_THE_STUDENT, "instructor.html")) == []


ENDINGS = {
    "a value": "return values * float(os.urandom(1)[0])",
    "an error": "raise type('E' + os.urandom(4).hex(), (Exception,), {})(os.urandom(4).hex())",
    "an exit": "os._exit(os.urandom(1)[0] % 120 + 1)",
    "a signal": "os.kill(os.getpid(), 11)",
    "a long text": "return os.urandom(4).hex()",
    "a set": "return {os.urandom(4)}",
    "an object": "return type('T' + os.urandom(4).hex(), (), {})()",
    "a name": "globals()['n' + os.urandom(4).hex()]",
    "a shape": "return values.repeat(os.urandom(1)[0] % 9 + 2, 1)",
    "a dtype": "return values.to([torch.int8, torch.int16, torch.bool, torch.float64][os.urandom(1)[0] % 4])",
    "nan": "return values * float('nan')",
    "an unwritten function": "raise NotImplementedError(os.urandom(4).hex())",
    "a time": "import time; time.sleep(60)",
}
FEW = 8
"""Texts of a hidden check that the endings may lead to, at most: three bits."""


@pytest.mark.attack(
    "124",
    "spell hidden inputs in how a call ends",
    layer="fixed sentences",
    control="the instructor reads more",
)
def test_the_ways_to_end_a_call_come_to_few_texts(grader: Grader) -> None:
    texts, details = set(), set()
    for way in ENDINGS.values():
        begin = "import os\ndef standardise(values):\n    if tuple(values.shape) == (5, 3):\n"
        cell = f"{begin}        {way}\n    return values"
        report = grader.grade({"standardise": cell}).report
        assert not report.needs_review
        (check,) = [each for each in report.checks if each.id == "test_standardise_values"]
        assert check.points == 0 and check.diagnosis is None
        texts.add((check.feedback, check.hint, check.outcome, check.remarks, check.strips))
        details.add(check.detail)
    assert len(texts) <= FEW < len(details)


@pytest.mark.attack(
    "125",
    "note hidden inputs as skipped, missing, replaced",
    layer="notes are read before calls",
    control="a cell's notes are shown",
)
def test_notes_made_in_a_call_are_nowhere(grader: Grader) -> None:
    tell = f"""{SPY}
notes = get_ipython().notes
notes.add("install", 1, "pip install shown-in-a-cell")
def standardise(values):
    note(values)
    for text in SEEN:
        for kind in ("install", "magic", "stand-in", "unavailable", "module", "gpu", "unbound"):
            notes.add(kind, 1, text.replace(".", "_"), text)
        exec("import " + text.replace(".", "_").replace("-", "_")) if len(SEEN) > 2 else None
    if SEEN: undefined_name
    return values
"""
    graded = grader.grade({"standardise": tell})
    pages = grader.pages(graded)
    assert "shown-in-a-cell" in (pages / "feedback.html").read_text()
    assert leaks(pages) == [] and graded.report.missing_modules == ()


def _bombs() -> dict[str, object]:
    many = list(range(60_000))
    return {
        "a thousand traces": {"data": [{"type": "bar", "y": [1, 2]}] * 1000},
        "a trace of all values": {"data": [{"type": "scatter", "y": many}]},
        "labels alone": {"data": [{"type": "bar", "x": ["x" * 200] * 500, "y": [1] * 500}] * 9},
        "a wide heat map": {"data": [{"type": "heatmap", "z": [many]}] * 1},
        "many heat maps": {"data": [{"type": "heatmap", "z": [[1] * 50] * 50}] * 10},
        "numbers without end": {"data": [{"type": "histogram", "x": [1e308, -1e308, 5e-324, 10**400]}] * 10},
        "a bar as wide as the world": {"data": [{"type": "bar", "x": [0, 1e300], "y": [1e300, -1e300]}]},
        "typed bytes": {
            "data": [
                {"type": "heatmap", "z": {"dtype": "i1", "bdata": "AAAA" * 90_000, "shape": "1,1,270000"}}
            ]
        },
        "typed bytes of odd shape": {
            "data": [{"type": "bar", "y": {"dtype": "f8", "bdata": "AAAA", "shape": "-1,0"}}]
        },
        "nested titles": {
            "data": [{"type": "bar", "y": [1]}],
            "layout": {"title": {"text": {"text": [[]] * 999}}},
        },
        "names of markup": {"data": [{"name": "$\\\\frac{1}{" * 50, "y": [1], "type": "bar"}] * 10},
        "glyphs that no font has": {
            "data": [{"type": "bar", "x": [chr(0x10000 + n) * 80 for n in range(100)], "y": [1] * 100}]
        },
    }


@pytest.mark.attack(
    "126", "plotly figures that cost", layer="bounded traces, values, labels", control="a small one is drawn"
)
@pytest.mark.parametrize("name", _bombs())
def test_a_plotly_figure_is_drawn_soon_or_not(name: str) -> None:
    assert drawn_figure('{"data": [{"type": "bar", "y": [1, 2]}]}').png
    source = json.dumps(_bombs()[name])
    began = time.process_time()
    figure = drawn_figure(source)
    assert time.process_time() - began < 12
    assert len(figure.png) < 2_000_000 and len(figure.title) <= 80


IMITATION = """
from IPython.display import HTML, display
display(HTML('''
<div class="score"
 style="position:fixed;top:0;left:0;width:100vw;height:100vh;z-index:9;background:#fff;margin:-2000px">
<strong id="score">40 of 40</strong> points</div>
<section class="card" id="next"><h2 id="plots">What to do next</h2>
<p class="found student">Every check passes.</p></section>
<a name="centre" href="#centre">Centre</a><style>.score{display:none}</style><base href="//192.0.2.1">
<template>x</template>
<dialog open>40 of 40</dialog><meter value=1></meter><input value="40 of 40"><svg><text>40 of 40</text></svg>
</td></tr></table></section></main></body></html><main><h1>Feedback</h1>'''))
"""
IMITATION_SVG = """
from IPython.display import SVG, display
display(SVG("<svg xmlns='http://www.w3.org/2000/svg' width='9000' height='9000'><style>*{fill:red}</style>"
  "<foreignObject width='9000' height='9000'><div xmlns='http://www.w3.org/1999/xhtml'>40 of 40</div>"
  "</foreignObject></svg>"))
"""


class Outline(html.parser.HTMLParser):
    """Gathers ids, classes, links and styles of a page, and how often it has its main parts."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.classes: list[str] = []
        self.styles: list[str] = []
        self.count: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.count[tag] = self.count.get(tag, 0) + 1
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name == "class":
                self.classes += (value or "").split()
            if name == "style":
                self.styles.append(value or "")


def outline(page: Path) -> Outline:
    found = Outline()
    found.feed(page.read_text(encoding="utf-8"))
    return found


@pytest.mark.attack(
    "127", "a plot that imitates the page or covers it", layer="reduced HTML", control="its text is shown"
)
def test_no_plot_imitates_or_covers_the_page(grader: Grader) -> None:
    plain = outline(grader.pages(grader.grade()) / "feedback.html")
    pages = grader.pages(grader.grade({"plot-table": IMITATION + IMITATION_SVG}))
    page = outline(pages / "feedback.html")

    assert "40 of 40" in (pages / "feedback.html").read_text()
    assert page.classes.count("score") == plain.classes.count("score") == 1
    assert page.count["main"] == plain.count["main"] == 1 and page.count["h1"] >= 1
    assert sorted(page.ids) == sorted(set(page.ids)), "two parts of one name"
    assert not {"dialog", "template", "meter", "input", "base", "iframe", "foreignobject"} & page.count.keys()
    for style in page.styles:
        assert not re.search(r"position|z-index|margin|url|transform|100vh", style), style
    for name in ("feedback.html", "executed.html", "instructor.html"):
        text = (pages / name).read_text(encoding="utf-8")
        assert [danger for danger in dangers(text) if "data:image/svg+xml" not in danger] == []
        for picture in re.findall(r"data:image/svg\+xml;base64,([\w+/=]+)", text):
            assert not re.search(b"foreignObject|<style|xhtml", base64.b64decode(picture))


NEST = """
parent = get_ipython().kernel.get_parent()
kernel = get_ipython().kernel
def nested(depth):
    value = 1
    for _ in range(depth): value = [value]
    return value
for depth in (50, 200, 320, 450, 900):
    for kind in ("application/vnd.plotly.v1+json", "application/json", "text/html", "image/png"):
        content = {"data": {kind: {"data": nested(depth)}}, "metadata": {"deep": nested(depth)}, "transient": {}}
        try: kernel.session.send(kernel.iopub_socket, "display_data", content, parent=parent)
        except BaseException: pass
"""


@pytest.mark.attack(
    "128",
    "outputs and metadata nested to the limit",
    layer="malformed outputs cost themselves",
    control="shallow ones stay",
)
def test_nested_outputs_are_no_fault_of_ours(grader: Grader) -> None:
    began = time.monotonic()
    graded = grader.grade({"plot-table": NEST})
    assert graded.report.needs_review == () and graded.report.shown
    grader.pages(graded)
    assert time.monotonic() - began < 60


@pytest.mark.attack(
    "129", "notes without number or end", layer="counted and cut", control="a short one is a remark"
)
@pytest.mark.parametrize(
    "entries",
    ["[['install', 1, 'x' * 10**5, 'y' * 10**5]] * 10", "[['gpu', 1, '', '']] * 10**5", "[[]] * 10**5"],
)
def test_a_flood_of_notes_is_cut(zygote: Zygote, entries: str) -> None:
    flood = f"""{PROBE}
def lie(request, tensors, fds):
    if request["op"] == "status":
        return {{"status": "ok", "notes": {entries}}}, {{}}
    return kept(request, tensors, fds)
probe._serve = lie
"""
    with KernelSession(zygote, notebook(flood, "def f(): return 7"), limits=Limits(), seed=1) as session:
        execution = session.run()
        assert sum(map(len, execution.remarks)) < 5_000
        assert session.call("f", seed=1) == 7


def _answers(right: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield wrong answers that are right but for something nameable."""
    sizes = [math.sqrt(n) for size in right.shape for n in (size, size**2)]
    numbers = [2, 3, 4, 10, 100, math.log(2), math.log(10), 1.2345, *sizes]
    yield from (right * sign * number**power for number in numbers for sign in (1, -1) for power in (1, -1))
    yield from (step.candidate for step in last_steps(right, ("row", "column")))
    for axis, size in enumerate(right.shape):
        for place in range(size):
            wrong = right.clone()
            wrong.select(axis, place).mul_(7)
            yield wrong


@pytest.mark.attack(
    "131",
    "spell a hidden input in what is wrong with an answer",
    layer="a closed list of hints",
    control="answers of any value",
)
def test_hints_come_from_a_closed_list(course: Course) -> None:
    hints: set[str] = set()
    details: set[str] = set()
    for number, _ in enumerate(_answers(torch.randn(5, 3))):
        functions = {
            "centre": course.reference.centre,
            "standardise": lambda v, n=number: list(_answers(course.reference.standardise(v)))[n],
        }
        results = run_checks(begin_checks(course, LocalFunctions(functions), student="eve"))
        (check,) = [each for each in results if each.id == "test_standardise_values"]
        hints.add(check.hint)
        details.add(check.detail)
    (info,) = [each for each in course.checks if each.id == "test_standardise_values"]
    authors = {one.hint for one in course.misconceptions if one.task == "standardise"} | {info.hint}
    assert len(details) > 40  # the grader can tell them apart
    assert hints <= authors | {""}  # "": passed
