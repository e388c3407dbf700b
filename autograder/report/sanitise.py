"""HTML of students, reduced by nh3 to what cannot run, load or disguise anything."""

from __future__ import annotations

import functools
import re
from typing import Literal

import nh3
from markupsafe import escape

from autograder.report.pictures import Finder, picture_uri
from autograder.report.text import clean

HTML_LIMIT = 500_000
"""Characters of an HTML output that are parsed."""

COST_LIMIT = 4_000_000
"""What parsing and writing may cost; see `_tidied`."""

Kind = Literal["answer", "cell", "output", "shown"]
"""What is cleaned: Markdown of an answer, Markdown of a notebook, HTML that the student's code shows; the same on the
feedback page, where nothing links and nothing looks like the page's own parts."""

_HIGHLIGHTED = re.compile(
    r'(?:[^<>&]++|&(?:amp|lt|gt|quot|#39);|<(?:div|pre|span)(?: class="[\w -]*")?>|</(?:div|pre|span)>)*+'
)
_REMEMBERED_LENGTH = 20_000
# A tag as every parser reads it: no markup in values, quotes in pairs. What else looks like one is text.
_ATTRIBUTE = r"""\s++[a-zA-Z_:][\w:.-]*+(?:\s*+=\s*+(?:"[^<>"]*+"|'[^<>']*+'|[^\s"'=<>`]++))?+"""
_MARKUP = re.compile(
    rf"(?P<dead><!--(?:(?!-->).)*+(?:-->|\Z)|<(?P<raw>script|style)\b(?:(?!</(?P=raw)\b).)*+(?:</(?P=raw)[^>]*+>?|\Z))"
    rf"|<(?P<end>/?)(?P<name>[a-zA-Z][\w-]*+)(?:{_ATTRIBUTE}){{0,100}}+\s*+(?P<closed>/?)>"
    rf"|(?P<other><)",
    re.IGNORECASE | re.DOTALL,
)
_PLAIN_COLOUR = re.compile(
    r"\bbackground\s*:\s*(#[0-9a-f]{3,8}|[a-z]+|(?:rgb|hsl)a?\([\d\s.,%-]*\))\s*(?=;|$)", re.IGNORECASE
)
_IMAGE = re.compile(r"<img [^>]*src=")
# What a declaration may call; a url() would load something wherever a browser takes it. A backslash hides names.
_CALL = re.compile(r"\\|@|(?<![\w-])(?!(?:rgba?|hsla?|calc)\()[\w-]*\(", re.IGNORECASE)
_LINK = re.compile(r"(?:https?://|mailto:)[^\s/\\]", re.IGNORECASE)
# fmt: off
_VOID_TAGS = frozenset(["br", "col", "hr", "img", "wbr"])
# A parser opens these again in each paragraph until they are closed.
_FORMATTING_TAGS = frozenset(["a", "b", "code", "em", "font", "i", "s", "strong", "u"])
_TEXT_TAGS = frozenset(
    [
        "a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "dl", "dt", "em", "hr", "i", "img",
        "kbd", "li", "ol", "p", "pre", "q", "s", "samp", "strong", "sub", "sup", "table", "tbody",
        "td", "tfoot", "th", "thead", "tr", "u", "ul",
    ]
)
_NOTEBOOK_TAGS = _TEXT_TAGS | frozenset(
    [
        "caption", "col", "colgroup", "details", "div", "font", "h1", "h2", "h3", "h4", "h5", "h6",
        "mark", "span", "summary",
    ]
)
# MathML Core without what moves its content (mpadded) or holds HTML (semantics).
_FORMULA_TAGS = frozenset(
    [
        "math", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mphantom", "mprescripts", "mroot",
        "mrow", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr",
        "munder", "munderover",
    ]
)
_FORMULA_ATTRIBUTES = {
    "math": {"display"},
    "mfrac": {"displaystyle", "linethickness"},
    "mi": {"mathvariant"},
    "mo": {"form", "lspace", "maxsize", "minsize", "movablelimits", "rspace", "stretchy"},
    "mover": {"accent"},
    "mrow": {"displaystyle", "scriptlevel", "style"},
    "mspace": {"width"},
    "mstyle": {"displaystyle", "scriptlevel"},
    "mtable": {"displaystyle", "scriptlevel", "style"},
    "mtd": {"style"},
    "munder": {"accentunder"},
    "munderover": {"accent", "accentunder"},
}
# No property that takes url(), no position, no margin: colours and tables show, nothing loads or covers the page.
_STYLES = frozenset(
    [
        "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left",
        "border-radius", "border-right", "border-spacing", "border-style", "border-top", "border-width",
        "color", "display", "font-family", "font-size", "font-style", "font-weight", "justify-items",
        "line-height", "list-style-type", "max-width", "min-width", "padding", "padding-bottom",
        "padding-left", "padding-right", "padding-top", "text-align", "text-decoration",
        "text-transform", "vertical-align", "white-space", "width",
    ]
)
# fmt: on
_LINKS = frozenset(["http", "https", "mailto"])
_TAGS = {
    "answer": _TEXT_TAGS | _FORMULA_TAGS,
    "cell": _NOTEBOOK_TAGS | _FORMULA_TAGS,
    "output": _NOTEBOOK_TAGS,
    "shown": _NOTEBOOK_TAGS - {"a", "details", "summary"},
}
_ATTRIBUTES: dict[Kind, dict[str, set[str]]] = {
    "answer": {
        **_FORMULA_ATTRIBUTES,
        "a": {"href", "title"},
        "img": {"alt", "src"},
        "ol": {"start"},
        "p": {"class"},
        "th": {"style"},
        "td": {"style"},
    },
    "output": {
        "*": {"style", "title", "align", "valign", "class"},
        "a": {"href"},
        "font": {"color"},
        "img": {"alt", "src", "height", "width"},
        "ol": {"start"},
        "td": {"colspan", "rowspan", "bgcolor"},
        "th": {"colspan", "rowspan", "scope", "bgcolor"},
    },
}
_ATTRIBUTES["shown"] = {
    **{tag: names for tag, names in _ATTRIBUTES["output"].items() if tag != "a"},
    "*": {"style", "title", "align", "valign"},
}
_ATTRIBUTES["cell"] = _ATTRIBUTES["output"] | _FORMULA_ATTRIBUTES


def sanitised(html: str, kind: Kind, picture: Finder = picture_uri) -> str:
    """Return HTML with nothing but allowed elements, attributes and addresses; as text if it is too tangled.

    Args:
        html: What a student wrote, or what Markdown became.
        kind: Where it comes from.
        picture: Finds what the source of a picture stands for.
    """
    tidy = _tidied(html, _TAGS[kind])
    if tidy is None:
        return f"<pre>{escape(html)}</pre>"
    cleaner = _cleaner(kind) if picture is picture_uri else _new_cleaner(kind, picture)
    return cleaner.clean(tidy)


@functools.cache
def _cleaner(kind: Kind) -> nh3.Cleaner:
    return _new_cleaner(kind, picture_uri)


def _new_cleaner(kind: Kind, picture: Finder) -> nh3.Cleaner:
    def attribute(tag: str, name: str, value: str) -> str | None:
        if name == "src":
            return picture(value)
        if name == "href":
            return value if _LINK.match(value) else None
        return _plain_style(value) if name == "style" else value

    return nh3.Cleaner(
        tags=set(_TAGS[kind]),
        attributes=_ATTRIBUTES[kind],
        attribute_filter=attribute,
        url_schemes={*_LINKS, "attachment", "data"},
        filter_style_properties=set(_STYLES),
        link_rel=None,
    )


def _plain_style(value: str) -> str:
    """Return the declarations of a style that call nothing but colours and lengths."""
    kept = [declaration for declaration in value.split(";") if not _CALL.search(declaration)]
    return _PLAIN_COLOUR.sub(r"background-color: \1", ";".join(kept))


def _tidied(html: str, tags: frozenset[str]) -> str | None:
    """Return the HTML without comments, scripts and unknown elements, or None if it is too tangled.

    The specification of HTML lets a short text become a long page, and parsing take time that grows with the
    square of its length: elements that are not closed are searched, and formatting is opened again, with all its
    attributes, in every paragraph. So the cost is what stands open, summed over all tags; an element counts as
    open until its own end tag comes next. Only tags that all parsers read alike are left for the sanitiser,
    else it could see other ones than are counted here.
    """
    pieces: list[str] = []
    open_elements: list[tuple[str, int]] = []
    weight = cost = last = 0
    for match in _MARKUP.finditer(html):
        pieces.append(html[last : match.start()])
        last = match.end()
        if match["other"]:
            pieces.append("&lt;")
        if not match["name"] or (name := match["name"].lower()) not in tags:
            continue
        pieces.append(match[0])
        if match["end"]:
            if open_elements and open_elements[-1][0] == name:
                weight -= open_elements.pop()[1]
        elif name not in _VOID_TAGS and not (match["closed"] and name in _FORMULA_TAGS):
            added = len(match[0]) if name in _FORMATTING_TAGS else 4
            open_elements.append((name, added))
            weight += added
        cost += weight
        if cost > COST_LIMIT:
            return None
    return "".join([*pieces, html[last:]])


class Clean(str):
    """HTML that is known to run and load nothing."""

    __slots__ = ()


def highlighted_html(html: str) -> str:
    """Return a highlighter's HTML; `notebook_html` keeps it as it is where it is escaped text in plain elements."""
    return Clean(html) if _HIGHLIGHTED.fullmatch(html) else html


def notebook_html(source: str) -> str:
    """Return HTML of a notebook reduced to text, tables, pictures and colours; as text if it is too tangled."""
    if isinstance(source, Clean):
        return source
    return _remembered(source) if len(source) <= _REMEMBERED_LENGTH else sanitised(source, "output")


@functools.lru_cache(maxsize=256)
def _remembered(source: str) -> str:
    # A class hands in the same locked cells again and again.
    return sanitised(source, "output")


def output_html(source: str) -> str | None:
    """Return an HTML output reduced to text, tables, pictures and colours; None if it is too long."""
    return notebook_html(_readable(source)) if len(source) <= HTML_LIMIT else None


def _readable(source: str) -> str:
    # Captum's visualize_text writes a style where an attribute belongs, which is no tag for `_MARKUP`.
    return clean(source).replace("<table width: 100%>", "<table>")


def shown_html(source: str) -> str:
    """Return an output for the feedback page; "" if nothing of it can be seen, or it is too long."""
    if len(source) > HTML_LIMIT:
        return ""
    html = sanitised(_readable(source), "shown")
    visible = _IMAGE.search(html) or nh3.clean_text(nh3.clean(html, tags=set())).strip()
    return html if visible else ""
