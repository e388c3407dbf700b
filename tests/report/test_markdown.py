"""Markdown of students: what it becomes, and that the work for it grows with its length alone."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from autograder.report.markdown import MARKDOWN_LIMIT, PAGE_LIMIT, PageMarkdown, _rendered, answer_html

from .test_sanitise import ATTACKS, BANNED_TAGS, elements, png

PICTURE = f"data:image/png;base64,{png(10, 10)}"


def rendered(source: str) -> str:
    html = PageMarkdown().html(source)
    assert html is not None
    return html


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_leaves_anything_that_runs_or_loads(attack: str) -> None:
    found = elements(rendered(attack))
    assert (BANNED_TAGS - {"math"}).isdisjoint(found.tags)  # formulas are MathML, which runs nothing
    for name, value in found.attributes:
        assert not name.startswith("on") and name not in ("src", "srcdoc", "srcset", "action", "background")
        assert name != "href" or value.startswith(("http://", "https://", "mailto:"))
        assert name != "style" or ("url" not in value and "position" not in value)


def test_html_in_a_notebooks_markdown_is_reduced() -> None:
    html = rendered("<details><summary>More</summary>\n\n*text* <b onclick=x()>bold</b>\n\n</details>")
    assert html == "<details><summary>More</summary>\n<p><em>text</em> <b>bold</b></p>\n</details>"


def test_tables_and_struck_text_are_read() -> None:
    assert "<td>1</td>" in rendered("| a |\n|---|\n| 1 |")
    assert rendered("~~no~~") == "<p><s>no</s></p>\n"


def test_a_pasted_picture_is_shown_whatever_its_size() -> None:
    data = base64.b64encode(base64.b64decode(png(10, 10)) + bytes(MARKDOWN_LIMIT)).decode()
    assert len(data) > MARKDOWN_LIMIT
    source = f"see\n\n![screenshot.png](data:image/png;base64,{data})"
    expected = f'<p>see</p>\n<p><img src="data:image/png;base64,{data}" alt="screenshot.png"></p>\n'
    assert rendered(source) == expected
    assert answer_html(source) == expected


def test_an_attachment_is_shown() -> None:
    html = PageMarkdown().html(
        "![a plot](attachment:my%20plot.png)", {"my plot.png": {"image/png": png(10, 10)}}
    )
    assert html == f'<p><img src="{PICTURE}" alt="a plot"></p>\n'


def test_html_shows_pictures_that_it_holds() -> None:
    assert rendered(f'<img src="{PICTURE}" width="300">') == f'<img src="{PICTURE}" width="300">'


def test_a_picture_of_the_students_folder_is_shown_once(tmp_path: Path) -> None:
    (tmp_path / "student" / "images").mkdir(parents=True)
    (tmp_path / "student" / "images" / "lens.png").write_bytes(base64.b64decode(png(10, 10)))
    (tmp_path / "secret.png").write_bytes(base64.b64decode(png(9, 9)))
    (tmp_path / "student" / "link.png").symlink_to(tmp_path / "secret.png")
    page = PageMarkdown(tmp_path / "student")

    assert page.html("![lens](images/lens.png)") == f'<p><img src="{PICTURE}" alt="lens"></p>\n'
    for again in (
        "images/lens.png",
        "images/./lens.png",
        "../secret.png",
        "link.png",
        f"{tmp_path}/secret.png",
    ):
        assert page.html(f"![lens]({again})") == '<p><img alt="lens"></p>\n'
    assert page.html("![lens](nowhere.png) ![lens](images)") == '<p><img alt="lens"> <img alt="lens"></p>\n'


@pytest.mark.parametrize(
    "source",
    ["http://evil.example/x.png", "//evil.example/x.png", "file:///x.png", "data:image/svg+xml;base64,AAAA"],
)
def test_a_picture_from_elsewhere_leaves_its_alternative_text(source: str) -> None:
    for html in (rendered(f"![a plot]({source})"), str(answer_html(f"![a plot]({source})"))):
        assert "evil.example" not in html or "<img" not in html
        assert "src" not in html and "a plot" in html


def test_one_picture_is_not_repeated_a_thousand_times() -> None:
    html = rendered(f"![]({PICTURE})" + "![](data:image/png;picture=0)" * 500)
    assert html.count(PICTURE) == 1
    assert PICTURE not in rendered("![](data:image/png;picture=0)" * 500)


@pytest.mark.parametrize(
    "spellings",
    [
        [f"![](data:image/{kind};picture={'0' * count})" for kind in ("png", "gif") for count in range(1, 9)],
        [f'<img src="data:image/{letter};picture=0">' for letter in "abcdefgh"],
        ["![](data:image/png;picture=%30)", "![](data:image/png;picture=0)"],
    ],
    ids=["zeros", "types", "escapes"],
)
def test_another_spelling_of_its_name_does_not_repeat_a_picture(spellings: list[str]) -> None:
    source = f"![]({PICTURE})" + "".join(spellings)
    assert rendered(source).count(PICTURE) == 1
    assert str(answer_html(source)).count(PICTURE) == 1
    attached = PageMarkdown().html("![](attachment:a)" * 500, {"a": {"image/png": png(10, 10)}})
    assert attached is not None and attached.count(PICTURE) == 1


def test_a_long_or_deep_text_is_not_rendered() -> None:
    assert PageMarkdown().html("x" * (MARKDOWN_LIMIT + 1)) is None
    assert PageMarkdown().html("> " * 100 + "deep") is None
    assert PageMarkdown().html("- " * 100 + "deep") is None
    assert answer_html("> " * 100 + "<deep>") == f"<pre>{'&gt; ' * 100}&lt;deep&gt;</pre>"


def test_eight_lists_within_each_other_are_rendered() -> None:
    nested = "".join(f"{'  ' * level}- item {level}\n" for level in range(8))
    assert rendered(nested).count("<ul>") == 8 and answer_html(nested).count("<ul>") == 8


def test_a_page_renders_only_so_much() -> None:
    page = PageMarkdown()
    count = PAGE_LIMIT // MARKDOWN_LIMIT
    shown = [page.html(f"{number} " + "x" * (MARKDOWN_LIMIT - 10)) for number in range(count + 1)]
    assert None not in shown[:count] and shown[count] is None


class Work:
    """Counts the lines of Python that run, which is the same on every machine."""

    def __init__(self) -> None:
        self.lines = 0

    def _trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        self.lines += event == "line"
        return self._trace

    def __enter__(self) -> Work:
        self._before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)


HOSTILE = {
    "brackets": "[",
    "links": "[a](",
    "nested links": "![[](",
    "angle links": "[a](<b",
    "pictures": "![",
    "backticks": "`a``b",
    "emphasis": "*a _b ",
    "closing emphasis": "a** b_ ",
    "mixed emphasis": "*_~~a ",
    "stars": "*",
    "quotes": "> a\n",
    "lazy quotes": "> > > > a\nb\n",
    "lists": "- a\n",
    "lists in quotes": "> - a\n",
    "numbers": "1. a\n\n",
    "entities": "&amp;&#1;&x",
    "ampersands": "&",
    "less": "<",
    "open tags": "<a ",
    "attributes": '<a b="',
    "comments": "<!--",
    "processing": "<?a",
    "addresses": "<http:a",
    "blocks of html": "<div>\n\n",
    "definitions": "[a]: b\n",
    "open definitions": '[a]: b "\n',
    "open labels": "[a\n",
    "table rows": "|a|\n|-|\n",
    "no tables": "a|b\n-|\n",
    "dollars": "$",
    "one dollar": "$a ",
    "two dollars": "$$a\n",
    "closed dollars": "$a$1",
    "escaped dollars": "$\\$",
    "round brackets": "\\(",
    "square brackets": "\\[ a\n",
    "environments": "\\begin{align}\n",
    "environments in a line": "a \\begin{align} ",
    "backslashes": "\\",
    "headings": "a\n=\n",
    "fences": "```\n",
    "lines": "a\n",
    "spaces": "a   ",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_the_work_grows_with_the_length_alone(piece: str) -> None:
    def work(length: int) -> int:
        text = (piece * length)[:length]
        with Work() as counted:
            rendered(text)
        return counted.lines

    rendered("# warm *up* $x$ `y`\n\n- z")
    short, long = work(500), work(2000)
    assert long < 6 * short  # four times the text; the square would be sixteen


def test_growing_runs_of_backticks_take_no_longer() -> None:
    def work(runs: int) -> float:
        text = "".join("`" * run + "a" for run in range(1, runs))
        with Work() as counted:
            rendered(text)
        return counted.lines / len(text)

    assert work(60) < 2 * work(30)


def test_only_short_texts_are_kept_in_memory() -> None:
    _rendered.cache_clear()
    for number in range(3):
        PageMarkdown().html(f"short {number}")
        PageMarkdown().html(f"long {number} " * 1000)
    assert _rendered.cache_info().currsize == 3
