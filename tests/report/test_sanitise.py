import base64
import struct
from html.parser import HTMLParser

import pytest

from autograder.report.markdown import MARKDOWN_LIMIT, answer_html
from autograder.report.pictures import plot_uri
from autograder.report.sanitise import (
    highlighted_html,
    notebook_html,
    output_html,
    sanitised,
)


class Elements(HTMLParser):
    """Collects what a browser would see as elements and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def elements(html: str) -> Elements:
    parser = Elements()
    parser.feed(html)
    return parser


ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "[click](javascript:alert(1))",
    "[click](JaVaScRiPt:alert(1))",
    "[click](java\tscript:alert(1))",
    "[click](data:text/html;base64,PHNjcmlwdD4=)",
    "[click](vbscript:x)",
    "![x](http://evil.example/track.png)",
    "<a href='javascript:alert(1)'>x</a>",
    "<style>body{background:url(http://evil.example)}</style>",
    "<div style='position:fixed;background-image:url(//evil.example)'>x</div>",
    "<form action=http://evil.example><input name=x></form>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "<base href=http://evil.example>",
    "<link rel=stylesheet href=http://evil.example>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "```\n</code></pre><script>alert(1)</script>\n```",
    '<https://evil.example/"onmouseover=alert(1)>',
    "[a]: javascript:alert(1)\n\n[a]",
    "<details open ontoggle=alert(1)>x</details>",
]
BANNED_TAGS = {
    "script",
    "svg",
    "iframe",
    "style",
    "form",
    "input",
    "meta",
    "base",
    "link",
    "math",
    "object",
}


@pytest.mark.parametrize("render", [answer_html, output_html])
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_leaves_anything_that_runs_or_loads(render, attack: str) -> None:  # type: ignore[no-untyped-def]
    found = elements(str(render(attack)))
    assert BANNED_TAGS.isdisjoint(found.tags)
    for name, value in found.attributes:
        assert not name.startswith("on") and name not in ("src", "srcdoc", "srcset", "action", "background")
        if name == "href":
            assert value.startswith(("http://", "https://", "mailto:"))
        if name == "style":
            assert "url" not in value and "position" not in value


def test_an_answers_markdown_is_rendered() -> None:
    html = answer_html(
        "**Wecker** in `code`\n\n- one\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[site](https://example.org)"
    )
    for part in (
        "<strong>Wecker</strong>",
        "<code>code</code>",
        "<li>one</li>",
        "<td>1</td>",
        'href="https://example.org"',
    ):
        assert part in html


def test_an_answers_headings_stay_out_of_the_outline() -> None:
    assert answer_html("# Title\n\nUnder\n-----") == (
        '<p class="answer-heading">Title</p>\n<p class="answer-heading">Under</p>\n'
    )


def test_typed_html_shows_as_typed() -> None:
    assert answer_html("a < b and <b>bold</b>") == "<p>a &lt; b and &lt;b&gt;bold&lt;/b&gt;</p>\n"


def test_a_huge_answer_is_shown_as_typed() -> None:
    html = answer_html("<script>" + "[" * MARKDOWN_LIMIT)
    assert html.startswith("<pre>&lt;script&gt;[")


def test_an_outputs_table_and_colours_stay() -> None:
    html = output_html("<table><tr><td style='color: red; position: fixed'>1</td></tr></table><mark>x</mark>")
    assert html is not None
    assert "<td" in html and "color:red" in html and "position" not in html and "<mark>x</mark>" in html


def test_an_output_too_large_is_not_parsed() -> None:
    assert output_html("<b>" * 400_000) is None


@pytest.mark.parametrize(
    "bomb",
    [
        "<p>"
        + "".join(f"<{name} class={k}>" for name in ("b", "i", "font") for k in range(500))
        + "</p>"
        + "<p>x</p>" * 9000,
        "<b title='" + "x" * 10_000 + "'></p>" + "</p><p>x" * 20_000,
        "<i><!--</i>-->" * 5000 + "<p>x" * 5000,
        "<i><p title='</i>'></p>" * 5000 + "<p>x" * 5000,
        "<i><p a'=' x></i>' ></p>" * 5000 + "<p>x" * 5000,
        "<i><textarea></i></textarea>" * 5000 + "<p>x" * 5000,
        "<i><svg><title></i></title></svg>" * 5000 + "<p>x" * 5000,
        "<i><table><td></i></table>" * 5000 + "<p>x" * 5000,
        "".join(f"<html a{k}>" for k in range(30_000)),
        "<b " + " ".join(f"a{k}" for k in range(60_000)) + ">",
    ],
)
def test_a_short_html_does_not_become_a_long_page(bomb: str) -> None:
    html = output_html(bomb)
    assert html is not None and len(html) < 20 * len(bomb)


@pytest.mark.parametrize(
    "hidden", ["<!-- </b> -->", "<i title='</b>'>", "<b<b>", "<b x='a\">", "<a <b>x</b>", "<i x=a<b>", "<<b>"]
)
def test_what_looks_like_a_tag_and_is_none_is_text(hidden: str) -> None:
    html = output_html(f"<p>{hidden}</p>")
    assert html is not None and all(tag in ("p", "b") for tag in elements(html).tags)


def test_scripts_styles_and_comments_leave_no_text() -> None:
    hidden = "<script>run()</script><style>p { color: red }</style><!-- note --><script>open()"
    assert output_html(f"a{hidden}") == "a"


GIF = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


def test_a_picture_that_the_html_holds_is_shown() -> None:
    html = output_html(f'<img src="data:image/png;base64,{png(10, 10)}" alt="a plot" onerror="x()">')
    assert html == f'<img src="data:image/png;base64,{png(10, 10)}" alt="a plot">'
    assert (
        output_html(f'<img src="data:image/gif;base64,{GIF}">') == f'<img src="data:image/gif;base64,{GIF}">'
    )


@pytest.mark.parametrize(
    "source",
    [
        "http://evil.example/track.png",
        "//evil.example/track.png",
        "track.png",
        "file:///etc/passwd",
        "data:image/svg+xml;base64,PHN2Zz4=",
        "data:text/html;base64,PHN2Zz4=",
        "data:image/png;base64,PHN2Zz4=",
        "attachment:a.png",
    ],
)
def test_any_other_picture_leaves_its_alternative_text(source: str) -> None:
    assert output_html(f'<img src="{source}" alt="a plot">') == '<img alt="a plot">'


def test_a_link_is_never_data() -> None:
    assert output_html('<a href="data:image/png;base64,AAAA">x</a>') == "<a>x</a>"


def test_coloured_words_keep_their_colour() -> None:
    html = output_html("<span style='background: rgba(255, 0, 0, 0.12)'>bank</span>")
    assert html == '<span style="background-color:rgba(255, 0, 0, 0.12)">bank</span>'
    assert output_html("<p style='background: url(//evil.example)'>x</p>") == '<p style="">x</p>'
    assert output_html("<p style='margin-top: -99em; color: red'>x</p>") == '<p style="color:red">x</p>'


@pytest.mark.parametrize("bomb", ["<div>", "<b></i>", "<table><tr><td>", "<font color=red><p>", "<a><div>"])
def test_deep_nesting_is_shown_as_text(bomb: str) -> None:
    html = output_html(bomb * 20_000)
    assert html is not None and html.startswith("<pre>&lt;")


def test_a_long_table_is_no_deep_nesting() -> None:
    html = output_html("<table>" + "<tr><td>1</td><td>2<br></td></tr>" * 2000 + "</table>")
    assert html is not None and html.count("</td>") == 4000


def png(width: int, height: int) -> str:
    header = (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + b"IHDR"
        + struct.pack(">II", width, height)
        + b"\x08\x02\0\0\0"
    )
    return base64.b64encode(header + b"\0" * 4).decode()


def test_a_png_becomes_an_address() -> None:
    data = png(10, 10)
    assert plot_uri(data[:20] + "\n" + data[20:]) == f"data:image/png;base64,{data}"


@pytest.mark.parametrize(
    "data",
    [
        "",
        "no base64!",
        base64.b64encode(b"<svg onload=alert(1)>").decode(),
        base64.b64encode(b"GIF89a" + b"\0" * 40).decode(),
        base64.b64encode(b"\x89PNG\r\n\x1a\n").decode(),
        '"><script>alert(1)</script>',
        png(0, 5),
        png(60_000, 60_000),
        "ü",
    ],
)
def test_what_is_no_drawable_png_is_left_out(data: str) -> None:
    assert plot_uri(data) is None


def test_a_highlighters_html_is_kept_only_where_nothing_but_colours_is_in_it() -> None:
    plain = '<div class="highlight hl-i"><pre><span class="s1">&#39;a&#39;</span> &lt; b\n</pre></div>\n'
    assert notebook_html(highlighted_html(plain)) == plain
    for hostile in (
        "<script>alert(1)</script>",
        '<span onclick="alert(1)">x</span>',
        '<span class="a" onclick="alert(1)">x</span>',
        '<span class="a"/onclick=alert(1)>x</span>',
        '<img src="http://example.org/x.png">',
        '<div style="position: fixed">x</div>',
    ):
        shown = elements(notebook_html(highlighted_html(plain + hostile)))
        assert "script" not in shown.tags
        assert {name for name, _ in shown.attributes} <= {"class", "style"}
        assert all("position" not in value for _, value in shown.attributes)


def test_what_a_student_shows_is_cleaned_whatever_it_looks_like() -> None:
    assert output_html('</div></div><span class="a">x</span>') == '<span class="a">x</span>'


@pytest.mark.parametrize(
    "style",
    [
        "color: url(//evil.example)",
        "background-color: URL( 'https://evil.example/x' )",
        "font-family: url(x), Arial",
        r"list-style-type: u\72l(x)",
        "border: 1px solid image-set('x' 1x)",
        "border: 1px solid image-set(url(x) 1x)",
        "width: expression(alert(1))",
        "border-color: attr(title url)",
        "color: var(--x)",
        "@import '//evil.example'",
        "color: src('x')",
    ],
)
def test_a_style_that_calls_anything_is_dropped_and_its_neighbours_stay(style):
    found = sanitised(f'<span style="font-weight: bold; {style}; text-align: left">x</span>', "output")
    assert found == '<span style="font-weight:bold;text-align:left">x</span>'


@pytest.mark.parametrize(
    "style", ["color:rgb(1, 2, 3)", "background-color:hsla(10, 20%, 30%, 0.5)", "width:calc(50% - 1px)"]
)
def test_colours_and_lengths_stay(style):
    name, _, value = style.partition(":")
    found = sanitised(f'<span style="{style}">x</span>', "output")
    assert name in found and value.partition("(")[2].partition("%")[0][:2].strip() in found


@pytest.mark.parametrize(
    "link",
    [
        "//evil.example",
        r"\\\\evil.example",
        r"/\evil",
        "//e:80/",
        r"http:/\e",
        "https:e",
        "http:///e",
        "x.html",
        "#x",
        "data:text/html,x",
    ],
)
@pytest.mark.parametrize("kind", ["answer", "cell", "output"])
def test_a_link_that_names_no_scheme_and_host_is_text(link, kind):
    assert sanitised(f'<a href="{link}">x</a>', kind) == "<a>x</a>"


def test_no_attribute_but_src_and_href_names_an_address():
    html = '<img src="//e/x" srcset="//e/y 2x"><a xlink:href="http://e" ping="http://e">x</a>'
    assert "//" not in sanitised(html, "output")
