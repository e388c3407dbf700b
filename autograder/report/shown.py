"""What plot cells show beside PNGs, as a page may show it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from autograder.records import ShownOutput
from autograder.report.pictures import picture_uri, plot_uri
from autograder.report.plotly_picture import drawn_figure
from autograder.report.sanitise import shown_html
from autograder.report.svg import svg_uri

_NO_HTML = Markup("")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownView:
    """One output; of picture, html and text at most one is not empty."""

    picture: str = ""
    """data: address of a picture."""

    html: Markup = _NO_HTML
    """Sanitised HTML."""

    text: str = ""
    """Plain text."""

    note: str = ""
    """What the page cannot show, in a sentence."""


def shown_views(outputs: Iterable[ShownOutput]) -> list[ShownView]:
    """Return each output as the page may show it, or the reason why it is not shown."""
    return [_view(output) for output in outputs]


def _view(output: ShownOutput) -> ShownView:
    if output.kind == "jpeg":
        uri = picture_uri(f"data:image/jpeg;base64,{output.content}")
        return ShownView(picture=uri) if uri else ShownView(note="A JPEG that cannot be read is not shown.")
    if output.kind == "svg":
        uri = svg_uri(output.content)
        note = "An SVG that cannot be read, or is too costly to draw, is not shown."
        return ShownView(picture=uri) if uri else ShownView(note=note)
    if output.kind == "html":
        html = shown_html(output.content)
        note = "HTML that only a script draws is not shown: no script runs on this page."
        return ShownView(html=Markup(html)) if html else ShownView(note=note)
    if output.kind == "plotly":
        return _plotly(output.content)
    if output.kind == "text":
        return ShownView(
            text=output.content, note="A widget is shown as its text: nothing is interactive here."
        )
    return ShownView(note="An output is too large to be shown.")


def _plotly(source: str) -> ShownView:
    figure = drawn_figure(source)
    uri = plot_uri(figure.png) if figure.png else None
    if uri is None:
        titled = f" “{figure.title}”" if figure.title else ""
        kinds = ", ".join(figure.missing) or "none"
        return ShownView(
            note=f"A plotly figure{titled} cannot be drawn on this page (its traces: {kinds}). "
            "Show it with matplotlib, or as an image."
        )
    left_out = f" Not drawn: {', '.join(figure.missing)}." if figure.missing else ""
    left_out += " Of a large figure only the first traces and values are drawn." if figure.cut else ""
    return ShownView(
        picture=uri,
        note=f"A plotly figure, drawn from its data with matplotlib; it looks otherwise in Jupyter.{left_out}",
    )
