"""What plot cells show beside PNGs, on the feedback page."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime

import pytest

from autograder.records import Assignment, GradeReport, ShownOutput
from autograder.report.pages import feedback_page, instructor_page
from autograder.report.shown import shown_views

NOW = datetime(2026, 11, 30, 12)
WORDS = "<span style='background: rgba(0, 255, 0, 0.90)'>Wecker</span>"


def view(kind: str, content: str):
    return shown_views([ShownOutput(kind=kind, content=content)])[0]  # type: ignore[arg-type]


def test_coloured_words_keep_their_colours() -> None:
    assert view("html", WORDS).html == '<span style="background-color:rgba(0, 255, 0, 0.9)">Wecker</span>'


def test_captums_table_keeps_words_and_colours() -> None:
    from captum.attr import visualization

    record = visualization.VisualizationDataRecord([0.5, -0.2], 0.9, "a", "b", "a", 1.0, ["good", "bad"], 0.1)
    html = view("html", visualization.visualize_text([record]).data).html
    assert "<table" in html and "hsl(120, 75%" in html and "good" in html


def test_a_table_of_pandas_stays_a_table() -> None:
    import pandas

    html = view("html", pandas.DataFrame({"token": ["a"], "score": [0.5]}).to_html()).html
    assert "<th>token</th>" in html and "<td>0.5</td>" in html


@pytest.mark.parametrize(
    "attack",
    [
        "<div style='position:fixed;top:0;left:0;width:100vw;height:100vh;z-index:9'>x</div>",
        "<div style='background:url(http://evil.example/a.png)'>x</div>",
        "<div style='background-image:image-set(\"http://evil.example/a.png\" 1x)'>x</div>",
        "<meta http-equiv=refresh content='0;url=http://evil.example'>x",
        "<form action=http://evil.example><input name=password><button>x</button></form>",
        "<img src=http://evil.example/a.png>x",
        "<img src=x onerror=alert(1)>x",
        "<a href='http://evil.example'>x</a>",
        "<svg><image href='http://evil.example/a.png'/></svg>x",
        "<iframe src=http://evil.example></iframe>x",
        "<style>body{display:none}</style>x",
        "<p class='chip passed' id='score'>x</p>",
        "</div></figure></section><script>alert(1)</script>x",
    ],
)
def test_html_neither_loads_runs_covers_nor_imitates(attack: str) -> None:
    html = view("html", attack).html
    assert "x" in html
    for word in (
        "evil",
        "alert",
        "position",
        "z-index",
        "url",
        "form",
        "input",
        "class",
        "id=",
        "href",
        "style>",
        "</figure",
    ):
        assert word not in html, html


@pytest.mark.parametrize(
    ("kind", "content", "note"),
    [
        ("html", "<div></div><script>draw()</script>", "HTML that only a script draws is not shown"),
        ("html", "x" * 500_001, "HTML that only a script draws is not shown"),
        ("jpeg", "AAAA", "A JPEG that cannot be read is not shown."),
        ("svg", "<svg", "An SVG that cannot be read"),
        ("too large", "x", "An output is too large to be shown."),
        (
            "plotly",
            '{"data": [{"type": "sankey"}]}',
            "A plotly figure cannot be drawn on this page (its traces: sankey).",
        ),
    ],
)
def test_what_cannot_be_shown_is_said(kind: str, content: str, note: str) -> None:
    shown = view(kind, content)
    assert not (shown.picture or shown.html or shown.text)
    assert shown.note.startswith(note)


def test_a_plotly_figure_is_drawn_and_said_to_be() -> None:
    shown = view("plotly", '{"data": [{"type": "bar", "x": ["a"], "y": [1]}, {"type": "pie"}]}')
    assert shown.picture.startswith("data:image/png;base64,")
    assert shown.note == (
        "A plotly figure, drawn from its data with matplotlib; it looks otherwise in Jupyter. Not drawn: pie."
    )


def test_pages_show_every_kind(report: GradeReport, assignment: Assignment) -> None:
    jpeg = base64.b64encode(b"\xff\xd8\xff" + bytes(50)).decode()
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="5" height="5"><g/></svg>'
    outputs = (
        ShownOutput(kind="jpeg", content=jpeg),
        ShownOutput(kind="svg", content=svg),
        ShownOutput(kind="html", content=WORDS),
        ShownOutput(kind="text", content="interactive(<b>x</b>)"),
    )
    shown = replace(report, shown=outputs)
    for page in (feedback_page(shown, assignment, NOW).decode(), instructor_page(shown, assignment).decode()):
        assert f'src="data:image/jpeg;base64,{jpeg}"' in page
        assert 'src="data:image/svg+xml;base64,' in page
        assert "rgba(0, 255, 0, 0.9)" in page
        assert "interactive(&lt;b&gt;x&lt;/b&gt;)" in page
        assert "nothing is interactive here" in page


def test_pictures_alone_make_the_section(report: GradeReport, assignment: Assignment) -> None:
    alone = replace(report, plots=(), shown=(ShownOutput(kind="html", content=WORDS),))
    assert "Your plot</h2>" in feedback_page(alone, assignment, NOW).decode()
