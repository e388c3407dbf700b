import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from autograder.records import Assignment, Execution
from autograder.report.executed import (
    HIGHLIGHTED_RUN,
    OUTPUT_LIMIT,
    SOURCE_LIMIT,
    executed_ipynb,
    executed_page,
)

from .test_sanitise import png


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def page_of(execution: Execution, assignment: Assignment) -> str:
    return executed_page(execution.notebook, assignment, "Ana <script>").decode()


def notebook(*outputs: dict[str, object]) -> dict[str, object]:
    cell = {
        "cell_type": "code",
        "metadata": {},
        "source": "x = 1",
        "execution_count": 1,
        "outputs": list(outputs),
    }
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}


def test_the_notebook_is_shown(execution: Execution, assignment: Assignment) -> None:
    page = page_of(execution, assignment)
    for part in (
        '<span class="k">def</span>',
        "0.31",
        "ValueError: &lt;b&gt;no&lt;/b&gt;",
        "data:image/png;base64,",
        "<strong>bold</strong>",
    ):
        assert part in page


def test_no_output_runs_or_loads_anything(execution: Execution, assignment: Assignment) -> None:
    parser = Elements()
    parser.feed(page_of(execution, assignment))
    assert {tag for tag, _ in parser.found}.isdisjoint({"script", "iframe", "svg", "object", "form", "base"})
    for tag, attributes in parser.found:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            value = attributes.get(name)
            # links that a person may click are http; what a browser loads by itself is data
            assert (
                value is None
                or value.startswith(("data:image/png", "#") if tag != "a" else ("http", "#"))
                or value == "data:,"
            )


def test_disguises_become_visible(execution: Execution, assignment: Assignment) -> None:
    page = page_of(execution, assignment)
    assert "\u202e" not in page and "\x1b" not in page and "\ufffdgnp.exe" in page


def test_two_renderings_are_equal(execution: Execution, assignment: Assignment) -> None:
    assert page_of(execution, assignment) == page_of(execution, assignment)


def test_a_flood_is_cut_and_says_so(assignment: Assignment) -> None:
    flood = notebook({"output_type": "stream", "name": "stdout", "text": "x" * (OUTPUT_LIMIT + 7)})
    page = executed_page(flood, assignment, "Ana").decode()
    assert "[7 more characters are in executed.ipynb]" in page
    assert page.count("x" * 1000) <= OUTPUT_LIMIT / 1000


def sources(*texts: str) -> dict[str, object]:
    code = [{"cell_type": "code", "metadata": {}, "source": text, "outputs": []} for text in texts]
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": code}


def test_sources_beyond_the_pages_share_are_cut(assignment: Assignment) -> None:
    text = "".join(f"{'x' * 399}\n" for _ in range(OUTPUT_LIMIT // 400))
    page = executed_page(sources(*[text] * 7, "last"), assignment, "ana").decode()
    page = re.sub("<[^>]*>", "", page)

    assert page.count("x" * 399) == SOURCE_LIMIT // 400
    assert page.count(f"[{OUTPUT_LIMIT} more characters are in executed.ipynb]") == 2
    assert "[4 more characters are in executed.ipynb]" in page


def test_a_source_with_an_excessively_long_line_is_shown_without_colours(assignment: Assignment) -> None:
    line = "a." * (HIGHLIGHTED_RUN // 2)
    short, long = (executed_page(sources(text), assignment, "ana").decode() for text in (line, f"{line}<"))

    assert '<span class="n">a</span>' in short
    assert f"<pre>{line}&lt;" in long and '<span class="n">a</span>' not in long


@pytest.mark.parametrize(("source", "coloured"), [("%%time\nx = 1", True), ("x %%perl\ns{x}", False)])
def test_another_language_is_shown_without_colours(
    assignment: Assignment, source: str, coloured: bool
) -> None:
    page = executed_page(sources(source), assignment, "ana").decode()
    assert ('<span class="n">x</span>' in page) is coloured
    assert (f"<pre>{source}" in page) is not coloured


def test_odd_outputs_do_not_break_the_page(assignment: Assignment) -> None:
    odd = notebook(
        {"output_type": "stream", "name": 5, "text": ["a\n", "b"]},
        {"output_type": "error", "ename": None, "evalue": None, "traceback": None},
        {"output_type": "display_data", "data": None},
        {"output_type": "display_data", "data": {"text/html": ["<b>", "x</b>"], "image/png": 5}},
        {"output_type": "unknown"},
        "no output",  # type: ignore[arg-type]
    )
    page = executed_page(odd, assignment, "Ana").decode()
    assert "<b>x</b>" in page and "cannot be shown" not in page


def test_deep_html_does_not_break_the_page(assignment: Assignment) -> None:
    deep = notebook(
        {"output_type": "display_data", "data": {"text/html": "<div>" * 20_000, "text/plain": "deep"}}
    )
    page = executed_page(deep, assignment, "Ana")
    assert b"cannot be shown" not in page and b"&lt;div&gt;" in page


def markdown_cells(*sources: str, **more: object) -> dict[str, object]:
    cells = [{"cell_type": "markdown", "metadata": {}, "source": source, **more} for source in sources]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


def test_formulas_and_pictures_of_the_text_are_shown(assignment: Assignment) -> None:
    attachments = {"image.png": {"image/png": png(10, 10)}}
    source = f"$x_i$ ![pasted](data:image/png;base64,{png(20, 20)})\n\n![attached](attachment:image.png)"
    page = executed_page(markdown_cells(source, attachments=attachments), assignment, "Ana").decode()
    assert "<math><msub><mi>x</mi><mi>i</mi></msub></math>" in page
    assert f'<img src="data:image/png;base64,{png(20, 20)}" alt="pasted">' in page
    assert f'<img src="data:image/png;base64,{png(10, 10)}" alt="attached">' in page


def test_a_picture_of_the_student_folder_is_shown(assignment: Assignment, tmp_path: Path) -> None:
    (tmp_path / "student_template").mkdir()
    (tmp_path / "student_template" / "lens.png").write_bytes(base64.b64decode(png(10, 10)))
    here = replace(assignment, course_dir=tmp_path)
    page = executed_page(markdown_cells("![the lens](lens.png)"), here, "Ana").decode()
    assert f'<img src="data:image/png;base64,{png(10, 10)}" alt="the lens">' in page


def test_markdown_that_a_cell_shows_is_rendered(assignment: Assignment) -> None:
    shown = notebook(
        {
            "output_type": "display_data",
            "data": {"text/markdown": "**bold** $x^2$ <img src=http://e.example>"},
        }
    )
    page = executed_page(shown, assignment, "Ana").decode()
    assert (
        "<strong>bold</strong> <math><msup><mi>x</mi><mn>2</mn></msup></math>" in page
        and "e.example" not in page
    )


def test_hostile_texts_beyond_the_pages_share_are_shown_as_typed(assignment: Assignment) -> None:
    page = executed_page(
        markdown_cells(*("[" * 19_980 + str(number) for number in range(100))), assignment, "Ana"
    )
    assert b"cannot be shown" not in page and page.count(b"<pre>[[[") == 95


def test_the_ipynb_keeps_outputs_and_drops_times_and_trust(execution: Execution) -> None:
    plain = json.loads(executed_ipynb(execution.notebook))
    assert plain["cells"][1]["metadata"] == {"tags": ['"><script>evil()']}
    assert plain["cells"][1]["outputs"][1]["data"]["text/plain"] == "table"
    assert execution.notebook["cells"][1]["metadata"]["trusted"] is True  # the record itself is not changed
