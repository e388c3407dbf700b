"""SVG pictures of students: shapes stay, whatever runs, loads or takes long goes."""

from __future__ import annotations

import base64
import io
import time

import pytest

from autograder.report.svg import SVG_LIMIT, svg_uri

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="90" height="60"'


def drawn(inner: str, head: str = f"{HEAD}>") -> str | None:
    uri = svg_uri(f"{head}{inner}</svg>")
    if uri is None:
        return None
    assert uri.startswith("data:image/svg+xml;base64,")
    return base64.b64decode(uri.partition(",")[2]).decode()


def test_a_figure_of_matplotlib_keeps_its_shapes_and_texts() -> None:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 3))
    axes = figure.subplots()
    axes.plot([0, 1], [1, 0], color="#12ab34")
    axes.set_title("Größe")
    axes.imshow([[0.0, 1.0]])
    file = io.StringIO()
    with rc_context({"svg.fonttype": "none"}):
        figure.savefig(file, format="svg")
    uri = svg_uri(file.getvalue())
    assert uri is not None
    text = base64.b64decode(uri.partition(",")[2]).decode()
    assert "#12ab34" in text and ">Größe<" in text and "clipPath" in text and "data:image/png" in text
    assert 'width="384" height="288"' in text
    assert "metadata" not in text and "<style" not in text


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        '<rect onload="alert(1)" onclick="alert(1)" width="5" height="5"/>',
        '<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></body></foreignObject>',
        '<image href="http://evil.example/a.png"/>',
        '<image xlink:href="//evil.example/a.png"/>',
        '<image href="data:image/svg+xml;base64,PHN2Zy8+"/>',
        '<use href="http://evil.example/a.svg#x"/>',
        '<use xlink:href="data:image/svg+xml;base64,PHN2Zy8+#x"/>',
        '<rect style="fill: url(http://evil.example/a.svg#x)"/>',
        '<rect fill="url( &quot;http://evil.example/a.svg#x&quot; )"/>',
        '<rect style="fill: u\\72l(http://evil.example)"/>',
        "<style>@import url(http://evil.example);</style>",
        '<a href="javascript:alert(1)"><text>x</text></a>',
        '<animate attributeName="href" to="javascript:alert(1)"/>',
        '<set attributeName="onload" to="alert(1)"/>',
        '<svg onload="alert(1)"><script/></svg>',
        '<feImage href="http://evil.example/a.png"/>',
        '<text style="position:fixed; font-family: url(http://evil.example)">x</text>',
        '<x:script xmlns:x="http://www.w3.org/2000/svg">alert(1)</x:script>',
        '<x:script xmlns:x="http://www.w3.org/1999/xhtml">alert(1)</x:script>',
        '<?xml-stylesheet href="http://evil.example/a.css"?>',
    ],
)
def test_nothing_that_runs_or_loads_is_left(attack: str) -> None:
    text = drawn(f'{attack}<rect width="5" height="5"/>')
    assert text is not None and "<rect" in text
    for word in ("evil", "alert", "script", "foreign", "onload", "animate", "set", "base64", "72l"):
        assert word not in text, text


@pytest.mark.parametrize(
    "source",
    [
        '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
        + HEAD
        + "><text>&b;</text></svg>",
        '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + HEAD + "><text>&a;</text></svg>",
        f"{HEAD}>" + "<g>" * 500 + "</g>" * 500 + "</svg>",
        f"{HEAD}>" + "<g>" * 20_000 + "</g>" * 20_000 + "</svg>",
        f"{HEAD}>" + "<g/>" * (SVG_LIMIT // 4) + "</svg>",
        f'{HEAD}><g id="a"><use href="#a"/></g></svg>',
        f"{HEAD}>"
        + "".join(f'<g id="a{n + 1}">' + f'<use href="#a{n}"/>' * 10 + "</g>" for n in range(9))
        + '<g id="a0"/></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="99999"/>',
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 99999"/>',
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 nan inf"/>',
        '<svg xmlns="http://www.w3.org/2000/svg"/>',
        '<html xmlns="http://www.w3.org/1999/xhtml" width="5" height="5"/>',
        "<svg width='5' height='5'/>",
        "no XML",
        "",
    ],
    ids=range(15),
)
def test_bombs_and_what_is_no_picture_are_refused_in_no_time(source: str) -> None:
    began = time.perf_counter()
    assert svg_uri(source) is None
    assert time.perf_counter() - began < 3


def test_local_references_and_embedded_pictures_stay() -> None:
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1" + bytes(20)).decode()
    text = drawn(
        '<defs><clipPath id="c"><rect width="9" height="9"/></clipPath></defs>'
        f'<g clip-path="url(#c)"><use xlink:href="#c"/></g><image href="data:image/png;base64,{png}"/>'
    )
    assert text is not None
    assert "url(#c)" in text and 'href="#c"' in text and png in text


@pytest.mark.parametrize(
    ("head", "size"),
    [
        ('width="1in" height="72pt"', 'width="96" height="96"'),
        ('width="100%" height="50%" viewBox="0 0 200 100"', 'width="200" height="100"'),
    ],
)
def test_the_size_is_stated_in_pixels(head: str, size: str) -> None:
    text = drawn("<g/>", f'<svg xmlns="http://www.w3.org/2000/svg" {head}>')
    assert text is not None and size in text
