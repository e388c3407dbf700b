"""Markdown and HTML of students, reduced to what cannot run, load or disguise anything."""

from __future__ import annotations

import base64
import binascii
import functools
import re
import struct
from typing import Any

from markupsafe import Markup, escape

from autograder.report.text import clean

MARKDOWN_LIMIT = 20_000
"""Characters of one Markdown text that are rendered; a longer one is shown as it was typed."""

HTML_LIMIT = 500_000
"""Characters of an HTML output that are parsed."""

DEPTH_LIMIT = 100
"""Open elements in one HTML text; parsing takes time that grows with the square of the depth."""

PLOT_LIMIT_PIXELS = 10_000
"""Longest side of a plot that a browser is asked to draw."""

_DEAD_WEIGHT = re.compile(r"(?is)<(script|style)\b.*?(?:</\1\s*>|\Z)")
_HIGHLIGHTED = re.compile(
    r'(?:[^<>&]++|&(?:amp|lt|gt|quot|#39);|<(?:div|pre|span)(?: class="[\w -]*")?>|</(?:div|pre|span)>)*+'
)
_REMEMBERED_LENGTH = 20_000
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_VOID_TAGS = frozenset(["br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"])
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
# fmt: off
_TEXT_TAGS = frozenset(
    [
        "a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "dl", "dt", "em", "hr", "i", "kbd",
        "li", "ol", "p", "pre", "q", "s", "samp", "strong", "sub", "sup", "table", "tbody", "td",
        "tfoot", "th", "thead", "tr", "u", "ul",
    ]
)
_NOTEBOOK_TAGS = _TEXT_TAGS | frozenset(
    [
        "caption", "col", "colgroup", "details", "div", "font", "h1", "h2", "h3", "h4", "h5", "h6",
        "mark", "span", "summary",
    ]
)
# No property that takes url(), no position: colours and tables show, nothing loads or covers the page.
_STYLES = frozenset(
    [
        "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left",
        "border-radius", "border-right", "border-spacing", "border-style", "border-top", "border-width",
        "color", "display", "font-family", "font-size", "font-style", "font-weight", "line-height",
        "list-style-type", "margin-bottom", "margin-top", "max-width", "min-width", "padding",
        "padding-bottom", "padding-left", "padding-right", "padding-top", "text-align",
        "text-decoration", "text-transform", "vertical-align", "white-space", "width",
    ]
)
# fmt: on
_LINKS = frozenset(["http", "https", "mailto"])


def answer_html(source: str) -> Markup:
    """Return a student's Markdown as HTML: no raw HTML, no image, links to http(s) and mail only.

    Headings become bold lines, so that an answer cannot add to the page's outline.
    """
    text = clean(source)
    if len(text) > MARKDOWN_LIMIT:
        return Markup("<pre>{}</pre>").format(text)
    parser = _markdown()
    tokens = parser.parse(text)
    for token in tokens:
        if token.type.startswith("heading_"):
            token.tag = "p"
            token.attrs["class"] = "answer-heading"
    html = parser.renderer.render(tokens, parser.options, {})
    # The parser already escapes HTML; the sanitiser holds should the parser have a bug.
    return Markup(_cleaner("answer").clean(html))


@functools.cache
def _markdown() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table").disable("image")


@functools.cache
def _cleaner(kind: str) -> Any:
    """Return the sanitiser for "answer" or "notebook"; making one takes longer than most texts."""
    from bleach.css_sanitizer import CSSSanitizer
    from bleach.sanitizer import Cleaner

    attributes: dict[str, list[str]] = {
        "a": ["href", "title"],
        "p": ["class"],
        "th": ["style"],
        "td": ["style"],
    }
    if kind == "notebook":
        attributes = {
            "*": ["style", "title", "align", "valign", "class"],
            "a": ["href"],
            "font": ["color"],
            "td": ["colspan", "rowspan", "bgcolor"],
            "th": ["colspan", "rowspan", "scope", "bgcolor"],
        }
    return Cleaner(
        tags=_TEXT_TAGS if kind == "answer" else _NOTEBOOK_TAGS,
        attributes=attributes,
        protocols=_LINKS,
        strip=True,
        strip_comments=True,
        css_sanitizer=CSSSanitizer(allowed_css_properties=_STYLES, allowed_svg_properties=[]),
    )


class _Clean(str):
    """HTML that is known to hold nothing but text and colours."""

    __slots__ = ()


def highlighted_html(html: str) -> str:
    """Return a highlighter's HTML; `notebook_html` keeps it as it is where it is escaped text in plain elements."""
    return _Clean(html) if _HIGHLIGHTED.fullmatch(html) else html


def notebook_html(source: str) -> str:
    """Return HTML of a notebook reduced to text, tables and colours; as text if nested too deeply."""
    if isinstance(source, _Clean):
        return source
    return _remembered(source) if len(source) <= _REMEMBERED_LENGTH else _reduce(source)


@functools.lru_cache(maxsize=256)
def _remembered(source: str) -> str:
    # A class hands in the same locked cells again and again, and sanitising them is most of a page's time.
    return _reduce(source)


def _reduce(source: str) -> str:
    html = _DEAD_WEIGHT.sub("", source)
    if _is_too_deep(html):
        return f"<pre>{escape(html)}</pre>"
    cleaned: str = _cleaner("notebook").clean(html)
    return cleaned


def _is_too_deep(html: str) -> bool:
    """Return whether more than DEPTH_LIMIT elements of one name may be open at once.

    Counted by name: an element is not closed by the end tag of another one.
    """
    depth: dict[str, int] = {}
    for end, tag in _TAG.findall(html):
        name = tag.lower()
        if name not in _VOID_TAGS:
            depth[name] = max(0, depth.get(name, 0) + (-1 if end else 1))
            if depth[name] > DEPTH_LIMIT:
                return True
    return False


def output_html(source: str) -> str | None:
    """Return an HTML output reduced to text, tables and colours; None if nothing can be made of it."""
    if len(source) > HTML_LIMIT:
        return None
    try:
        return notebook_html(clean(source))
    except Exception:  # a parser's bug on hostile HTML must not cost the page
        return None


def plot_uri(data: str) -> str | None:
    """Return a data: address for a base64 PNG, or None if it is none or too large to draw.

    Args:
        data: Base64 text; white space in it is ignored.
    """
    try:
        raw = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    if raw[:8] != _PNG_MAGIC or raw[12:16] != b"IHDR" or len(raw) < 33:
        return None
    width, height = struct.unpack(">II", raw[16:24])
    if not (0 < width <= PLOT_LIMIT_PIXELS and 0 < height <= PLOT_LIMIT_PIXELS):
        return None
    return f"data:image/png;base64,{base64.b64encode(raw).decode('ascii')}"
